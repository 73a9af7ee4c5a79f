"""The wire that OpenAI, Azure OpenAI and most model servers share: chat completions, streamed. Pure.

Request bodies out, Server-Sent Events in. protocols/fluxbase.md section 7 names the quirks handled here:
usage comes in a chunk of its own with no choices, tool calls come in pieces by index, errors may come
inside the stream, and the finish reason says nothing reliable about tool calls.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from appliance.errors import MessageTooLarge, ProviderBroken, ProviderError
from appliance.messages import PromptMessage, ToolCall, Usage
from appliance.providers import failures
from appliance.providers.base import (
    ModelCut,
    ModelEvent,
    ModelRequest,
    ModelText,
    ModelToolCall,
    ModelUsage,
    ToolSpec,
)
from appliance.providers.failures import Upstream
from appliance.sse import LINE_BYTES_MAX, SseDecoder, SseEvent

MEDIA_TYPES = ("text/event-stream",)

_REASONING = re.compile(r"(o[134]|gpt-5)")
"""Models that take no temperature and count their thoughts as completion tokens."""

# -- requests ----------------------------------------------------------------------------------------


def request_body(request: ModelRequest, *, model: str, limit_field: str) -> dict[str, Any]:
    """The JSON body; `limit_field` is what this server calls the most tokens to generate."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message) for message in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if request.temperature is not None and not is_reasoning(model):
        body["temperature"] = request.temperature
    if request.max_tokens:
        body[limit_field] = request.max_tokens
    if request.tools:
        body["tools"] = [function(tool) for tool in request.tools]
        body["parallel_tool_calls"] = True
    return body


def is_reasoning(model: str) -> bool:
    """True for o1*, o3*, o4* and gpt-5*, also behind a vendor prefix as in `openai/o3`."""
    return _REASONING.match(model.rpartition("/")[2]) is not None


def function(tool: ToolSpec) -> dict[str, Any]:
    """A tool as chat models are told of it."""
    return {
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    }


def adapt(body: dict[str, Any], complaint: str) -> dict[str, Any] | None:
    """`body` without the optional field that a 400 complains of; None when it is about something else.

    The name of an Azure deployment tells nothing about its model, and small servers know fewer fields.
    """
    if not re.search(r"(?i)unsupported|not support|unrecogni|unknown|not permitted|extra", complaint):
        return None
    for field in ("max_tokens", "max_completion_tokens", *_DISPENSABLE):
        if field in body and re.search(rf"\b{field}\b", complaint):
            leaner = {key: value for key, value in body.items() if key != field}
            if field == "max_tokens":
                leaner["max_completion_tokens"] = body[field]
            return leaner
    return None


_DISPENSABLE = ("temperature", "stream_options", "parallel_tool_calls")


def _message(message: PromptMessage) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["content"] = message.content or None
        wire["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": _sendable(call.arguments)},
            }
            for call in message.tool_calls
        ]
    if message.role == "tool":
        wire["tool_call_id"] = message.tool_call_id
    return wire


def _sendable(arguments: str) -> str:
    """Servers that render a template parse the arguments and answer 500 when a model wrote no JSON."""
    if _is_object(arguments.encode()):
        return arguments
    return msgspec.json.encode({"not_json": arguments}).decode()


# -- answers -----------------------------------------------------------------------------------------


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _Fragment(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Fragment] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None
    index: int = 0


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_CHUNK = msgspec.json.Decoder(_Chunk)
_DONE = b"[DONE]"


