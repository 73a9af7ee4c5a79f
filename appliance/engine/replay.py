"""Stored messages -> the events that they were, at the positions that they had."""

from __future__ import annotations

from appliance.engine.log import Entry
from appliance.events import (
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnEvent,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Message, Part, TextPart, ToolCallPart, ToolResultPart, Usage


def entries(history: list[Message], end: int) -> list[Entry]:
    """The log of `history` up to position `end`; progress is not stored and so is not replayed."""
    replayed = [entry for message in history for entry in _entries(message)]
    return sorted((entry for entry in replayed if entry.seq <= end), key=lambda entry: entry.seq)


def _entries(message: Message) -> list[Entry]:
    if message.role == "user":
        return [Entry(message.first_seq, _started(message))]
    parts = [_part(part) for part in message.parts]
    return parts if message.status == "running" else [*parts, Entry(message.last_seq, _ended(message))]


def _started(message: Message) -> TurnStarted:
    return TurnStarted(
        turn_id=message.turn_id,
        message_id=message.id,
        content=message.content,
        client_id=message.client_id,
    )


def _part(part: Part) -> Entry:
    match part:
        case TextPart(seq=seq, text=text):
            return Entry(seq + len(text), TextDelta(text=text))
        case ToolCallPart(seq=seq, call=call):
            return Entry(seq, ToolCalled(call=call))
        case ToolResultPart(seq=seq, result=result):
            return Entry(seq, ToolFinished(result=result))


def _ended(message: Message) -> TurnEvent:
    usage = message.usage or Usage()
    if message.status == "done":
        return TurnDone(turn_id=message.turn_id, message_id=message.id, usage=usage)
    if message.status == "cancelled":
        waited = not message.parts and not usage.total_tokens
        return TurnCancelled(turn_id=message.turn_id, message_id=message.id, usage=usage, waited=waited)
    return TurnFailed(
        turn_id=message.turn_id,
        message_id=message.id,
        usage=usage,
        code=message.error_code or "interrupted",
        message=message.error_text,
    )
