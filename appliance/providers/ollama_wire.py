"""Ollama's chat wire: a JSON request, an answer of one JSON object per line. Pure."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec

from appliance.errors import MessageTooLarge, ProviderBroken, ProviderError
from appliance.messages import PromptMessage, ToolCall, Usage
from appliance.providers import failures
from appliance.providers.base import (
    ModelEvent,
    ModelRequest,
    ModelText,
    ModelToolCall,
    ModelUsage,
    ToolSpec,
)
from appliance.providers.failures import Upstream
from appliance.sse import LineDecoder

MEDIA_TYPES = ("application/x-ndjson", "application/ndjson", "application/json")

_HELD_CHARACTERS_MAX = 32 * 1024
"""An answer that starts like JSON is held back so long, in case all of it is one tool call."""

# -- requests ----------------------------------------------------------------------------------------


def request_body(request: ModelRequest, *, model: str, context_tokens: int) -> dict[str, Any]:
    """The JSON body. `num_ctx` is always sent: Ollama cuts a longer prompt without a word."""
    options: dict[str, Any] = {"num_ctx": context_tokens}
    if request.temperature is not None:
        options["temperature"] = request.temperature
    if request.max_tokens:
        options["num_predict"] = request.max_tokens
    names = {call.id: call.name for message in request.messages for call in message.tool_calls}
    body: dict[str, Any] = {
        "model": model,
        "messages": [_message(message, names) for message in request.messages],
        "stream": True,
        "options": options,
    }
    if request.tools:
        body["tools"] = [_function(tool) for tool in request.tools]
    return body


def _function(tool: ToolSpec) -> dict[str, Any]:
    return {"type": "function", "function": msgspec.to_builtins(tool)}


def _message(message: PromptMessage, names: dict[str, str]) -> dict[str, Any]:
    wire: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        wire["tool_calls"] = [
            {"function": {"name": call.name, "arguments": _object(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.role == "tool":
        wire["tool_name"] = names.get(message.tool_call_id, "")
    return wire


def _object(arguments: str) -> dict[str, Any]:
    """Arguments as the object Ollama wants; what the model wrote instead is kept for it to see."""
    try:
        return msgspec.json.decode(arguments, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {"not_json": arguments}


# -- answers -----------------------------------------------------------------------------------------


class _Function(msgspec.Struct):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct):
    function: _Function
    id: str = ""


class _Message(msgspec.Struct):
    content: str | None = None
    tool_calls: list[_Call] | None = None


class _Line(msgspec.Struct):
    message: _Message | None = None
    done: bool = False
    error: Any = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None


class _WrittenCall(msgspec.Struct):
    """A tool call that a model without native ones wrote as its answer."""

    name: str
    arguments: dict[str, Any] | None = None
    parameters: dict[str, Any] | None = None


_LINE = msgspec.json.Decoder(_Line)
_WRITTEN = msgspec.json.Decoder(_WrittenCall)


class OllamaDecoder:
    """One answer's bytes -> its events: text at once, then tool calls as they came, then usage.

    `tool_names` are the tools on offer; ids are `call_N` counting on from `calls_before`.
    """

    def __init__(
        self, upstream: Upstream, *, tool_names: Collection[str] = (), calls_before: int = 0
    ) -> None:
        self.finished = False
        self.messages = 0
        self._upstream = upstream
        self._tool_names = tool_names
        self._calls_before = calls_before
        self._lines = LineDecoder()
        self._held: str | None = "" if tool_names else None
        self._calls: list[_Call] = []
        self._usage: Usage | None = None
        self._failure: ProviderError | None = None

    def feed(self, data: bytes) -> list[ModelEvent]:
        """Events that `data` completes; neighbouring pieces of text come as one."""
        texts: list[str] = []
        try:
            for line in self._lines.feed(data):
                if line.strip() and not self.finished:
                    self._read(line, texts)
        except MessageTooLarge as error:
            self._fail(ProviderBroken(f"{self._upstream.label} sent too much at once: {error}."))
        except ProviderError as error:
            self._fail(error)
        return _as_event(self._let_through("".join(texts)))

    def close(self) -> list[ModelEvent]:
        """What was held back, the tool calls and usage; raises what was wrong with a broken answer."""
        events = [] if self.finished else self._rest()
        if self._failure is None and not self.finished:
            self._fail(ProviderBroken(f"{self._upstream.label} ended its answer before it was complete."))
        if self._failure is not None:
            raise self._failure
        held, self._held = self._held or "", None
        written = None if self._calls else self._written_call(held)
        if written is not None:
            events.append(ModelToolCall(written))
        else:
            events += _as_event(held)
        events += [ModelToolCall(self._named(number, call)) for number, call in enumerate(self._calls)]
        if self._usage is not None:
            events.append(ModelUsage(self._usage))
        return events

    def _rest(self) -> list[ModelEvent]:
        """A last line without its end counts if it is whole, and is dropped if cut."""
        rest = self._lines.close()
        try:
            _LINE.decode(rest)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return []
        return self.feed(rest + b"\n")

    def _fail(self, error: ProviderError) -> None:
        self.finished = True
        self._failure = error

    def _read(self, line: bytes, texts: list[str]) -> None:
        self.messages += 1
        try:
            message = _LINE.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            what = "something that is no chat message"
            raise failures.garbage(self._upstream, what, line) from None
        if message.error:
            raise failures.from_error_object(self._upstream, message.error)
        if message.message is not None:
            texts.append(message.message.content or "")
            self._calls += message.message.tool_calls or ()
        if message.done:
            self.finished = True
            self._usage = _told(message)

    def _let_through(self, text: str) -> str:
        """`text`, unless the answer so far may be a written tool call; then nothing for now."""
        if self._held is None:
            return text
        self._held += text
        start = self._held.lstrip()
        if not start or (start[0] == "{" and len(start) <= _HELD_CHARACTERS_MAX):
            return ""
        released, self._held = self._held, None
        return released

    def _written_call(self, text: str) -> ToolCall | None:
        try:
            written = _WRITTEN.decode(text.encode())
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        arguments = written.arguments if written.arguments is not None else written.parameters
        if written.name not in self._tool_names or arguments is None:
            return None
        return ToolCall(
            id=f"call_{self._calls_before}",
            name=written.name,
            arguments=msgspec.json.encode(arguments).decode(),
        )

    def _named(self, number: int, call: _Call) -> ToolCall:
        arguments = bytes(call.function.arguments)
        if arguments.startswith(b'"'):
            arguments = msgspec.json.decode(arguments, type=str).encode()
        return ToolCall(
            id=call.id or f"call_{self._calls_before + number}",
            name=call.function.name,
            arguments="{}" if arguments in (b"", b"null") else arguments.decode(),
        )


def _as_event(text: str) -> list[ModelEvent]:
    return [ModelText(text)] if text else []


def _told(message: _Line) -> Usage | None:
    """Only both figures together are worth something; a cached prompt may not be counted."""
    if message.prompt_eval_count is None or message.eval_count is None:
        return None
    return Usage(prompt_tokens=message.prompt_eval_count, completion_tokens=message.eval_count)
