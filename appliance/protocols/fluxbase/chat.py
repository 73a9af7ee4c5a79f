"""The AI WebSocket: Fluxbase's frames, with our additions `seq`, `resume`, `message_id`, `handoff`, `retry`.

Sections in comments are those of Fluxbase's protocol as we wrote it down in docs/fluxbase.md.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, TypeAlias, assert_never

import msgspec

from appliance.engine.chats import Resumed
from appliance.engine.engine import Opened
from appliance.engine.log import Entry
from appliance.errors import ApplianceError, InvalidInput, LimitReached, StoreError
from appliance.events import (
    AskForPerson,
    CancelTurn,
    Command,
    ConversationDeleted,
    Decide,
    EventPosted,
    HandoffChanged,
    MessageDeleted,
    MessagePosted,
    OperatorMessage,
    PersonJoined,
    PersonLeft,
    Progress,
    Resume,
    Retry,
    SendMessage,
    SourcesFound,
    StartChat,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Change, QueryOutcome, ToolResult, Usage
from appliance.protocols.fluxbase.words import error_code, frame_code
from appliance.protocols.source_data import source_data

# -- what clients send -------------------------------------------------------------------------------

FILES_MAX = 20
"""Uploads that one message may name."""

FileId: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class _Envelope(msgspec.Struct):
    type: str
    conversation_id: Any = None


class _StartChat(msgspec.Struct):
    chatbot: str
    namespace: str | None = None
    conversation_id: str | None = None
    impersonate_user_id: str | None = None


class _Message(msgspec.Struct):
    conversation_id: str
    content: str
    message_id: str | None = None
    files: Annotated[list[FileId], msgspec.Meta(max_length=FILES_MAX)] = []
    """Ours: what was uploaded for it."""


class _Retry(msgspec.Struct):
    """Ours: answer a message anew, as it is or with other words."""

    conversation_id: str
    message_id: str
    content: str | None = None


class _Handoff(msgspec.Struct):
    """Ours: talk to a person, or not any more."""

    conversation_id: str
    wanted: bool


class _Confirm(msgspec.Struct):
    """Ours: the user's word on a proposed change."""

    conversation_id: str
    change_id: str
    approve: bool
    message_id: str | None = None


class _Cancel(msgspec.Struct):
    conversation_id: str


class _Resume(msgspec.Struct):
    conversation_id: str
    after: int = 0


_Frame: TypeAlias = _StartChat | _Message | _Retry | _Confirm | _Handoff | _Cancel | _Resume
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_FRAMES: dict[str, msgspec.json.Decoder[Any]] = {
    "start_chat": msgspec.json.Decoder(_StartChat),
    "message": msgspec.json.Decoder(_Message),
    "retry": msgspec.json.Decoder(_Retry),
    "confirm": msgspec.json.Decoder(_Confirm),
    "handoff": msgspec.json.Decoder(_Handoff),
    "cancel": msgspec.json.Decoder(_Cancel),
    "resume": msgspec.json.Decoder(_Resume),
}
_ENCODER = msgspec.json.Encoder()

SQL_TOOL = "execute_sql"


class UnknownType(InvalidInput):
    """A frame of a `type` that we do not know."""

    code = "unknown_type"


class ChatCodec:
    """The codec of one connection; it needs no state of its own."""

    reads_binary = True
    closing: tuple[int, str] | None = None

    def decode(self, frame: str) -> Command:
        """A client's frame as a command; raises `InvalidInput`."""
        envelope = _decode(_ENVELOPE, frame)
        decoder = _FRAMES.get(envelope.type)
        if decoder is None:
            raise UnknownType(f"Unknown type {envelope.type[:50]!r}; known are {', '.join(_FRAMES)}.")
        return _command(_decode(decoder, frame))

    def conversation_in(self, frame: str) -> str | None:
        """The frame's conversation id, if it has a readable one."""
        try:
            found = _ENVELOPE.decode(frame).conversation_id
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        return found if isinstance(found, str) else None

    def opened(self, opened: Opened) -> list[str]:
        """`chat_started`: the id differs from the asked one when that could not be resumed."""
        return [
            _frame(
                "chat_started",
                conversation_id=opened.conversation_id,
                chatbot=opened.bot.name,
                seq=opened.position,
            )
        ]

    def resumed(self, resumed: Resumed) -> list[str]:
        """Ours: where the log ends now, and who answers; the frames behind the asked position follow."""
        return [
            _frame(
                "resumed",
                conversation_id=resumed.conversation.id,
                seq=resumed.position,
                running=resumed.running,
                handoff=resumed.conversation.handoff,
                operator_name=resumed.conversation.operator_name,
                paused=resumed.conversation.paused,
            )
        ]

    def nothing_to_cancel(self, conversation_id: str) -> list[str]:
        """Also for a foreign conversation, so that nothing leaks (1.8)."""
        return [_frame("cancelled", conversation_id=conversation_id)]

    def refused(
        self, error: ApplianceError, command: Command | None, conversation_id: str | None
    ) -> list[str]:
        """An `error` frame with the words of 1.7 and, for limits, the figures of 5.5."""
        code = error_code(error)
        if isinstance(command, StartChat) and isinstance(error, StoreError):
            code = "CONVERSATION_ERROR"
        if isinstance(command, SendMessage | Retry | Decide) and code == "CHATBOT_NOT_FOUND":
            code = "NO_CHATBOT"
        fields: dict[str, Any] = {"code": code, "error": error.public_text, **error.details}
        if isinstance(error, LimitReached):
            fields |= _limit_fields(error)
        if conversation_id and not isinstance(command, StartChat):
            fields["conversation_id"] = conversation_id
        if isinstance(command, SendMessage | Decide) and command.client_id:
            fields["client_message_id"] = command.client_id
        return [_frame("error", **fields)]

    def encode(self, conversation_id: str, entry: Entry, *, full: bool, after: int) -> list[str]:
        """The frames of 1.6 for one event."""
        base: dict[str, Any] = {"conversation_id": conversation_id, "seq": entry.seq}
        match entry.event:
            case TextDelta() | Progress() | SourcesFound() | ToolCalled() | ToolFinished():
                return _within_turn(base, entry.event)
            case TurnStarted():
                return [_user_message(base, entry.event)] if full and not entry.event.continues else []
            case TurnDone():
                return [_done(base, entry.event)]
            case TurnCancelled():
                return _cancelled(base, entry, entry.event, full=full, after=after)
            case TurnFailed():
                return _failed(base, entry, entry.event, after=after)
            case MessagePosted() | MessageDeleted() | HandoffChanged():
                return _around_turns(base, entry.event, full=full)
            case OperatorMessage():
                return _operator(base, entry, entry.event, full=full, after=after)
            case PersonJoined() | PersonLeft() | EventPosted() | ConversationDeleted():
                return []
            case _:
                assert_never(entry.event)


