"""What each column of a result holds, and its values as JSON has them.

SQLite has no dates, booleans or decimals, and keeps any value in any column. So a type is what the source
column was declared as, where all values agree with it, and else what the values look like.
Values stay what they are, but for three cases: blobs are text like `x'0aff'`, numbers that JSON cannot write
are None, and when any integer of a column is beyond 2**53 - 1 all integers of the column are text, since
JavaScript would lose digits of them; the type says `integer` all the same.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

SAFE_INTEGERS = range(-(2**53) + 1, 2**53)
"""What a number of JavaScript holds exactly."""

_DATE = r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
_TIME = r"(?:[01]\d|2[0-3]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_ZONE = r"(?:Z|[+-]\d\d:?\d\d)?"
_IS_DATE = re.compile(_DATE, re.ASCII)
_IS_DATETIME = re.compile(f"{_DATE}[T ]{_TIME}{_ZONE}", re.ASCII)
_IS_DECIMAL = re.compile(r"[+-]?\d+(?:\.\d+)?", re.ASCII)


def typed(declared: Sequence[str], rows: Sequence[Sequence[Any]]) -> tuple[list[str], list[list[Any]]]:
    """The type of each column, and the rows with JSON-able values; `declared` has '' for an expression."""
    if not rows:
        return [_declared(text) or _by_affinity(text) for text in declared], []
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    types, changed = [], False
    for index, (text, values) in enumerate(zip(declared, columns, strict=True)):
        kinds = set(map(type, values)) - {type(None)}
        types.append(_type(text, kinds, values))
        columns[index] = _jsonable(kinds, values)
        changed = changed or columns[index] is not values
    return types, list(map(list, zip(*columns, strict=True) if changed else rows))


def _type(text: str, kinds: set[type], values: Sequence[Any]) -> str:
    wanted = _declared(text)
    if not kinds:
        return wanted or _by_affinity(text)
    present = [value for value in values if value is not None]
    if wanted and _AGREES[wanted](kinds, present):
        return wanted
    if kinds == {str}:
        return next((name for name in ("date", "datetime") if _AGREES[name](kinds, present)), "text")
    return _SEEN.get(frozenset(kinds), "mixed")


_SEEN = {
    frozenset({int}): "integer",
    frozenset({float}): "number",
    frozenset({int, float}): "number",
    frozenset({bytes}): "blob",
}


def _are(kinds: set[type], *allowed: type) -> bool:
    return kinds <= set(allowed)


def _match(pattern: re.Pattern[str], values: Sequence[Any]) -> bool:
    return all(pattern.fullmatch(value) for value in values)


_AGREES: dict[str, Callable[[set[type], Sequence[Any]], bool]] = {
    "boolean": lambda kinds, values: _are(kinds, int) and all(value in (0, 1) for value in values),
    "decimal": lambda kinds, values: (
        _are(kinds, int, float) or (_are(kinds, str) and _match(_IS_DECIMAL, values))
    ),
    "date": lambda kinds, values: _are(kinds, str) and _match(_IS_DATE, values),
    "datetime": lambda kinds, values: _are(kinds, str) and _match(_IS_DATETIME, values),
}


def _declared(text: str) -> str:
    """The type that SQLite does not know but people declare; '' for others."""
    word = text.partition("(")[0].strip().upper()
    if word in ("BOOLEAN", "BOOL"):
        return "boolean"
    if word in ("DECIMAL", "NUMERIC", "MONEY"):
        return "decimal"
    if word == "DATE":
        return "date"
    return "datetime" if word.startswith(("DATETIME", "TIMESTAMP")) else ""


def _by_affinity(text: str) -> str:
    """SQLite's own reading of a declared type, for columns without any value."""
    upper = text.upper()
    for words, name in (
        (("INT",), "integer"),
        (("CHAR", "CLOB", "TEXT"), "text"),
        (("BLOB",), "blob"),
        (("REAL", "FLOA", "DOUB"), "number"),
    ):
        if any(word in upper for word in words):
            return name
    return "mixed"


def _jsonable(kinds: set[type], values: Sequence[Any]) -> Sequence[Any]:
    """The same sequence where nothing has to change."""
    if bytes in kinds:
        values = tuple(f"x'{value.hex()}'" if type(value) is bytes else value for value in values)
    if float in kinds and not all(math.isfinite(value) for value in values if type(value) is float):
        values = tuple(None if type(v) is float and not math.isfinite(v) else v for v in values)
    if int in kinds and not all(value in SAFE_INTEGERS for value in values if type(value) is int):
        values = tuple(str(value) if type(value) is int else value for value in values)
    return values
