"""Tools that clients run.

Which calls of the last answer wait for their outputs, and the outputs until a turn takes them up.
"""

from __future__ import annotations

import apsw
import msgspec

from appliance.messages import Message, ToolCall, ToolCallPart, ToolResult
from appliance.store import message_rows


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the last answer asked of the client; `outputs` are those that have come.

    `message_id` is the last message that somebody wrote.
    """

    message_id: str
    calls: list[ToolCall]
    outputs: list[ToolResult]

    @property
    def pending(self) -> list[ToolCall]:
        """The calls without an output."""
        given = {output.call_id for output in self.outputs}
        return [call for call in self.calls if call.id not in given]


def asked(db: apsw.Connection, conversation_id: str) -> Asked | None:
    """The calls of the newest message, if it is a finished answer that ends with calls.

    None when nothing waits.
    """
    row = db.execute(
        f"SELECT {message_rows.COLUMNS} FROM _messages "  # noqa: S608 constant
        "WHERE position = (SELECT max(position) FROM _messages WHERE conversation_id = ?) "
        "AND finish = 'tool_calls'",
        (conversation_id,),
    ).fetchone()
    calls = _calls(message_rows.message_of(row)) if row else []
    if not calls:
        return None
    names = {call.id: call.name for call in calls}
    given = db.execute(
        "SELECT call_id, ok, output FROM _tool_outputs WHERE conversation_id = ?", (conversation_id,)
    )
    outputs = [
        ToolResult(call_id=id, name=names[id], ok=bool(ok), content=output)
        for id, ok, output in given
        if id in names
    ]
    last = db.execute(
        "SELECT id FROM _messages WHERE conversation_id = ? AND role = 'user' ORDER BY position DESC LIMIT 1",
        (conversation_id,),
    ).fetchone()
    return Asked(message_id=last[0] if last else "", calls=calls, outputs=outputs)


def give(
    db: apsw.Connection, conversation_id: str, call_id: str, *, ok: bool, output: str, now: float
) -> bool:
    """Keep one output; False when no such call waits for it."""
    waiting = asked(db, conversation_id)
    if waiting is None or call_id not in {call.id for call in waiting.pending}:
        return False
    db.execute(
        "INSERT INTO _tool_outputs (conversation_id, call_id, ok, output, created_at) VALUES (?, ?, ?, ?, ?)",
        (conversation_id, call_id, ok, output, now),
    )
    return True


def _calls(message: Message) -> list[ToolCall]:
    if message.role != "assistant" or message.status != "done":
        return []
    return [part.call for part in message.parts if isinstance(part, ToolCallPart) and part.by_client]
