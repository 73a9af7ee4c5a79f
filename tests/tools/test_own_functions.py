from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import pytest

from appliance.tools.own_docs import parse_docstring
from appliance.tools.own_functions import Function, collect
from appliance.tools.own_wire import Problem

HEAD = """
from __future__ import annotations
import dataclasses, datetime, decimal, enum, functools, math
from os.path import join
from typing import Annotated, Any, Literal
import msgspec
from appliance.botkit import AsyncContext, Context, tool
"""


@pytest.fixture
def module() -> Iterator[ModuleType]:
    made = ModuleType("tools_of_a_test")
    sys.modules[made.__name__] = made
    yield made
    del sys.modules[made.__name__]


def read(module: ModuleType, source: str) -> tuple[dict[str, Function], list[Problem]]:
    exec(compile(HEAD + textwrap.dedent(source), "tools.py", "exec"), module.__dict__)
    return collect(module)


def parameters(module: ModuleType, source: str) -> dict[str, Any]:
    functions, problems = read(module, source)
    assert not problems
    [function] = functions.values()
    return function.offered.parameters


def test_a_function_becomes_a_tool_with_a_plain_object_schema(module: ModuleType) -> None:
    functions, problems = read(
        module,
        '''
        def find(context: Context, city: Annotated[str, "Where to look."], limit: int = 5,
                 sort: Literal["name", "date"] = "name", after: datetime.date | None = None) -> list[str]:
            """Find customers
            of a city.

            Not for the model.

            Args:
                limit (int): At most so many,
                    never more.
                city: Not this one.
            """
        ''',
    )
    assert problems == []
    offered = functions["find"].offered
    assert (offered.name, offered.description, offered.timeout_s) == (
        "find",
        "Find customers of a city.",
        30.0,
    )
    assert offered.parameters == {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Where to look."},
            "limit": {"type": "integer", "description": "At most so many, never more.", "default": 5},
            "sort": {"enum": ["date", "name"], "default": "name"},
            "after": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
        },
        "required": ["city"],
        "additionalProperties": False,
    }


def test_types_of_the_file_are_written_out_where_they_are_used(module: ModuleType) -> None:
    schema = parameters(
        module,
        '''
        @dataclasses.dataclass
        class Line:
            title: str
            count: Annotated[int, msgspec.Meta(ge=1, description="How many.")] = 1

        class Size(enum.Enum):
            SMALL = "s"

        def order(lines: list[Line], size: Size | None = None, extra: dict[str, Any] = {"title": "kept"}):
            """Order something."""
        ''',
    )
    assert "$ref" not in str(schema)
    item = schema["properties"]["lines"]["items"]
    assert item["properties"] == {
        "title": {"type": "string"},
        "count": {"type": "integer", "minimum": 1, "description": "How many.", "default": 1},
    }
    assert schema["properties"]["size"] == {"anyOf": [{"enum": ["s"]}, {"type": "null"}]}
    assert schema["properties"]["extra"]["default"] == {"title": "kept"}


def test_left_out_arguments_take_the_default_of_python(module: ModuleType) -> None:
    functions, _ = read(
        module,
        '''
        MISSING = object()

        def f(a: int, b: decimal.Decimal | None = MISSING, *, c: list[int] = []) -> None:
            """F."""
        ''',
    )
    function = functions["f"]
    assert function.bind('{"a": 99999999999999999999999}') == {"a": 99999999999999999999999}
    assert str(function.bind('{"a": 1, "b": "1.50"}')["b"]) == "1.50"
    assert "default" not in function.offered.parameters["properties"]["b"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{}", "missing required field `a`"),
        ('{"a": "1"}', "Expected `int`, got `str` - at `$.a`"),
        ('{"a": null}', "Expected `int`, got `null`"),
        ('{"a": 1, "b": 2}', "unknown field `b`"),
        ('{"a": 0}', "Expected `int` >= 1"),
        ("[]", "Expected `object`, got `array`"),
    ],
)
def test_wrong_arguments_are_told(module: ModuleType, arguments: str, told: str) -> None:
    functions, _ = read(
        module,
        '''
        def f(a: Annotated[int, msgspec.Meta(ge=1)]) -> None:
            """F."""
        ''',
    )
    with pytest.raises(msgspec.ValidationError) as raised:
        functions["f"].bind(arguments)
    assert told in str(raised.value)


