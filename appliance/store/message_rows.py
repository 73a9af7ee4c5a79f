"""Messages as rows: read in their order for prompts, replays and pages, or one by one."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance import withholding
from appliance.messages import OPERATOR, Message, Part, Usage

SHORT_MESSAGES_MAX = 40
SHORT_BYTES_MAX = 64 * 1024
"""What is read and decoded in less time than a thread would take to begin."""

COLUMNS = (
    "id, conversation_id, turn_id, role, status, content, parts, client_id, error_code, error_text, "
    "prompt_tokens, completion_tokens, usage_estimated, first_seq, last_seq, created_at, owner, payload, "
    "metadata, feedback, feedback_comment, finish, position"
)
OF_TURN = (
    "(SELECT position FROM _messages WHERE conversation_id = ? AND turn_id = ? AND role = ? "
    "ORDER BY position DESC LIMIT 1)"
)
"""Where a turn's question or answer is: looked for from the newest message on, as it is hardly ever old."""
_WITHOUT_ATTACHED = COLUMNS.replace(
    "payload, metadata", f"NULL, iif(role = 'assistant' AND owner LIKE '{OPERATOR}%', metadata, NULL)"
)
_PARTS = msgspec.json.Decoder(list[Part])
_ENCODER = msgspec.json.Encoder()
_OBJECT = msgspec.json.Decoder(dict[str, Any])


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


def short_history(db: apsw.Connection, conversation_id: str) -> list[Message] | None:
    """All of `history` where that takes but a moment, also on the server's own thread; else None."""
    sizes: list[tuple[Any, ...]] = db.execute(
        "SELECT octet_length(parts) + octet_length(content) FROM _messages WHERE conversation_id = ? LIMIT ?",
        (conversation_id, SHORT_MESSAGES_MAX + 1),
    ).fetchall()
    if len(sizes) > SHORT_MESSAGES_MAX or sum(size for (size,) in sizes) > SHORT_BYTES_MAX:
        return None
    return history(db, conversation_id)


def messages(db: apsw.Connection, conversation_id: str) -> list[Message]:
    """All messages, oldest first, also of turns that wait or have just begun."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE conversation_id = ? ORDER BY position",  # noqa: S608 constant
        (conversation_id,),
    )
    return [message_of(row) for row in rows]


def find_answer(db: apsw.Connection, conversation_id: str, turn_id: str) -> Message | None:
    """The answer of that turn of the conversation as it is now."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE position = {OF_TURN}",  # noqa: S608 constant
        (conversation_id, turn_id, "assistant"),
    ).fetchone()
    return message_of(row) if row else None


def withhold(db: apsw.Connection, conversation_id: str) -> None:
    """Take out of the answers so far what those who join now may not read."""
    sql = "SELECT id, parts FROM _messages WHERE conversation_id = ? AND role = 'assistant'"
    rows: list[tuple[Any, ...]] = db.execute(sql, (conversation_id,)).fetchall()
    for id, parts in rows:
        before = _PARTS.decode(parts)
        after = [withholding.part(part) for part in before]
        if after != before:
            db.execute("UPDATE _messages SET parts = ? WHERE id = ?", (_ENCODER.encode(after), id))


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