class ChatDecoder:
    """One answer's bytes -> its events: text at once, then tool calls by index, then usage.

    `calls_before` is the number of tool calls in the request; calls that come without an id are named
    `call_N` counting on from there, so that ids stay unique within a conversation.
    """

    def __init__(self, upstream: Upstream, *, calls_before: int = 0) -> None:
        self.finished = False
        self.messages = 0
        self._upstream = upstream
        self._sse = SseDecoder()
        self._calls = _CallAssembler(upstream, calls_before)
        self._usage: _Usage | None = None
        self._finish_reason = ""
        self._failure: ProviderError | None = None

    def feed(self, data: bytes) -> list[ModelEvent]:
        """Events that `data` completes; neighbouring pieces of text come as one."""
        texts: list[str] = []
        try:
            for event in self._sse.feed(data):
                if not self.finished:
                    self._read(event, texts)
        except MessageTooLarge as error:
            self._fail(ProviderBroken(f"{self._upstream.label} sent too much at once: {error}."))
        except ProviderError as error:
            self._fail(error)
        text = "".join(texts)
        return [ModelText(text)] if text else []

    def close(self) -> list[ModelEvent]:
        """The tool calls and usage of a whole answer; raises what was wrong with any other."""
        events = [] if self.finished else self._rest()
        if self._failure is not None:
            raise self._failure
        if not (self.finished or self._finish_reason):
            raise ProviderBroken(f"{self._upstream.label} ended its answer before it was complete.")
        if self._finish_reason == "content_filter":
            raise ProviderError(f"The content filter of {self._upstream.label} stopped the answer.")
        events += [ModelToolCall(call) for call in self._calls.assembled()]
        if self._finish_reason == "length":
            events.append(ModelCut())
        if (usage := _told(self._usage)) is not None:
            events.append(ModelUsage(usage))
        return events

    def _rest(self) -> list[ModelEvent]:
        """A last message without its blank line counts if it is whole, and is dropped if cut."""
        texts: list[str] = []
        for event in self._sse.close():
            if event.data == _DONE or _is_object(event.data):
                try:
                    self._read(event, texts)
                except ProviderError as error:
                    self._fail(error)
        text = "".join(texts)
        return [ModelText(text)] if text else []

    def _fail(self, error: ProviderError) -> None:
        self.finished = True
        self._failure = error

    def _read(self, event: SseEvent, texts: list[str]) -> None:
        self.messages += 1
        if event.data.strip() == _DONE:
            self.finished = True
        elif event.event == "error":
            raise failures.from_error_object(self._upstream, _parsed(event.data))
        else:
            self._take(self._chunk(event.data), texts)

    def _chunk(self, data: bytes) -> _Chunk:
        try:
            return _CHUNK.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            what = "something that is no chat completion chunk"
            raise failures.garbage(self._upstream, what, data) from None

    def _take(self, chunk: _Chunk, texts: list[str]) -> None:
        if chunk.error:
            raise failures.from_error_object(self._upstream, chunk.error)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if choice.index != 0:
                continue
            if choice.delta is not None:
                texts.append(choice.delta.content or choice.delta.refusal or "")
                for fragment in choice.delta.tool_calls or ():
                    self._calls.add(fragment)
            self._finish_reason = choice.finish_reason or self._finish_reason


def _is_object(data: bytes) -> bool:
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True


def _parsed(data: bytes) -> Any:
    """An error's data: the object, its inner `error`, or just the text."""
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return failures.excerpt(data)
    return value["error"] if isinstance(value, dict) and value.get("error") else value


def _told(usage: _Usage | None) -> Usage | None:
    """Only both figures together are worth something; else the engine estimates both."""
    if usage is None or usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    return Usage(prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens)


class _Growing:
    """A tool call of which not all pieces may have come."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []


class _CallAssembler:
    """Pieces of tool calls -> the calls, in index order.

    Servers differ: some leave the index out, some number every call 0 and tell them apart by id, some
    repeat id and name in each piece.
    """

    def __init__(self, upstream: Upstream, calls_before: int) -> None:
        self._upstream = upstream
        self._calls_before = calls_before
        self._all: list[_Growing] = []
        self._current: dict[int, _Growing] = {}
        self._held = 0

    def add(self, fragment: _Fragment) -> None:
        """Put one piece where it belongs; `ProviderBroken` when all together grow out of bounds."""
        piece = fragment.function or _Function()
        call = self._call_of(fragment, piece)
        call.id = call.id or fragment.id or ""
        call.name = call.name or piece.name or ""
        text = piece.arguments or ""
        if not isinstance(text, str):
            text = msgspec.json.encode(text).decode()
        call.arguments.append(text)
        self._held += 64 + len(text)
        if self._held > LINE_BYTES_MAX:
            raise ProviderBroken(f"{self._upstream.label} asked for endless tool calls.")

    def _call_of(self, fragment: _Fragment, piece: _Function) -> _Growing:
        index = fragment.index
        if index is None:
            last = self._all[-1].index if self._all else -1
            index = last + 1 if piece.name or last < 0 else last
        call = self._current.get(index)
        if call is None or (fragment.id and call.id and fragment.id != call.id):
            call = self._current[index] = _Growing(index)
            self._all.append(call)
        return call

    def assembled(self) -> list[ToolCall]:
        """All calls; `ProviderBroken` for one that names no tool."""
        calls: list[ToolCall] = []
        seen: set[str] = set()
        for call in sorted(self._all, key=lambda growing: growing.index):
            if not call.name:
                raise ProviderBroken(f"{self._upstream.label} asked for a tool without a name.")
            call_id = call.id
            if not call_id or call_id in seen:
                call_id = f"call_{self._calls_before + len(calls)}"
            seen.add(call_id)
            # No arguments at all is how some models call a tool that needs none.
            arguments = "".join(call.arguments) or "{}"
            calls.append(ToolCall(id=call_id, name=call.name, arguments=arguments))
        return calls


def calls_in(request: ModelRequest) -> int:
    """How many tool calls the request's history holds."""
    return sum(len(message.tool_calls) for message in request.messages)
