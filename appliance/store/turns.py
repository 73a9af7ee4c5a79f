"""Turns as they begin: a message is checked against the limits, counted and stored, all or nothing."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance import limits
from appliance.errors import Conflict, ConversationNotFound
from appliance.identity import Caller
from appliance.store import budget, conversations, usage

SEQ_RESERVE = 1_000_000
"""After a crash a log goes on this far behind its last stored position: no model writes as many characters
between two flushes, so no client can have seen a position that is given out again."""

_ENCODER = msgspec.json.Encoder()


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
