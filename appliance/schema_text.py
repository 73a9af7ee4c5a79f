"""The schema section of the system prompt. `providers/offline/schema_text.py` reads it back. Pure."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec

from appliance.schema import Column, ForeignKey, Schema, Table

SCHEMA_HEADING = "# Database schema"
OTHER_TABLES = "Other tables: "
MORE_COLUMNS = "More columns: "
SAMPLES_MAX = 8
SAMPLES_CHARS_MAX = 72
"""Samples of one column in the prompt: enough for a list of states, not for a column of long texts."""


class LeftOut(msgspec.Struct, frozen=True, kw_only=True):
    """What of the data is not shown in full, as lists for people: `a, b and 7 more`, '' for nothing.

    `columns` maps a table's `sql_name` to its columns that are left out.
    """

    tables: str = ""
    columns: dict[str, str] = {}


NOTHING = LeftOut()


def schema_section(schema: Schema, left_out: LeftOut = NOTHING) -> str:
    """The schema part of the system prompt.

    Each table is `## Table schema.name`, optional lines `N rows.`, comment and `More columns: a, b`, then a
    Markdown table with the columns column, type, null, notes. Notes are joined by `; ` in this order:
    `primary key`, `references schema.table.column` (with ` (inferred)` where nobody declared it), `e.g. a,
    b, c`, `from x to y` (the least and the greatest value), the column's comment. A sample that contains a
    comma or a quote is written as a JSON string; one that would break the table is left out, never altered.
    A last line `Other tables: a, b` names tables that are not shown.
    """
    if not schema.tables and not left_out.tables:
        return f"{SCHEMA_HEADING}\n\nNo tables are available to you."
    blocks = [table_text(table, left_out.columns.get(table.sql_name, "")) for table in schema.tables]
    if left_out.tables:
        blocks.append(OTHER_TABLES + left_out.tables)
    return "\n\n".join([SCHEMA_HEADING, *blocks])


def table_text(table: Table, more_columns: str = "") -> str:
    """One table of the section."""
    return "\n".join([*table_head(table, more_columns), *column_lines(table)])


def table_head(table: Table, more_columns: str = "") -> list[str]:
    """The lines of a table above its columns."""
    lines = [f"## Table {one_line(table.schema)}.{one_line(table.name)}"]
    if table.row_count is not None:
        lines.append(f"{table.row_count} rows.")
    if comment := _cell(table.comment).lstrip("# "):  # a heading would end the section
        lines.append(comment)
    if more_columns:
        lines.append(MORE_COLUMNS + more_columns)
    return [*lines, "", "| column | type | null | notes |", "|---|---|---|---|"]


def column_lines(table: Table) -> list[str]:
    """One line for each column of a table, in its order."""
    targets = {key.column: _reference(table, key) for key in table.foreign_keys}
    return [_column(column, targets.get(column.name, "")) for column in table.columns]


def name_list(names: Sequence[str], chars_max: int) -> str:
    """`a, b, c and 4 more`, in at most so many characters; '' where not even one name fits."""
    whole = ", ".join(map(one_line, names))
    if len(whole) <= chars_max:
        return whole
    shown: list[str] = []
    left = chars_max - len(f" and {len(names)} more")
    for name in map(one_line, names):
        left -= len(name) + 2
        if left < -2:
            break
        shown.append(name)
    return f"{', '.join(shown)} and {len(names) - len(shown)} more" if shown else ""


def one_line(name: str) -> str:
    """A name as it is, but for line breaks, which no name that people use has."""
    return " ".join(name.splitlines())


def _column(column: Column, reference: str) -> str:
    notes = ["primary key"] if column.primary_key else []
    if reference:
        notes.append(reference)
    if samples := _samples(column.samples):
        notes.append(f"e.g. {samples}")
    if column.low and column.high:
        notes.append(f"from {_cell(column.low)} to {_cell(column.high)}")
    if column.comment:
        notes.append(_cell(column.comment))
    null = "yes" if column.nullable else "no"
    return f"| {_cell(column.name)} | {_cell(column.type) or 'ANY'} | {null} | {'; '.join(notes)} |"


def _reference(table: Table, key: ForeignKey) -> str:
    doubt = "" if key.declared else " (inferred)"
    return f"references {_cell(f'{table.schema}.{key.target_table}.{key.target_column}')}{doubt}"


def _samples(values: list[str]) -> str:
    """As many of the values as fit, each exactly as it is in the data."""
    written: list[str] = []
    left = SAMPLES_CHARS_MAX
    for value in values:
        if not value or _cell(value) != value:
            continue
        text = json.dumps(value, ensure_ascii=False) if "," in value or '"' in value else value
        left -= len(text) + 2
        if left < 0 or len(written) == SAMPLES_MAX:
            break
        written.append(text)
    return ", ".join(written)


def _cell(text: str) -> str:
    """One line, without the characters that would break the table or the notes."""
    return " ".join(text.replace("|", "/").replace(";", ",").split())