def _done(base: dict[str, Any], event: TurnDone) -> str:
    fields: dict[str, Any] = {"usage": _usage(event.usage), "message_id": event.message_id, "at": event.at}
    if event.feedback:
        fields |= {"feedback": event.feedback, "comment": event.feedback_comment}
    return _frame("done", **base, **fields)


def _within_turn(
    base: dict[str, Any], event: TextDelta | Progress | SourcesFound | ToolCalled | ToolFinished
) -> list[str]:
    """The answer while it is made."""
    match event:
        case TextDelta(text=text):
            return [_frame("content", **base, delta=text)]
        case Progress(step=step, message=message):
            return [_frame("progress", **base, step=step, message=message)]
        case SourcesFound(sources=sources):
            return [_frame("sources", **base, data=[source_data(source) for source in sources])]
        case ToolFinished(result=result):
            return _tool_frames(base, result)
        case ToolCalled():
            return []


def _error(base: dict[str, Any], event: TurnFailed) -> str:
    fields = {"code": frame_code(event.code), "error": event.message, "message_id": event.message_id}
    return _frame("error", **base, **fields)


def _frame(type: str, **fields: Any) -> str:
    return _ENCODER.encode({"type": type, **fields}).decode()


def _decode(decoder: msgspec.json.Decoder[Any], frame: str) -> Any:
    try:
        return decoder.decode(frame)
    except msgspec.ValidationError as error:
        raise InvalidInput(f"The frame is not of the expected form: {error}.") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise InvalidInput(f"The frame is not a JSON object: {error}.") from error


def _command(frame: _Frame) -> Command:
    match frame:
        case _StartChat():
            return StartChat(
                bot=frame.chatbot,
                namespace=frame.namespace or "default",
                conversation_id=frame.conversation_id or None,
                impersonate_user_id=frame.impersonate_user_id or None,
            )
        case _Message():
            return SendMessage(
                conversation_id=frame.conversation_id,
                content=frame.content,
                client_id=frame.message_id or None,
                metadata={"files": frame.files} if frame.files else {},
            )
        case _Retry():
            return Retry(
                conversation_id=frame.conversation_id, message_id=frame.message_id, content=frame.content
            )
        case _Handoff():
            return AskForPerson(conversation_id=frame.conversation_id, wanted=frame.wanted)
        case _Confirm():
            return Decide(
                conversation_id=frame.conversation_id,
                change_id=frame.change_id,
                approve=frame.approve,
                client_id=frame.message_id or None,
            )
        case _Cancel():
            return CancelTurn(conversation_id=frame.conversation_id)
        case _Resume():
            return Resume(conversation_id=frame.conversation_id, after=max(0, frame.after))
        case _:
            assert_never(frame)


def _cancelled(
    base: dict[str, Any], entry: Entry, event: TurnCancelled, *, full: bool, after: int
) -> list[str]:
    """`done` first: it cannot be taken for the end of a later turn (1.8). Each of the two has a position."""
    if event.waited and not full:
        return []  # a client that writes on would take it for the end of its next turn (1.8)
    cancelled = _frame("cancelled", **base)
    if entry.seq - 1 <= after:
        return [cancelled]
    ended = {
        "usage": _usage(event.usage),
        "message_id": event.message_id,
        "at": event.at,
        "interrupted": True,
    }
    return [_frame("done", **{**base, "seq": entry.seq - 1}, **ended), cancelled]


