"""Rows of a table as lines of text: `Header: value; Header: value`, so that each row explains itself. Pure.

A chunk of a large table is read far from the table's head; by repeating the head in each row, every chunk can
be found by its words and understood by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.extract.building import TEXT_CHARS_MAX, TextBuilder
from appliance.extract.cleaning import one_line

HEADER_CHARS_MAX = 80
"""A longer text is no column's name."""
HEAD_EVERY_ROWS = 20
"""How often the head is repeated in a table that would be too long with it in each row."""
_NUMBER = re.compile(r"[-+€$£¥%\s\d.,:/()']*\d[-+€$£¥%\s\d.,:/()']*")


def is_head(row: Sequence[str]) -> bool:
    """Does the row look like names of columns: short texts, all different, no numbers, more than one?"""
    names = [cell for cell in row if cell]
    if len(names) < 2 or len(names) < 0.6 * len(row):
        return False
    if any(len(name) > HEADER_CHARS_MAX or _NUMBER.fullmatch(name) for name in names):
        return False
    return len(set(names)) == len(names)


def has_number(row: Sequence[str]) -> bool:
    """Whether some cell is a number, an amount or a date."""
    return any(_NUMBER.fullmatch(cell) for cell in row if cell)


def row_text(row: Sequence[str], head: Sequence[str] | None) -> str:
    """One row as a line; with names of columns empty cells are left out. Empty when the row is."""
    if head is None:
        return " | ".join(row).rstrip(" |")
    named = []
    for index, value in enumerate(row):
        if value:
            name = head[index].rstrip(":") if index < len(head) else ""
            named.append(f"{name}: {value}" if name else value)
    return "; ".join(named)


def write_table(builder: TextBuilder, rows: Iterable[Sequence[str]], head: Sequence[str] | None) -> None:
    """Add rows, each a line and a block of its own."""
    first = True
    for number, row in enumerate(rows):
        if builder.full:
            _note_cut(builder, number)
            return
        if text := row_text([one_line(cell) for cell in row], head):
            builder.row(text, first=first)
            first = False


def write_small_table(builder: TextBuilder, rows: list[list[str]], *, headed: bool | None = None) -> None:
    """Add the table of a page; `headed` tells whether its first row names columns, None leaves it open."""
    rows = [cells for row in rows if any(cells := [one_line(cell) for cell in row])]
    if headed is None:
        headed = len(rows) > 1 and is_head(rows[0]) and any(map(has_number, rows[1:]))
    if headed and len(rows) > 1 and len(rows[0]) > 1:
        write_table(builder, rows[1:], rows[0])
    else:
        write_table(builder, rows, None)


def fits_with_heads(head: Sequence[str], rows: int, cells_chars: int) -> bool:
    """Whether a table stays within what a text may have when each row repeats the names."""
    return cells_chars + rows * sum(len(name) + 4 for name in head) <= TEXT_CHARS_MAX


def write_dense_table(builder: TextBuilder, rows: Iterable[Sequence[str]], head: Sequence[str]) -> None:
    """Add a very long table: only every `HEAD_EVERY_ROWS`th row has the names, in a line before it."""
    names = " | ".join(map(one_line, head))
    for number, row in enumerate(rows):
        if builder.full:
            _note_cut(builder, number)
            return
        if number % HEAD_EVERY_ROWS == 0:
            builder.row(names, first=True)
        builder.row(" | ".join(map(one_line, row)))


def _note_cut(builder: TextBuilder, rows: int) -> None:
    builder.notes.append(f"Of this table the first {rows:,} rows were read.")
