"""YAML as settings that know their lines: values stay texts as written, and nothing in them runs or refers.

`no` is a text where a text is wanted, so YAML's guesses never surprise. Aliases, deep nesting and huge texts
are refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec

from appliance.botfiles.entries import EntryError

if TYPE_CHECKING:  # PyYAML is imported only when there is YAML to read
    import yaml

    from appliance.botfiles.fields import Field

CHARS_MAX = 65_536
"""Settings are short; a bound keeps a mistaken file from costing seconds in the YAML parser."""
DEPTH_MAX = 10
NULL = "tag:yaml.org,2002:null"
STAR_HINT = 'write a star in quotes: "*"'
IN_BRACES_HINT = 'put a text that has a comma, a colon or a question mark in quotes: "How much?"'


class YamlError(Exception):
    """The text cannot be read at all; `line` counts from 1 in the file."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """A key and its line; `read` makes the value of the field it belongs to, or raises `ValueError`.

    An error about one entry of the value has the entry's own `line`.
    """

    key: str
    line: int
    read: Callable[[Field], Any]


def settings(text: str, *, what: str, first_line: int = 1) -> list[Setting]:
    """The settings of a YAML mapping; raises `YamlError`. `what` names the text in errors."""
    import yaml

    root = _compose(text, what, first_line)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise YamlError(_line(root, first_line), f"{what} must be lines of `key: value`")
    for key, _ in root.value:
        if not isinstance(key, yaml.ScalarNode):
            raise YamlError(_line(key, first_line), "a key must be a plain word")
    return [
        Setting(key=_scalar(key), line=_line(key, first_line), read=_reader(node, first_line))
        for key, node in root.value
    ]


def sequence(text: str, *, what: str, first_line: int = 1) -> list[tuple[int, Any]]:
    """The entries of a YAML list, each with its line, as lists, dicts and texts; raises `YamlError`."""
    import yaml

    root = _compose(text, what, first_line)
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise YamlError(_line(root, first_line), f"{what} must be a list: lines that begin with `- `")
    found = []
    for node in root.value:
        try:
            found.append((_line(node, first_line), _plain(node)))
        except EntryError as error:
            raise YamlError(_line_of(node, error.entry, first_line), str(error)) from None
        except ValueError as error:
            raise YamlError(_line(node, first_line), f"an entry {error}") from None
    return found


def _compose(text: str, what: str, first_line: int) -> yaml.Node | None:
    """The YAML as nodes that know their lines."""
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # stubs lack it
            line = _marked(event.start_mark, first_line)
            if isinstance(event, yaml.AliasEvent):
                raise YamlError(line, f"aliases are not supported; {STAR_HINT}")
            if self.depth == DEPTH_MAX:
                raise YamlError(line, "nested too deeply")
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    if len(text) > CHARS_MAX:
        raise YamlError(1, f"{what} has {len(text)} characters; {CHARS_MAX} are the most")
    try:
        return Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlError(_marked(mark, first_line), _explain(error, what)) from None
    except yaml.YAMLError as error:
        raise YamlError(1, f"{what} is not YAML: {error}") from None


def _explain(error: yaml.MarkedYAMLError, what: str) -> str:
    hints = {
        "while scanning an alias": STAR_HINT,
        "mapping values are not allowed here": "put a text that has a colon in quotes",
        "while parsing a flow mapping": IN_BRACES_HINT,
        "while parsing a flow sequence": IN_BRACES_HINT,
    }
    hint = hints.get(error.context or "") or hints.get(error.problem or "")
    return f"{what} is not YAML: {error.problem}" + (f"; {hint}" if hint else "")


def _reader(node: yaml.Node, first_line: int) -> Callable[[Field], Any]:
    """Reads the node as the value of whichever field it belongs to."""
    import yaml

    def read_field(field: Field) -> Any:
        if node.tag == NULL:
            raise ValueError("needs a value")
        if isinstance(node, yaml.ScalarNode):
            return field.parse(_scalar(node))
        try:
            return field.convert(_plain(node))
        except EntryError as error:
            error.line = _line_of(node, error.entry, first_line)
            raise

    return read_field


def _line_of(node: yaml.Node, entry: str, first_line: int) -> int:
    """Where the entry stands: a key of a mapping, else the mapping itself."""
    import yaml

    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    found = next((key for key, _ in pairs if _scalar(key).strip() == entry.strip()), node)
    return _line(found, first_line)


def _plain(node: yaml.Node) -> Any:
    """Lists, dicts and texts; a null is None. Raises `EntryError` for a key that is there twice."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        found: dict[str, Any] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise ValueError("has a key that is no plain word")
            if _scalar(key) in found:
                raise EntryError(_scalar(key), "is given twice")
            found[_scalar(key)] = _plain(value)
        return found
    return None if node.tag == NULL else _scalar(node)


def _scalar(node: yaml.Node) -> str:
    return str(node.value)


def _line(node: yaml.Node, first_line: int) -> int:
    return _marked(node.start_mark, first_line)


def _marked(mark: Any, first_line: int) -> int:
    """The line in the file of a YAML mark, which counts from 0."""
    return int(mark.line) + first_line if mark else 1
