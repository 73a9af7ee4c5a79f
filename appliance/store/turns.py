"""Turns and their two messages: admitted, flushed while they stream, settled, recovered after a crash."""

from __future__ import annotations

import apsw
import msgspec

from appliance import limits
from appliance.errors import ConversationNotFound
from appliance.identity import Caller
from appliance.messages import Message, MessageStatus, Part, Usage
from appliance.store import conversations, usage

SEQ_RESERVE = 1_000_000
"""After a crash a log goes on this far behind its last stored position: no model writes as many characters
between two flushes, so no client can have seen a position that is given out again."""

_ENCODER = msgspec.json.Encoder()
_PARTS = msgspec.json.Decoder(list[Part])
_COLUMNS = (
    "id, conversation_id, turn_id, role, status, content, parts, client_id, error_code, error_text, "
    "prompt_tokens, completion_tokens, usage_estimated, first_seq, last_seq, created_at"
)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """One message that asks to be admitted; ids are chosen by the caller so that this stays repeatable."""

    turn_id: str
    message_id: str
    answer_id: str
    conversation_id: str
    caller: Caller
    bucket: usage.Bucket
    policy: limits.Policy
    content: str
    client_id: str | None
    title: str
    reserved_tokens: int
    ttl_s: float
    now: float


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A stored user message. `duplicate` means that it was there before: `turn_id` is the older turn's.

    `content` is then what it says, which need not be what was sent now.
    """

    turn_id: str
    message_id: str
    duplicate: bool = False
    first_seq: int = 0
    content: str = ""


class Progressed(msgspec.Struct, frozen=True, kw_only=True):
    """How far a turn has come: its parts so far and the positions that they span."""

    turn_id: str
    conversation_id: str
    parts: list[Part]
    first_seq: int
    last_seq: int


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """How a turn ended; `progressed.last_seq` is the position of its terminal event."""

    progressed: Progressed
    status: MessageStatus
    usage: Usage
    error_code: str = ""
    error_text: str = ""
    provider: str = ""
    model: str = ""
    expires_at: float | None
    now: float


def admit(db: apsw.Connection, ask: Admission) -> Admitted:
    """Check the limits, count the request and store the message with a place for its answer, all or nothing.

    Raises `ConversationNotFound` and `LimitReached`. A message whose `client_id` is known in the
    conversation is not stored again.
    """
    conversation = conversations.find(db, ask.conversation_id, ask.caller, ask.now)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    if ask.client_id is not None and (known := find_known(db, ask.conversation_id, ask.client_id)):
        return known
    limits.check(ask.policy, usage.standing(db, ask.bucket, conversation.turn_count, ask.now), ask.now)
    usage.count_request(db, ask.bucket, ask.reserved_tokens, ask.now)
    for id, role, content, client_id in (
        (ask.message_id, "user", ask.content, ask.client_id),
        (ask.answer_id, "assistant", "", None),
    ):
        db.execute(
            "INSERT INTO _messages (id, conversation_id, turn_id, role, status, content, client_id, "
            "created_at) VALUES (?, ?, ?, ?, 'queued', ?, ?, ?)",
            (id, ask.conversation_id, ask.turn_id, role, content, client_id, ask.now),
        )
    db.execute(
        "INSERT INTO _turns (id, conversation_id, tenant, namespace, bot, principal, day, reserved_tokens, "
        "created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ask.turn_id,
            ask.conversation_id,
            *ask.bucket.key,
            limits.utc_day(ask.now),
            ask.reserved_tokens,
            ask.now,
        ),
    )
    db.execute(
        "UPDATE _conversations SET turn_count = turn_count + 1, title = coalesce(title, ?), "
        "reserved_seq = max(reserved_seq, last_seq) + ? WHERE id = ?",
        (ask.title, SEQ_RESERVE, ask.conversation_id),
    )
    expires_at = ask.now + ask.ttl_s if ask.ttl_s else None
    conversations.touch(db, ask.conversation_id, now=ask.now, expires_at=expires_at)
    return Admitted(turn_id=ask.turn_id, message_id=ask.message_id)


def find_known(db: apsw.Connection, conversation_id: str, client_id: str) -> Admitted | None:
    """The message that came with this client id before, if there is one."""
    row = db.execute(
        "SELECT turn_id, id, first_seq, content FROM _messages WHERE conversation_id = ? AND client_id = ?",
        (conversation_id, client_id),
    ).fetchone()
    if row is None:
        return None
    return Admitted(turn_id=row[0], message_id=row[1], first_seq=row[2], content=row[3], duplicate=True)


def flush(db: apsw.Connection, progressed: Progressed) -> None:
    """Keep what a running turn has so far."""
    _write_parts(db, progressed, "running")
    db.execute(
        "UPDATE _conversations SET last_seq = max(last_seq, ?1), reserved_seq = max(last_seq, ?1) + ?2 "
        "WHERE id = ?3",
        (progressed.last_seq, SEQ_RESERVE, progressed.conversation_id),
    )


def settle_all(db: apsw.Connection, ends: list[Settlement]) -> None:
    """Settle several turns, the oldest first."""
    for end in ends:
        settle(db, end)


def settle(db: apsw.Connection, end: Settlement) -> None:
    """Keep the whole answer, book the tokens that it cost, close the turn."""
    _close_turn(db, end)
    _write_parts(db, end.progressed, end.status)
    db.execute(
        "UPDATE _messages SET error_code = ?, error_text = ?, prompt_tokens = ?, completion_tokens = ?, "
        "usage_estimated = ? WHERE turn_id = ? AND role = 'assistant'",
        (
            end.error_code,
            end.error_text,
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated,
            end.progressed.turn_id,
        ),
    )
    # The log may have gone on meanwhile; and a turn that waits will go on from here.
    db.execute(
        "UPDATE _conversations SET last_seq = max(last_seq, ?1), reserved_seq = max(last_seq, ?1) + iif("
        "EXISTS (SELECT 1 FROM _turns WHERE conversation_id = ?4 AND ended_at IS NULL), ?5, 0), "
        "prompt_tokens = prompt_tokens + ?2, completion_tokens = completion_tokens + ?3 WHERE id = ?4",
        (
            end.progressed.last_seq,
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.progressed.conversation_id,
            SEQ_RESERVE,
        ),
    )
    conversations.touch(db, end.progressed.conversation_id, now=end.now, expires_at=end.expires_at)


def _close_turn(db: apsw.Connection, end: Settlement) -> None:
    """Book the tokens once: a turn that has been closed before is left alone."""
    row = db.execute(
        "UPDATE _turns SET status = ?, error_code = ?, prompt_tokens = ?, completion_tokens = ?, "
        "provider = ?, model = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL "
        "RETURNING tenant, namespace, bot, principal, day, reserved_tokens",
        (
            end.status,
            end.error_code,
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.provider,
            end.model,
            end.now,
            end.progressed.turn_id,
        ),
    ).fetchone()
    if row:
        bucket = usage.Bucket(tenant=row[0], namespace=row[1], bot=row[2], principal=row[3])
        usage.settle_tokens(db, bucket, row[4], reserved=row[5], spent=end.usage.total_tokens)


def _write_parts(db: apsw.Connection, progressed: Progressed, status: MessageStatus) -> None:
    db.execute(
        "UPDATE _messages SET status = ?, first_seq = ? WHERE turn_id = ? AND role = 'user'",
        (status, progressed.first_seq, progressed.turn_id),
    )
    db.execute(
        "UPDATE _messages SET status = ?, parts = ?, first_seq = ?, last_seq = ? "
        "WHERE turn_id = ? AND role = 'assistant'",
        (
            status,
            _ENCODER.encode(progressed.parts),
            progressed.first_seq + 1,
            progressed.last_seq,
            progressed.turn_id,
        ),
    )


def history(
    db: apsw.Connection, conversation_id: str, *, after_seq: int = 0, limit: int | None = None
) -> list[Message]:
    """Messages of turns that have begun and reach beyond `after_seq`, oldest first.

    With a `limit` only the newest ones.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM _messages WHERE conversation_id = ?1 AND status != 'queued' "  # noqa: S608 constant
        "AND turn_id IN (SELECT turn_id FROM _messages WHERE conversation_id = ?1 AND role = 'assistant' "
        "AND last_seq > ?2) ORDER BY position DESC LIMIT ?3",
        (conversation_id, after_seq, -1 if limit is None else limit),
    ).fetchall()
    return [_message(row) for row in reversed(rows)]


