"""Conversations: opened, found by their owner, listed, renamed, deleted, expired.

Every query carries tenant and owner; a foreign id answers exactly like a missing one.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.conversation import Conversation, External, Listed
from appliance.errors import Conflict
from appliance.identity import Caller

COLUMNS = (
    "id, tenant, owner, namespace, bot, persist, title, turn_count, last_seq, reserved_seq, "
    "prompt_tokens, completion_tokens, created_at, updated_at, last_message_at, expires_at, "
    "source, external_id, metadata, paused OR handoff = 'joined', handoff, operator, operator_name"
)
LIVE = "status = 'active' AND (expires_at IS NULL OR expires_at > :now)"
PLAYGROUND = "playground"
"""The source of conversations that an admin began in somebody's name, to try a bot out."""
_METADATA = msgspec.json.Decoder(dict[str, Any])


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
    source: str = "fluxbase",
    external: External | None = None,
    title: str | None = None,
    metadata: dict[str, Any] | None = None,
) -> None:
    """A new, empty conversation of this caller; raises `Conflict` when its maker's own id for it is taken.

    What has expired gives its id free.
    """
    if external:
        db.execute(
            "UPDATE _conversations SET status = 'deleted' WHERE tenant = ? AND external_scope = ? "
            "AND external_id = ? AND status = 'active' AND expires_at <= ?",
            (caller.tenant, external.scope, external.id, now),
        )
    try:
        db.execute(
            "INSERT INTO _conversations (id, tenant, owner, namespace, bot, persist, created_at, updated_at, "
            "last_message_at, expires_at, source, external_scope, external_id, title, title_by_user, "
            "metadata) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(id, caller.tenant, caller.owner, namespace, bot, persist, now, now, now, expires_at),
                PLAYGROUND if caller.player else source,
                *((external.scope, external.id) if external else (None, None)),
                *(title, title is not None, msgspec.json.encode(metadata or {})),
            ),
        )
    except apsw.ConstraintError as error:
        raise Conflict("There is a conversation of that id already.") from error


def find(db: apsw.Connection, id: str, caller: Caller, now: float) -> Conversation | None:
    """A live conversation that is the caller's or that they take part in; else None, whatever the reason.

    Who only tries a bot out in somebody's name has but those that were begun so.
    """
    row = db.execute(
        f"SELECT {COLUMNS} FROM _conversations WHERE id = :id AND tenant = :tenant AND {LIVE} "  # noqa: S608 constant
        "AND (owner = :owner OR EXISTS (SELECT 1 FROM _participants "
        "WHERE conversation_id = :id AND owner = :owner)) AND (NOT :plays OR source = :played)",
        {
            "id": id,
            "tenant": caller.tenant,
            "owner": caller.owner,
            "now": now,
            "plays": bool(caller.player),
            "played": PLAYGROUND,
        },
    ).fetchone()
    return conversation_of(row) if row else None


def find_in_tenant(db: apsw.Connection, id: str, tenant: str, now: float) -> Conversation | None:
    """A live conversation of the tenant, whoever's it is: for the tenant's own servers and for admins."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _conversations WHERE id = :id AND tenant = :tenant AND {LIVE}",  # noqa: S608 constant
        {"id": id, "tenant": tenant, "now": now},
    ).fetchone()
    return conversation_of(row) if row else None


def find_external(db: apsw.Connection, tenant: str, external: External, now: float) -> Conversation | None:
    """The live conversation that its maker calls so. Whose it is, is the caller's to check."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _conversations WHERE external_scope = :scope AND external_id = :id "  # noqa: S608 constant
        f"AND tenant = :tenant AND {LIVE}",
        {"scope": external.scope, "id": external.id, "tenant": tenant, "now": now},
    ).fetchone()
    return conversation_of(row) if row else None


def set_paused(db: apsw.Connection, id: str, paused: bool, now: float) -> None:
    """Keep the bot from answering, or let it answer again."""
    db.execute("UPDATE _conversations SET paused = ?, updated_at = ? WHERE id = ?", (paused, now, id))


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
        f"SELECT {COLUMNS}, "  # noqa: S608 constant text
        "(SELECT count(*) FROM _messages m WHERE m.conversation_id = c.id AND "
        " (m.role = 'user' OR m.parts != x'5b5d')), "
        "(SELECT substr(content, 1, 50) FROM _messages m WHERE m.conversation_id = c.id AND m.role = 'user' "
        " ORDER BY position LIMIT 1) "
        f"FROM _conversations c WHERE {where} ORDER BY updated_at DESC, id LIMIT ?6 OFFSET ?7",
        (*values, limit, offset),
    )
    return [
        Listed(conversation=conversation_of(row[:-2]), message_count=row[-2], preview=row[-1] or "")
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


def discard(db: apsw.Connection, id: str) -> None:
    """Remove a conversation in which nothing was ever said."""
    db.execute(
        "DELETE FROM _conversations WHERE id = ?1 "
        "AND NOT EXISTS (SELECT 1 FROM _messages WHERE conversation_id = ?1)",
        (id,),
    )


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


def conversation_of(row: tuple[Any, ...]) -> Conversation:
    """A row of `COLUMNS`."""
    values = dict(zip(Conversation.__struct_fields__, row, strict=True))
    values["metadata"] = _METADATA.decode(values["metadata"])
    return msgspec.convert(values, Conversation, strict=False)
