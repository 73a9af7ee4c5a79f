"""Turns and their two messages: admitted, flushed while they stream, settled, recovered after a crash."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance import limits, withholding
from appliance.errors import Conflict, ConversationNotFound
from appliance.identity import Caller
from appliance.messages import OPERATOR, Finish, Message, MessageStatus, Part, Usage
from appliance.store import budget, conversations, hours, insight, traces, usage

SEQ_RESERVE = 1_000_000
"""After a crash a log goes on this far behind its last stored position: no model writes as many characters
between two flushes, so no client can have seen a position that is given out again."""

_ENCODER = msgspec.json.Encoder()
_PARTS = msgspec.json.Decoder(list[Part])
_OBJECT = msgspec.json.Decoder(dict[str, Any])
COLUMNS = (
    "id, conversation_id, turn_id, role, status, content, parts, client_id, error_code, error_text, "
    "prompt_tokens, completion_tokens, usage_estimated, first_seq, last_seq, created_at, owner, payload, "
    "metadata, feedback, feedback_comment, finish, position"
)
_WITHOUT_ATTACHED = COLUMNS.replace(
    "payload, metadata", f"NULL, iif(role = 'assistant' AND owner LIKE '{OPERATOR}%', metadata, NULL)"
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
    network: usage.Bucket | None = None
    """Counted as well, for people for whom nobody vouches: they may come under any number of names."""
    network_policy: limits.Policy = limits.Policy()
    content: str
    client_id: str | None
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    continues: bool = False
    """There is no new message: the answer goes on with the outputs of tools that the client ran."""
    title: str
    reserved_tokens: int
    ttl_s: float
    now: float


class Admitted(msgspec.Struct, frozen=True, kw_only=True):
    """A stored user message. `duplicate` means that it was there before: `turn_id` is the older turn's.

    `content` is then what it says, which need not be what was sent now; `turn_id` is empty when nobody
    answered it. `author` is who sent it then.
    """

    turn_id: str
    message_id: str
    duplicate: bool = False
    first_seq: int = 0
    content: str = ""
    author: str = ""


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


def admit(db: apsw.Connection, ask: Admission) -> Admitted:
    """Check the limits, count the request and store the message with a place for its answer, all or nothing.

    Raises `ConversationNotFound` and `LimitReached`. A message whose `client_id` is known in the
    conversation is not stored again.
    """
    conversation = conversations.find(db, ask.conversation_id, ask.caller, ask.now)
    if conversation is None:
        raise ConversationNotFound("There is no such conversation.")
    if ask.client_id is not None and (known := find_known(db, ask.conversation_id, ask.client_id)):
        check_author(known, ask.caller)
        return known
    count_in(db, ask, conversation.turn_count)
    if not ask.continues:
        add_message(db, ask)
    add_answer(db, ask)
    begin(db, ask)
    return Admitted(turn_id=ask.turn_id, message_id=ask.message_id)


def count_in(db: apsw.Connection, ask: Admission, turn_count: int) -> None:
    """Count the request, with what it may cost held back; raises `LimitReached`."""
    check_limits(db, ask, turn_count)
    budget.check(db, ask.now)
    for bucket in (ask.bucket, ask.network):
        if bucket is not None:
            usage.count_request(db, bucket, ask.reserved_tokens, ask.now)


def check_limits(db: apsw.Connection, ask: Admission, turn_count: int) -> None:
    """Would it be admitted as things are, by who asks and by their network? Raises `LimitReached`."""
    network = None
    if ask.network is not None:
        network = (ask.network_policy, usage.standing(db, ask.network, 0, ask.now))
    own = (ask.policy, usage.standing(db, ask.bucket, turn_count, ask.now))
    limits.check_both(own, network, ask.now)


def add_message(db: apsw.Connection, ask: Admission) -> None:
    """What the user says."""
    db.execute(
        "INSERT INTO _messages (id, conversation_id, turn_id, role, status, content, client_id, created_at, "
        "owner, payload, metadata) VALUES (?, ?, ?, 'user', 'queued', ?, ?, ?, ?, ?, ?)",
        (
            *(ask.message_id, ask.conversation_id, ask.turn_id, ask.content, ask.client_id, ask.now),
            *(ask.caller.owner, *encoded(ask.payload, ask.metadata)),
        ),
    )


def add_answer(db: apsw.Connection, ask: Admission) -> None:
    """A place for the answer, behind all there is."""
    db.execute(
        "INSERT INTO _messages (id, conversation_id, turn_id, role, status, created_at) "
        "VALUES (?, ?, ?, 'assistant', 'queued', ?)",
        (ask.answer_id, ask.conversation_id, ask.turn_id, ask.now),
    )


def begin(db: apsw.Connection, ask: Admission) -> None:
    """The turn itself, and what its conversation shows of it; outputs of tools are used up or void now."""
    db.execute("DELETE FROM _tool_outputs WHERE conversation_id = ?", (ask.conversation_id,))
    db.execute(
        "INSERT INTO _turns (id, conversation_id, tenant, namespace, bot, principal, day, reserved_tokens, "
        "created_at, network) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            ask.turn_id,
            ask.conversation_id,
            *ask.bucket.key,
            limits.utc_day(ask.now),
            ask.reserved_tokens,
            ask.now,
            ask.network.principal if ask.network else "",
        ),
    )
    db.execute(
        "UPDATE _conversations SET turn_count = turn_count + 1, title = coalesce(title, ?), "
        "reserved_seq = max(reserved_seq, last_seq) + ? WHERE id = ?",
        (ask.title, SEQ_RESERVE, ask.conversation_id),
    )
    expires_at = ask.now + ask.ttl_s if ask.ttl_s else None
    conversations.touch(db, ask.conversation_id, now=ask.now, expires_at=expires_at)


def encoded(payload: dict[str, Any] | None, metadata: dict[str, Any]) -> tuple[bytes | None, bytes | None]:
    """The columns `payload` and `metadata`."""
    return (
        None if payload is None else _ENCODER.encode(payload),
        _ENCODER.encode(metadata) if metadata else None,
    )


def find_known(db: apsw.Connection, conversation_id: str, client_id: str) -> Admitted | None:
    """The message that came with this client id before, if there is one."""
    row = db.execute(
        "SELECT iif(EXISTS (SELECT 1 FROM _turns t WHERE t.id = m.turn_id), turn_id, ''), id, first_seq, "
        "content, owner FROM _messages m WHERE conversation_id = ? AND client_id = ?",
        (conversation_id, client_id),
    ).fetchone()
    if row is None:
        return None
    turn_id, id, first_seq, content, author = row
    return Admitted(
        turn_id=turn_id, message_id=id, first_seq=first_seq, content=content, author=author, duplicate=True
    )


def check_author(known: Admitted, caller: Caller) -> None:
    """Raises `Conflict` when somebody else used that client id: their message is not this one."""
    if known.author and known.author != caller.owner:
        raise Conflict("This message id was used by somebody else in this conversation. Send another one.")


def find_answer(db: apsw.Connection, turn_id: str) -> Message | None:
    """The answer of that turn as it is now."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE turn_id = ? AND role = 'assistant'",  # noqa: S608 constant
        (turn_id,),
    ).fetchone()
    return message_of(row) if row else None


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
    if end.trace:
        traces.put(db, end.progressed.turn_id, end.progressed.conversation_id, end.trace, end.now)
    _write_parts(db, end.progressed, end.status)
    db.execute(
        "UPDATE _messages SET error_code = ?, error_text = ?, prompt_tokens = ?, completion_tokens = ?, "
        "usage_estimated = ?, created_at = ?, finish = ? WHERE turn_id = ? AND role = 'assistant'",
        (
            end.error_code,
            end.error_text,
            end.usage.prompt_tokens,
            end.usage.completion_tokens,
            end.usage.estimated,
            end.now,
            end.finish,
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


def withhold(db: apsw.Connection, conversation_id: str) -> None:
    """Take out of the answers so far what those who join now may not read."""
    sql = "SELECT id, parts FROM _messages WHERE conversation_id = ? AND role = 'assistant'"
    rows: list[tuple[Any, ...]] = db.execute(sql, (conversation_id,)).fetchall()
    for id, parts in rows:
        before = _PARTS.decode(parts)
        after = [withholding.part(part) for part in before]
        if after != before:
            db.execute("UPDATE _messages SET parts = ? WHERE id = ?", (_ENCODER.encode(after), id))


def history(
    db: apsw.Connection,
    conversation_id: str,
    *,
    after_seq: int = 0,
    limit: int | None = None,
    attached: bool = False,
) -> list[Message]:
    """Messages of turns that have begun and reach beyond `after_seq`, oldest first.

    With a `limit` only the newest ones; with `payload` and `metadata`, which may be large, when they are
    `attached`.
    """
    columns = COLUMNS if attached else _WITHOUT_ATTACHED
    rows = db.execute(
        f"SELECT {columns} FROM _messages WHERE conversation_id = ?1 AND status != 'queued' "  # noqa: S608 constant
        "AND turn_id IN (SELECT turn_id FROM _messages WHERE conversation_id = ?1 "
        "AND last_seq > ?2) ORDER BY position DESC LIMIT ?3",
        (conversation_id, after_seq, -1 if limit is None else limit),
    ).fetchall()
    return [message_of(row) for row in reversed(rows)]


def messages(db: apsw.Connection, conversation_id: str) -> list[Message]:
    """All messages, oldest first, also of turns that wait or have just begun."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE conversation_id = ? ORDER BY position",  # noqa: S608 constant
        (conversation_id,),
    )
    return [message_of(row) for row in rows]


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


def message_of(row: tuple[Any, ...]) -> Message:
    """A row of `COLUMNS`."""
    values = dict(zip(COLUMNS.split(", "), row, strict=True))
    usage = Usage(
        prompt_tokens=values.pop("prompt_tokens"),
        completion_tokens=values.pop("completion_tokens"),
        estimated=bool(values.pop("usage_estimated")),
    )
    values |= {
        "parts": _PARTS.decode(values["parts"]),
        "client_id": values["client_id"] or "",
        "author": values.pop("owner"),
        "payload": values["payload"] and _OBJECT.decode(values["payload"]),
        "metadata": _OBJECT.decode(values["metadata"]) if values["metadata"] else {},
    }
    return Message(usage=usage, **values)
