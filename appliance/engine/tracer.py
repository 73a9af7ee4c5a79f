"""Collects what explains an answer while it is made: prompts as sent, passages, SQL, tools, times of steps.

All in memory; at the turn's end it is redacted, cut to size, compressed and stored with the answer. So
nothing of it is between a question and its first word.
"""

from __future__ import annotations

import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

import msgspec
import trio

from appliance.citations import cited_in
from appliance.knowledge import Passage
from appliance.messages import PromptMessage, QueryOutcome, Source, ToolCall, ToolResult
from appliance.redact import Redactor

Kind: TypeAlias = Literal["retrieve", "model", "tool"]

CHARS_MAX = 200_000
"""Of all long texts of one trace together; what is over is cut, and says so."""
TEXT_CHARS_MAX = 60_000
ROWS_MAX = 20
"""Of each result; the message itself has more."""
CUT = " … (cut)"
PACKED_LEVEL = 1
"""All others wait meanwhile: a third of the time that zlib takes by its own choice; a sixth more bytes."""

logger = logging.getLogger("appliance.engine")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """What is stored. `messages` are all that models were sent; call `n` had the first `sent[n]` of them."""

    question: str
    first_token_ms: float | None
    total_ms: float
    steps: list[dict[str, Any]]
    messages: list[dict[str, Any]]
    sent: list[int]
    passages: list[dict[str, Any]]
    queries: list[dict[str, Any]]


class Tracer:
    """One turn's; with `wanted` False it collects nothing."""

    def __init__(self, question: str, *, wanted: bool) -> None:
        self._question = question
        self._wanted = wanted
        self._began = trio.current_time()
        self._first_token_ms: float | None = None
        self._steps: list[dict[str, Any]] = []
        self._messages: list[PromptMessage] = []
        self._sent: list[int] = []
        self._found: dict[str, Passage] = {}
        self._sources: list[Source] = []
        self._queries: list[dict[str, Any]] = []

    @contextmanager
    def step(self, kind: Kind, **facts: Any) -> Iterator[dict[str, Any]]:
        """Measure what is done within; further facts may be put into what it gives."""
        started = trio.current_time()
        told: dict[str, Any] = {"kind": kind, "at_ms": self._ms(started), **facts}
        self._steps.append(told)
        try:
            yield told
        finally:
            told["took_ms"] = round((trio.current_time() - started) * 1000, 1)

    def prompted(self, messages: Sequence[PromptMessage]) -> int:
        """A model is about to be sent these, which begin with those of the call before; the call's number."""
        self._messages = [*messages]
        self._sent.append(len(messages))
        return len(self._sent)

    def wrote(self) -> None:
        """The first piece of text goes out."""
        if self._first_token_ms is None:
            self._first_token_ms = self._ms(trio.current_time())

    def found(self, passages: Sequence[Passage]) -> None:
        """These were looked up, the best first, whether or not there was room for them."""
        self._found |= {passage.chunk_id: passage for passage in passages}

    def showed(self, sources: Sequence[Source]) -> None:
        """The model got these to read."""
        self._sources += sources

    def ran(self, call: ToolCall, result: ToolResult, told: dict[str, Any]) -> None:
        """A tool has answered."""
        told |= {"name": call.name, "arguments": call.arguments, "ok": result.ok, "result": result.content}
        if result.query is not None:
            self._queries.append(_query(result.query))

    def packed(self, answer: str, redactor: Redactor) -> bytes:
        """All of it for the store; empty where nothing is to be kept, or a fault of ours is in the way."""
        if not self._wanted:
            return b""
        try:
            trace = self._trace(answer)
            data = msgspec.json.encode(trace)
            if redactor.knows_any or len(data) > TEXT_CHARS_MAX:  # in a shorter one no text is too long
                cleaned = redactor.clean_all(msgspec.to_builtins(trace))
                data = msgspec.json.encode(_cut(cleaned, _Room(CHARS_MAX)))
            return zlib.compress(data, PACKED_LEVEL)
        except Exception:
            # An answer is not to be lost for want of its explanation.
            logger.exception("a trace could not be made")
            return b""

    def _trace(self, answer: str) -> Trace:
        return Trace(
            question=self._question,
            first_token_ms=self._first_token_ms,
            total_ms=self._ms(trio.current_time()),
            steps=self._steps,
            messages=[msgspec.to_builtins(message) for message in self._messages],
            sent=self._sent,
            passages=self._passages(answer),
            queries=self._queries,
        )

    def _passages(self, answer: str) -> list[dict[str, Any]]:
        """Those that the model read by their numbers, then those that had no room."""
        used = {source.number for _, _, source in cited_in(answer, self._sources)}
        told = [
            {
                "number": source.number,
                "title": source.title,
                "score": source.similarity,
                **_scores(self._found.get(source.chunk_id)),
                "content": source.content,
                "used": source.number in used,
            }
            for source in self._sources
        ]
        shown = {source.chunk_id for source in self._sources}
        left_out = [passage for id, passage in self._found.items() if id not in shown]
        return told + [
            {
                "number": None,
                "title": passage.title,
                "score": passage.similarity,
                **_scores(passage),
                "content": passage.content,
                "used": False,
            }
            for passage in left_out
        ]

    def _ms(self, at: float) -> float:
        return round((at - self._began) * 1000, 1)


def unpacked(data: bytes) -> Trace:
    """What `packed` made; its texts may be cut."""
    return msgspec.json.decode(zlib.decompress(data), type=Trace)


def _scores(passage: Passage | None) -> dict[str, float]:
    if passage is None:
        return {}
    scores = {"vector_score": passage.cosine, "word_score": passage.coverage}
    return {name: score for name, score in scores.items() if score is not None}


def _query(query: QueryOutcome) -> dict[str, Any]:
    return {
        "sql": query.sql,
        "description": query.description,
        "columns": query.columns,
        "types": query.types,
        "rows": query.rows[:ROWS_MAX],
        "row_count": query.row_count,
        "duration_ms": query.duration_ms,
        "error": query.error,
    }


class _Room:
    def __init__(self, left: int) -> None:
        self.left = left


def _cut(value: Any, room: _Room) -> Any:
    """The same with texts as long as there is room for, in order."""
    if isinstance(value, str):
        most = max(0, min(TEXT_CHARS_MAX, room.left))
        room.left -= min(len(value), most)
        return value if len(value) <= most else value[:most] + CUT
    if isinstance(value, list):
        return [_cut(one, room) for one in value]
    if isinstance(value, dict):
        return {key: _cut(one, room) for key, one in value.items()}
    return value
