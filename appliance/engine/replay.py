"""Stored messages -> the events that they were, at the positions that they had."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.engine.log import Entry
from appliance.events import (
    HandoffChanged,
    LogEvent,
    MessagePosted,
    OperatorMessage,
    SourcesFound,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import (
    OPERATOR,
    Message,
    Part,
    SourcesPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
    Usage,
)
from appliance.store.handoff import Note
from appliance.store.posts import PAUSED


def entries(history: list[Message], end: int, notes: Sequence[Note] = ()) -> list[Entry]:
    """The log of `history` and `notes` up to position `end`; progress is not stored and so not replayed."""
    answers = {message.turn_id: message for message in history if message.role == "assistant"}
    asked = {message.turn_id for message in history if message.role == "user"}
    replayed = [entry for message in history for entry in _entries(message, answers, asked)]
    replayed += [Entry(note.seq, changed(note)) for note in notes]
    return sorted((entry for entry in replayed if entry.seq <= end), key=lambda entry: entry.seq)


def _entries(message: Message, answers: dict[str, Message], asked: set[str]) -> list[Entry]:
    if message.role == "user":
        answer = answers.get(message.turn_id)
        return [Entry(message.first_seq, _started(message, answer) if answer else _posted(message))]
    if message.is_by_operator:
        return [Entry(message.last_seq, by_operator(message))]
    parts = [_part(part) for part in message.parts]
    if message.continues and message.turn_id not in asked:  # no message of the user begins its turn
        parts.insert(0, Entry(message.first_seq - 1, _went_on(message)))
    return parts if message.status == "running" else [*parts, Entry(message.last_seq, _ended(message))]


def by_operator(message: Message) -> OperatorMessage:
    """What a person of the team wrote, as it is told."""
    return OperatorMessage(
        message_id=message.id,
        content=message.text,
        author=message.author,
        name=message.operator_name,
        at=message.created_at,
        client_id=message.client_id,
    )


def changed(note: Note) -> HandoffChanged:
    """A change of who answers, as it is told."""
    return HandoffChanged(
        state=note.state,
        name=note.name,
        at=note.at,
        message_id=note.id,
        author=f"{OPERATOR}{note.operator}" if note.operator else "",
    )


def _went_on(answer: Message) -> TurnStarted:
    return TurnStarted(
        turn_id=answer.turn_id,
        message_id="",
        content="",
        answer_id=answer.id,
        at=answer.created_at,
        continues=True,
    )


def _started(message: Message, answer: Message) -> TurnStarted:
    return TurnStarted(
        turn_id=message.turn_id,
        message_id=message.id,
        content=message.content,
        client_id=message.client_id,
        answer_id=answer.id,
        author=message.author,
        at=message.created_at,
    )


def _posted(message: Message) -> MessagePosted:
    return MessagePosted(
        message_id=message.id,
        turn_id="",
        content=message.content,
        author=message.author,
        at=message.created_at,
        client_id=message.client_id,
        payload=message.payload,
        metadata=message.metadata,
        paused=message.error_code == PAUSED,
    )


def _part(part: Part) -> Entry:
    match part:
        case TextPart(seq=seq, text=text):
            return Entry(seq + len(text), TextDelta(text=text))
        case ToolCallPart(seq=seq, call=call):
            return Entry(seq, ToolCalled(call=call, by_client=part.by_client))
        case ToolResultPart(seq=seq, result=result):
            return Entry(seq, ToolFinished(result=result))
        case SourcesPart(seq=seq, sources=sources):
            return Entry(seq, SourcesFound(sources=sources))


def _ended(message: Message) -> LogEvent:
    usage, at = message.usage or Usage(), message.created_at
    if message.status == "done":
        return TurnDone(
            turn_id=message.turn_id,
            message_id=message.id,
            usage=usage,
            finish=message.finish,
            at=at,
            feedback=message.feedback,
            feedback_comment=message.feedback_comment,
        )
    if message.status == "cancelled":
        waited = not message.parts and not usage.total_tokens
        return TurnCancelled(
            turn_id=message.turn_id, message_id=message.id, usage=usage, waited=waited, at=at
        )
    return TurnFailed(
        turn_id=message.turn_id,
        message_id=message.id,
        usage=usage,
        code=message.error_code or "interrupted",
        message=message.error_text,
        at=at,
    )
