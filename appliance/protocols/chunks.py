"""One turn as chunks of the AI SDK's "UI message stream": what its own endpoint and Chatbase's both send.

Numbers are sections of our page on these protocols: 1.1 the line dialect, 4 the wire and its rules, 5 the
chunks. Only chunks and keys that every release from 5.0.92 on takes are made here: one more key, or a null,
ends a chat in error there. What stands in the metadata is each endpoint's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, assert_never

from appliance.engine.log import Entry
from appliance.events import (
    ConversationDeleted,
    EventPosted,
    HandoffChanged,
    LogEvent,
    MessageDeleted,
    MessagePosted,
    OperatorMessage,
    PersonJoined,
    PersonLeft,
    Progress,
    SourcesFound,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.identity import Caller
from appliance.messages import Source, ToolCall, ToolResult, Usage
from appliance.protocols.base import Stream
from appliance.protocols.chunk_frames import (
    DONE,
    HEADERS,
    LINE_TEXT_CHARS_MAX,
    LINES_HEARTBEAT,
    LINES_TYPE,
    SSE_HEARTBEAT,
    SSE_TYPE,
    Chunk,
    finish,
    frame,
    start,
)
from appliance.protocols.query_data import query_data
from appliance.protocols.source_data import source_data
from appliance.protocols.tool_values import failure_of, input_of, output_of
from appliance.wire import Reply

Ended: TypeAlias = TurnDone | TurnCancelled | TurnFailed

HEARTBEAT_S = 15.0
"""As the AI SDK's own server; some clients give up after a minute without bytes (4, rule 3)."""
THINK = "think"
"""The tool that only writes a plan down: told as reasoning where the bot shows it, never as a tool."""

_FINISH = {"stop": "stop", "length": "length", "tool_calls": "tool-calls"}
_BROKEN_OFF = {
    "orphaned": "Nobody was reading, so the answer was stopped. Ask again.",
    "shutdown": "The server is restarting and the answer broke off. Ask again in a moment.",
    "deleted": "The conversation was deleted.",
}