REFUSED = [
    ("def f(a: int): pass", "f is not offered: it has no docstring"),
    ("def f(a: int):\n    '''Args:\n        a: what\n    '''", "it has no docstring"),
    ("def f(a):\n    'F.'", "its parameter a has no annotation"),
    ("def f(a: object):\n    'F.'", "the type of its parameter a has no JSON schema"),
    ("def f(a: Missing):\n    'F.'", "its annotations cannot be read: NameError: name 'Missing'"),
    ("def f(*a: int):\n    'F.'", "its parameter a must be a plain one"),
    ("def f(**a: int):\n    'F.'", "its parameter a must be a plain one"),
    ("def f(a: int, /):\n    'F.'", "its parameter a must be a plain one"),
    ("def f(a: int, c: Context):\n    'F.'", "the Context must be its first parameter"),
    ("def f(c: AsyncContext):\n    'F.'", "a plain function takes Context, not AsyncContext"),
    ("async def f(c: Context):\n    'F.'", "an async function takes AsyncContext, not Context"),
    ("def f():\n    'F.'\n    yield 1", "it is a generator"),
    ("def größe():\n    'F.'", "set one with @tool(name=…)"),
    ("@tool(name='two words')\ndef f():\n    'F.'", "set one with @tool(name=…)"),
    (
        "class T(msgspec.Struct):\n    t: T | None = None\ndef f(a: T):\n    'F.'",
        "the type T holds itself",
    ),
    ("def f(a: Literal[tuple(f'{n:020}' for n in range(500))]):\n    'F.'", "is larger than 8192 bytes"),
]


@pytest.mark.parametrize(("source", "told"), REFUSED)
def test_what_cannot_be_offered_is_told_with_its_line_and_the_rest_is_offered(
    module: ModuleType, source: str, told: str
) -> None:
    functions, [problem] = read(module, f"{source}\n\ndef good():\n    'Good.'\n")
    assert list(functions) == ["good"]
    assert told in problem.message
    lines = (HEAD + source).splitlines()
    assert lines[problem.line - 1].startswith(("def ", "async def ", "@tool"))


def test_only_public_functions_of_the_file_itself_are_looked_at(module: ModuleType) -> None:
    functions, problems = read(
        module,
        '''
        def _helper(x): pass
        class Thing: pass
        constant = 5
        square = lambda x: x * x

        @functools.lru_cache
        def cached(n: int) -> int:
            """Cached."""

        @tool(name="renamed-tool", timeout_s=2)
        async def original() -> None:
            """Renamed."""

        alias = original
        ''',
    )
    assert problems == []
    assert set(functions) == {"cached", "renamed-tool"}
    assert functions["renamed-tool"].offered.timeout_s == 2.0
    assert functions["renamed-tool"].is_async


def test_a_name_is_given_once(module: ModuleType) -> None:
    functions, [problem] = read(
        module,
        '''
        def one() -> None:
            """One."""

        @tool(name="one")
        def two() -> None:
            """Two."""
        ''',
    )
    assert functions["one"].offered.description == "One."
    assert "two is not offered: there is another tool with the name one" in problem.message


@pytest.mark.parametrize("timeout_s", [0, -1, 601, float("nan")])
def test_a_deadline_has_bounds(module: ModuleType, timeout_s: float) -> None:
    module.__dict__["timeout_s"] = timeout_s
    with pytest.raises(ValueError, match="at most 600"):
        read(module, "@tool(timeout_s=timeout_s)\ndef f():\n    'F.'")


def test_a_docstring_is_read_up_to_the_next_section() -> None:
    text = "One\ntwo.\n\nArgs:\n    a: first\n\n    b (str): second\n        and: yes\n\nReturns:\n    c: no"
    assert parse_docstring(text) == ("One two.", {"a": "first", "b": "second and: yes"})
    assert parse_docstring("") == ("", {})
