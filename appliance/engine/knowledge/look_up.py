"""The sources of one answer: found before it, or by its tools; each passage has one number in the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.retrieval import Served, numbered, search_all
from appliance.errors import ApplianceError
from appliance.identity import Caller
from appliance.knowledge import EVERY_DOCUMENT, DocumentFilter, Passage
from appliance.messages import Source
from appliance.tools.base import ToolError


class LookUps:
    """What the tools of one turn may look up; `on_sources` is told of passages that are new to the answer."""

    def __init__(
        self,
        library: Library,
        caller: Caller,
        served: Sequence[Served],
        on_sources: Callable[[list[Source]], None],
    ) -> None:
        self._library = library
        self._caller = caller
        self._on_sources = on_sources
        self._numbers: dict[str, int] = {}
        self._last = 0
        self.served = served

    def tell(self, passages: Sequence[Passage]) -> list[Source]:
        """Number what is new, tell of it and return it."""
        new = [passage for passage in passages if passage.chunk_id not in self._numbers]
        sources = numbered(new, self._last + 1)
        self._last += len(sources)
        self._numbers |= {source.chunk_id: source.number for source in sources}
        self._on_sources(sources)
        return sources

    def tell_again(self, sources: Sequence[Source]) -> list[Source]:
        """Tell of passages that an earlier part of the answer has numbered, but not of withheld ones."""
        self._last = max([self._last, *(source.number for source in sources)])
        told = [source for source in sources if source.chunk_id]
        self._numbers |= {source.chunk_id: source.number for source in told}
        self._on_sources(told)
        return told

    async def __call__(
        self,
        query: str,
        *,
        bases: Sequence[str] = (),
        limit: int = 5,
        threshold: float | None = None,
        filter: DocumentFilter = EVERY_DOCUMENT,
    ) -> list[tuple[int, Passage]]:
        """The best passages of the bases with these names or ids, or of all; raises `ToolError`."""
        known = [one.base.name for one in self.served]
        unknown = sorted({*bases} - {*known, *(one.base.id for one in self.served)})
        if unknown:
            raise ToolError(
                f"There is no knowledge base {', '.join(unknown)} here. Available: {', '.join(known)}."
            )
        chosen = [one for one in self.served if not bases or {one.base.name, one.base.id} & {*bases}]
        try:
            found = await search_all(
                self._library,
                self._caller,
                chosen,
                query,
                limit=limit,
                threshold=threshold,
                filter=filter,
                steered=not bases,
            )
        except ApplianceError as error:
            raise ToolError(f"The documents could not be searched: {error.public_text}") from error
        passages = found.passages[:limit]
        self.tell(passages)
        return [(self._numbers[passage.chunk_id], passage) for passage in passages]
