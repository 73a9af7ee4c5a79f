"""Fits tables into a number of characters: whole, wide ones with fewer columns, the rest by name. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from appliance.schema import Column, Table
from appliance.schema_index import SchemaIndex
from appliance.schema_text import (
    MORE_COLUMNS,
    OTHER_TABLES,
    LeftOut,
    column_lines,
    name_list,
    table_head,
    table_text,
)

GAP = 2
"""The empty line before a table."""
NAMES_SHARE = 4
"""At most a fourth of the room goes to the names of tables that are not shown."""
WIDE_SHARE = 3
"""A table that takes more than a third of the room is shown with fewer columns."""
COLUMNS_MIN = 3
"""A table with fewer columns would not help."""
COMMENT_CHARS_MAX = 160
"""Comments of tables that are too large are cut to this length."""
MORE_CHARS_MAX = 400


def fit(
    index: SchemaIndex, order: Sequence[int], column_scores: Mapping[tuple[int, int], float], room: int
) -> tuple[list[Table], LeftOut]:
    """Tables in the schema's order whose text takes at most `room` characters with what is left out.

    `order` are positions of tables, the most needed first; those that do not fit, and all others, are named.
    """
    names = sum(len(table.sql_name) + 2 for table in index.tables) + len(OTHER_TABLES) + GAP
    reserved = min(names, room // NAMES_SHARE)
    left = room - reserved
    wide = left // WIDE_SHARE
    shown: dict[int, Table] = {}
    more: dict[str, str] = {}
    for at in order:
        table, chars = index.tables[at], index.chars[at] + GAP
        if chars > min(wide, left):
            smaller = _with_fewer_columns(table, at, column_scores, min(wide, left) - GAP)
            if smaller is None:
                continue
            table, more_columns = smaller
            chars = len(table_text(table, more_columns)) + GAP
            if more_columns:
                more[table.sql_name] = more_columns
        shown[at] = table
        left -= chars
    rest = [at for at in dict.fromkeys([*order, *range(len(index.tables))]) if at not in shown]
    others = _named(index, rest, reserved + left - GAP - len(OTHER_TABLES))
    return [shown[at] for at in sorted(shown)], LeftOut(tables=others, columns=more)


def _named(index: SchemaIndex, rest: list[int], room: int) -> str:
    """Names of tables in the schema's order; where not all fit, those that are needed most."""
    whole = name_list([index.tables[at].sql_name for at in sorted(rest)], room)
    if not whole.endswith(" more"):
        return whole
    return name_list([index.tables[at].sql_name for at in rest], room)


def _with_fewer_columns(
    table: Table, at: int, scores: Mapping[tuple[int, int], float], room: int
) -> tuple[Table, str] | None:
    """The table with its keys and best columns, and the names of others; None when hardly any would fit."""
    table = _with_short_comments(table)
    lines = column_lines(table)
    keys = {key.column for key in table.foreign_keys}

    def need(column: int) -> tuple[float, int]:
        is_key = table.columns[column].primary_key or table.columns[column].name in keys
        return -scores.get((at, column), 0.0) - (1.0 if is_key else 0.0), column

    names = sum(len(column.name) + 2 for column in table.columns)
    reserved = min(names, MORE_CHARS_MAX, max(0, room // NAMES_SHARE))
    left = room - len("\n".join(table_head(table))) - len(MORE_COLUMNS) - 1 - reserved
    kept: list[int] = []
    for column in sorted(range(len(lines)), key=need):
        if len(lines[column]) + 1 <= left:
            kept.append(column)
            left -= len(lines[column]) + 1
    if len(kept) < min(COLUMNS_MIN, len(lines)):
        return None
    columns = [table.columns[column] for column in sorted(kept)]
    chosen = set(kept)
    others = [column.name for number, column in enumerate(table.columns) if number not in chosen]
    smaller = msgspec.structs.replace(table, columns=columns)
    return smaller, name_list(others, reserved)


def _with_short_comments(table: Table) -> Table:
    columns = [_shortened(column) for column in table.columns]
    return msgspec.structs.replace(table, comment=_cut(table.comment), columns=columns)


def _shortened(column: Column) -> Column:
    return msgspec.structs.replace(column, comment=_cut(column.comment))


def _cut(comment: str) -> str:
    return comment if len(comment) <= COMMENT_CHARS_MAX else f"{comment[:COMMENT_CHARS_MAX]}…"