class ChunkCodec:
    """The `StreamCodec` of one turn's answer; what the log holds besides that turn is passed over.

    `start_id` is the `messageId` of `start`; None leaves it out, for answers that go on in a message which
    the client has. `started` is the metadata on `start`, `finished` makes those on `finish`; a `finishReason`
    among them stands on the chunk, too. `lines` chooses the line dialect (1.1); without `extras` there are
    none of our own `data-` parts, which Chatbase's clients never heard of. `earlier` are the turns that this
    one goes on from, where all of their message is told again.
    """

    heartbeat_s = HEARTBEAT_S
    hold_s = 0.0

    def __init__(
        self,
        turn_id: str,
        *,
        start_id: str | None,
        started: Mapping[str, Any],
        finished: Callable[[Ended], Mapping[str, Any]],
        lines: bool = False,
        extras: bool = True,
        earlier: Sequence[str] = (),
    ) -> None:
        self._turn_id = turn_id
        self._earlier = earlier
        self._start = start(start_id, started)
        self._finished = finished
        self._lines = lines
        self._extras = extras
        self._begun = False
        self._ended = False
        self._step_open = False
        self._step_answered = False
        """Tools of this step have answered: what the model says next is a new step."""
        self._text_id = ""
        """The open text block; empty without one."""
        self._blocks = 0
        self._calls: dict[str, bool] = {}
        """Tool calls that this stream has told, and which are the client's: a result needs its call (5)."""

    def begin(self) -> list[str]:
        """`start`, before there is an answer: it names the conversation (4, rule 4)."""
        return self._written([self._start])

    def encode(self, entry: Entry) -> list[str]:
        """The frames of one event, none after the turn's end."""
        if self._ended:
            return []
        frames = self._written(self._chunks(entry.event))
        return [*frames, DONE] if self.ended and not self._lines else frames

    def heartbeat(self) -> list[str]:
        """A comment, or an empty line: no reader takes either for a chunk."""
        return [LINES_HEARTBEAT if self._lines else SSE_HEARTBEAT]

    @property
    def ended(self) -> bool:
        """Has the turn ended, and all of it been told?"""
        return self._ended

    @property
    def apart(self) -> bool:
        """Readers of lines keep no rest between two pieces, so each line goes by itself (1.1)."""
        return self._lines

    # -- events to chunks ----------------------------------------------------------------------------

    def _chunks(self, event: LogEvent) -> list[Chunk]:
        match event:
            case TurnStarted(turn_id=turn_id):
                self._begun = self._begun or turn_id == self._turn_id or turn_id in self._earlier
                return []
            case ConversationDeleted():
                return self._failed(self._deleted())
            case TurnDone() | TurnCancelled() | TurnFailed():
                if event.turn_id in self._earlier:
                    return self._close_step()
                return self._end(event) if event.turn_id == self._turn_id else []
            case HandoffChanged():
                return handoff_chunks(event) if self._begun else []
            case MessagePosted() | MessageDeleted() | OperatorMessage():
                return []
            case PersonJoined() | PersonLeft() | EventPosted():
                return []
            case Progress() | TextDelta() | ToolCalled() | ToolFinished() | SourcesFound():
                return self._content(event) if self._begun else []
            case _:
                assert_never(event)

    def _content(self, event: Progress | TextDelta | ToolCalled | ToolFinished | SourcesFound) -> list[Chunk]:
        match event:
            case Progress(step="reasoning", message=message):
                return [*self._in_step(), *self._close_text(), *self._reasoning(message)]
            case Progress(step=step, message=message):
                next_call = self._next_step() if step == "generating" else []
                data = {"step": step, "message": message}
                return [*next_call, {"type": "data-progress", "data": data, "transient": True}]
            case TextDelta(text=text):
                return [*self._next_step(), *self._in_step(), *self._text(text)]
            case ToolCalled(call=call, by_client=by_client):
                return self._called(call, by_client)
            case ToolFinished(result=result):
                return self._answered(result)
            case SourcesFound(sources=sources):
                return [*self._in_step(), *self._close_text(), *source_chunks(sources)]
            case _:
                assert_never(event)

    def _text(self, text: str) -> list[Chunk]:
        chunks: list[Chunk] = []
        if not self._text_id:
            self._text_id = self._block_id("txt")
            chunks.append({"type": "text-start", "id": self._text_id})
        size = LINE_TEXT_CHARS_MAX if self._lines else len(text)
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        return [*chunks, *({"type": "text-delta", "id": self._text_id, "delta": piece} for piece in pieces)]

    def _close_text(self) -> list[Chunk]:
        id, self._text_id = self._text_id, ""
        return [{"type": "text-end", "id": id}] if id else []

    def _reasoning(self, message: str) -> list[Chunk]:
        """A thought comes whole, so its block is closed at once."""
        id = self._block_id("rsn")
        return [
            {"type": "reasoning-start", "id": id},
            {"type": "reasoning-delta", "id": id, "delta": message},
            {"type": "reasoning-end", "id": id},
        ]

    def _called(self, call: ToolCall, by_client: bool) -> list[Chunk]:
        """The page knows the tools that it runs; those of the server are `dynamic` (4, rules 10, 11)."""
        if call.name == THINK:
            return []
        self._calls[call.id] = by_client
        named = {"toolCallId": call.id, "toolName": call.name}
        ours = _ours(by_client)
        begun = [*self._in_step(), *self._close_text(), {"type": "tool-input-start", **named, **ours}]
        if by_client and self._earlier:  # it has run: `tool-input-available` would make the page run it again
            delta = {"toolCallId": call.id, "inputTextDelta": call.arguments.strip() or "{}"}
            return [*begun, {"type": "tool-input-delta", **delta}]
        return [*begun, {"type": "tool-input-available", **named, "input": input_of(call), **ours}]

    def _answered(self, result: ToolResult) -> list[Chunk]:
        """Outputs that the client gave are in its message, unless all of that is told again.

        5.0.92 finds a call that was `dynamic` only for an answer that is `dynamic`, too.
        """
        if result.name == THINK:
            self._step_answered = self._step_open
        if result.call_id not in self._calls:
            return []
        self._step_answered = True
        about = {"toolCallId": result.call_id}
        ours = _ours(self._calls[result.call_id])
        if result.ok:
            chunks = [{"type": "tool-output-available", **about, "output": output_of(result), **ours}]
        else:
            chunks = [{"type": "tool-output-error", **about, "errorText": failure_of(result), **ours}]
        if result.query is not None:
            data = {**about, **query_data(result.query)}
            chunks.append({"type": "data-query-result", "id": result.call_id, "data": data})
        return chunks

    # -- steps: each call of the model is one ----------------------------------------------------------

    def _in_step(self) -> list[Chunk]:
        if self._step_open:
            return []
        self._step_open = True
        return [{"type": "start-step"}]

    def _next_step(self) -> list[Chunk]:
        """Close the step whose tools have answered."""
        return self._close_step() if self._step_answered else []

    def _close_step(self) -> list[Chunk]:
        text_end = self._close_text()
        was_open, self._step_open, self._step_answered = self._step_open, False, False
        return [*text_end, {"type": "finish-step"}] if was_open else text_end

    # -- the end -------------------------------------------------------------------------------------

    def _end(self, event: Ended) -> list[Chunk]:
        match event:
            case TurnDone():
                self._ended = True
                return [*self._close_step(), *self._finish(event)]
            case TurnCancelled(reason="handoff"):  # not broken off: a person answers in its place
                self._ended = True
                return [*self._close_step(), *self._finish(event)]
            case TurnCancelled(reason="user"):
                self._ended = True
                return [*self._close_text(), {"type": "abort"}]  # 6.4: no `finish` follows, and no `reason`
            case TurnCancelled() | TurnFailed():
                return self._failed(event)
            case _:
                assert_never(event)

    def _failed(self, event: TurnCancelled | TurnFailed) -> list[Chunk]:
        """The AI SDK stops at `error`; others ignore it and need the `finish` (4, rule 8)."""
        self._ended = True
        text = event.message if isinstance(event, TurnFailed) else _BROKEN_OFF.get(event.reason, "")
        error = {"type": "error", "errorText": text or "The answer broke off. Ask again."}
        return [*self._close_text(), error, *self._finish(event)]

    def _finish(self, event: Ended) -> list[Chunk]:
        return [finish(finish_reason(event), self._finished(event))]

    def _deleted(self) -> TurnFailed:
        return TurnFailed(
            turn_id=self._turn_id,
            message_id="",
            usage=Usage(),
            code="conversation_not_found",
            message=_BROKEN_OFF["deleted"],
        )

    # -- chunks to frames ----------------------------------------------------------------------------

    def _block_id(self, kind: str) -> str:
        self._blocks += 1
        return f"{kind}_{self._blocks}"

    def _written(self, chunks: Iterable[Chunk]) -> list[str]:
        told = (chunk for chunk in chunks if self._extras or not chunk["type"].startswith("data-"))
        return [text for chunk in told if (text := frame(chunk, lines=self._lines))]


