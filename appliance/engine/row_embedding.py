"""Fills a column of one of the team's tables with vectors of its texts, in steps that can be stopped."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.vector_making import BATCH, kind_of
from appliance.errors import InvalidInput, NoEmbedder
from appliance.store import row_vectors as stored

TEXT_CHARS_MAX = 8_000
"""So much of a text is embedded; models read no more."""


class Filled(msgspec.Struct, frozen=True, kw_only=True):
    """What was done: `rows` have new vectors of `dimensions` numbers, `without_text` had nothing to embed.

    `changed` have another text than when their vector was made, and wait for the next time.
    """

    table: str
    column: str
    model: str
    dimensions: int
    rows: int
    without_text: int
    changed: int


async def fill(
    library: Library,
    table: str,
    content: str,
    column: str,
    *,
    anew: bool = False,
    model: str = "",
    tell: Callable[[int, int], None],
) -> Filled:
    """Make a vector of each text that has none, or with `anew` of all; `tell` hears how many of how many.

    Each batch is stored as soon as it is made, so that what was stopped goes on where it was. Raises
    `NotFound`, `InvalidInput`, `NoEmbedder`, `EmbeddingFailed`, `StoreError`.
    """
    embedder = library.embedders.choose(model)
    if embedder is None:
        raise NoEmbedder(library.embedders.why_none(model))
    kind = await kind_of(embedder)
    store = library.store
    at = await store.write(stored.prepare, table, content, column, anew=anew)
    there = await store.read(stored.dimensions, at)
    if not anew and any(count != kind.dimensions for count in there):
        raise InvalidInput(
            f"The vectors in {at.table}.{at.column} have {' or '.join(map(str, there))} numbers, but "
            f"{embedder.model} makes vectors of {kind.dimensions}: make all anew with --all, or use another "
            "column."
        )
    total = await store.read(stored.count_waiting, at)
    seen, done, after = 0, 0, None
    while rows := await store.read(stored.waiting, at, after, BATCH):
        vectors = await embedder.embed([row.text[:TEXT_CHARS_MAX] for row in rows], purpose="document")
        done += await store.write(stored.put, at, list(zip(rows, vectors, strict=True)))
        seen, after = seen + len(rows), rows[-1].key
        tell(seen, max(seen, total))
    return Filled(
        table=at.table,
        column=at.column,
        model=embedder.model,
        dimensions=kind.dimensions,
        rows=done,
        without_text=await store.read(stored.count_without_text, at),
        changed=seen - done,
    )
