"""The audit trail: who did what that needs explaining later. Rows are added and read, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `actor` is a `Caller.principal` or `cli`; `action` is `noun.verb`, as `key.create`."""

    id: int
    at: float
    tenant: str
    actor: str
    action: str
    target: str
    details: dict[str, Any]


def record(
    db: apsw.Connection,
    *,
    at: float,
    tenant: str,
    actor: str,
    action: str,
    target: str = "",
    details: Mapping[str, Any] | None = None,
) -> int:
    """Add one row in the caller's transaction and return its id; secrets never belong in `details`."""
    db.execute(
        "INSERT INTO _audit (at, tenant, actor, action, target, details) VALUES (?, ?, ?, ?, ?, ?)",
        (at, tenant, actor, action, target, msgspec.json.encode(dict(details or {}))),
    )
    return db.last_insert_rowid()


def entries(
    db: apsw.Connection, *, tenant: str, limit: int = 100, before: int | None = None
) -> list[AuditEntry]:
    """The newest rows of a tenant, newest first; `before` is the id at which the last page ended."""
    rows = db.execute(
        "SELECT id, at, tenant, actor, action, target, details FROM _audit "
        "WHERE tenant = ?1 AND (?2 IS NULL OR id < ?2) ORDER BY id DESC LIMIT ?3",
        (tenant, before, limit),
    )
    return [_entry(*row) for row in rows]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of a tenant: `text` is somewhere in them, `action` and `actor` are whole."""

    tenant: str
    text: str = ""
    action: str = ""
    actor: str = ""


def search(db: apsw.Connection, wanted: Wanted, *, limit: int, before: int | None = None) -> list[AuditEntry]:
    """The newest of them, newest first; `before` is the id at which the last page ended."""
    conditions, values = _where(wanted)
    rows = db.execute(
        "SELECT id, at, tenant, actor, action, target, details FROM _audit "  # noqa: S608 constants
        f"WHERE {conditions} AND (:before IS NULL OR id < :before) ORDER BY id DESC LIMIT :limit",
        {**values, "before": before, "limit": limit},
    )
    return [_entry(*row) for row in rows]


def count(db: apsw.Connection, wanted: Wanted) -> int:
    """How many there are."""
    conditions, values = _where(wanted)
    return int(db.execute(f"SELECT count(*) FROM _audit WHERE {conditions}", values).get)  # noqa: S608 constants


def actions(db: apsw.Connection, tenant: str) -> list[str]:
    """The actions that were ever written down, by name."""
    rows = db.execute("SELECT DISTINCT action FROM _audit WHERE tenant = ? ORDER BY action", (tenant,))
    return [str(row[0]) for row in rows]


def _where(wanted: Wanted) -> tuple[str, dict[str, Any]]:
    conditions, values = ["tenant = :tenant"], {"tenant": wanted.tenant}
    if wanted.action:
        conditions.append("action = :action")
        values["action"] = wanted.action
    if wanted.actor:
        conditions.append("actor = :actor")
        values["actor"] = wanted.actor
    if wanted.text:
        like = wanted.text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        values["like"] = f"%{like}%"
        columns = ("actor", "action", "target", "CAST(details AS TEXT)")
        conditions.append(f"({' OR '.join(f'{column} LIKE :like ESCAPE :escape' for column in columns)})")
        values["escape"] = "\\"
    return " AND ".join(conditions), values


def _entry(
    id_: int, at: float, tenant: str, actor: str, action: str, target: str, details: bytes
) -> AuditEntry:
    return AuditEntry(
        id=id_,
        at=at,
        tenant=tenant,
        actor=actor,
        action=action,
        target=target,
        details=msgspec.json.decode(details, type=dict[str, Any]),
    )
