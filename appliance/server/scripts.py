"""Scripts made small for browsers: comments and blanks taken out, names kept.

A real parser says what is a comment; tools that work by patterns stumble over templates within templates.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Node, Parser

_WHOLE = frozenset({"string", "template_string", "regex"})
"""Nodes whose blanks mean something."""
_WORD = re.compile(rb"[\w$#\\\x80-\xff]")
_NO_BREAK_BEHIND = (b"{", b"(", b"[", b",", b";", b"=>", b"=", b":", b"?", b"&&", b"||", b"??", b".")
"""Behind these no statement can end, so a line break there means nothing."""
_NO_BREAK_BEFORE = (b"}", b")", b"]", b",", b";", b".", b"?", b":", b"=", b"&&", b"||")


def minify(text: str) -> str:
    """The module without comments and needless blanks; it means the same. Not parsable: as it was."""
    source = text.encode()
    tree = _parser().parse(source)
    if tree.root_node.has_error:
        return text
    pieces: list[bytes] = []
    before, end = b"", 0
    for node in _tokens(tree.root_node):
        token = source[node.start_byte : node.end_byte]
        if not token:
            continue
        pieces += [_between(before, source[end : node.start_byte], token), token]
        before, end = token, node.end_byte
    return b"".join(pieces).decode()


@cache
def _parser() -> Parser:
    # Not at the top: a server that has no page to send needs neither.
    import tree_sitter
    import tree_sitter_typescript

    return tree_sitter.Parser(tree_sitter.Language(tree_sitter_typescript.language_typescript()))


def _tokens(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.type == "comment":
            continue
        if node.type in _WHOLE or not node.children:
            yield node
        else:
            waiting.extend(reversed(node.children))


def _between(before: bytes, gap: bytes, behind: bytes) -> bytes:
    """What stays of the blanks and comments between two tokens."""
    if not before or not gap:
        return b""
    if b"\n" in gap and not before.endswith(_NO_BREAK_BEHIND) and not behind.startswith(_NO_BREAK_BEFORE):
        return b"\n"
    if _WORD.match(before[-1:]) and _WORD.match(behind[:1]):
        return b" "
    return b" " if before[-1:] == behind[:1] and before[-1:] in b"+-/" else b""
