"""`index.ts` -> `BotFile`: annotations, the exported prompt, the exported tools (fluxbase.md 4).

Nothing in the file is executed. A value that cannot be read keeps its default and is a warning, as
Fluxbase files have always been read; only a syntax error that hides the prompt refuses the file.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from appliance.bot import BotFile, ToolOverride
from appliance.botfiles.annotations import (
    Annotation,
    Comment,
    block_comment,
    line_comments,
    read_annotations,
)
from appliance.botfiles.draft import Draft
from appliance.botfiles.fields import BUILT_IN_TOOLS, Field, hint, is_meant_strictly
from appliance.botfiles.literals import Evaluator, NotStatic

if TYPE_CHECKING:
    from tree_sitter import Node

CHUNK_BYTES = 256
"""What the parser reads at once, and again for the text of every node: hence small."""
LOOSE_MARK = re.compile(r"@fluxbase[ \t]*[:.]?[ \t]*([a-z][\w-]*)", re.IGNORECASE)
"""What somebody may have thought to be an annotation."""
MARKS_MAX = 2_000
"""Each is compared with all that it could have been meant for."""
PARSE_TIMEOUT_S = 2.0
"""An honest file takes a millisecond."""


def read(text: str, *, name: str, namespace: str) -> BotFile:
    """Read a Fluxbase bot file; never raises for what the file contains."""
    draft = Draft(name=name, namespace=namespace, severity="warning")
    root = _parse(text)
    if root is None:
        draft.error(1, "takes too long to parse; is a comment, string or bracket left open?")
        return draft.finish("", 1)
    if len(LOOSE_MARK.findall(text)) > MARKS_MAX:
        draft.error(1, f"has more than {MARKS_MAX} @fluxbase annotations")
        return draft.finish("", 1)
    exports = [node for node in root.children if node.type == "export_statement"]
    comments = list(_comments(root, exports))
    annotations = [found for comment in comments for found in read_annotations(comment)]
    for found in annotations:
        draft.put(found.key, found.line, _reader(found))
    _refuse_unread(draft, text, annotations)
    _describe(draft, comments)
    constants = dict(_constants(root))
    default = next((node for node in exports if _is_default(node)), None)
    evaluator = Evaluator(constants)
    prompt = _prompt(draft, root, default, evaluator)
    tools = _tools(draft, constants.get("tools"), evaluator)
    line = _line(default) if default else _line(root)
    return draft.finish(prompt, line, tools)


def _reader(found: Annotation) -> Callable[[Field], Any]:
    def read_field(field: Field) -> Any:
        if field.kind.is_strict and found.left_over:
            raise ValueError(
                f"is followed by {found.left_over[:60]!r}, which is not read as a part of it; "
                "leave an empty line in between, or write JSON to use several lines"
            )
        return field.parse(found.value)

    return read_field


def _refuse_unread(draft: Draft, text: str, annotations: list[Annotation]) -> None:
    """An error for each annotation that would protect something and stands where none is read."""
    unseen = {found.line: found.key for found in annotations}
    for number, line in enumerate(text.split("\n"), 1):
        for mark in LOOSE_MARK.finditer(line):
            if not is_meant_strictly(mark[1]) or draft.is_full:
                continue
            if unseen.pop(number, "") != mark[1].lower():
                draft.error(
                    number,
                    f"{mark[1]} is not read here; write @fluxbase:{mark[1].lower()} at the start of a line "
                    "in a comment before the first export",
                )


def _parse(text: str) -> Node | None:
    """The syntax tree, or None if it takes too long: finding a way around errors can be quadratic."""
    # Imported here: a folder of bot.md files needs no TypeScript parser.
    import tree_sitter
    import tree_sitter_typescript

    source = text.encode()
    deadline = time.monotonic() + PARSE_TIMEOUT_S
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_typescript.language_typescript()))
    try:
        tree = parser.parse(
            lambda offset, _: source[offset : offset + CHUNK_BYTES],
            progress_callback=lambda _, __: time.monotonic() > deadline,
        )
    except ValueError:
        return None
    return tree.root_node


def _comments(root: Node, exports: list[Node]) -> Iterator[Comment]:
    """Comments between statements before the first export; neighbouring `//` lines are one."""
    end = exports[0].start_byte if exports else root.end_byte
    run: list[Node] = []
    for node in root.children:
        if node.type != "comment" or node.start_byte >= end:
            continue
        source = _text(node)
        if run and (source.startswith("/*") or _line(node) != _line(run[-1]) + 1):
            yield line_comments([_text(part) for part in run], _line(run[0]))
            run = []
        if source.startswith("/*"):
            yield block_comment(source, _line(node))
        else:
            run.append(node)
    if run:
        yield line_comments([_text(part) for part in run], _line(run[0]))


def _describe(draft: Draft, comments: list[Comment]) -> None:
    """Without a description, the first words of the leading doc comment are one."""
    leading = next((comment for comment in comments if comment.is_doc), None)
    if leading and leading.summary:
        draft.values.setdefault("description", leading.summary)


def _constants(root: Node) -> Iterator[tuple[str, Node]]:
    """Name and value of each top-level `const`, exported or not."""
    for node in root.children:
        declaration = node.child_by_field_name("declaration") or node
        kind = declaration.child_by_field_name("kind")
        if declaration.type != "lexical_declaration" or not kind or _text(kind) != "const":
            continue
        for declarator in declaration.named_children:
            name = declarator.child_by_field_name("name")
            value = declarator.child_by_field_name("value")
            if name and value and name.type == "identifier":
                yield _text(name), value


def _prompt(draft: Draft, root: Node, default: Node | None, evaluator: Evaluator) -> str:
    """The text after `export default`, trimmed; empty, with a finding, when there is none."""
    value = default.child_by_field_name("value") if default else None
    if root.has_error:
        broken = _first_error(root)
        is_hidden = default is None or value is None or default.has_error
        note = draft.error if is_hidden else draft.warn
        note(_line(broken), "syntax error; a backtick inside a template is written \\`")
    if value is None:
        return ""
    try:
        prompt = evaluator.value(value)
    except NotStatic as error:
        draft.warn(error.line, f"export default must be a text: {error}")
        return ""
    if not isinstance(prompt, str):
        draft.warn(_line(value), "export default must be a text")
        return ""
    return prompt.strip()


def _tools(draft: Draft, value: Node | None, evaluator: Evaluator) -> dict[str, ToolOverride]:
    """What `export const tools` says about built-in tools; anything else in it is a warning."""
    if value is None:
        return {}
    try:
        tools = evaluator.value(value)
    except NotStatic as error:
        draft.warn(error.line, f"tools are ignored: {error}")
        return {}
    if not isinstance(tools, list):
        draft.warn(_line(value), "tools are ignored: they must be an array of objects")
        return {}
    overrides: dict[str, ToolOverride] = {}
    for tool in tools:
        try:
            tool_name, override = _override(tool)
        except ValueError as error:
            draft.warn(_line(value), f"tools: {error}")
            continue
        overrides.setdefault(tool_name, override)
    return overrides


def _override(tool: Any) -> tuple[str, ToolOverride]:
    """Name and override of one entry of the tools export; raises `ValueError` with what is wrong."""
    name = tool.get("name") if isinstance(tool, dict) else None
    if not isinstance(name, str):
        raise ValueError("an entry has no name and is ignored")
    if name not in BUILT_IN_TOOLS:
        raise ValueError(f"{name} is no built-in tool and is ignored{hint(name, BUILT_IN_TOOLS)}")
    description, parameters = tool.get("description"), tool.get("parameters")
    if not isinstance(description, str | None) or not isinstance(parameters, dict | None):
        raise ValueError(f"{name} is ignored: description must be a text, parameters an object")
    return name, ToolOverride(description=description, parameters=parameters)


def _first_error(root: Node) -> Node:
    """The first place that the parser could not make sense of."""
    node = root
    while not (node.is_error or node.is_missing):
        inside = next((child for child in node.children if child.has_error), None)
        if inside is None:
            return node
        node = inside
    return node


def _is_default(node: Node) -> bool:
    return any(child.type == "default" for child in node.children)


def _line(node: Node) -> int:
    return node.start_point[0] + 1


def _text(node: Node) -> str:
    text = node.text
    assert text is not None, "nodes of a tree parsed from bytes keep their text"
    return text.decode()
