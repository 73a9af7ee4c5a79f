"""Knowledge graphs for those who ask: people through the API, models through their tools.

Everybody sees what the documents say that they may see, administrators too: as in a search, what only some
user's own documents say is there for that user alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw
import msgspec

from appliance.engine.knowledge import bases
from appliance.engine.knowledge.access import viewer_of
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.retrieval import Served, filter_of
from appliance.errors import NotFound
from appliance.graphrules import extract
from appliance.graphrules_kinds import Direction, Entity, Related, Relationship
from appliance.identity import Caller
from appliance.store.knowledge import graph as stored
from appliance.store.knowledge.graph import Scope
from appliance.tools.base import ToolError

__all__ = ["BotGraph", "Whole", "entities", "extract", "relationships_of", "whole"]

RELATIONSHIPS_MAX = 1_000


class Whole(msgspec.Struct, frozen=True, kw_only=True):
    """The most prominent part of a graph, and how much there is in all."""

    entities: list[Entity]
    relationships: list[Relationship]
    entity_count: int
    relationship_count: int


async def entities(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    types: Sequence[str] = (),
    text: str = "",
    limit: int,
    offset: int = 0,
) -> list[Entity]:
    """Those of a base, the most prominent first; raises `AuthRequired`, `NotFound`."""
    scope = _scope(library, caller, base_id)
    return await library.store.read(
        lambda db: stored.entities(db, scope, types=types, text=text, limit=limit, offset=offset)
    )


async def relationships_of(
    library: Library, caller: Caller, base_id: str, entity_id: str
) -> list[Relationship]:
    """Those that begin or end at an entity; raises `AuthRequired`, `NotFound`."""
    scope = _scope(library, caller, base_id)

    def read(db: apsw.Connection) -> list[Relationship]:
        found = stored.entity(db, scope, entity_id)
        if found is None or found.id != entity_id:
            raise NotFound("There is no such entity in this knowledge base.")
        return stored.relationships(db, scope, of=[entity_id], limit=RELATIONSHIPS_MAX)

    return await library.store.read(read)


async def whole(library: Library, caller: Caller, base_id: str, *, limit: int) -> Whole:
    """The graph of a base with at most `limit` entities; raises `AuthRequired`, `NotFound`."""
    scope = _scope(library, caller, base_id)

    def read(db: apsw.Connection) -> Whole:
        shown = stored.entities(db, scope, limit=limit)
        ids = {entity.id for entity in shown}
        lines = stored.relationships(db, scope, of=sorted(ids), limit=RELATIONSHIPS_MAX)
        entity_count, relationship_count = stored.counts(db, scope)
        return Whole(
            entities=shown,
            relationships=[line for line in lines if line.source.id in ids and line.target.id in ids],
            entity_count=entity_count,
            relationship_count=relationship_count,
        )

    return await library.store.read(read)


class BotGraph:
    """The graphs of the bases that a bot answers from, for one caller (`tools.base.Graph`)."""

    def __init__(self, library: Library, caller: Caller, served: Sequence[Served]) -> None:
        self._library = library
        self._caller = caller
        self._served = served

    async def entities(
        self, base: str, *, types: Sequence[str] = (), text: str = "", limit: int = 10
    ) -> list[Entity]:
        """Those of some types with `text` in a name, the most prominent first."""
        scope = self._scope(base)
        return await self._library.store.read(
            lambda db: stored.entities(db, scope, types=types, text=text, limit=limit)
        )

    async def entity(self, base: str, id_or_name: str) -> Entity:
        """One entity; raises `ToolError`."""
        scope = self._scope(base)
        return await self._library.store.read(lambda db: _entity(db, scope, id_or_name))

    async def relationships(
        self, base: str, *, of: Sequence[str], direction: Direction = "both", limit: int = 10
    ) -> list[Relationship]:
        """Those that begin or end at these entities, the surest first."""
        scope = self._scope(base)
        return await self._library.store.read(
            lambda db: stored.relationships(db, scope, of=of, direction=direction, limit=limit)
        )

    async def related(
        self, base: str, id: str, *, depth: int, types: Sequence[str] = (), limit: int = 10
    ) -> list[Related]:
        """Entities that are reached from one in so many steps, the nearest first; raises `ToolError`."""
        scope = self._scope(base)
        return await self._library.store.read(
            lambda db: stored.related(
                db, scope, _entity(db, scope, id), depth=depth, types=types, limit=limit
            )
        )

    def _scope(self, base: str) -> Scope:
        for one in self._served:
            if base in (one.base.id, one.base.name):
                allowed = filter_of(one.link, self._caller)
                if allowed is not None:
                    return Scope(base=one.base.number, viewer=viewer_of(self._caller), filter=allowed)
        names = ", ".join(one.base.name for one in self._served)
        raise ToolError(f"There is no knowledge base {base[:100]!r} here. Available: {names}.")


def _entity(db: apsw.Connection, scope: Scope, id_or_name: str) -> Entity:
    found = stored.entity(db, scope, id_or_name)
    if found is None:
        raise ToolError(
            f"There is no entity {id_or_name[:100]!r} in this knowledge base; "
            "find one with query_knowledge_graph."
        )
    return found


def _scope(library: Library, caller: Caller, base_id: str) -> Scope:
    base = bases.find(library, caller, base_id)
    return Scope(base=base.number, viewer=viewer_of(caller))
