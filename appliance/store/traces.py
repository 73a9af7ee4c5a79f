"""What answers were made of, kept for some days: opaque to the store, and gone with their conversations."""

from __future__ import annotations

import apsw
import msgspec


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A turn as it was booked, with its trace where that is still there; times are Unix seconds."""

    id: str
    conversation_id: str
    namespace: str
    bot: str
    provider: str
    model: str
    status: str
    error_code: str
    prompt_tokens: int
    completion_tokens: int
    created_at: float
    ended_at: float | None
    data: bytes | None


def put(db: apsw.Connection, turn_id: str, conversation_id: str, data: bytes, now: float) -> None:
    """Keep a turn's trace, in the transaction that settles it."""
    db.execute(
        "INSERT INTO _traces (turn_id, conversation_id, data, created_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT DO NOTHING",
        (turn_id, conversation_id, data, now),
    )


def find(db: apsw.Connection, conversation_id: str, turn_id: str) -> Turn | None:
    """A turn of that conversation."""
    row = db.execute(
        "SELECT t.id, t.conversation_id, namespace, bot, provider, model, status, error_code, prompt_tokens, "
        "completion_tokens, t.created_at, ended_at, data FROM _turns t LEFT JOIN _traces ON turn_id = t.id "
        "WHERE t.id = ? AND t.conversation_id = ?",
        (turn_id, conversation_id),
    ).fetchone()
    return msgspec.convert(dict(zip(Turn.__struct_fields__, row, strict=True)), Turn) if row else None


def forget(db: apsw.Connection, before: float, limit: int = 500) -> int:
    """Delete those that are older than `before`, at most `limit`; how many it were."""
    db.execute(
        "DELETE FROM _traces WHERE turn_id IN (SELECT turn_id FROM _traces WHERE created_at < ? "
        "ORDER BY created_at LIMIT ?)",
        (before, limit),
    )
    return db.changes()
