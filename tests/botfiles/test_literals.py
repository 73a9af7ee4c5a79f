"""TypeScript literals become values; whatever would have to run is refused with its line."""

import pytest
import tree_sitter
import tree_sitter_typescript

from appliance.botfiles.literals import Evaluator, NotStatic


def value_of(expression: str, constants: dict[str, str] | None = None) -> object:
    nodes = {name: node_of(source) for name, source in (constants or {}).items()}
    return Evaluator(nodes).value(node_of(expression))


def node_of(expression: str) -> tree_sitter.Node:
    language = tree_sitter.Language(tree_sitter_typescript.language_typescript())
    root = tree_sitter.Parser(language).parse(f"x = {expression}".encode()).root_node
    assert not root.has_error
    right = root.children[0].children[0].child_by_field_name("right")
    assert right
    return right


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("[1, -2, 3.5, 1e3, .5, 0x1F, 0b11, 0o17, 1_000]", [1, -2, 3.5, 1000.0, 0.5, 31, 3, 15, 1000]),
        ("{a: true, 'b c': false, 3: null, [`x`.length]: 1}", NotStatic),
        ("{a: true, 'b c': false, 3: null}", {"a": True, "b c": False, "3": None}),
        ("{nested: {list: [[], {}]}, /* remark */}", {"nested": {"list": [[], {}]}}),
        (r"'\0\b\f\v\r\t\n\'\"\\\/'", "\0\b\f\v\r\t\n'\"\\/"),
        (r"'\u{110000}'", "\ufffd"),
        ("'a' + (`b` + \"c\")", "abc"),
        ("word", "w"),
        ("{word}", {"word": "w"}),
        ("(word as string)!", "w"),
        ("[...word]", NotStatic),
        ("call()", NotStatic),
        ("unknown", NotStatic),
        ("1 + 1", NotStatic),
        ("'a' - 'b'", NotStatic),
        ("-'a'", NotStatic),
        ("!true", NotStatic),
        ("08", NotStatic),
        ("10n", NotStatic),
        ("[,]", []),
        ("{method() { return 1 }}", NotStatic),
        ("() => 'x'", NotStatic),
        ("tag`x`", NotStatic),
        ("undefined", NotStatic),
    ],
)
def test_expressions(expression: str, value: object) -> None:
    constants = {"word": "'w'"}
    if value is NotStatic:
        with pytest.raises(NotStatic):
            value_of(expression, constants)
    else:
        assert value_of(expression, constants) == value


def test_refusals_carry_the_line() -> None:
    with pytest.raises(NotStatic) as caught:
        value_of("[\n1,\nrun(),\n]")
    assert caught.value.line == 3


def test_circles_and_deep_nesting_are_refused() -> None:
    with pytest.raises(NotStatic, match="too deeply"):
        value_of("a", {"a": "b", "b": "a"})
    with pytest.raises(NotStatic, match="too deeply"):
        value_of("[" * 500 + "]" * 500)
