"""What SQLite's own catalogue says of a file's tables: columns, keys, indexes. Reads no row of theirs."""

from __future__ import annotations

import apsw
import msgspec

from appliance.sqlguard import fold, is_reserved
from appliance.sqltext import quoted


class TableName(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view of the team's; ours and SQLite's are never told."""

    name: str
    is_view: bool
    columns: int
    foreign_keys: int


class ColumnFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One column as it was declared; `default` is SQL text, None for none."""

    name: str
    type: str
    is_nullable: bool
    default: str | None
    is_primary_key: bool


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a foreign key; `number` tells which columns belong to one key."""

    number: int
    column: str
    target_table: str
    target_column: str
    on_delete: str
    on_update: str


class IndexFacts(msgspec.Struct, frozen=True, kw_only=True):
    """An index; what is no column in it (an expression) is told as `<expression>`."""

    name: str
    columns: list[str]
    is_unique: bool
    is_primary: bool
    is_partial: bool


class TableFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One table or view; `create` is the statement that made it."""

    name: str
    is_view: bool
    create: str
    columns: list[ColumnFacts]
    primary_key: list[str]
    foreign_keys: list[KeyFacts]
    indexes: list[IndexFacts]


def tables(db: apsw.Connection) -> list[TableName]:
    """All tables and views of the file, by name."""
    return [
        TableName(
            name=name,
            is_view=kind == "view",
            columns=len(_columns(db, name)),
            foreign_keys=0 if kind == "view" else len({row.number for row in _foreign_keys(db, name)}),
        )
        for name, kind in sorted(_listed(db), key=lambda entry: fold(entry[0]))
    ]


def table(db: apsw.Connection, wanted: str) -> TableFacts | None:
    """One of them, by its name in whichever case; None when there is none."""
    found = next(((name, kind) for name, kind in _listed(db) if fold(name) == fold(wanted)), None)
    if found is None:
        return None
    name, kind = found
    is_view = kind == "view"
    create = db.execute(
        "SELECT sql FROM main.sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (name,)
    ).get
    rows = _columns(db, name)
    return TableFacts(
        name=name,
        is_view=is_view,
        create=str(create or ""),
        columns=[
            ColumnFacts(
                name=str(column),
                type=str(type or ""),
                is_nullable=not (required or key),
                default=None if default is None else str(default),
                is_primary_key=bool(key),
            )
            for _, column, type, required, default, key, _ in rows
        ],
        primary_key=[str(row[1]) for row in sorted(rows, key=lambda row: int(str(row[5]))) if row[5]],
        foreign_keys=[] if is_view else _foreign_keys(db, name),
        indexes=[] if is_view else _indexes(db, name),
    )


def _listed(db: apsw.Connection) -> list[tuple[str, str]]:
    rows = db.execute("SELECT schema, name, type FROM pragma_table_list WHERE schema = 'main'")
    return [
        (str(name), str(kind))
        for _, name, kind in rows
        if kind in ("table", "view", "virtual") and not is_reserved(str(name))
    ]


def _columns(db: apsw.Connection, name: str) -> list[tuple[apsw.SQLiteValue, ...]]:
    """Rows of `table_xinfo` without hidden columns of virtual tables."""
    try:
        rows = list(db.execute(f"PRAGMA main.table_xinfo({quoted(name)})"))
    except apsw.SQLError:
        return []  # a view over something that is gone
    return [row for row in rows if row[6] != 1]


def _foreign_keys(db: apsw.Connection, name: str) -> list[KeyFacts]:
    keys = []
    for number, position, target, column, goal, on_update, on_delete, _ in db.execute(
        f"PRAGMA main.foreign_key_list({quoted(name)})"
    ):
        key = KeyFacts(
            number=int(str(number)),
            column=str(column),
            target_table=str(target),
            target_column=str(goal) if goal else _key_column(db, str(target), int(str(position))),
            on_delete=str(on_delete),
            on_update=str(on_update),
        )
        keys.append(key)
    return keys


def _key_column(db: apsw.Connection, target: str, position: int) -> str:
    """A key that names no column means the primary key; '' when the table, or its key, is not there."""
    names = {int(str(row[5])): str(row[1]) for row in _columns(db, target) if row[5]}
    return names.get(position + 1, "")


def _indexes(db: apsw.Connection, name: str) -> list[IndexFacts]:
    return [
        IndexFacts(
            name=str(index),
            columns=[
                str(row[2]) if row[2] is not None else "<expression>"
                for row in db.execute(f"PRAGMA main.index_xinfo({quoted(str(index))})")
                if row[5]
            ],
            is_unique=bool(unique),
            is_primary=origin == "pk",
            is_partial=bool(partial),
        )
        for _, index, unique, origin, partial in db.execute(f"PRAGMA main.index_list({quoted(name)})")
    ]
