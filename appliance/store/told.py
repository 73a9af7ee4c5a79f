"""Messages as a messenger shows them: what people say, and answers that have ended, failed ones too."""

from __future__ import annotations

import apsw

from appliance.messages import Message
from appliance.store.message_rows import COLUMNS, message_of

_ENDED = "(role = 'user' OR status IN ('done', 'cancelled', 'failed', 'interrupted'))"
NEVER = 1e18
"""Seconds: behind all messages."""


def page(
    db: apsw.Connection, conversation_id: str, *, before: tuple[float, int] | None, limit: int
) -> list[Message]:
    """Up to `limit` messages before `before` (`created_at` and position of one), newest first.

    An answer has its place by the moment when it ended, so nothing comes in between later. Answers without
    words are among them.
    """
    rows = db.execute(
        f"SELECT {COLUMNS} FROM _messages WHERE conversation_id = :id AND {_ENDED} "  # noqa: S608 constants
        "AND (created_at, position) < (:before, :position) "
        "ORDER BY created_at DESC, position DESC LIMIT :limit",
        {
            "id": conversation_id,
            "before": before[0] if before else NEVER,
            "position": before[1] if before else 0,
            "limit": limit,
        },
    )
    return [message_of(row) for row in rows]
