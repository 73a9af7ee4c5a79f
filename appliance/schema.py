"""Tables and columns of the team's data as plain values; read from SQLite by `tools/sql_schema.py`."""

from __future__ import annotations

import msgspec


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column. `type` is as declared (may be empty); `samples` are a few distinct values as text."""

    name: str
    type: str = ""
    nullable: bool = True
    primary_key: bool = False
    comment: str = ""
    samples: list[str] = []


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """`column` of this table points at `target_column` of `target_table`.

    `declared` is False when the key was inferred from equal names of a unique column.
    """

    column: str
    target_table: str
    target_column: str
    declared: bool = True


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view that a bot may read; `schema` is `public` for the data file itself."""

    name: str
    schema: str = "public"
    columns: list[Column] = []
    foreign_keys: list[ForeignKey] = []
    comment: str = ""
    row_count: int | None = None


class Schema(msgspec.Struct, frozen=True, kw_only=True):
    """The allowed tables in a stable order, and the version of the file they were read from."""

    tables: list[Table] = []
    version: int = 0
