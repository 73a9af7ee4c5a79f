"""Makes vectors for a base: with which embedder, and of which kind they will be."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.engine.knowledge.library import Library
from appliance.errors import EmbeddingFailed
from appliance.knowledge import KnowledgeBase
from appliance.providers.embedding.base import Embedder
from appliance.store.knowledge.base_spaces import Kind

BATCH = 64
"""Texts in one request: some seconds of a local model, so that progress is seen and a stop is soon."""

WORDS_ONLY = "Found by words only until vectors can be made"
"""How a document's `error_message` begins while its vectors are missing."""


def embedder_for(library: Library, base: KnowledgeBase) -> Embedder | None:
    """Who makes vectors for new documents of a base: of the kind that is searched now, as long as that works.

    Else of the kind that comes next. None: the base is searched by words.
    """
    for space in (base.space, base.next_space):
        if space is not None and (embedder := library.embedders.by_key(space.embedder)) is not None:
            return embedder
    return library.embedders.choose(base.embedding_model)


async def kind_of(embedder: Embedder) -> Kind:
    """Which vectors it makes; asks it once where it does not know itself. Raises `EmbeddingFailed`."""
    dimensions = embedder.dimensions
    if dimensions is None:
        dimensions = dimensions_of(await embedder.embed(["How many dimensions has this?"]))
    return Kind(embedder.key, dimensions)


def dimensions_of(vectors: Sequence[bytes]) -> int:
    """Of float32 vectors; raises `EmbeddingFailed` when there are none."""
    if not vectors:
        raise EmbeddingFailed("The embedder gave no vectors.")
    return len(vectors[0]) // 4


async def embed_all(embedder: Embedder, texts: Sequence[str], tell: Callable[[int], None]) -> list[bytes]:
    """A vector for each text; `tell` hears how many are done. Raises `EmbeddingFailed`."""
    vectors: list[bytes] = []
    for start in range(0, len(texts), BATCH):
        vectors += await embedder.embed(texts[start : start + BATCH], purpose="document")
        tell(len(vectors))
    return vectors
