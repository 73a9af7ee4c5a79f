"""Pages of a conversation's messages by offset, with the model that wrote each answer."""

from __future__ import annotations

import apsw
import msgspec

from appliance.messages import Message
from appliance.store.message_rows import COLUMNS, message_of


class Written(msgspec.Struct, frozen=True, kw_only=True):
    """A message and the model that wrote it; empty for people's, and while it is being written."""

    message: Message
    model: str


def page(
    db: apsw.Connection, conversation_id: str, *, oldest_first: bool, offset: int, limit: int
) -> tuple[list[Written], int]:
    """Up to `limit` messages that people see, by time, then insertion, and how many there are in all."""
    shown = "conversation_id = :id AND (role = 'user' OR parts != x'5b5d')"
    total = db.execute(f"SELECT count(*) FROM _messages WHERE {shown}", {"id": conversation_id}).get  # noqa: S608 constant
    direction = "ASC" if oldest_first else "DESC"
    rows = db.execute(
        f"SELECT {COLUMNS}, "  # noqa: S608 constants
        "(SELECT model FROM _turns t WHERE t.id = turn_id AND role = 'assistant') "
        f"FROM _messages WHERE {shown} ORDER BY created_at {direction}, position {direction} "
        "LIMIT :limit OFFSET :offset",
        {"id": conversation_id, "offset": offset, "limit": limit},
    ).fetchall()
    return [Written(message=message_of(row[:-1]), model=str(row[-1] or "")) for row in rows], total
