"""Which type a column of text has, found from all its values without losing any of them. Pure.

A type is taken only when every value survives it: `007`, `+49 30`, `1e5` and integers beyond 64 bits are
text, and one such value makes its whole column text. Blanks around a number do not count. SQLite has no
dates or booleans: those are declared so that a model knows, and stored as ISO text and as 0 and 1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Set
from typing import Literal, TypeAlias

ColumnType: TypeAlias = Literal["BOOLEAN", "INTEGER", "REAL", "DATE", "TIMESTAMP", "TEXT"]

MISSING = frozenset(
    {"", "NA", "na", "N/A", "n/a", "#N/A", "NULL", "Null", "null", "NaN", "NAN", "nan", r"\N"}
)
"""Ways to write "no value"; words are believed only where all else has a type other than text."""

INTEGER_MAX = 2**63 - 1
INTEGER_MIN = -(2**63)
REAL_INTEGER_MAX = 10**15
"""Whole numbers up to here are exact in a REAL."""

SEEN_MAX = 10_000
"""Values of one column that are remembered: one that was seen before need not be looked at again."""

_WHOLE = r"(?:0|[1-9][0-9]{0,14})"
_DATE = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.,][0-9]{1,9})?)?"
_ZONE = r"(?: ?(?:Z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?))?"
_FORMS: dict[ColumnType, str] = {
    "BOOLEAN": r"(?i:true|false)",
    "INTEGER": r" *(?:0|-?[1-9][0-9]{0,18}) *",
    # `1e5` may be an id; an exponent counts only with a point before it or a sign behind the e.
    "REAL": rf" *-?(?:{_WHOLE}?\.[0-9]+(?:[eE][+-]?1?[0-9]{{1,2}})?"
    rf"|{_WHOLE}(?:[eE][+-]1?[0-9]{{1,2}})?) *",
    "DATE": _DATE,
    "TIMESTAMP": rf"{_DATE}(?:[T ]{_TIME}{_ZONE})?",
}
_PATTERNS: dict[ColumnType, re.Pattern[str]] = {
    type_: re.compile(rf"(?:(?:{form})\n)*+") for type_, form in _FORMS.items()
}


class Detector:
    """Narrows the possible types of one column, fed with its values in any number of batches."""

    def __init__(self) -> None:
        self._possible = list(_PATTERNS)
        self._missing: set[str] = set()
        self._any = False
        self._seen: set[str] = set()

    @property
    def possible(self) -> Collection[ColumnType]:
        """The types that all values so far fit."""
        return self._possible

    @property
    def is_text(self) -> bool:
        """No later value can change the type any more."""
        return not self._possible

    @property
    def is_complete(self) -> bool:
        """Every value so far was really there."""
        return self._any and not self._missing

    def feed(self, values: Collection[str]) -> None:
        """Take one batch of values."""
        if self.is_text:
            if "" in values:
                self._missing.add("")
            return
        if self._seen.issuperset(values):
            return
        fresh = set(values) - self._seen
        if len(self._seen) < SEEN_MAX:
            self._seen |= fresh
        self._missing |= fresh & MISSING
        present = fresh - MISSING
        if not present:
            return
        self._any = True
        joined = "\n".join(present) + "\n"
        if joined.count("\n") != len(present):
            self._possible.clear()  # a value of several lines must not look like several values
        self._possible = [type_ for type_ in self._possible if _fits(type_, joined, present)]

    @property
    def type(self) -> ColumnType:
        """The narrowest type that fits all values; TEXT when there was none."""
        return self._possible[0] if self._any and self._possible else "TEXT"

    @property
    def expression(self) -> str:
        """SQL from the text `{0}` to the stored value; declared types do the rest by affinity."""
        match self.type:
            case "TEXT":
                return _nulls("{0}", self._missing & {""})
            case "BOOLEAN":
                return "CASE lower({0}) WHEN 'true' THEN 1 WHEN 'false' THEN 0 END"
            case _:
                return _nulls("{0}", self._missing)


def fits(type_: ColumnType, values: Set[str]) -> bool:
    """Whether all values fit a type other than TEXT."""
    joined = "".join(f"{value}\n" for value in values)
    return joined.count("\n") == len(values) and _fits(type_, joined, values)


def _fits(type_: ColumnType, joined: str, values: Set[str]) -> bool:
    if not _PATTERNS[type_].fullmatch(joined):
        return False
    if type_ != "INTEGER":
        return True
    return all(INTEGER_MIN <= int(value) <= INTEGER_MAX for value in values if len(value) > 18)


def _nulls(value: str, missing: Set[str]) -> str:
    for word in sorted(missing):
        value = f"nullif({value}, '{word}')"
    return value
