"""Fluxbase's search of one knowledge base, and what is behind it (6.5)."""

from __future__ import annotations

from typing import Any

from appliance.engine.knowledge import bases, diagnosis, searching
from appliance.engine.knowledge.access import viewer_of
from appliance.engine.knowledge.diagnosis import Diagnosed
from appliance.errors import InvalidInput
from appliance.knowledge import KnowledgeBase, Passage
from appliance.protocols.fluxbase.knowledge_desk import Desk
from appliance.protocols.fluxbase.knowledge_documents import filter_of
from appliance.protocols.fluxbase.shapes_knowledge import (
    DebugCounts,
    DebugEmbedding,
    DebugResult,
    Diagnosis,
    SearchBody,
    SearchResult,
    SearchResults,
)
from appliance.wire import Reply, Request

MAX_CHUNKS = 10
CHUNKS_MAX = 100
THRESHOLD = 0.2
SEMANTIC_WEIGHT = 0.5
QUERY_CHARS_MAX = 10_000
PREVIEW_CHARS = 200


async def search_base(desk: Desk, request: Request) -> Reply:
    """`POST /:id/search`: with vectors by meaning, unless `mode` says otherwise; without, by words.

    Also administrators find no user's own documents: these are theirs alone in every search.
    """
    asked, limit = _asked(request)
    found = await searching.in_base(desk.library, desk.caller, request.path["id"], **_search(asked, limit))
    results = [_result(passage) for passage in found.passages]
    return Reply(
        body=SearchResults(
            results=results, count=len(results), query=asked.query, mode=found.mode, limit=limit
        )
    )


async def debug_search(desk: Desk, request: Request) -> Reply:
    """`POST /:id/debug-search`: for editors: also what is below the threshold, and why."""
    asked, limit = _asked(request)
    base, _ = await bases.get(desk.library, desk.caller, request.path["id"], "editor")
    search = _search(asked, limit)
    threshold = search.pop("threshold")
    found = await diagnosis.diagnose(desk.library, base, viewer=viewer_of(desk.caller), **search)
    return Reply(body=_diagnosis(asked, base, found, threshold))


def _asked(request: Request) -> tuple[SearchBody, int]:
    """What is asked, and how many passages of it; raises `InvalidInput`."""
    asked = request.json(SearchBody)
    if not asked.query.strip() or len(asked.query) > QUERY_CHARS_MAX:
        raise InvalidInput(f"query must have 1 to {QUERY_CHARS_MAX} characters.")
    limit = asked.max_chunks if asked.max_chunks is not None else asked.limit
    limit = MAX_CHUNKS if limit is None else limit
    if not 1 <= limit <= CHUNKS_MAX:
        raise InvalidInput(f"max_chunks={limit} must be between 1 and {CHUNKS_MAX}.")
    return asked, limit


def _search(asked: SearchBody, limit: int) -> dict[str, Any]:
    mode = asked.mode or "semantic"
    default = None if mode == "keyword" else THRESHOLD
    return {
        "text": asked.query,
        "mode": mode,
        "limit": limit,
        "threshold": default if asked.threshold is None else asked.threshold,
        "semantic_weight": SEMANTIC_WEIGHT if asked.semantic_weight is None else asked.semantic_weight,
        "filter": filter_of(asked.tags, None, asked.metadata_filter),
    }


def _result(passage: Passage) -> SearchResult:
    return SearchResult(
        chunk_id=passage.chunk_id,
        document_id=passage.document_id,
        knowledge_base_id=passage.base_id,
        knowledge_base_name=passage.base_name,
        document_title=passage.title,
        content=passage.content,
        similarity=passage.similarity,
        metadata=passage.metadata,
        tags=passage.tags,
        chunk_index=passage.chunk_index,
        start_offset=passage.start,
        end_offset=passage.end,
        page=passage.page,
        headings=passage.headings,
        source_url=passage.source_url or None,
    )


def _diagnosis(
    asked: SearchBody, base: KnowledgeBase, found: Diagnosed, threshold: float | None
) -> Diagnosis:
    return Diagnosis(
        query=asked.query,
        asked_mode=asked.mode or "semantic",
        mode=found.mode,
        threshold=threshold,
        embedding=_embedding(found),
        why_no_embedding=found.why_no_embedding or None,
        counts=DebugCounts(
            documents=base.document_count, chunks=base.total_chunks, found=len(found.passages)
        ),
        results=[
            DebugResult(
                chunk_id=passage.chunk_id,
                document_id=passage.document_id,
                document_title=passage.title,
                content_preview=passage.content[:PREVIEW_CHARS],
                similarity=passage.similarity,
                cosine=passage.cosine,
                coverage=passage.coverage,
                score=passage.score,
                passes_threshold=threshold is None or passage.similarity >= threshold,
            )
            for passage in found.passages
        ],
    )


def _embedding(found: Diagnosed) -> DebugEmbedding | None:
    one = found.embedding
    if one is None:
        return None
    return DebugEmbedding(model=one.model, dimensions=one.dimensions, preview=one.preview)
