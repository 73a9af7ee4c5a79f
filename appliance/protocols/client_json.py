"""JSON of strangers: half characters are mended, as JavaScript sends them, and nesting is bounded. Pure."""

from __future__ import annotations

import re
from typing import Any

from appliance.errors import InvalidInput

DEPTH_MAX = 64
"""Deeper nesting is nobody's message, and each program that handles it later has a bound of its own."""

OURS = frozenset({"operator_name", "sources"})
"""Of the metadata of a message: what only the appliance says."""

_ESCAPES = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


def mended(text: bytes) -> bytes:
    """The JSON text with halves of characters replaced by U+FFFD.

    A text that was cut in the middle of an emoji is sent so, and JSON parsers refuse it.
    """
    return _ESCAPES.sub(_mended, text)


def check_depth(value: Any) -> None:
    """Raises `InvalidInput` when lists and objects are nested too deeply."""
    level = [value]
    for _ in range(DEPTH_MAX):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return
    raise InvalidInput(f"The JSON is nested more than {DEPTH_MAX} levels deep.")


def metadata(given: dict[str, Any]) -> dict[str, Any]:
    """What a client tells beside its message, less what others would take for ours; raises `InvalidInput`."""
    check_depth(given)
    return {key: value for key, value in given.items() if key not in OURS}


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
