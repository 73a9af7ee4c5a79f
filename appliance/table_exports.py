"""A table of the team's data as a document: what is exported, and the text that it becomes. Pure.

The text is Markdown, so that it is cut between its parts, and says what points where in the form that the
rules of the knowledge graph read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from appliance.sqlguard import PUBLIC, SqlPolicy, fold

CELL_CHARS_MAX = 200
SAMPLE_ROWS = 5
SAMPLE_ROWS_MAX = 100


class ExportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What of a table is told; no `columns` means all that the rules of the data show."""

    columns: list[str] = []
    include_sample_rows: bool = False
    sample_row_count: int = SAMPLE_ROWS
    include_foreign_keys: bool = True
    include_indexes: bool = True
    sync_mode: Literal["manual", "automatic"] = "manual"
    """Of a kept table: whether it is exported again by itself."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What of the data a document tells: columns, what keys point to (table and column), and whether rows.

    `digest` is of its whole text: another one means that it would read differently.
    """

    columns: list[str] = []
    targets: list[tuple[str, str]] = []
    rows: bool = False
    digest: str = ""


class TableExport(msgspec.Struct, frozen=True, kw_only=True):
    """A table's export to a base; `document_id` is empty when there is none (any more)."""

    id: str
    base: int
    schema: str
    table: str
    options: ExportOptions
    is_kept: bool = False
    document_id: str = ""
    told: Told = Told()
    exported_at: float | None = None
    error: str = ""
    created_by: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0


class ExportColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column as it is told."""

    name: str
    type: str
    is_key: bool = False
    is_nullable: bool = True
    default: str | None = None
    note: str = ""


class ExportTable(msgspec.Struct, frozen=True, kw_only=True):
    """All that is told of a table.

    `keys` are columns and what they point to; values of `rows` are in the order of `columns`.
    """

    schema: str
    name: str
    is_view: bool = False
    note: str = ""
    columns: Sequence[ExportColumn] = ()
    primary_key: Sequence[str] = ()
    keys: Sequence[tuple[str, str]] = ()
    indexes: Sequence[tuple[str, bool]] = ()
    """Columns of each, and whether it is unique."""
    rows: Sequence[Sequence[Any]] | None = None
    told: Told = Told()


def may_tell(policy: SqlPolicy, schema: str, table: str, column: str) -> bool:
    """Do the rules show that column to anybody?"""
    return policy.allows(table, schema) and fold(column) not in policy.hidden(table, schema)


def may_tell_all(policy: SqlPolicy, export: TableExport) -> bool:
    """Do the rules show all that the document of a table tells?"""
    schema, table, told = export.schema, export.table, export.told
    return (
        policy.allows(table, schema)
        and all(may_tell(policy, schema, table, column) for column in told.columns)
        and all(may_tell(policy, schema, *target) for target in told.targets)
        and not (told.rows and policy.row_rules(table, schema))
    )


def sql_name(schema: str, name: str) -> str:
    """As SQL and people name it: `orders`, or `warehouse.sales` in an attached file."""
    return name if schema == PUBLIC else f"{schema}.{name}"


def title_of(table: ExportTable) -> str:
    """What the document is called."""
    return f"{'View' if table.is_view else 'Table'} {sql_name(table.schema, table.name)}"


def text_of(table: ExportTable) -> str:
    """The document."""
    kind, name = ("View" if table.is_view else "Table"), sql_name(table.schema, table.name)
    parts = [f"# {kind} `{name}`", table.note, _columns(table)]
    if table.primary_key:
        parts.append(f"Primary key: {', '.join(table.primary_key)}.")
    if table.keys:
        lines = [f"- `{table.name}.{column}` references `{target}`" for column, target in table.keys]
        parts += ["## Foreign keys", "\n".join(lines)]
    if table.indexes:
        lines = [
            f"- {'Unique index' if unique else 'Index'} on {columns}." for columns, unique in table.indexes
        ]
        parts += ["## Indexes", "\n".join(lines)]
    if table.rows is not None:
        parts += ["## Sample rows", _rows(table)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _columns(table: ExportTable) -> str:
    head = "| Column | Type | Empty allowed | Default | Meaning |\n|---|---|---|---|---|"
    lines = [
        f"| {_cell(one.name)} | {_cell(one.type) or 'any'} | {'yes' if one.is_nullable else 'no'} "
        f"| {_cell(one.default or '')} | {_cell(one.note)} |"
        for one in table.columns
    ]
    return "\n".join(["## Columns", "", head, *lines])


def _rows(table: ExportTable) -> str:
    if not table.rows:
        return "The table has no rows."
    head = f"| {' | '.join(_cell(one.name) for one in table.columns)} |\n|{'---|' * len(table.columns)}"
    return "\n".join([head, *(f"| {' | '.join(map(_cell, row))} |" for row in table.rows)])


def _cell(value: Any) -> str:
    """A value in one line; bytes are counted, not told."""
    if value is None:
        return ""
    if isinstance(value, bytes):
        return f"({len(value)} bytes)"
    text = " ".join(str(value).split()).replace("|", "\\|")
    return text if len(text) <= CELL_CHARS_MAX else f"{text[: CELL_CHARS_MAX - 1]}…"
