"""Who answers in a conversation: the bot, or a person of the team; with a note of each change."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.conversation import Conversation, HandoffNote
from appliance.errors import Conflict, ConversationNotFound
from appliance.messages import OPERATOR, Message, TextPart
from appliance.store import conversations, posts

CALLS_MAX, CALLS_S = 20, 3600.0
"""How often a person may be asked for in one conversation within so many seconds: each is a note for ever."""

_ENCODER = msgspec.json.Encoder()
_NOTE = "id, conversation_id, state, operator, name, reason, seq, at"


class Operator(msgspec.Struct, frozen=True):
    """A person of the team: their account, and the name that visitors read."""

    account: str
    name: str

    @property
    def author(self) -> str:
        """As whom they write."""
        return f"{OPERATOR}{self.account}"


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """One change; `operator` is the account of who made it, `seq` its place in the log."""

    id: str
    conversation_id: str
    state: HandoffNote
    operator: str = ""
    name: str = ""
    reason: str = ""
    seq: int = 0
    at: float


class Ask(msgspec.Struct, frozen=True, kw_only=True):
    """What every change needs: the conversation, its tenant, the id of the note, and the moment."""

    conversation_id: str
    tenant: str
    note_id: str
    now: float


def join(db: apsw.Connection, ask: Ask, operator: Operator, *, force: bool) -> Note | None:
    """The person answers from now on; None when they did already.

    Raises `ConversationNotFound`, and `Conflict` with the name of whoever is there, unless it is by `force`.
    """
    found = _there(db, ask)
    if found.handoff == "joined":
        if found.operator == operator.account:
            return None
        if not force:
            raise Conflict(
                f"{found.operator_name} has taken over this conversation already.",
                operator_name=found.operator_name,
            )
    return _change(db, ask, "joined", operator)


def leave(db: apsw.Connection, ask: Ask, operator: Operator, *, force: bool) -> Note:
    """The bot goes on; raises `ConversationNotFound`, and `Conflict` unless that person is there."""
    found = _there(db, ask)
    if found.handoff != "joined":
        raise Conflict("Nobody has taken over this conversation.")
    if found.operator != operator.account and not force:
        raise Conflict(
            f"{found.operator_name} has taken over this conversation, not you.",
            operator_name=found.operator_name,
        )
    return _change(db, ask, "left", operator)


def call(db: apsw.Connection, ask: Ask, reason: str = "") -> Note | None:
    """Wait for a person; None when one is waited for, or there, already.

    Raises `ConversationNotFound`, and `Conflict` when they were asked for too often.
    """
    if _there(db, ask).handoff:
        return None
    asked = db.execute(
        "SELECT count(*) FROM _handoff_notes WHERE conversation_id = ? AND state = 'waiting' AND at > ?",
        (ask.conversation_id, ask.now - CALLS_S),
    ).get
    if int(str(asked)) >= CALLS_MAX:
        raise Conflict("A person was asked for, and called off, very often. Try again in an hour.")
    return _change(db, ask, "waiting", reason=reason)


def call_off(db: apsw.Connection, ask: Ask) -> Note | None:
    """The visitor waits no longer; None when they did not, or somebody has come."""
    return _change(db, ask, "ended") if _there(db, ask).handoff == "waiting" else None


def resolve(db: apsw.Connection, ask: Ask, operator: Operator) -> Note | None:
    """The matter is settled, and the bot answers alone; None when it does.

    Raises `ConversationNotFound`, and `Conflict` when another person is there.
    """
    found = _there(db, ask)
    if found.handoff == "joined" and found.operator != operator.account:
        raise Conflict(
            f"{found.operator_name} has taken over this conversation.", operator_name=found.operator_name
        )
    return _change(db, ask, "ended", operator) if found.handoff else None


def say(
    db: apsw.Connection,
    ask: Ask,
    operator: Operator,
    content: str,
    *,
    client_id: str | None,
    expires_at: float | None,
) -> Message:
    """Keep what the person says, `ask.note_id` being the message's id; it is queued until `place`.

    A message whose `client_id` is known is given as it was. Raises `ConversationNotFound`, and `Conflict`
    when that person has not joined, or the client id is another message's.
    """
    found = _there(db, ask)
    if client_id and (known := posts.find_by(db, ask.conversation_id, client_id)):
        if known.author != operator.author or known.client_id != client_id:
            raise Conflict("This client_id was used for another message in this conversation.")
        return known
    if found.handoff != "joined" or found.operator != operator.account:
        raise Conflict("Take over the conversation before you write in it.")
    db.execute(
        "INSERT INTO _messages (id, conversation_id, turn_id, role, status, parts, client_id, created_at, "
        "owner, metadata) VALUES (?1, ?2, ?3, 'assistant', 'queued', ?4, ?5, ?6, ?7, ?8)",
        (
            *(ask.note_id, ask.conversation_id, f"operator-{ask.note_id}"),
            _ENCODER.encode([TextPart(seq=0, text=content)]),
            *(client_id, ask.now, operator.author),
            _ENCODER.encode({"operator_name": operator.name}),
        ),
    )
    posts.reserve(db, ask.conversation_id)
    conversations.touch(db, ask.conversation_id, now=ask.now, expires_at=expires_at)
    said = posts.find_by(db, ask.conversation_id, ask.note_id)
    assert said is not None, "it was stored in this transaction"
    return said


def place(db: apsw.Connection, note: Note, seq: int) -> None:
    """The note stands at `seq` in the log."""
    db.execute("UPDATE _handoff_notes SET seq = ? WHERE id = ?", (seq, note.id))
    posts.place(db, note.conversation_id, seq)


def notes(db: apsw.Connection, conversation_id: str, *, after_seq: int = 0) -> list[Note]:
    """What was told behind that place in the log, in order."""
    rows = db.execute(
        f"SELECT {_NOTE} FROM _handoff_notes WHERE conversation_id = ? AND seq > ? ORDER BY seq",  # noqa: S608 constant
        (conversation_id, after_seq),
    )
    fields = Note.__struct_fields__
    return [msgspec.convert(dict(zip(fields, row, strict=True)), Note) for row in rows]


def recover(db: apsw.Connection) -> None:
    """Notes that a crash kept from being told come next in their logs."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT number, conversation_id FROM _handoff_notes WHERE seq = 0 ORDER BY number"
    ).fetchall()
    for number, conversation_id in rows:
        db.execute(
            "UPDATE _conversations SET last_seq = max(reserved_seq, last_seq) + 1, "
            "reserved_seq = max(reserved_seq, last_seq) + 1 WHERE id = ?",
            (conversation_id,),
        )
        db.execute(
            "UPDATE _handoff_notes SET seq = (SELECT last_seq FROM _conversations WHERE id = ?) "
            "WHERE number = ?",
            (conversation_id, number),
        )


