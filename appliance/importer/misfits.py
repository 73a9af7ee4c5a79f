"""The few values that made a column text, told so that somebody can mend the file. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from appliance.importer.types import MISSING, ColumnType, fits

KINDS: tuple[tuple[ColumnType, ...], ...] = (("INTEGER", "REAL"), ("TIMESTAMP",))
"""Numbers and dates: what a column of text might have been."""
ROWS_MIN = 4
"""Among fewer values one misfit says nothing about the others."""
FEW = 5
"""So many misfits do not yet show that a column is simply text."""
SHARE = 10
"""Of so many values one may be a misfit."""


class Misfit(msgspec.Struct, frozen=True, kw_only=True):
    """The first value that a type had no place for; `row` counts from 0 below the header."""

    value: str
    row: int


class Misfits:
    """Looks for them in one column; gives up soon where most values are words.

    Costs nothing while the column can still be a number and a date, or once it can only be text.
    """

    def __init__(self) -> None:
        self._rows = 0
        self._present = 0
        self._found: dict[tuple[ColumnType, ...], int] = dict.fromkeys(KINDS, 0)
        self._first: dict[tuple[ColumnType, ...], Misfit] = {}

    def feed(self, values: Sequence[str], possible: Collection[ColumnType]) -> None:
        """Take one batch of values, and the types that are possible behind it."""
        if not self._found:
            return
        self._present += len(values) - values.count("")
        for kind in tuple(self._found):
            if not any(type_ in possible for type_ in kind):
                self._look(kind, values)
        self._rows += len(values)

    @property
    def first(self) -> Misfit | None:
        """The value without which, and few others, the column would have a type; None if there is none."""
        for kind, count in self._found.items():
            if self._present >= ROWS_MIN and count and (count == 1 or count * SHARE <= self._present):
                return self._first[kind]
        return None

    def _look(self, kind: tuple[ColumnType, ...], values: Sequence[str]) -> None:
        # All different values at once: looking at each would double the time of the reading.
        fresh = set(values) - MISSING
        if any(fits(type_, fresh) for type_ in kind):
            return
        bad = {value for value in fresh if not any(fits(type_, {value}) for type_ in kind)}
        for row, value in enumerate(values, self._rows):
            if value in bad:
                self._first.setdefault(kind, Misfit(value=value, row=row))
                self._found[kind] += 1
        if self._found[kind] > max(FEW, self._present // SHARE):
            del self._found[kind]
