"""Answers of model servers, built piece by piece as the real ones send them; what a script is made of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import msgspec

DONE = "data: [DONE]\n\n"


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes that are sent together, `delay_s` after the ones before; `text` or base64 `data`."""

    text: str = ""
    data: bytes = b""
    delay_s: float = 0.0

    @property
    def raw(self) -> bytes:
        return self.text.encode() + self.data


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One answer. `then` says what follows the chunks:

    end    the proper end of the message; the connection may be used again
    close  FIN; with chunked framing the message is cut in the middle
    reset  RST
    hang   nothing more until the client goes

    `framing`: `chunked`, `until_close` (no length: FIN is the proper end), or `raw` (no HTTP head: the chunks
    are all there is).
    """

    chunks: list[Chunk] = []
    status: int = 200
    headers: dict[str, str] = msgspec.field(default_factory=lambda: {"content-type": "text/event-stream"})
    then: Literal["end", "close", "reset", "hang"] = "end"
    framing: Literal["chunked", "until_close", "raw"] = "chunked"
    head_delay_s: float = 0.0


def stream(*pieces: str | bytes, delay_s: float = 0.0, **reply: Any) -> Reply:
    """A 200 whose pieces are sent one by one, `delay_s` apart."""
    chunks = [
        Chunk(text=piece, delay_s=delay_s) if isinstance(piece, str) else Chunk(data=piece, delay_s=delay_s)
        for piece in pieces
    ]
    return Reply(chunks=chunks, **reply)


# -- OpenAI ------------------------------------------------------------------------------------------


def chunk(delta: dict[str, Any] | None = None, finish_reason: str | None = None, **more: Any) -> str:
    """One chat completion chunk; without a delta and a reason it has no choices."""
    choices = []
    if delta is not None or finish_reason:
        choices = [{"index": 0, "delta": delta or {}, "finish_reason": finish_reason}]
    body = {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "scripted",
        "choices": choices,
        **more,
    }
    return f"data: {json.dumps(body)}\n\n"


def text(delta: str) -> str:
    return chunk({"content": delta})


def call_fragment(
    index: int | None, id: str | None = None, name: str | None = None, arguments: str | None = None
) -> str:
    """One piece of a tool call; what is None is left out."""
    function = {"name": name, "arguments": arguments}
    fragment: dict[str, Any] = {"index": index, "id": id, "type": "function" if id else None}
    fragment = {key: value for key, value in fragment.items() if value is not None}
    fragment["function"] = {key: value for key, value in function.items() if value is not None}
    return chunk({"tool_calls": [fragment]})


def finish(reason: str = "stop") -> str:
    return chunk({}, reason)


def usage(prompt: int, completion: int) -> str:
    """The chunk with usage and no choices that follows the finish."""
    total = prompt + completion
    return chunk(usage={"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": total})


def openai_text(
    *deltas: str, tokens: tuple[int, int] | None = (11, 7), delay_s: float = 0.0, **reply: Any
) -> Reply:
    """A whole answer of text, one network chunk per delta; `tokens` None leaves the usage out."""
    end = finish() + (usage(*tokens) if tokens else "") + DONE
    role = chunk({"role": "assistant", "content": ""})
    return stream(role, *map(text, deltas), end, delay_s=delay_s, **reply)


def openai_tool_calls(
    *calls: tuple[str, dict[str, Any]], tokens: tuple[int, int] = (11, 7), **reply: Any
) -> Reply:
    """A whole answer of (name, arguments) calls, their arguments in two pieces each."""
    pieces = []
    for index, (name, arguments) in enumerate(calls):
        written = json.dumps(arguments)
        half = len(written) // 2
        pieces += [
            call_fragment(index, f"call_s{index}", name, ""),
            call_fragment(index, arguments=written[:half]),
            call_fragment(index, arguments=written[half:]),
        ]
    return stream(*pieces, finish("tool_calls") + usage(*tokens) + DONE, **reply)


def tool_then_text(name: str, arguments: dict[str, Any], *deltas: str) -> list[Reply]:
    """Two answers: first one tool call, then text."""
    return [openai_tool_calls((name, arguments)), openai_text(*deltas)]


def error(status: int, message: str, *, code: Any = None, param: str | None = None, **headers: str) -> Reply:
    """An error in OpenAI's shape; header names with underscores for dashes."""
    body = {"error": {"message": message, "type": "error", "param": param, "code": code}}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(
        status=status,
        headers={"content-type": "application/json", **named},
        chunks=[Chunk(text=json.dumps(body))],
    )


# -- Ollama ------------------------------------------------------------------------------------------


def ollama_line(content: str = "", tool_calls: Sequence[dict[str, Any]] = (), **more: Any) -> str:
    message: dict[str, Any] = {"role": "assistant", "content": content}
    if tool_calls:
        message["tool_calls"] = list(tool_calls)
    line = {"model": "scripted", "created_at": "2026-01-01T00:00:00Z", "message": message}
    return json.dumps({**line, "done": False, **more}) + "\n"


def ollama_done(prompt: int = 11, completion: int = 7) -> str:
    counts = {"prompt_eval_count": prompt, "eval_count": completion}
    return ollama_line(done=True, done_reason="stop", **counts)


def ollama_text(*deltas: str, **reply: Any) -> Reply:
    """A whole answer of text, one network chunk per delta."""
    reply.setdefault("headers", {"content-type": "application/x-ndjson"})
    return stream(*map(ollama_line, deltas), ollama_done(), **reply)


def ollama_tool_calls(*calls: tuple[str, dict[str, Any]], **reply: Any) -> Reply:
    """A whole answer of (name, arguments) calls."""
    reply.setdefault("headers", {"content-type": "application/x-ndjson"})
    wire = [{"function": {"name": name, "arguments": arguments}} for name, arguments in calls]
    return stream(ollama_line(tool_calls=wire), ollama_done(), **reply)
