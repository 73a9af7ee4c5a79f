"""Vectors in a column of one of the team's tables: which rows wait for one, and putting them in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from appliance.errors import InvalidInput, NotFound
from appliance.sqlguard import fold, is_reserved
from appliance.sqltext import quoted

NAMES_TOLD = 20


class RowVectors(msgspec.Struct, frozen=True, kw_only=True):
    """A table's column of texts and that of their vectors. `key` names its rows: columns, or the row id.

    `anew` when rows that have a vector get another.
    """

    table: str
    content: str
    column: str
    key: list[str]
    anew: bool = False


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A row without a vector: the values of its key, and its text."""

    key: tuple[Any, ...]
    text: str


def prepare(db: apsw.Connection, table: str, content: str, column: str, *, anew: bool) -> RowVectors:
    """Find the columns, and add that of the vectors where it is not there.

    Raises `NotFound` for the table, `InvalidInput` for what cannot hold vectors.
    """
    name, without_rowid = _table(db, table)
    info = list(db.execute("SELECT name, pk, hidden FROM pragma_table_xinfo(?)", (name,)))
    names = {fold(str(row[0])): str(row[0]) for row in info}
    if fold(content) not in names:
        told = ", ".join(list(names.values())[:NAMES_TOLD])
        raise InvalidInput(f"{name} has no column {content!r} to read texts from. Its columns: {told}.")
    if fold(column) == fold(content):
        raise InvalidInput("The vectors need a column of their own: name another one with --column.")
    fixed = {fold(str(row[0])) for row in info if row[1] or row[2]}
    if fold(column) in fixed:
        raise InvalidInput(f"{name}.{column} is part of the key, or computed: it cannot hold vectors.")
    if not column.strip() or "\0" in column:
        raise InvalidInput("--column needs a name.")
    if fold(column) not in names:
        db.execute(f"ALTER TABLE main.{quoted(name)} ADD COLUMN {quoted(column)} BLOB")
    keys = [str(row[0]) for row in sorted(info, key=lambda row: int(str(row[1]))) if row[1]]
    if not without_rowid:
        free = [alias for alias in ("rowid", "_rowid_", "oid") if alias not in names]
        if not free:
            raise InvalidInput(f"{name} has columns that are called rowid, _rowid_ and oid: rename one.")
        keys = free[:1]
    return RowVectors(
        table=name, content=names[fold(content)], column=names.get(fold(column), column), key=keys, anew=anew
    )


def dimensions(db: apsw.Connection, at: RowVectors) -> list[int]:
    """Of how many numbers the vectors are that stand there as blobs."""
    name = quoted(at.column)
    rows = db.execute(
        f"SELECT DISTINCT octet_length({name}) / 4 FROM main.{quoted(at.table)} "  # noqa: S608  # quoted
        f"WHERE typeof({name}) = 'blob' AND octet_length({name}) % 4 = 0 LIMIT 5"
    )
    return sorted(int(count) for (count,) in rows)


def count_waiting(db: apsw.Connection, at: RowVectors) -> int:
    """How many rows have a text and wait for its vector."""
    sql = f"SELECT count(*) FROM main.{quoted(at.table)} WHERE {_is_waiting(at)}"  # noqa: S608  # quoted
    return int(db.execute(sql).get)


def count_without_text(db: apsw.Connection, at: RowVectors) -> int:
    """How many rows have nothing to make a vector of."""
    sql = f"SELECT count(*) FROM main.{quoted(at.table)} WHERE NOT {_has_text(at)}"  # noqa: S608  # quoted
    return int(db.execute(sql).get)


def waiting(db: apsw.Connection, at: RowVectors, after: tuple[Any, ...] | None, limit: int) -> list[Waiting]:
    """The next rows behind the key `after`, in the order of their keys."""
    keys = ", ".join(map(quoted, at.key))
    behind = f" AND ({keys}) > ({', '.join('?' * len(at.key))})" if after else ""
    sql = (
        f"SELECT {keys}, CAST({quoted(at.content)} AS TEXT) FROM main.{quoted(at.table)} "  # noqa: S608  # quoted
        f"WHERE {_is_waiting(at)}{behind} ORDER BY {keys} LIMIT ?"
    )
    return [
        Waiting(key=tuple(row[:-1]), text=str(row[-1])) for row in db.execute(sql, (*(after or ()), limit))
    ]


def put(db: apsw.Connection, at: RowVectors, rows: Sequence[tuple[Waiting, bytes]]) -> int:
    """Put vectors in, but not where the text has changed meanwhile; how many rows have theirs now."""
    where = " AND ".join(f"{quoted(name)} IS ?" for name in at.key)
    sql = (
        f"UPDATE main.{quoted(at.table)} SET {quoted(at.column)} = ? "  # noqa: S608  # quoted
        f"WHERE {where} AND CAST({quoted(at.content)} AS TEXT) IS ?"
    )
    done = 0
    for row, vector in rows:
        db.execute(sql, (vector, *row.key, row.text))
        done += db.changes()
    return done


def _table(db: apsw.Connection, table: str) -> tuple[str, bool]:
    """Its name as it is spelt, and whether its rows have no row id."""
    rows = db.execute("SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'")
    for name, kind, without_rowid in rows:
        if fold(str(name)) == fold(table) and not is_reserved(str(name)):
            if kind != "table":
                raise InvalidInput(f"{name} is a {kind}: vectors can be put into tables only.")
            return str(name), bool(without_rowid)
    raise NotFound(f"There is no table {table!r}; see them with: appliance data tables")


def _has_text(at: RowVectors) -> str:
    """Words or numbers that are not blank; never NULL, so that it can be turned round."""
    name = quoted(at.content)
    return f"(typeof({name}) IN ('text', 'integer', 'real') AND trim({name}, char(9, 10, 13, 32)) <> '')"


def _is_waiting(at: RowVectors) -> str:
    return _has_text(at) + ("" if at.anew else f" AND {quoted(at.column)} IS NULL")
