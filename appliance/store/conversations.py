"""Conversations: opened, found by their owner, listed, renamed, deleted, expired.

Every query carries tenant and owner; a foreign id answers exactly like a missing one.
"""

from __future__ import annotations

import apsw
import msgspec

from appliance.conversation import Conversation, Listed
from appliance.identity import Caller

_COLUMNS = (
    "id, tenant, owner, namespace, bot, persist, title, turn_count, last_seq, reserved_seq, "
    "prompt_tokens, completion_tokens, created_at, updated_at, last_message_at, expires_at"
)


DELETED_KEPT_S = 7 * 86_400
"""A conversation that was deleted is out of reach at once and out of the file a week later."""


def create(
    db: apsw.Connection,
    *,
    id: str,
    caller: Caller,
    namespace: str,
    bot: str,
    persist: bool,
    expires_at: float | None,
    now: float,
) -> None:
    """A new, empty conversation of this caller."""
    db.execute(
        "INSERT INTO _conversations (id, tenant, owner, namespace, bot, persist, created_at, updated_at, "
        "last_message_at, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id, caller.tenant, caller.owner, namespace, bot, persist, now, now, now, expires_at),
    )


def find(db: apsw.Connection, id: str, caller: Caller, now: float) -> Conversation | None:
    """The caller's own live conversation; None when missing, foreign, deleted or expired."""
    row = db.execute(
        f"SELECT {_COLUMNS} FROM _conversations WHERE id = ? AND tenant = ? AND owner = ? "  # noqa: S608 constant
        "AND status = 'active' AND (expires_at IS NULL OR expires_at > ?)",
        (id, caller.tenant, caller.owner, now),
    ).fetchone()
    return _conversation(row) if row else None


def list_own(
    db: apsw.Connection,
    caller: Caller,
    now: float,
    *,
    bot: str | None = None,
    namespace: str | None = None,
    limit: int = 50,
    offset: int = 0,
) -> tuple[list[Listed], int]:
    """One page of the caller's kept conversations, newest first, and how many there are in all."""
    where = (
        "tenant = ?1 AND owner = ?2 AND status = 'active' AND persist "
        "AND (expires_at IS NULL OR expires_at > ?3) "
        "AND (?4 IS NULL OR bot = ?4) AND (?5 IS NULL OR namespace = ?5)"
    )
    values = (caller.tenant, caller.owner, now, bot, namespace)
    total = db.execute(f"SELECT count(*) FROM _conversations WHERE {where}", values).get  # noqa: S608 constant
    rows = db.execute(
        f"SELECT {_COLUMNS}, "  # noqa: S608 constant text
        "(SELECT count(*) FROM _messages m WHERE m.conversation_id = c.id AND "
        " (m.role = 'user' OR m.parts != x'5b5d')), "
        "(SELECT substr(content, 1, 50) FROM _messages m WHERE m.conversation_id = c.id AND m.role = 'user' "
        " ORDER BY position LIMIT 1) "
        f"FROM _conversations c WHERE {where} ORDER BY updated_at DESC, id LIMIT ?6 OFFSET ?7",
        (*values, limit, offset),
    )
    return [
        Listed(conversation=_conversation(row[:-2]), message_count=row[-2], preview=row[-1] or "")
        for row in rows
    ], total


def rename(db: apsw.Connection, id: str, caller: Caller, title: str, now: float) -> bool:
    """Set the title by hand; it is never overwritten after. False when not the caller's."""
    db.execute(
        "UPDATE _conversations SET title = ?, title_by_user = 1, updated_at = ? "
        "WHERE id = ? AND tenant = ? AND owner = ? AND status = 'active'",
        (title, now, id, caller.tenant, caller.owner),
    )
    return db.changes() > 0


def delete(db: apsw.Connection, id: str, caller: Caller, now: float) -> bool:
    """Hide it from everybody for good; False when not the caller's."""
    db.execute(
        "UPDATE _conversations SET status = 'deleted', updated_at = ? "
        "WHERE id = ? AND tenant = ? AND owner = ? AND status = 'active'",
        (now, id, caller.tenant, caller.owner),
    )
    return db.changes() > 0


def purge(db: apsw.Connection, now: float, *, busy: frozenset[str]) -> int:
    """Remove what has expired or was deleted long ago, but nothing that is in use; returns how many."""
    gone = db.execute(
        "SELECT id FROM _conversations WHERE expires_at <= ?1 "
        "UNION ALL SELECT id FROM _conversations WHERE status = 'deleted' AND updated_at <= ?1 - ?2 "
        "LIMIT 500",
        (now, DELETED_KEPT_S),
    )
    expired = [row[0] for row in gone if row[0] not in busy]
    db.executemany("DELETE FROM _conversations WHERE id = ?", ((id,) for id in expired))
    return len(expired)


def touch(db: apsw.Connection, id: str, *, now: float, expires_at: float | None) -> None:
    """A message moves the expiry."""
    db.execute(
        "UPDATE _conversations SET updated_at = ?, last_message_at = ?, expires_at = ? WHERE id = ?",
        (now, now, expires_at, id),
    )


def _conversation(row: tuple[object, ...]) -> Conversation:
    return msgspec.convert(
        dict(zip(Conversation.__struct_fields__, row, strict=True)), Conversation, strict=False
    )
