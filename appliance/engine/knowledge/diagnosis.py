"""A search with all its figures, for those who ask why something is found, or not (Fluxbase 6.8)."""

from __future__ import annotations

import struct

import msgspec

from appliance.engine.knowledge import searching
from appliance.engine.knowledge.library import Library
from appliance.knowledge import DocumentFilter, KnowledgeBase, Passage, SearchMode, Viewer

PREVIEW = 8


class Embedding(msgspec.Struct, frozen=True, kw_only=True):
    """The first numbers of a question's vector."""

    model: str
    dimensions: int
    preview: list[float]


class Diagnosed(msgspec.Struct, frozen=True, kw_only=True):
    """Passages whatever their similarity, and the vector that they were found with, if there is one."""

    mode: SearchMode
    passages: list[Passage]
    embedding: Embedding | None
    why_no_embedding: str = ""


async def diagnose(
    library: Library,
    base: KnowledgeBase,
    *,
    text: str,
    viewer: Viewer,
    mode: SearchMode,
    limit: int,
    semantic_weight: float,
    filter: DocumentFilter,
) -> Diagnosed:
    """Search a base for the viewer without any threshold; whether it may be searched was asked before."""
    found = await searching.search(
        library,
        [base],
        text=text,
        viewer=viewer,
        mode=mode,
        limit=limit,
        threshold=0.0,
        semantic_weight=semantic_weight,
        filter=filter,
    )
    embedding = await _embedding(library, base, text)
    why = "" if embedding else _why_none(library, base)
    return Diagnosed(mode=found.mode, passages=found.passages, embedding=embedding, why_no_embedding=why)


async def _embedding(library: Library, base: KnowledgeBase, text: str) -> Embedding | None:
    embedder = library.embedders.by_key(base.space.embedder) if base.space is not None else None
    if base.space is None or embedder is None:
        return None
    vector = await searching.embed(library, base.space, text)
    if vector is None:
        return None
    numbers = struct.unpack(f"<{len(vector) // 4}f", vector)
    preview = [round(number, 6) for number in numbers[:PREVIEW]]
    return Embedding(model=embedder.model, dimensions=len(numbers), preview=preview)


def _why_none(library: Library, base: KnowledgeBase) -> str:
    if base.space is None:
        return library.embedders.why_none() or "The vectors of this knowledge base have not been made yet."
    return "What made its vectors is not here any more, or fails; the server's log has the reason."
