"""Who else may use a knowledge base, and whom single documents were shown to."""

from __future__ import annotations

from typing import Any, Literal

import apsw

from appliance.knowledge import Grant

Of = Literal["base", "document"]

_TABLES = {"base": "_knowledge_grants", "document": "_document_grants"}


def put(db: apsw.Connection, of: Of, number: int, grant: Grant) -> Grant:
    """Give it, or change what was given before, and return it as it is: who had one keeps its id."""
    db.execute(
        f"INSERT INTO {_TABLES[of]} (id, {of}, user_id, permission, granted_by, created_at) "  # noqa: S608 - ours
        f"VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT ({of}, user_id) DO UPDATE SET "
        "permission = excluded.permission, granted_by = excluded.granted_by",
        (grant.id, number, grant.user_id, grant.permission, grant.granted_by, grant.created_at),
    )
    return next(one for one in _select(db, of, "AND user_id = ?", (number, grant.user_id)))


def listed(db: apsw.Connection, of: Of, number: int) -> list[Grant]:
    """All of them, oldest first."""
    return _select(db, of, "ORDER BY created_at, user_id", (number,))


def count(db: apsw.Connection, of: Of, number: int) -> int:
    """How many there are."""
    sql = f"SELECT count(*) FROM {_TABLES[of]} WHERE {of} = ?"  # noqa: S608 - ours
    return int(db.execute(sql, (number,)).get)


def remove(db: apsw.Connection, of: Of, number: int, user_id: str) -> bool:
    """Take it back; False when there was none."""
    sql = f"DELETE FROM {_TABLES[of]} WHERE {of} = ? AND user_id = ?"  # noqa: S608 - ours
    db.execute(sql, (number, user_id))
    return bool(db.changes())


def clear(db: apsw.Connection, of: Of, number: int) -> None:
    """Take all of them back."""
    db.execute(f"DELETE FROM {_TABLES[of]} WHERE {of} = ?", (number,))  # noqa: S608 - ours


def documents_of(db: apsw.Connection, base: int, user_id: str) -> dict[str, str]:
    """Which documents of a base were shown to a user: id and permission."""
    sql = (
        "SELECT d.id, g.permission FROM _document_grants g JOIN _documents d ON d.number = g.document "
        "WHERE d.base = ? AND g.user_id = ? ORDER BY d.number"
    )
    return {str(id): str(permission) for id, permission in db.execute(sql, (base, user_id))}


def _select(db: apsw.Connection, of: Of, rest: str, bindings: tuple[Any, ...]) -> list[Grant]:
    sql = f"SELECT id, user_id, permission, granted_by, created_at FROM {_TABLES[of]} WHERE {of} = ? {rest}"  # noqa: S608
    return [
        Grant(id=id, user_id=user_id, permission=permission, granted_by=granted_by, created_at=created_at)
        for id, user_id, permission, granted_by, created_at in db.execute(sql, bindings)
    ]