def messages(db: apsw.Connection, conversation_id: str) -> list[Message]:
    """All messages, oldest first, also of turns that wait or have just begun."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM _messages WHERE conversation_id = ? ORDER BY position",  # noqa: S608 constant
        (conversation_id,),
    )
    return [_message(row) for row in rows]


def recover(db: apsw.Connection, now: float) -> int:
    """Close all turns that a crash left open as interrupted, with the text they had; returns how many."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM _messages WHERE role = 'assistant' AND status IN ('queued', 'running') "  # noqa: S608 constant
        "ORDER BY position"
    ).fetchall()
    for row in rows:
        _interrupt(db, _message(row), now)
    return len(rows)


def _interrupt(db: apsw.Connection, answer: Message, now: float) -> None:
    last_seq, reserved_seq, expires_at = db.execute(
        "SELECT last_seq, reserved_seq, expires_at FROM _conversations WHERE id = ?",
        (answer.conversation_id,),
    ).get
    settle(
        db,
        Settlement(
            progressed=Progressed(
                turn_id=answer.turn_id,
                conversation_id=answer.conversation_id,
                parts=answer.parts,
                # A turn that was never flushed began right behind the last stored position.
                first_seq=answer.first_seq - 1 if answer.first_seq else last_seq + 1,
                last_seq=max(reserved_seq, last_seq + 1) + 1,
            ),
            status="interrupted",
            usage=Usage(completion_tokens=len(answer.text) // 4, estimated=True),
            error_code="interrupted",
            error_text="The server was stopped while it answered.",
            expires_at=expires_at,
            now=now,
        ),
    )


def _message(row: tuple[object, ...]) -> Message:
    (
        id,
        conversation_id,
        turn_id,
        role,
        status,
        content,
        parts,
        client_id,
        error_code,
        error_text,
        prompt_tokens,
        completion_tokens,
        estimated,
        first_seq,
        last_seq,
        created_at,
    ) = row
    return msgspec.convert(
        {
            "id": id,
            "conversation_id": conversation_id,
            "turn_id": turn_id,
            "role": role,
            "status": status,
            "content": content,
            "parts": _PARTS.decode(parts),  # type: ignore[arg-type]  # the column is a BLOB
            "client_id": client_id or "",
            "error_code": error_code,
            "error_text": error_text,
            "usage": Usage(
                prompt_tokens=prompt_tokens,  # type: ignore[arg-type]  # STRICT INTEGER columns
                completion_tokens=completion_tokens,  # type: ignore[arg-type]
                estimated=bool(estimated),
            ),
            "first_seq": first_seq,
            "last_seq": last_seq,
            "created_at": created_at,
        },
        Message,
    )
