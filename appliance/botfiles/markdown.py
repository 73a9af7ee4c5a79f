"""`bot.md` -> `BotFile`: YAML front matter is the settings, the Markdown below it is the prompt.

Strict: an unknown key or a value that cannot be read refuses the file, with line and reason. Values
are read as they are written (`no` is a text where a text is wanted), so YAML's guesses never surprise.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from appliance.bot import BotFile
from appliance.botfiles.draft import Draft
from appliance.botfiles.fields import Field

if TYPE_CHECKING:  # PyYAML is imported only when there is front matter to read
    import yaml

FENCE = "---"
FRONT_MATTER_CHARS_MAX = 65_536
"""Settings are short; a bound keeps a mistaken file from costing seconds in the YAML parser."""
DEPTH_MAX = 10
NULL = "tag:yaml.org,2002:null"


class FrontMatterError(Exception):
    """The front matter cannot be read at all; `line` counts from 1 in the file."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


def read(text: str, *, name: str, namespace: str) -> BotFile:
    """Read a bot.md file; never raises for what the file contains."""
    draft = Draft(name=name, namespace=namespace, severity="error")
    try:
        front, body, body_line = _split(text)
        for key, node in _settings(front):
            draft.put(_scalar(key), _line(key), _reader(node))
    except FrontMatterError as error:
        draft.error(error.line, str(error))
        return draft.finish(text, 1)
    return draft.finish(body, body_line)


def _split(text: str) -> tuple[str, str, int]:
    """Front matter, body, and the line that the body starts on; no front matter is fine."""
    lines = text.split("\n")
    if lines[0].rstrip() != FENCE:
        return "", text.strip(), 1
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() == FENCE:
            front = "\n".join(lines[1:index])
            return front, "\n".join(lines[index + 1 :]).strip(), index + 2
    raise FrontMatterError(1, "the front matter is not closed; end it with a line ---")


def _settings(front: str) -> list[tuple[yaml.ScalarNode, yaml.Node]]:
    import yaml

    root = _compose(front)
    if root is None:
        return []
    if not isinstance(root, yaml.MappingNode):
        raise FrontMatterError(_line(root), "the front matter must be lines of `key: value`")
    for key, _ in root.value:
        if not isinstance(key, yaml.ScalarNode):
            raise FrontMatterError(_line(key), "a key must be a plain word")
    return list(root.value)


def _compose(front: str) -> yaml.Node | None:
    """The YAML as nodes that know their lines; aliases, deep nesting and huge texts are refused."""
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]  # stubs lack it
            line = _file_line(event.start_mark)
            if isinstance(event, yaml.AliasEvent):
                raise FrontMatterError(line, f"aliases are not supported; {STAR_HINT}")
            if self.depth == DEPTH_MAX:
                raise FrontMatterError(line, "nested too deeply")
            self.depth += 1
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node

    if len(front) > FRONT_MATTER_CHARS_MAX:
        limit = FRONT_MATTER_CHARS_MAX
        raise FrontMatterError(1, f"the front matter has {len(front)} characters; {limit} are the most")
    try:
        return Loader(front).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise FrontMatterError(_file_line(mark), _explain(error)) from None
    except yaml.YAMLError as error:
        raise FrontMatterError(1, f"the front matter is not YAML: {error}") from None


STAR_HINT = 'write a star in quotes: "*"'


def _explain(error: yaml.MarkedYAMLError) -> str:
    hints = {
        "while scanning an alias": STAR_HINT,
        "mapping values are not allowed here": "put a text that has a colon in quotes",
    }
    hint = hints.get(error.context or "") or hints.get(error.problem or "")
    return f"the front matter is not YAML: {error.problem}" + (f"; {hint}" if hint else "")


def _reader(node: yaml.Node) -> Callable[[Field], Any]:
    """Reads the node as the value of whichever field it belongs to."""
    import yaml

    def read_field(field: Field) -> Any:
        if node.tag == NULL:
            raise ValueError("needs a value")
        if isinstance(node, yaml.ScalarNode):
            return field.parse(_scalar(node))
        return field.convert(_plain(node))

    return read_field


def _plain(node: yaml.Node) -> Any:
    """Lists, dicts and texts; a null is None."""
    import yaml

    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {_scalar(key): _plain(value) for key, value in node.value}
    return None if node.tag == NULL else _scalar(node)


def _scalar(node: yaml.Node) -> str:
    return str(node.value)


def _line(node: yaml.Node) -> int:
    return _file_line(node.start_mark)


def _file_line(mark: Any) -> int:
    """The line in the file of a YAML mark, which counts from 0 and has not seen the opening fence."""
    return int(mark.line) + 2 if mark else 1
