"""Turns on their way to their end: kept while they stream, settled, closed after a crash."""

from __future__ import annotations

import apsw
import msgspec

from appliance.messages import Finish, Message, MessageStatus, Part, Usage
from appliance.store import conversations, hours, insight, traces, usage
from appliance.store.message_rows import COLUMNS, OF_TURN, message_of
from appliance.store.turns import SEQ_RESERVE

_SPAN = "parts = ?, first_seq = ?, last_seq = ?"
_ENCODER = msgspec.json.Encoder()


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
    finish: Finish = "stop"
    error_code: str = ""
    error_text: str = ""
    provider: str = ""
    provider_id: str = ""
    """Which of the providers of that kind; `provider_name` is what people call it."""
    provider_name: str = ""
    model: str = ""
    trace: bytes = b""
    """What explains the answer; empty to keep nothing."""
    expires_at: float | None
    now: float


def flush(db: apsw.Connection, progressed: Progressed) -> None:
    """Keep what a running turn has so far."""
    _place_question(db, progressed, "running")
    db.execute(
        f"UPDATE _messages SET status = 'running', {_SPAN} WHERE position = {OF_TURN}",  # noqa: S608 constant
        (*_span(progressed), *_answer_of(progressed)),
    )
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
    if end.trace:
        traces.put(db, end.progressed.turn_id, end.progressed.conversation_id, end.trace, end.now)
    _write_answer(db, end)
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
        "RETURNING tenant, namespace, bot, principal, day, reserved_tokens, created_at, network",
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
        for one in (bucket, *([msgspec.structs.replace(bucket, principal=row[7])] if row[7] else [])):
            usage.settle_tokens(db, one, row[4], reserved=row[5], spent=end.usage.total_tokens)
        counted = _counted(end, bucket, began_at=row[6])
        insight.count_turn(db, counted)
        hours.count(db, _in_its_hour(end, counted))


def _counted(end: Settlement, bucket: usage.Bucket, *, began_at: float) -> insight.TurnEnd:
    return insight.TurnEnd(
        tenant=bucket.tenant,
        namespace=bucket.namespace,
        bot=bucket.bot,
        provider_id=end.provider_id,
        provider_name=end.provider_name,
        model=end.model,
        prompt_tokens=end.usage.prompt_tokens,
        completion_tokens=end.usage.completion_tokens,
        is_error=end.status in ("failed", "interrupted"),
        is_answered=end.status == "done",
        took_s=end.now - began_at,
    )


def _in_its_hour(end: Settlement, counted: insight.TurnEnd) -> hours.HourEnd:
    return hours.HourEnd(
        at=end.now,
        tenant=counted.tenant,
        namespace=counted.namespace,
        bot=counted.bot,
        provider=counted.provider_name,
        model=counted.model,
        conversation_id=end.progressed.conversation_id,
        prompt_tokens=counted.prompt_tokens,
        completion_tokens=counted.completion_tokens,
        is_error=counted.is_error,
        is_answered=counted.is_answered,
        took_s=counted.took_s,
    )


def _place_question(db: apsw.Connection, progressed: Progressed, status: MessageStatus) -> None:
    """An answer that goes on has none."""
    db.execute(
        f"UPDATE _messages SET status = ?, first_seq = ? WHERE position = {OF_TURN}",  # noqa: S608 constant
        (status, progressed.first_seq, progressed.conversation_id, progressed.turn_id, "user"),
    )


def _write_answer(db: apsw.Connection, end: Settlement) -> None:
    _place_question(db, end.progressed, end.status)
    db.execute(
        f"UPDATE _messages SET status = ?, {_SPAN}, error_code = ?, error_text = ?, prompt_tokens = ?, "  # noqa: S608 constant
        f"completion_tokens = ?, usage_estimated = ?, created_at = ?, finish = ? WHERE position = {OF_TURN}",
        (
            end.status,
            *_span(end.progressed),
            end.error_code,
            end.error_text,
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated,
            end.now,
            end.finish,
            *_answer_of(end.progressed),
        ),
    )


def _span(progressed: Progressed) -> tuple[bytes, int, int]:
    """The values of `_SPAN`: the question has the position before the answer's first."""
    return _ENCODER.encode(progressed.parts), progressed.first_seq + 1, progressed.last_seq


def _answer_of(progressed: Progressed) -> tuple[str, str, str]:
    """The values of `OF_TURN`."""
    return progressed.conversation_id, progressed.turn_id, "assistant"


def recover(db: apsw.Connection, now: float) -> int:
    """Close all turns that a crash left open as interrupted, with the text they had; returns how many."""
    for id, conversation_id in db.execute(
        "SELECT id, conversation_id FROM _messages m WHERE (role = 'user' OR owner != '') "
        "AND status = 'queued' AND NOT EXISTS (SELECT 1 FROM _turns t WHERE t.id = m.turn_id) "
        "ORDER BY position"
    ).fetchall():
        _place(db, str(id), str(conversation_id))
    rows = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE role = 'assistant' AND status IN ('queued', 'running') "  # noqa: S608 constant
        "ORDER BY position"
    ).fetchall()
    for row in rows:
        _interrupt(db, message_of(row), now)
    return len(rows)


def _place(db: apsw.Connection, id: str, conversation_id: str) -> None:
    """A message of no turn was stored, and told to nobody: it comes next in the log, and may take two."""
    db.execute(
        "UPDATE _conversations SET last_seq = reserved_seq + 2, reserved_seq = reserved_seq + 2 WHERE id = ?",
        (conversation_id,),
    )
    db.execute(
        "UPDATE _messages SET status = 'done', (first_seq, last_seq) = "
        "(SELECT last_seq, last_seq FROM _conversations WHERE id = ?) WHERE id = ?",
        (conversation_id, id),
    )


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
