"""Results of queries, all rows of them, so that their owner can fetch them later as a file."""

from __future__ import annotations

import apsw
import msgspec

from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.store import conversations

BYTES_MAX = 20_000_000
"""Of one conversation: some dozens of the largest results."""

_OUTCOME = msgspec.msgpack.Decoder(QueryOutcome)


def keep(db: apsw.Connection, id: str, conversation_id: str, outcome: QueryOutcome, now: float) -> None:
    """Keep an outcome under a new id, as long as its conversation lives; runs in the caller's transaction.

    The oldest ones of the conversation make room when there is more than `BYTES_MAX` of them.
    """
    db.execute(
        "INSERT INTO _results (id, conversation_id, outcome, created_at) VALUES (?, ?, ?, ?)",
        (id, conversation_id, msgspec.msgpack.encode(outcome), now),
    )
    db.execute(
        "DELETE FROM _results WHERE id IN (SELECT id FROM (SELECT id, sum(octet_length(outcome)) "
        "OVER (ORDER BY created_at DESC, id) AS bytes FROM _results WHERE conversation_id = ?2) "
        "WHERE bytes > ?3 AND id != ?1)",
        (id, conversation_id, BYTES_MAX),
    )


def find(db: apsw.Connection, id: str, caller: Caller, now: float) -> QueryOutcome | None:
    """The outcome, if it belongs to one of the caller's living conversations."""
    row = db.execute("SELECT conversation_id, outcome FROM _results WHERE id = ?", (id,)).fetchone()
    if row is None or conversations.find(db, row[0], caller, now) is None:
        return None
    return _OUTCOME.decode(row[1])
