"""The claims of a good token that row rules may use: scalars, by dotted names. Pure."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from typing import Any, TypeAlias

Claim: TypeAlias = str | int | float | bool

CLAIMS_MAX = 50
CHARACTERS_MAX = 1_000
"""A longer text is nothing that a row would hold; it is left out rather than cut, which would be another."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_INTEGERS = range(-(2**63), 2**63)


def flat(claims: Mapping[str, Any]) -> dict[str, Claim]:
    """At most `CLAIMS_MAX` scalars, those of nested objects as `app_metadata.team`.

    Outer ones come first, so that a nested object that its user may fill cannot crowd them out. Names that a
    rule cannot write are left out, so no name with a dot in it can pass for a nested one.
    """
    found: dict[str, Claim] = {}
    waiting = deque([("", claims)])
    while waiting:
        prefix, level = waiting.popleft()
        for name, value in level.items():
            if not _NAME.fullmatch(name):
                continue
            if isinstance(value, dict):
                waiting.append((f"{prefix}{name}.", value))
            elif _is_usable(value):
                found[prefix + name] = value
            if len(found) == CLAIMS_MAX:
                return found
    return found


def _is_usable(value: Any) -> bool:
    match value:
        case bool() | float():
            return True
        case int():
            return value in _INTEGERS  # beyond, a database cannot tell neighbours apart
        case str():
            return len(value) <= CHARACTERS_MAX and not _has_half_character(value)
    return False


def _has_half_character(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
