"""Rows and changes of rows as tables of a terminal; values are cleaned of what could steer it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from appliance.client import Change, ChatEvent, RowChange

CELL_COLUMNS = 24
"""A text may wrap beyond this; a table that is still too wide is shown record by record."""

CONTROL = dict.fromkeys([*range(9), *range(11, 32), *range(127, 160)])
"""All control characters but tab and newline."""

NUMERIC = {"integer", "number", "decimal"}
"""Types of columns that stand right; large integers come as text."""

HEADINGS = {"INSERT": ("Add", "to"), "UPDATE": ("Change", "in"), "DELETE": ("Delete", "from")}


def clean(text: str) -> str:
    """`text` without the control characters by which a model could steer the terminal."""
    return text.translate(CONTROL)


def result(event: ChatEvent, width: int) -> RenderableType:
    """The rows of a query_result as a table, or as records when it is wider than `width` columns."""
    names = event.columns or list(event.data[0])
    values = [[row.get(name) for row in event.data] for name in names]
    told = dict(zip(event.columns, event.types, strict=False))
    numeric = [
        told.get(name) in NUMERIC or all(isinstance(value, int | float | None) for value in column)
        for name, column in zip(names, values, strict=True)
    ]
    rows = [[_cell(row.get(name)) for name in names] for row in event.data]
    return _table(names, rows, numeric, width)


def change_title(change: Change) -> str:
    """What a change does, for example `Delete 1 row from orders`."""
    verb, preposition = HEADINGS.get(change.operation, HEADINGS["UPDATE"])
    count = len(change.rows)
    return clean(f"{verb} {count} {'row' if count == 1 else 'rows'} {preposition} {change.table}")


def local_minute(text: str | None) -> str:
    """A time of the wire as this machine's clock shows it, to the minute; what is none as it is."""
    try:
        return datetime.fromisoformat(text or "").astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError):
        return clean(text or "")


def change_rows(change: Change, width: int) -> RenderableType:
    """The rows of a change: `before → after` where a value differs, else what is new or goes away."""
    names = list(
        dict.fromkeys(name for row in change.rows for name in [*(row.before or {}), *(row.after or {})])
    )
    rows = [[_changed(row, name) for name in names] for row in change.rows]
    return _table(names, rows, [False] * len(names), width)


def _table(names: list[str], rows: list[list[Text]], numeric: list[bool], width: int) -> RenderableType:
    lengths = [
        max(cell_len(clean(name)), *(cell_len(cell.plain) for cell in column))
        for name, column in zip(names, zip(*rows, strict=True), strict=True)
    ]
    if sum(min(length, CELL_COLUMNS) + 3 for length in lengths) > width:
        return Group(*(_record(number, names, row) for number, row in enumerate(rows, 1)))
    table = Table(show_edge=False, header_style="bold")
    for name, is_numeric in zip(names, numeric, strict=True):
        table.add_column(Text(clean(name)), justify="right" if is_numeric else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _record(number: int, names: list[str], row: list[Text]) -> Table:
    """One row as lines of name and value."""
    record = Table(title=f"Row {number}", title_justify="left", show_header=False, show_edge=False, box=None)
    record.add_column(style="bold")
    for name, cell in zip(names, row, strict=True):
        record.add_row(Text(clean(name)), cell)
    return record


def _changed(row: RowChange, name: str) -> Text:
    if row.before is None or row.after is None:
        known = row.after if row.before is None else row.before
        if name not in (known or {}):
            return Text("default", style="dim")
        return _cell((known or {})[name], exact=True)
    before, after = row.before.get(name), row.after.get(name)
    if type(before) is type(after) and before == after:
        return _cell(before)
    old, new = _cell(before, exact=True), _cell(after, exact=True)
    if old.plain == new.plain:  # 1 and '1' are two values
        old, new = Text(clean(repr(before))), Text(clean(repr(after)))
    new.stylize("bold")
    return old + Text(" → ", style="dim") + new


def _cell(value: Any, *, exact: bool = False) -> Text:
    if value is None:
        return Text("NULL" if exact else "-", style="dim")
    return Text("''", style="dim") if exact and value == "" else Text(clean(str(value)))
