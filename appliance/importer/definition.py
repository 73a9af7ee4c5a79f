"""What a table to be imported looks like, and the SQL that makes and fills it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from appliance.importer.names import quoted

COLUMNS_MAX = 2000
"""SQLite's own limit for one table."""


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `type` is what SQLite keeps as declared and a model reads, `extra` follows it."""

    name: str
    type: str = ""
    extra: str = ""
    expression: str = "{0}"
    """SQL that makes the stored value of the read one, which is `{0}`."""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """An index over plain columns; each entry is an identifier in quotes, perhaps with DESC."""

    columns: Sequence[str]
    unique: bool = False


class Definition(msgspec.Struct, frozen=True, kw_only=True):
    """A table. `constraints` and `options` are SQL as it stands in CREATE TABLE."""

    columns: Sequence[Column]
    constraints: Sequence[str] = ()
    options: str = ""
    indexes: Sequence[Index] = ()
    key_guess: str = ""
    """A column that looks like the integer primary key; only all rows can tell whether it is one."""
    renamed: Sequence[tuple[str, str]] = ()
    """(name in the file, name in the table), where they differ."""
    misfits: Sequence[tuple[str, str, int]] = ()
    """(column, value, line): the first of the few values that made a column of numbers or dates text."""

    def create_sql(self, table: str) -> str:
        """CREATE TABLE under this name."""
        parts = [self._column_sql(column) for column in self.columns]
        return f"CREATE TABLE {quoted(table)} ({', '.join([*parts, *self.constraints])}) {self.options}"

    def insert_sql(self, table: str) -> str:
        """INSERT of one row with a parameter for each column."""
        columns = ", ".join(quoted(column.name) for column in self.columns)
        values = ", ".join(
            column.expression.format(f"?{number}") for number, column in enumerate(self.columns, 1)
        )
        return f"INSERT INTO {quoted(table)} ({columns}) VALUES ({values})"  # noqa: S608 quoted names

    def _column_sql(self, column: Column) -> str:
        key = "PRIMARY KEY" if column.name == self.key_guess else ""
        return " ".join(filter(None, (quoted(column.name), column.type, key, column.extra)))
