"""Keeps the vectors of whole bases of the kind that their embedder makes now.

Another model makes vectors that cannot be compared with those that are there. So a base whose embedder
changed gets new ones for all its chunks beside the old ones, which serve until the last one is made; then it
switches, and the old ones go. A base that had no embedder gets its vectors the same way. Each step is a
transaction, and what was done is found again after a restart.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.vector_making import BATCH, WORDS_ONLY, kind_of
from appliance.errors import ApplianceError, StoreError
from appliance.knowledge import EmbeddingSpace, KnowledgeBase
from appliance.providers.embedding.base import Embedder
from appliance.store.knowledge import base_spaces, bases, chunks, jobs, vectors
from appliance.store.knowledge.base_spaces import Kind

logger = logging.getLogger("appliance.knowledge")

LOOK_S = 30.0
"""How late a change of settings is seen that nobody tells of."""
QUIET_S = 2.0
"""Between two looks: of many documents each one wakes us."""
READ_AT_ONCE = 8 * BATCH
FORGET_AT_ONCE = 100


class Reembedding:
    """Looks after the vectors of all bases of a library."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self._store = library.store
        self._problems: dict[int, str] = {}

    async def run(self) -> None:
        """Work until cancelled; nothing that goes wrong ends it."""
        while True:
            news = self._library.news
            await self.look()
            with trio.move_on_after(LOOK_S):
                await news.wait()
            await trio.sleep(QUIET_S)

    async def look(self) -> None:
        """Bring every base up to date, as far as that can be done now."""
        try:
            found = await self._store.read(bases.every)
        except StoreError as error:
            self._tell(0, "knowledge bases", error)
            return
        for base in found:
            await self._guarded(base.number, _name(base), self._bring_up, base)
        await self._guarded(0, "knowledge bases", self._forget_old)

    async def _guarded(
        self, number: int, name: str, work: Callable[..., Awaitable[None]], *args: object
    ) -> None:
        """Do some work; what goes wrong with it is told and waits for the next look."""
        try:
            await work(*args)
            self._problems.pop(number, None)
        except Exception as error:
            self._tell(number, name, error)

    def _tell(self, number: int, name: str, error: Exception) -> None:
        """Once, however often the same thing goes wrong."""
        known = isinstance(error, ApplianceError)
        problem = error.text if isinstance(error, ApplianceError) else repr(error)
        if self._problems.get(number) != problem:
            logger.error("%s: vectors wait: %s", name, problem, exc_info=None if known else error)
        self._problems[number] = problem

    async def _bring_up(self, base: KnowledgeBase) -> None:
        embedder = self._library.embedders.choose(base.embedding_model)
        if embedder is None or not await self._store.read(base_spaces.has_chunks, base.number):
            return
        kind = await kind_of(embedder)
        if kind.is_of(base.space):
            await self._complete(base, embedder)
            return
        await self._renew(base, embedder, kind)

    async def _complete(self, base: KnowledgeBase, embedder: Embedder) -> None:
        """Give a vector to chunks that have none though they should, once no document waits for its own."""
        if base.next_space is not None:
            await self._store.write(base_spaces.stay, base.number)
        waiting = await self._store.read(jobs.open_in, base.number, self._library.clock())
        if base.space is None or waiting.at_work or waiting.put_off:
            return
        if await self._fill(base, base.space, embedder):
            await self._store.write(base_spaces.words_only, base.number, WORDS_ONLY)

    async def _renew(self, base: KnowledgeBase, embedder: Embedder, kind: Kind) -> None:
        """Give all chunks a vector of this kind, then let these serve."""
        space = base.next_space
        if space is None or not kind.is_of(space):
            space = await self._store.write(base_spaces.begin, base, kind, serves=False)
            logger.info("%s gets new vectors (%s)", _name(base), embedder.model)
        count = 0
        while True:
            count += await self._fill(base, space, embedder)
            if await self._store.write(base_spaces.switch, base.number):
                break
            if not await self._store.read(chunks.without_vectors, base.number, space, 1):
                return  # it was deleted, or is to have another kind by now
        await self._store.write(base_spaces.words_only, base.number, WORDS_ONLY)
        logger.info("%s is searched by its new vectors (%s, %d made)", _name(base), embedder.model, count)

    async def _fill(self, base: KnowledgeBase, space: EmbeddingSpace, embedder: Embedder) -> int:
        """Make the vectors that are missing in a space, and return how many."""
        count = 0
        while rows := await self._store.read(chunks.without_vectors, base.number, space, READ_AT_ONCE):
            for start in range(0, len(rows), BATCH):
                batch = rows[start : start + BATCH]
                made = await embedder.embed([text for _, text in batch], purpose="document")
                numbers = [number for number, _ in batch]
                await self._store.write(vectors.put, space, list(zip(numbers, made, strict=True)))
                count += len(batch)
        return count

    async def _forget_old(self) -> None:
        for space, number in await self._store.read(base_spaces.strays):
            while await self._store.write(base_spaces.forget_some, space, number, FORGET_AT_ONCE):
                pass
        await self._store.write(vectors.drop_unused)


def _name(base: KnowledgeBase) -> str:
    return f"knowledge base {base.namespace}/{base.name}"
