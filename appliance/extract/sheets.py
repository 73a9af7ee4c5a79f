"""The rows of a sheet as lines: finds where tables begin and what their columns are called. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from appliance.extract.building import TextBuilder
from appliance.extract.tables import has_number, is_head, row_text

HEAD_WITHIN_ROWS = 10
"""Titles and remarks stand above a sheet's first table."""


def write_sheet(builder: TextBuilder, name: str, rows: Iterable[Sequence[str]]) -> None:
    """Add a sheet under its name. A blank row ends a table; the next one may have other names."""
    builder.heading(name, 1)
    table = _Table(builder)
    for row in rows:
        if builder.full:
            return
        table.add(row)
    table.end()


class _Table:
    """Takes rows one by one; one is held back until the row after it tells whether it is a head."""

    def __init__(self, builder: TextBuilder) -> None:
        self._builder = builder
        self._head: Sequence[str] | None = None
        self._held: Sequence[str] | None = None
        self._begins = True
        self._tried = 0

    def add(self, row: Sequence[str]) -> None:
        """The next row; all empty is a blank one."""
        if not any(row):
            self.end()
            return
        if self._held is not None:
            held, self._held = self._held, None
            if self._is_head(held, row):
                self._head = held
            else:
                self._write(held)
        if self._begins and is_head(row):
            self._held = row
            return
        self._write(row)

    def end(self) -> None:
        """A blank row, or the end."""
        if self._held is not None:
            self._write(self._held)
            self._held = None
        self._begins = True
        self._tried = 0

    def _is_head(self, head: Sequence[str], following: Sequence[str]) -> bool:
        """A further head needs proof by a number below it, since rows of names look alike."""
        self._tried += 1
        if self._head is None:
            return not is_head(following) or has_number(following) or _width(following) <= _width(head)
        return has_number(following)

    def _write(self, row: Sequence[str]) -> None:
        self._tried += 1
        # A single text at the left is a title or a remark; elsewhere it belongs to its column.
        is_named = self._head is not None and (_width(row) > 1 or not row[0])
        text = row_text(row, self._head if is_named else None)
        self._builder.row(text, first=self._begins)
        self._begins = self._head is None and self._tried < HEAD_WITHIN_ROWS


def _width(row: Sequence[str]) -> int:
    return sum(1 for cell in row if cell)