def stream(codec: ChunkCodec, conversation_id: str, caller: Caller, after: int) -> Stream:
    """The answer that goes on, with the headers that these streams have."""
    return Stream(
        codec=codec,
        conversation_id=conversation_id,
        caller=caller,
        after=after,
        content_type=LINES_TYPE if codec.apart else SSE_TYPE,
        headers=HEADERS,
    )


def empty_stream(
    *,
    start_id: str | None,
    started: Mapping[str, Any],
    finished: Mapping[str, Any],
    lines: bool = False,
) -> Reply:
    """The stream of a message that the bot does not answer: `start`, `finish`."""
    chunks = (start(start_id, started), finish("stop", finished))
    frames = [frame(chunk, lines=lines) for chunk in chunks]
    body = "".join(frames if lines else [*frames, DONE])
    return Reply(body=body, content_type=LINES_TYPE if lines else SSE_TYPE, headers=HEADERS)


def finish_reason(event: Ended) -> str:
    """The AI SDK's word for how a turn ended (4, rule 6); a person who takes over ends it well."""
    if isinstance(event, TurnCancelled) and event.reason == "handoff":
        return "stop"
    return _FINISH[event.finish] if isinstance(event, TurnDone) else "error"


def handoff_chunks(event: HandoffChanged) -> list[Chunk]:
    """Ours: who answers, for pages that show it; it stays out of the message."""
    data = {"state": event.state, "name": event.name, "at": event.at}
    return [{"type": "data-handoff", "data": data, "transient": True}]


def source_chunks(sources: Sequence[Source]) -> list[Chunk]:
    """A part for each source, then ours with the passages: `[n]` in the text is the one with that number."""
    passages = {"type": "data-sources", "data": [source_data(source) for source in sources]}
    return [*map(_source_chunk, sources), passages]


def _source_chunk(source: Source) -> Chunk:
    """Without an address it is a document, which needs a media type and a title (4)."""
    named = {"sourceId": source.chunk_id, "title": source.title}
    if source.url:
        return {"type": "source-url", **named, "url": source.url}
    return {"type": "source-document", **named, "mediaType": source.mime_type or "text/plain"}


def _ours(by_client: bool) -> Chunk:
    return {} if by_client else {"providerExecuted": True, "dynamic": True}
