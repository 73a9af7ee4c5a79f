"""Patterns of `like` and `ilike` as SQLite takes them.

`*` and `%` stand for any text, `_` for one character, a backslash takes either literally. SQLite's LIKE does
not tell A from a (other letters it does, like Ä from ä), so it serves `ilike`; `like` is GLOB, which tells
all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from appliance.tools.base import ToolError

PATTERN_BYTES_MAX = 100
"""What the guarded connection accepts: matching is exponential in the wildcards."""

_PIECE = re.compile(r"\\(.)|(.)", re.DOTALL)


def like_pattern(text: str) -> str:
    """For `LIKE … ESCAPE '\\'`; raises `ToolError` for a pattern that is too long."""
    return _checked("".join(_like(*piece) for piece in _pieces(text)))


def glob_pattern(text: str) -> str:
    """For `GLOB`; raises `ToolError` for a pattern that is too long."""
    return _checked("".join(_glob(*piece) for piece in _pieces(text)))


def _pieces(text: str) -> Iterator[tuple[str, bool]]:
    """Each character, and whether it is meant literally."""
    if len(text) > PATTERN_BYTES_MAX * 2:
        _checked(text)
    for found in _PIECE.finditer(text):
        yield (found[1], True) if found[1] is not None else (found[2], False)


def _like(character: str, literal: bool) -> str:
    if not literal and character in "*%_":
        return "_" if character == "_" else "%"
    return "\\" + character if character in "%_\\" else character


def _glob(character: str, literal: bool) -> str:
    if not literal and character in "*%_":
        return "?" if character == "_" else "*"
    return f"[{character}]" if character in "*?[" else character


def _checked(pattern: str) -> str:
    if len(pattern.encode(errors="replace")) > PATTERN_BYTES_MAX:
        raise ToolError(f"the pattern is too long; {PATTERN_BYTES_MAX} bytes are allowed.")
    if "\0" in pattern:
        raise ToolError("a pattern cannot hold a NUL.")
    return pattern
