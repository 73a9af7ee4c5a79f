"""Users as administrators see them, and forgetting one of them. Documents and bases are erased elsewhere."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.store.knowledge import gaps

_FROM = (
    "SELECT u.id, u.tenant, coalesce(p.name, ''), u.created_at, u.seen_at, "
    "(SELECT count(*) FROM _conversations c WHERE c.tenant = u.tenant AND c.owner = 'user:' || u.id "
    "AND c.status != 'deleted'), "
    "(SELECT count(*) FROM _documents d JOIN _knowledge_bases b ON b.number = d.base "
    "WHERE d.user_id = u.id AND b.tenant = u.tenant) "
    "FROM _users u LEFT JOIN _profiles p ON p.tenant = u.tenant AND p.owner = 'user:' || u.id "
    "AND p.deleted_at IS NULL"
)
_LIKE = "(u.id LIKE ?2 ESCAPE '\\' OR p.name LIKE ?2 ESCAPE '\\')"
_THEIRS = "conversation_id IN (SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :owner)"
_OF_TENANT = "conversation_id IN (SELECT id FROM _conversations WHERE tenant = :tenant)"


class UserSeen(msgspec.Struct, frozen=True, kw_only=True):
    """A user: since when, last when (to the hour, Unix seconds), and how much there is of theirs."""

    id: str
    tenant: str
    name: str
    created_at: float
    seen_at: float
    conversations: int
    documents: int


def users(
    db: apsw.Connection, tenant: str, text: str, *, limit: int, offset: int
) -> tuple[list[UserSeen], int]:
    """A page of users, who was there last first, and how many there are; `text` is in id or name."""
    like = f"%{_literal(text)}%"
    where = f"u.tenant = ?1 AND {_LIKE}"
    total = db.execute(
        f"SELECT count(*) FROM _users u LEFT JOIN _profiles p ON p.tenant = u.tenant "  # noqa: S608 constants
        f"AND p.owner = 'user:' || u.id AND p.deleted_at IS NULL WHERE {where}",
        (tenant, like),
    ).get
    rows = db.execute(
        f"{_FROM} WHERE {where} ORDER BY u.seen_at DESC, u.id LIMIT ?3 OFFSET ?4",
        (tenant, like, limit, offset),
    )
    return [_user(row) for row in rows], int(str(total))


def user(db: apsw.Connection, tenant: str, id: str) -> UserSeen | None:
    """One of them."""
    row = db.execute(f"{_FROM} WHERE u.tenant = ? AND u.id = ?", (tenant, id)).fetchone()
    return _user(row) if row else None


def conversations_of(db: apsw.Connection, tenant: str, id: str, now: float) -> list[str]:
    """Take a user's conversations out of everybody's reach; their ids, also of those deleted before."""
    names = {"tenant": tenant, "owner": f"user:{id}", "now": now}
    db.execute(
        "UPDATE _conversations SET status = 'deleted', updated_at = :now WHERE tenant = :tenant "
        "AND owner = :owner AND status != 'deleted'",
        names,
    )
    rows = db.execute("SELECT id FROM _conversations WHERE tenant = :tenant AND owner = :owner", names)
    return [str(row[0]) for row in rows]


def erase(db: apsw.Connection, tenant: str, id: str, *, with_limits: bool = True) -> dict[str, int]:
    """Delete what is a user's, beside documents and bases; how many rows of what kind.

    What they said in other people's conversations goes, too. The audit trail stays, and without `with_limits`
    what is used up of their limits: nobody gets new ones by being forgotten.
    """
    names = {"tenant": tenant, "owner": f"user:{id}", "id": id}
    counts = {
        "conversations": _count(db, "_conversations", "tenant = :tenant AND owner = :owner", names),
        "messages": _count(db, "_messages", _THEIRS, names),
        "files": _count(db, "_widget_files", f"owner = :owner AND {_OF_TENANT}", names),
    }
    gaps.forget_asker(db, tenant, names["owner"])
    _delete(db, "_retrievals", f"tenant = :tenant AND (user_id = :id OR {_THEIRS})", names)
    _delete(db, "_conversations", "tenant = :tenant AND owner = :owner", names)
    for table in ("_messages", "_custom_events", "_participants", "_widget_files", "_changes"):
        gone = _delete(db, table, f"owner = :owner AND {_OF_TENANT}", names)
        counts["messages"] += gone if table == "_messages" else 0
    counts["grants"] = sum(
        _delete(db, table, f"user_id = :id AND {of} IN ({bases})", names)
        for table, of, bases in (
            ("_knowledge_grants", "base", "SELECT number FROM _knowledge_bases WHERE tenant = :tenant"),
            (
                "_document_grants",
                "document",
                "SELECT d.number FROM _documents d JOIN _knowledge_bases b ON b.number = d.base "
                "WHERE b.tenant = :tenant",
            ),
        )
    )
    counts["settings"] = _delete(db, "_settings", "tenant = :tenant AND user_id = :id", names)
    _delete(db, "_profiles", "tenant = :tenant AND owner = :owner", names)
    for table in ("_usage", "_recent_requests") if with_limits else ():
        _delete(db, table, "tenant = :tenant AND principal = :owner", names)
    _delete(db, "_users", "tenant = :tenant AND id = :id", names)
    return counts


def documents_of(db: apsw.Connection, tenant: str, id: str, limit: int) -> list[int]:
    """Numbers of documents that are a user's alone, some of them."""
    rows = db.execute(
        "SELECT d.number FROM _documents d JOIN _knowledge_bases b ON b.number = d.base "
        "WHERE d.user_id = ? AND b.tenant = ? LIMIT ?",
        (id, tenant, limit),
    )
    return [int(str(row[0])) for row in rows]


def bases_of(db: apsw.Connection, tenant: str, id: str) -> list[str]:
    """Ids of the knowledge bases that a user owns."""
    rows = db.execute("SELECT id FROM _knowledge_bases WHERE tenant = ? AND owner_id = ?", (tenant, id))
    return [str(row[0]) for row in rows]


def _count(db: apsw.Connection, table: str, where: str, names: dict[str, Any]) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table} WHERE {where}", names).get)  # noqa: S608 constants


def _delete(db: apsw.Connection, table: str, where: str, names: dict[str, Any]) -> int:
    db.execute(f"DELETE FROM {table} WHERE {where}", names)  # noqa: S608 constants
    return db.changes()


def _literal(text: str) -> str:
    """A text as a pattern that means nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _user(row: tuple[Any, ...]) -> UserSeen:
    return msgspec.convert(dict(zip(UserSeen.__struct_fields__, row, strict=True)), UserSeen)
