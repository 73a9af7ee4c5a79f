"""Sources of an answer as programs read them, the same over every wire that has room for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

from appliance.citations import cited_in
from appliance.messages import Message, Source


class SourceData(TypedDict):
    """A passage that `[number]` in the answer means; `start` and `end` are offsets in the document's text."""

    number: int
    document_id: str
    chunk_id: str
    title: str
    knowledge_base: str
    similarity: float
    content: str
    start: int
    end: int
    page: NotRequired[int]
    headings: NotRequired[list[str]]
    url: NotRequired[str]


def source_data(source: Source) -> SourceData:
    """One source; what it does not have is left out."""
    told = SourceData(
        number=source.number,
        document_id=source.document_id,
        chunk_id=source.chunk_id,
        title=source.title,
        knowledge_base=source.knowledge_base,
        similarity=source.similarity,
        content=source.content,
        start=source.start,
        end=source.end,
    )
    if source.page is not None:
        told["page"] = source.page
    if source.headings:
        told["headings"] = source.headings
    if source.url:
        told["url"] = source.url
    return told


def cited(text: str, sources: Sequence[Source]) -> list[SourceData]:
    """What a finished answer cites, each once, in the order in which it does."""
    found = {source.number: source for _, _, source in cited_in(text, sources)}
    return [source_data(source) for source in found.values()]


def cited_by(answer: Message) -> list[SourceData]:
    """The same of a stored answer."""
    return cited(answer.text, answer.sources)
