"""Conversations as the console lists them: searched, filtered, newest first, with what is known of each."""

from __future__ import annotations

from typing import Any, Literal

import apsw
import msgspec

from appliance.conversation import Conversation
from appliance.store.conversations import COLUMNS, LIVE, conversation_of

SEARCHED_MAX = 5_000
"""A search for words reads so many of the newest conversations that fit everything else."""

LISTED = "(persist OR handoff != '')"
"""Conversations that are kept, and others while a person is, or may be, in them."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which conversations of a tenant; what is empty or None does not matter.

    `text` may stand in the title, a message, or the person's name or id. `person` is their owner string, id
    or name. `start` and `end` bound the last message, in Unix seconds, the end not included.
    """

    tenant: str
    text: str = ""
    namespace: str = ""
    bot: str = ""
    source: str = ""
    handoff: Literal["", "waiting", "joined"] = ""
    feedback: Literal["", "positive", "negative"] = ""
    with_errors: bool = False
    person: str = ""
    start: float | None = None
    end: float | None = None


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with what the console shows of it; `person` is the name of whose it is, if known.

    `reason` is why a person is waited for, `helped_by` who of the team was there last and has left.
    """

    conversation: Conversation
    person: str
    reason: str
    helped_by: str
    preview: str
    message_count: int
    positive: int
    negative: int
    errors: int


_SHOWN = "(m.role = 'user' OR m.parts != x'5b5d')"
_OF = "_messages m WHERE m.conversation_id = c.id"
_ERROR = "m.role = 'assistant' AND m.status IN ('failed', 'interrupted')"
_NAME = "(SELECT p.name FROM _profiles p WHERE p.tenant = c.tenant AND p.owner = c.owner)"
_NOTE = "_handoff_notes n WHERE n.conversation_id = c.id"
_NEWEST = "ORDER BY n.number DESC LIMIT 1"
_FACTS = (
    f"coalesce({_NAME}, ''), "  # noqa: S608 constants
    f"CASE c.handoff WHEN 'waiting' THEN coalesce((SELECT n.reason FROM {_NOTE} AND n.state = 'waiting' "
    f"{_NEWEST}), '') ELSE '' END, "
    f"CASE c.handoff WHEN '' THEN coalesce((SELECT n.name FROM {_NOTE} AND n.state = 'joined' "
    f"{_NEWEST}), '') ELSE '' END, "
    f"coalesce((SELECT substr(m.content, 1, 200) FROM {_OF} AND m.role = 'user' "
    "ORDER BY m.position DESC LIMIT 1), ''), "
    f"(SELECT count(*) FROM {_OF} AND {_SHOWN}), "
    f"(SELECT count(*) FROM {_OF} AND m.feedback = 'positive'), "
    f"(SELECT count(*) FROM {_OF} AND m.feedback = 'negative'), "
    f"(SELECT count(*) FROM {_OF} AND {_ERROR})"
)
_TEXT = (
    "(c.title LIKE :text ESCAPE '\\' OR c.owner LIKE :text ESCAPE '\\' "  # noqa: S608 constants
    f"OR {_NAME} LIKE :text ESCAPE '\\' OR EXISTS (SELECT 1 FROM {_OF} AND (m.content LIKE :text ESCAPE '\\' "
    "OR (m.role = 'assistant' AND EXISTS (SELECT 1 FROM json_each(CAST(m.parts AS TEXT)) part "
    "WHERE part.value ->> '$.type' = 'text' AND part.value ->> '$.text' LIKE :text ESCAPE '\\')))))"
)


def page(
    db: apsw.Connection, wanted: Wanted, now: float, *, after: tuple[float, str] | None, limit: int
) -> tuple[list[Seen], int]:
    """Up to `limit` conversations behind `after` (last message's time and id), and how many there are in all.

    With a text, of the newest `SEARCHED_MAX` only.
    """
    where, values = _where(wanted, now)
    values |= {"limit": limit}
    behind = ""
    if after:
        behind = "AND (c.last_message_at, c.id) < (:at, :after)"
        values |= {"at": after[0], "after": after[1]}
    chosen = f"SELECT id FROM _conversations c WHERE {where} ORDER BY last_message_at DESC, id DESC"  # noqa: S608 constants
    if wanted.text:
        values |= {"text": like(wanted.text), "searched": SEARCHED_MAX}
        chosen = f"SELECT id FROM _conversations c WHERE id IN ({chosen} LIMIT :searched) AND {_TEXT}"  # noqa: S608 constants
        total = db.execute(f"SELECT count(*) FROM ({chosen})", values).get  # noqa: S608 constants
    else:
        total = db.execute(f"SELECT count(*) FROM _conversations c WHERE {where}", values).get  # noqa: S608 constants
    rows = db.execute(
        f"SELECT {COLUMNS}, {_FACTS} FROM _conversations c WHERE id IN ({chosen}) {behind} "  # noqa: S608 constants
        "ORDER BY c.last_message_at DESC, c.id DESC LIMIT :limit",
        values,
    ).fetchall()
    return [_seen(row) for row in rows], int(str(total))


def some(db: apsw.Connection, tenant: str, ids: list[str], now: float) -> list[Seen]:
    """The live ones among these; also such as are kept for nobody."""
    found: list[Seen] = []
    for id in ids:
        row = db.execute(
            f"SELECT {COLUMNS}, {_FACTS} FROM _conversations c "  # noqa: S608 constants
            f"WHERE id = :id AND tenant = :tenant AND {LIVE}",
            {"id": id, "tenant": tenant, "now": now},
        ).fetchone()
        found += [_seen(row)] if row else []
    return found


def delete(db: apsw.Connection, id: str, tenant: str, now: float) -> bool:
    """Hide it from everybody for good, whoever's it is; False when there is none."""
    db.execute(
        "UPDATE _conversations SET status = 'deleted', updated_at = :now "  # noqa: S608 constant
        f"WHERE id = :id AND tenant = :tenant AND {LIVE}",
        {"id": id, "tenant": tenant, "now": now},
    )
    return db.changes() > 0


def comments(db: apsw.Connection, conversation_id: str) -> dict[str, str]:
    """What people said to the answers that they valued, by the answers' ids."""
    rows = db.execute(
        "SELECT id, feedback_comment FROM _messages WHERE conversation_id = ? AND feedback_comment != ''",
        (conversation_id,),
    )
    return {str(id): str(text) for id, text in rows}


def like(text: str) -> str:
    r"""A pattern for LIKE … ESCAPE '\': the text anywhere, and nothing else."""
    for special in ("\\", "%", "_"):
        text = text.replace(special, "\\" + special)
    return f"%{text}%"


def _where(wanted: Wanted, now: float) -> tuple[str, dict[str, Any]]:
    conditions = ["c.tenant = :tenant", LIVE, LISTED]
    values: dict[str, Any] = {"tenant": wanted.tenant, "now": now}
    for field, condition in (
        ("namespace", "c.namespace = :namespace"),
        ("bot", "c.bot = :bot"),
        ("source", "c.source = :source"),
        ("handoff", "c.handoff = :handoff"),
        ("feedback", f"EXISTS (SELECT 1 FROM {_OF} AND m.feedback = :feedback)"),  # noqa: S608 constants
        ("with_errors", f"EXISTS (SELECT 1 FROM {_OF} AND {_ERROR})"),  # noqa: S608 constants
        (
            "person",
            "(c.owner = :person OR substr(c.owner, instr(c.owner, ':') + 1) = :person "
            f"OR {_NAME} = :person COLLATE NOCASE)",
        ),
        ("start", "c.last_message_at >= :start"),
        ("end", "c.last_message_at < :end"),
    ):
        value = getattr(wanted, field)
        if value is not None and value != "" and value is not False:
            conditions.append(condition)
            values[field] = value
    return " AND ".join(conditions), values


def _seen(row: tuple[Any, ...]) -> Seen:
    width = len(Seen.__struct_fields__) - 1
    facts = dict(zip(Seen.__struct_fields__[1:], row[-width:], strict=True))
    return Seen(conversation=conversation_of(row[:-width]), **facts)
