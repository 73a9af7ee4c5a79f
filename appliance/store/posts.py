"""Messages outside turns: posted and not answered, deleted, valued.

And the log positions that such events take.
"""

from __future__ import annotations

from typing import Literal

import apsw
import msgspec

from appliance.errors import ConversationNotFound
from appliance.messages import Message
from appliance.store import conversations, message_rows, turns

_OF_A_LIVE_CONVERSATION = (
    "EXISTS (SELECT 1 FROM _conversations c WHERE c.id = _messages.conversation_id AND c.tenant = :tenant "
    "AND c.status = 'active' AND (c.expires_at IS NULL OR c.expires_at > :now))"
)


PAUSED = "paused"
"""The `error_code` of a message that nobody answered because the bot was paused."""


def post(db: apsw.Connection, ask: turns.Admission, *, paused: bool = False) -> turns.Admitted:
    """Store a message that the bot does not answer; it counts as a request. Raises what `turns.admit` does.

    It is queued until its position in the log is told by `place`; after a crash `settling.recover` does that.
    """
    conversation = conversations.find(db, ask.conversation_id, ask.caller, ask.now)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    known = ask.client_id and turns.find_known(db, ask.conversation_id, ask.client_id)
    if known:
        turns.check_author(known, ask.caller)
        return known
    turns.count_in(db, msgspec.structs.replace(ask, reserved_tokens=0), 0)  # no turn would give them back
    turns.add_message(db, ask)
    db.execute("UPDATE _messages SET error_code = ? WHERE id = ?", (PAUSED if paused else "", ask.message_id))
    db.execute(
        "UPDATE _conversations SET title = coalesce(title, ?) WHERE id = ?", (ask.title, ask.conversation_id)
    )
    reserve(db, ask.conversation_id)
    expires_at = ask.now + ask.ttl_s if ask.ttl_s else None
    conversations.touch(db, ask.conversation_id, now=ask.now, expires_at=expires_at)
    return turns.Admitted(turn_id="", message_id=ask.message_id)


def reserve(db: apsw.Connection, conversation_id: str) -> None:
    """Positions are about to be given out: after a crash the log goes on behind them."""
    db.execute(
        "UPDATE _conversations SET reserved_seq = max(reserved_seq, last_seq) + ? WHERE id = ?",
        (turns.SEQ_RESERVE, conversation_id),
    )


def place(db: apsw.Connection, conversation_id: str, seq: int, message_id: str = "") -> None:
    """The log has come to `seq`, where that message stands, if it is one."""
    if message_id:
        db.execute(
            "UPDATE _messages SET status = 'done', first_seq = ?1, last_seq = ?1 WHERE id = ?2",
            (seq, message_id),
        )
    db.execute(
        "UPDATE _conversations SET last_seq = max(last_seq, ?1), reserved_seq = max(last_seq, ?1) + iif("
        "EXISTS (SELECT 1 FROM _turns WHERE conversation_id = ?2 AND ended_at IS NULL), ?3, 0) WHERE id = ?2",
        (seq, conversation_id, turns.SEQ_RESERVE),
    )


def find_message(db: apsw.Connection, id: str, tenant: str, now: float) -> Message | None:
    """A message of a live conversation of the tenant; whose it is, is the caller's to check."""
    row = db.execute(
        f"SELECT {message_rows.COLUMNS} FROM _messages WHERE id = :id AND {_OF_A_LIVE_CONVERSATION}",  # noqa: S608 constant
        {"id": id, "tenant": tenant, "now": now},
    ).fetchone()
    return message_rows.message_of(row) if row else None


def find_by(db: apsw.Connection, conversation_id: str, id_or_client_id: str) -> Message | None:
    """A message of the conversation, by its id or by what its client calls it."""
    row = db.execute(
        f"SELECT {message_rows.COLUMNS} FROM _messages "  # noqa: S608 constant
        "WHERE conversation_id = ?1 AND (id = ?2 OR client_id = ?2)",
        (conversation_id, id_or_client_id),
    ).fetchone()
    return message_rows.message_of(row) if row else None


def page(
    db: apsw.Connection, conversation_id: str, *, before: int | None, limit: int
) -> tuple[list[Message], int]:
    """Up to `limit` messages that people see, before that position, oldest first.

    And how many there are in all.
    """
    shown = "conversation_id = :id AND (role = 'user' OR parts != x'5b5d')"
    total = db.execute(f"SELECT count(*) FROM _messages WHERE {shown}", {"id": conversation_id}).get  # noqa: S608 constant
    rows = db.execute(
        f"SELECT {message_rows.COLUMNS} FROM _messages WHERE {shown} "  # noqa: S608 constant
        "AND (:before IS NULL OR position < :before) ORDER BY position DESC LIMIT :limit",
        {"id": conversation_id, "before": before, "limit": limit},
    ).fetchall()
    return [message_rows.message_of(row) for row in reversed(rows)], total


def delete_message(db: apsw.Connection, conversation_id: str, id: str) -> bool:
    """Remove one message; False when it is gone already."""
    db.execute("DELETE FROM _messages WHERE conversation_id = ? AND id = ?", (conversation_id, id))
    return db.changes() > 0


def set_feedback(
    db: apsw.Connection, conversation_id: str, id: str, feedback: Literal["positive", "negative"] | None
) -> None:
    """What somebody thinks of an answer; None takes it back."""
    db.execute(
        "UPDATE _messages SET feedback = ? WHERE conversation_id = ? AND id = ? AND role = 'assistant'",
        (feedback, conversation_id, id),
    )