def counts(db: apsw.Connection, tenant: str, now: float) -> tuple[int, int]:
    """Live conversations that wait for a person, and those where one is."""
    rows = db.execute(
        "SELECT count(*) FILTER (WHERE handoff = 'waiting'), count(*) FILTER (WHERE handoff = 'joined') "  # noqa: S608 constant
        f"FROM _conversations WHERE handoff != '' AND tenant = :tenant AND {conversations.LIVE}",
        {"tenant": tenant, "now": now},
    ).fetchall()
    return int(str(rows[0][0])), int(str(rows[0][1]))


# -- inner ---------------------------------------------------------------------------------------------


def _there(db: apsw.Connection, ask: Ask) -> Conversation:
    found = conversations.find_in_tenant(db, ask.conversation_id, ask.tenant, ask.now)
    if found is None:
        raise ConversationNotFound("There is no such conversation.")
    return found


_AFTER = {"waiting": "waiting", "joined": "joined", "left": "", "ended": ""}


def _change(
    db: apsw.Connection, ask: Ask, state: HandoffNote, operator: Operator | None = None, reason: str = ""
) -> Note:
    """Keep the new state with its note, and positions for telling it."""
    who = operator or Operator("", "")
    there = who if state == "joined" else Operator("", "")
    db.execute(
        "UPDATE _conversations SET handoff = ?, operator = ?, operator_name = ?, updated_at = ? WHERE id = ?",
        (_AFTER[state], there.account, there.name, ask.now, ask.conversation_id),
    )
    note = Note(
        id=ask.note_id,
        conversation_id=ask.conversation_id,
        state=state,
        operator=who.account,
        name=who.name,
        reason=reason,
        at=ask.now,
    )
    db.execute(
        f"INSERT INTO _handoff_notes ({_NOTE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 constant
        msgspec.structs.astuple(note),
    )
    posts.reserve(db, ask.conversation_id)
    return note
