"""Letting all documents of a base be chunked and embedded anew, some in each transaction."""

from __future__ import annotations

from appliance.engine.knowledge.library import Library
from appliance.store.knowledge import documents as stored

QUEUED_AT_ONCE = 500


async def queue_all(library: Library, base: int) -> int:
    """Queue them and return how many; the chunks that they have serve until there are new ones."""
    after, count = 0, 0
    while True:
        queued, after = await library.store.write(
            stored.queue_all_anew, base, after, QUEUED_AT_ONCE, library.clock()
        )
        count += queued
        if not after:
            return count
