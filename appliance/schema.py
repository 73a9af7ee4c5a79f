"""Tables and columns of the team's data as plain values; read from SQLite by `tools/sql_schema.py`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec

from appliance.sqlguard import PUBLIC


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `type` is as declared (may be empty); `samples` are a few distinct values as text.

    `low` and `high` are the least and the greatest value of a column of numbers or dates, as text; both are
    empty where they are not known or not to be told.
    """

    name: str
    type: str = ""
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    samples: list[str] = []
    low: str = ""
    high: str = ""


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """`column` of this table points at `target_column` of `target_table`, in the same file.

    `declared` is False when the key was inferred from equal names of a unique column.
    """

    column: str
    target_table: str
    target_column: str
    declared: bool = True


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view that a bot may read; `schema` is `public` for the data file itself.

    `restricted` when the caller sees only some of its rows.
    """

    name: str
    schema: str = PUBLIC
    columns: list[Column] = []
    foreign_keys: list[ForeignKey] = []
    comment: str = ""
    row_count: int | None = None
    restricted: bool = False

    @property
    def sql_name(self) -> str:
        """As SQL names it, but for quotes: `orders`, or `warehouse.sales` in an attached file."""
        return self.name if self.schema == PUBLIC else f"{self.schema}.{self.name}"


T = TypeVar("T", Table, Column)


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The allowed tables in a stable order, and the version of the file they were read from."""

    tables: list[Table] = []
    version: int = 0


def with_notes(schema: Schema, notes: Mapping[str, str]) -> Schema:
    """The schema with notes put before the comments that its tables and columns have.

    Keys are `table`, `table.column`, `schema.table` or `schema.table.column`, in any case; without a schema
    they mean the data file. `a.b` is table `b` of schema `a` where that is there, else column `b` of table
    `a`. An empty note takes a comment away. A note of anything that is not in the schema is not used.
    """
    folded = {key.strip().casefold(): " ".join(note.split()) for key, note in notes.items()}
    if not folded:
        return schema
    tables = {key for table in schema.tables for key in _keys(table)}
    columns = {key: note for key, note in folded.items() if key not in tables}
    return msgspec.structs.replace(
        schema, tables=[_noted_table(table, folded, columns) for table in schema.tables]
    )


def _keys(table: Table) -> list[str]:
    """The keys that mean the table; the name alone is that of the data file, and of no other file."""
    name, schema = table.name.casefold(), table.schema.casefold()
    return [f"{schema}.{name}", name] if table.schema == PUBLIC else [f"{schema}.{name}"]


def _noted_table(table: Table, notes: Mapping[str, str], column_notes: Mapping[str, str]) -> Table:
    keys = _keys(table)
    columns = [
        _commented(column, [f"{key}.{column.name.casefold()}" for key in keys], column_notes)
        for column in table.columns
    ]
    return msgspec.structs.replace(_commented(table, keys, notes), columns=columns)


def _commented(item: T, keys: list[str], notes: Mapping[str, str]) -> T:
    found: list[str] = [notes[key] for key in keys if key in notes]
    if not found:
        return item
    texts = [*found, item.comment] if any(found) else []
    comment = " ".join(text for text in dict.fromkeys(texts) if text)
    return msgspec.structs.replace(item, comment=comment)
