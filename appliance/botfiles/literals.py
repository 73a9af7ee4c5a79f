"""TypeScript literals -> Python values, without running anything.

Understands what people write in a prompt or a tools export: strings, templates, numbers, booleans,
null, arrays, objects, `a + b` of texts, parentheses, `as …` and names of top-level constants.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the parser is imported only when there is a TypeScript file to read
    from tree_sitter import Node

DEPTH_MAX = 100
VALUE_CHARS_MAX = 4_194_304
"""Constants named many times over could add up to any size; no honest file gets near this."""

ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "v": "\v", "0": "\0", "\n": ""}
WRAPPERS = frozenset(
    {"parenthesized_expression", "as_expression", "satisfies_expression", "non_null_expression"}
)
CONSTANTS = {"true": True, "false": False, "null": None}


class NotStatic(Exception):
    """The expression is more than a literal; carries its line and what it is."""

    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.line = node.start_point[0] + 1


class Evaluator:
    """Reads literal expressions of one file; what all of them may add up to is bounded."""

    def __init__(self, constants: Mapping[str, Node]) -> None:
        self._constants = constants
        self._left = VALUE_CHARS_MAX

    def value(self, node: Node, depth: int = 0) -> Any:
        """The value of the expression; raises `NotStatic` for anything that would need running."""
        self._left -= 1
        if depth > DEPTH_MAX or self._left < 0:
            raise NotStatic(node, "this is nested too deeply or adds up to too much")
        kind, deeper = node.type, depth + 1
        if kind in {"string", "template_string"}:
            self._left -= node.end_byte - node.start_byte
            return string_value(node)
        if kind == "number":
            return _number(node)
        if kind in CONSTANTS:
            return CONSTANTS[kind]
        inner = [child for child in node.named_children if child.type != "comment"]
        if kind in WRAPPERS and inner:
            return self.value(inner[0], deeper)
        if kind == "array":
            return [self.value(child, deeper) for child in inner]
        if kind == "object":
            return dict(self._pair(child, deeper) for child in inner)
        if kind in {"identifier", "shorthand_property_identifier"}:
            return self._constant(node, deeper)
        if kind in {"unary_expression", "binary_expression"}:
            return self._operation(node, inner, deeper)
        raise _needs_running(node)

    def _pair(self, node: Node, depth: int) -> tuple[str, Any]:
        if node.type == "shorthand_property_identifier":
            return _source(node), self.value(node, depth)
        key, value = node.child_by_field_name("key"), node.child_by_field_name("value")
        if node.type != "pair" or key is None or value is None:
            raise _needs_running(node)
        if key.type == "string":
            return string_value(key), self.value(value, depth)
        if key.type in {"property_identifier", "number"}:
            return _source(key), self.value(value, depth)
        raise _needs_running(key)

    def _constant(self, node: Node, depth: int) -> Any:
        name = _source(node)
        if name not in self._constants:
            raise NotStatic(node, f"{name} is not a constant of this file")
        return self.value(self._constants[name], depth)

    def _operation(self, node: Node, operands: list[Node], depth: int) -> Any:
        operator = node.child_by_field_name("operator")
        match _source(operator) if operator else "", [self.value(one, depth) for one in operands]:
            case "+", [str(left), str(right)]:
                return left + right
            case "-", [int() | float() as number]:
                return -number
        raise NotStatic(node, "only texts can be joined by + here")


def string_value(node: Node) -> str:
    """The text of a quoted string or template: escapes decoded, `${…}` kept as written."""
    source = _bytes(node)
    parts: list[str] = []
    position = 1
    for child in node.named_children:
        if child.type == "escape_sequence":
            start = child.start_byte - node.start_byte
            parts += [source[position:start].decode(), _unescape(_source(child))]
            position = child.end_byte - node.start_byte
    parts.append(source[position:-1].decode())
    # Two \uXXXX halves of one character become that character; a lone half becomes U+FFFD.
    return "".join(parts).encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _unescape(sequence: str) -> str:
    body = sequence[1:]
    code = re.fullmatch(r"u\{([0-9a-fA-F]{1,8})\}|[ux]([0-9a-fA-F]+)", body)
    if code:
        value = int(code[1] or code[2], 16)
        return chr(value) if value <= 0x10FFFF else "\N{REPLACEMENT CHARACTER}"
    return ESCAPES.get(body, body)


def _number(node: Node) -> int | float:
    text = _source(node).replace("_", "")
    try:
        return int(text, 0) if re.fullmatch(r"0[xob].+|[0-9]+", text, re.I) else float(text)
    except ValueError:
        raise NotStatic(node, f"{text} is not a number that can be used here") from None


def _needs_running(node: Node) -> NotStatic:
    return NotStatic(node, f"a {node.type.replace('_', ' ')} cannot be read without running it")


def _source(node: Node) -> str:
    return _bytes(node).decode()


def _bytes(node: Node) -> bytes:
    text = node.text
    assert text is not None, "nodes of a tree parsed from bytes keep their text"
    return text
