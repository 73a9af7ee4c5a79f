"""Questions with the answers that our example bots gave to them, over the demo shop and its documents.

They were written down once (`demo_talks.json`), with their passages, queries, rows and steps.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

import msgspec

from appliance import references
from appliance.citations import cited_in
from appliance.engine.tracer import Trace
from appliance.messages import (
    Part,
    PromptMessage,
    Source,
    SourcesPart,
    TextPart,
    ToolCall,
    ToolCallPart,
    ToolResult,
    ToolResultPart,
)

FILE = Path(__file__).with_suffix(".json")
KNOWLEDGE_BASE = "support"

_IDS = uuid.UUID("5b1f7a0c-7f0e-4b57-9d51-2c8a3a1c6b40")
_ENCODER = msgspec.json.Encoder()


class Excerpt(msgspec.Struct, frozen=True, kw_only=True):
    """A passage; those of one document have its number."""

    document: int
    title: str
    start: int
    end: int
    headings: list[str]
    mime_type: str
    content: str


class Found(msgspec.Struct, frozen=True, array_like=True):
    """A passage by its name in the file, as which number it was shown, and how near it was."""

    excerpt: str
    number: int
    similarity: float
    vector_score: float | None = None
    word_score: float | None = None


class Said(msgspec.Struct, frozen=True, kw_only=True, tag="text", tag_field="kind"):
    """A run of text; `at` of this and of all pieces is behind the beginning of the turn."""

    at: int
    text: str


class Showed(msgspec.Struct, frozen=True, kw_only=True, tag="sources", tag_field="kind"):
    """Passages that were given to the model."""

    at: int
    found: list[Found]


class Called(msgspec.Struct, frozen=True, kw_only=True, tag="call", tag_field="kind"):
    """The model asked for a tool."""

    at: int
    call: ToolCall


class Ran(msgspec.Struct, frozen=True, kw_only=True, tag="result", tag_field="kind"):
    """A tool answered."""

    at: int
    result: ToolResult


class Searched(msgspec.Struct, frozen=True, kw_only=True, tag="searched", tag_field="kind"):
    """The search in the documents answered."""

    at: int
    call_id: str
    query: str
    found: list[Found]


Piece: TypeAlias = Said | Showed | Called | Ran | Searched


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """One question and all that its answer was made of; its events take `length` positions."""

    bot: Literal["support", "sql-assistant"]
    ask: str
    prompt: int
    usage: tuple[int, int]
    length: int
    first_token_ms: float
    total_ms: float
    steps: list[dict[str, Any]]
    parts: list[Piece]


class Talks(msgspec.Struct, frozen=True, kw_only=True):
    """The whole file; `prompts` have places for passages and the moment."""

    prompts: list[str]
    passages: dict[str, Excerpt]
    answers: list[Answered]

    def find(self, ask: str) -> Answered:
        """The answer to exactly that question."""
        return next(one for one in self.answers if one.ask == ask)

    def parts(self, answered: Answered, first_seq: int) -> list[Part]:
        """What the answer is made of, in a turn that begins at that place in the log."""
        return [self._part(piece, first_seq + piece.at) for piece in answered.parts]

    def trace(
        self, answered: Answered, earlier: Sequence[Answered], *, model: str, slower: float, at: str
    ) -> bytes:
        """What explains the answer, as the store keeps it; it took `slower` times as long."""
        parts = self.parts(answered, 0)
        shown = [source for part in parts if isinstance(part, SourcesPart) for source in part.sources]
        results = {part.result.name: part.result for part in parts if isinstance(part, ToolResultPart)}
        calls = {part.call.name: part.call for part in parts if isinstance(part, ToolCallPart)}
        asked = [
            PromptMessage(role="system", content=self._system(answered, at)),
            *(message for one in earlier for message in self._remembered(one)),
            PromptMessage(role="user", content=answered.ask),
        ]
        carried_out = self._carried_out(parts)
        queries = [result.query for result in results.values() if result.query]
        trace = Trace(
            question=answered.ask,
            first_token_ms=round(answered.first_token_ms * slower, 1),
            total_ms=round(answered.total_ms * slower, 1),
            steps=[_step(step, model, slower, calls, results) for step in answered.steps],
            messages=[msgspec.to_builtins(message) for message in (*asked, *carried_out)],
            sent=[len(asked), len(asked) + len(carried_out)] if carried_out else [len(asked)],
            passages=self._passages(answered, shown),
            queries=[{**msgspec.to_builtins(query), "error": query.error} for query in queries],
        )
        return zlib.compress(_ENCODER.encode(trace))

    # -- inner ----------------------------------------------------------------------------------------

    def _part(self, piece: Piece, seq: int) -> Part:
        match piece:
            case Said(text=text):
                return TextPart(seq=seq, text=text)
            case Showed(found=found):
                return SourcesPart(seq=seq, sources=[self._source(one) for one in found])
            case Called(call=call):
                return ToolCallPart(seq=seq, call=call)
            case Ran(result=result):
                return ToolResultPart(seq=seq, result=result)
            case Searched(call_id=call_id):
                content = _ENCODER.encode(self._listed(piece)).decode()
                result = ToolResult(call_id=call_id, name="search_vectors", ok=True, content=content)
                return ToolResultPart(seq=seq, result=result)

    def _listed(self, piece: Searched) -> dict[str, Any]:
        sources = [self._source(one) for one in piece.found]
        results = [
            {
                "number": source.number,
                "chunk_id": source.chunk_id,
                "document_id": source.document_id,
                "document_title": source.title,
                "content": source.content,
                "similarity": source.similarity,
                "knowledge_base": source.knowledge_base,
            }
            for source in sources
        ]
        return {"query": piece.query, "results": results, "count": len(results)}

    def _source(self, found: Found) -> Source:
        excerpt = self.passages[found.excerpt]
        return Source(
            number=found.number,
            document_id=str(uuid.uuid5(_IDS, f"document {excerpt.document}")),
            chunk_id=str(uuid.uuid5(_IDS, found.excerpt)),
            title=excerpt.title,
            knowledge_base=KNOWLEDGE_BASE,
            similarity=found.similarity,
            content=excerpt.content,
            start=excerpt.start,
            end=excerpt.end,
            headings=excerpt.headings,
            mime_type=excerpt.mime_type,
        )

    def _system(self, answered: Answered, at: str) -> str:
        first = answered.parts[0]
        shown = [self._source(one) for one in first.found] if isinstance(first, Showed) else []
        text = self.prompts[answered.prompt]
        return text.replace("{passages}", references.section(shown)).replace("{now}", at)

    def _remembered(self, answered: Answered) -> list[PromptMessage]:
        text = "".join(piece.text for piece in answered.parts if isinstance(piece, Said))
        return [
            PromptMessage(role="user", content=answered.ask),
            PromptMessage(role="assistant", content=text),
        ]

    def _carried_out(self, parts: Sequence[Part]) -> list[PromptMessage]:
        """The tools that were asked for, and what they gave."""
        calls = [part.call for part in parts if isinstance(part, ToolCallPart)]
        results = [part.result for part in parts if isinstance(part, ToolResultPart)]
        if not calls:
            return []
        return [
            PromptMessage(role="assistant", tool_calls=calls),
            *(PromptMessage(role="tool", content=one.content, tool_call_id=one.call_id) for one in results),
        ]

    def _passages(self, answered: Answered, shown: Sequence[Source]) -> list[dict[str, Any]]:
        text = "".join(piece.text for piece in answered.parts if isinstance(piece, Said))
        used = {source.number for _, _, source in cited_in(text, shown)}
        found = [one for piece in answered.parts if isinstance(piece, Showed) for one in piece.found]
        return [
            {
                "number": one.number,
                "title": self.passages[one.excerpt].title,
                "score": one.similarity,
                **({} if one.vector_score is None else {"vector_score": one.vector_score}),
                **({} if one.word_score is None else {"word_score": one.word_score}),
                "content": self.passages[one.excerpt].content,
                "used": one.number in used,
            }
            for one in found
        ]


@cache
def talks() -> Talks:
    """The file, read once."""
    return msgspec.json.decode(FILE.read_bytes(), type=Talks)


def _step(
    step: dict[str, Any],
    model: str,
    slower: float,
    calls: dict[str, ToolCall],
    results: dict[str, ToolResult],
) -> dict[str, Any]:
    told = {**step, **{key: round(step[key] * slower, 1) for key in ("at_ms", "took_ms")}}
    if step["kind"] == "model":
        return {**told, "model": model}
    name = step.get("name", "")
    if name not in results:
        return told
    result = results[name]
    return {**told, "arguments": calls[name].arguments, "ok": result.ok, "result": result.content}
