"""Events of people's own making in a conversation: kept and given back, never listed."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance import limits
from appliance.store import usage

_OBJECT = msgspec.json.Decoder(dict[str, Any])


class CustomEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; `author` is `Caller.owner` of who told it, `created_at` Unix seconds."""

    id: str
    conversation_id: str
    author: str
    payload: dict[str, Any]
    created_at: float


def add(db: apsw.Connection, event: CustomEvent, bucket: usage.Bucket, policy: limits.Policy) -> None:
    """Keep it. It counts as a request, since strangers may tell events, too; raises `LimitReached`."""
    now = event.created_at
    limits.check(policy, usage.standing(db, bucket, 0, now), now)
    usage.count_request(db, bucket, 0, now)
    db.execute(
        "INSERT INTO _custom_events (id, conversation_id, owner, payload, created_at) VALUES (?, ?, ?, ?, ?)",
        (event.id, event.conversation_id, event.author, msgspec.json.encode(event.payload), event.created_at),
    )


def find(db: apsw.Connection, id: str, tenant: str, now: float) -> CustomEvent | None:
    """An event of a live conversation of the tenant; who may read it, is the caller's to check."""
    row = db.execute(
        "SELECT e.id, e.conversation_id, e.owner, e.payload, e.created_at FROM _custom_events e "
        "JOIN _conversations c ON c.id = e.conversation_id WHERE e.id = ? AND c.tenant = ? "
        "AND c.status = 'active' AND (c.expires_at IS NULL OR c.expires_at > ?)",
        (id, tenant, now),
    ).fetchone()
    if row is None:
        return None
    return CustomEvent(
        id=row[0], conversation_id=row[1], author=row[2], payload=_OBJECT.decode(row[3]), created_at=row[4]
    )