def _failed(base: dict[str, Any], entry: Entry, event: TurnFailed, *, after: int) -> list[str]:
    if event.code != "tool_loop":
        return [_error(base, event)]
    # The one error that `done` follows (4.3): both have a position.
    ended = {"message_id": event.message_id, "at": event.at, "interrupted": True}
    done = _frame("done", **base, usage=_usage(event.usage), **ended)
    return [done] if entry.seq - 1 <= after else [_error({**base, "seq": entry.seq - 1}, event), done]


def _around_turns(
    base: dict[str, Any], event: MessagePosted | MessageDeleted | HandoffChanged, *, full: bool
) -> list[str]:
    """Ours: what people do beside turns. A message with a turn is told when that begins."""
    if isinstance(event, MessagePosted):
        return [] if event.turn_id else _posted(base, event, full=full)
    if not full:
        return []
    if isinstance(event, MessageDeleted):
        return [_frame("message_deleted", **base, message_id=event.message_id)]
    name = {"name": event.name} if event.name else {}
    return [_frame("handoff", **base, state=event.state, **name, at=event.at, message_id=event.message_id)]


def _operator(
    base: dict[str, Any], entry: Entry, event: OperatorMessage, *, full: bool, after: int
) -> list[str]:
    """Ours: a person's words; for clients that know no person they are an answer like the bot's."""
    told = {"message_id": event.message_id, "at": event.at}
    if full:
        said = {"role": "operator", "name": event.name, "content": event.content}
        return [_frame("message", **base, **told, **said)]
    done = _frame("done", **base, usage=usage_body(Usage()), **told)
    if entry.seq - 1 <= after:
        return [done]
    return [_frame("content", **{**base, "seq": entry.seq - 1}, delta=event.content), done]


def _posted(base: dict[str, Any], event: MessagePosted, *, full: bool) -> list[str]:
    """Nobody answers it; with a paused bot, who wrote it is told that there is nothing to wait for."""
    frames = [_user_message(base, event)] if full else []
    if event.paused:
        frames.append(_frame("done", **base, usage=usage_body(Usage()), at=event.at, paused=True))
    return frames


def _user_message(base: dict[str, Any], event: TurnStarted | MessagePosted) -> str:
    client = {"client_message_id": event.client_id} if event.client_id else {}
    told = {"message_id": event.message_id, "content": event.content, "at": event.at}
    return _frame("user_message", **base, **told, **client)


def _tool_frames(base: dict[str, Any], result: ToolResult) -> list[str]:
    """`query_result` also for a refused query: its summary tells; other tools only when they succeeded."""
    if result.query is not None and (result.name == SQL_TOOL or result.query.error or result.query.change):
        return [_frame("query_result", **base, **query_body(result.query))]
    if not result.ok:
        return []
    if result.query is not None:
        return [_frame("tool_result", **base, message=result.name, **query_body(result.query))]
    return [
        _frame(
            "tool_result", **base, message=result.name, data=[{"tool": result.name, "result": result.content}]
        )
    ]


def query_body(query: QueryOutcome) -> dict[str, Any]:
    """A query's result as frames and stored messages tell it: rows as objects.

    Ours on top: `columns` with their `types`, `result_id` for the file with all rows, `chart` for how
    they were asked for, `change` for a write.
    """
    body: dict[str, Any] = {
        "query": query.sql,
        "summary": query.summary,
        "row_count": query.row_count,
        "data": [dict(zip(query.columns, row, strict=True)) for row in query.rows],
        "columns": query.columns,
        "types": query.types,
        "truncated": query.truncated,
        "duration_ms": query.duration_ms,
    }
    if query.error:
        body["error"] = query.error
    if query.result_id:
        body["result_id"] = query.result_id
    if query.chart:
        body["chart"] = query.chart
    if query.change:
        body["change"] = change_body(query.change)
    return body


def change_body(change: Change) -> dict[str, Any]:
    """A change of the team's data: what it would do, or has done."""
    body: dict[str, Any] = {
        "id": change.id,
        "status": change.status,
        "operation": change.operation,
        "table": change.table,
        "rows": [{"before": row.before, "after": row.after} for row in change.rows],
    }
    if change.expires_at is not None:
        body["expires_at"] = datetime.fromtimestamp(change.expires_at, UTC).isoformat()
    return body


def _usage(usage: Usage) -> dict[str, Any]:
    body = usage_body(usage)
    return {**body, "estimated": True} if usage.estimated else body


def usage_body(usage: Usage) -> dict[str, Any]:
    """Token counts as integers (1.6)."""
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens,
    }


def _limit_fields(error: LimitReached) -> dict[str, Any]:
    fields: dict[str, Any] = {"limit": error.limit, "used": error.used}
    if error.retry_after_s is not None:
        fields["retry_after"] = round(error.retry_after_s, 3)
    if error.resets_at is not None:
        fields["resets_at"] = datetime.fromtimestamp(error.resets_at, UTC).isoformat()
    return fields
