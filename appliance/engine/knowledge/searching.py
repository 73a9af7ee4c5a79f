"""One search for everybody who asks: turns, tools and endpoints.

The question is embedded once for each space that the bases have, each space is searched on a reader, and the
best of all come first. Without vectors, or while the embedder fails, it is searched by words; `Found.mode`
tells.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from weakref import WeakKeyDictionary

import apsw
import msgspec

from appliance.engine.knowledge import access, checking
from appliance.engine.knowledge.library import Library
from appliance.errors import EmbeddingFailed, InvalidInput
from appliance.fusion import WORDS_ENOUGH
from appliance.identity import Caller
from appliance.knowledge import (
    EVERY_DOCUMENT,
    DocumentFilter,
    EmbeddingSpace,
    Found,
    KnowledgeBase,
    Search,
    SearchMode,
    Viewer,
)
from appliance.store.knowledge import search as stored

EMBEDDED_CHARS_MAX = 8_000
"""So much of a question is embedded; models read no more, and what is wanted is said sooner."""
LIMIT_MAX = 200

_failing: WeakKeyDictionary[Library, set[str]] = WeakKeyDictionary()
"""Embedders whose last question failed: that is logged once, until one succeeds again."""

logger = logging.getLogger("appliance.engine")


class Question(msgspec.Struct, frozen=True):
    """A question as one space gets it: a vector and from which cosine on a passage is about it."""

    vector: bytes | None
    threshold: float | None


async def search(
    library: Library,
    bases: Sequence[KnowledgeBase],
    *,
    text: str,
    viewer: Viewer,
    mode: SearchMode = "hybrid",
    limit: int = 10,
    threshold: float | None = None,
    semantic_weight: float | None = None,
    filter: DocumentFilter = EVERY_DOCUMENT,
    vector: bytes | None = None,
) -> Found:
    """The passages of these bases that fit, best first; whether the bases may be searched was asked before.

    `threshold` None leaves it to each space's embedder. `vector` is the question's embedding where it is
    known already; it then must be of the bases' only space. Raises `InvalidInput`, `StoreError`, never
    because an embedder fails.
    """
    asked = Search(
        text=checking.storable(text.replace("\0", " "), "query"),
        viewer=viewer,
        mode=mode,
        limit=max(1, min(limit, LIMIT_MAX)),
        semantic_weight=semantic_weight,
        filter=filter,
    )
    if not text.strip():
        return Found(passages=[], mode=mode)
    results: list[Found] = []
    for space, numbers in _by_space(bases):
        question = await _question(library, space, asked, threshold, vector)
        each = msgspec.structs.replace(asked, vector=question.vector, threshold=question.threshold)
        results.append(await library.store.read(stored.search, numbers, each))
    return _merged(results, asked)


async def in_base(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    text: str,
    mode: SearchMode = "hybrid",
    limit: int = 10,
    threshold: float | None = None,
    semantic_weight: float | None = None,
    filter: DocumentFilter = EVERY_DOCUMENT,
) -> Found:
    """A search in one base in the caller's name; also an administrator finds no user's own documents.

    Who was only shown single documents of it searches those. Raises `AuthRequired`, `NotFound`,
    `InvalidInput`.
    """
    if threshold is not None:
        checking.between(threshold, 0.0, 1.0, "threshold")
    if semantic_weight is not None:
        checking.between(semantic_weight, 0.0, 1.0, "semantic_weight")
    checking.between(limit, 1, LIMIT_MAX, "limit")
    if not text.strip():
        raise InvalidInput("query is missing or empty.")
    base, only = library.store.read_now(_searchable, caller, base_id, filter)
    if only is None:
        return Found(passages=[], mode=mode)
    return await search(
        library,
        [base],
        text=text,
        viewer=access.viewer_of(caller),
        mode=mode,
        limit=limit,
        threshold=threshold,
        semantic_weight=semantic_weight,
        filter=only,
    )


def _searchable(
    db: apsw.Connection, caller: Caller, base_id: str, filter: DocumentFilter
) -> tuple[KnowledgeBase, DocumentFilter | None]:
    """The base, and the filter that stays within what the caller may see; None when that is nothing."""
    base, permission, granted = access.open_some(db, caller, base_id)
    if permission is not None:
        return base, filter
    documents = [id for id in granted if not filter.documents or id in filter.documents]
    return base, msgspec.structs.replace(filter, documents=documents) if documents else None


async def _question(
    library: Library,
    space: EmbeddingSpace | None,
    asked: Search,
    threshold: float | None,
    vector: bytes | None,
) -> Question:
    """Without vectors a passage has to have enough of the words; a threshold for cosines only lowers that."""
    if asked.mode == "keyword":
        return Question(None, threshold)
    embedder = library.embedders.by_key(space.embedder) if space else None
    if space is not None and vector is None and embedder is not None:
        vector = await embed(library, space, asked.text)
    if space is None or vector is None:
        return Question(None, WORDS_ENOUGH if threshold is None else min(threshold, WORDS_ENOUGH))
    least = embedder.threshold if threshold is None and embedder is not None else threshold
    return Question(vector, least)


async def embed(library: Library, space: EmbeddingSpace, text: str) -> bytes | None:
    """A question's vector in a space; None when its embedder is away, fails, or makes others than it did."""
    embedder = library.embedders.by_key(space.embedder)
    if embedder is None:
        return None
    failing = _failing.setdefault(library, set())
    try:
        (vector,) = await embedder.embed([text[:EMBEDDED_CHARS_MAX]], purpose="query")
        if len(vector) != 4 * space.dimensions:
            raise EmbeddingFailed(
                f"{embedder.model} gave {len(vector) // 4} dimensions where {space.dimensions} are stored; "
                "re-index the knowledge bases that use it."
            )
    except EmbeddingFailed as error:
        if space.embedder not in failing:
            logger.warning("questions are searched by words only, as they cannot be embedded: %s", error.text)
        failing.add(space.embedder)
        return None
    failing.discard(space.embedder)
    return vector


def _by_space(bases: Sequence[KnowledgeBase]) -> list[tuple[EmbeddingSpace | None, list[int]]]:
    """Numbers of the bases of each space, each once."""
    numbers: dict[int, list[int]] = {}
    spaces: dict[int, EmbeddingSpace | None] = {}
    for base in bases:
        key = base.space.number if base.space else 0
        spaces[key] = base.space
        known = numbers.setdefault(key, [])
        if base.number not in known:
            known.append(base.number)
    return [(spaces[key], numbers[key]) for key in numbers]


def _merged(results: Sequence[Found], asked: Search) -> Found:
    if len(results) == 1:
        return results[0]
    passages = [passage for found in results for passage in found.passages]
    passages.sort(key=lambda passage: (-passage.score, -passage.similarity, passage.chunk))
    modes = [found.mode for found in results]
    mode = next((mode for mode in modes if mode != "keyword"), "keyword" if modes else asked.mode)
    return Found(passages=passages[: asked.limit], mode=mode)
