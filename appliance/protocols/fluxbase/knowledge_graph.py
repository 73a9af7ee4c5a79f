"""Fluxbase's endpoints for the knowledge graph of a base (6.8, 6.10), below both prefixes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import msgspec

from appliance.engine.knowledge import graph
from appliance.errors import InvalidInput
from appliance.graphrules_kinds import (
    ENTITY_TYPES,
    Direction,
    Entity,
    EntityType,
    Relationship,
    RelationshipType,
)
from appliance.protocols.base import Endpoint, Handler, Param
from appliance.protocols.fluxbase.knowledge_desk import (
    ADMIN_BASES,
    USER_BASES,
    Desk,
    Work,
    for_admins,
    for_users,
)
from appliance.protocols.fluxbase.rest import OFFSET_MAX, timestamp
from appliance.wire import Reply, Request

LIMIT = 100
LIMIT_MAX = 1_000
QUERY_CHARS_MAX = 500


class EntityBody(msgspec.Struct, frozen=True, kw_only=True):
    """An entity (6.10); `metadata` has how many documents name it how often, its salience and a snippet."""

    id: str
    knowledge_base_id: str
    entity_type: EntityType
    name: str
    canonical_name: str
    aliases: list[str]
    metadata: dict[str, Any]
    created_at: str
    updated_at: str


class EntityList(msgspec.Struct, frozen=True, kw_only=True):
    """Some entities."""

    entities: list[EntityBody]
    count: int


class RelationshipBody(msgspec.Struct, frozen=True, kw_only=True):
    """A relationship (6.10) with both its entities."""

    id: str
    knowledge_base_id: str
    source_entity_id: str
    target_entity_id: str
    relationship_type: RelationshipType
    direction: Direction
    confidence: float
    metadata: dict[str, Any]
    created_at: str
    source_entity: EntityBody
    target_entity: EntityBody


class RelationshipList(msgspec.Struct, frozen=True, kw_only=True):
    """Some relationships."""

    relationships: list[RelationshipBody]
    count: int


class GraphBody(msgspec.Struct, frozen=True, kw_only=True):
    """The most prominent part of a graph; the counts are of all of it."""

    entities: list[EntityBody]
    relationships: list[RelationshipBody]
    entity_count: int
    relationship_count: int


async def list_entities(desk: Desk, request: Request) -> Reply:
    """`GET /:id/entities`: `type` and `entity_type` mean the same."""
    found = await graph.entities(
        desk.library,
        desk.caller,
        request.path["id"],
        types=_types(request, "type", "entity_type"),
        limit=request.whole_number("limit", LIMIT, 1, LIMIT_MAX),
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
    )
    return Reply(body=EntityList(entities=[_entity(one) for one in found], count=len(found)))


async def search_entities(desk: Desk, request: Request) -> Reply:
    """`GET /:id/entities/search`: `q` and `query` mean the same; `types` are separated by commas."""
    text = (request.query.get("q") or request.query.get("query") or "").strip()
    if not text or len(text) > QUERY_CHARS_MAX:
        raise InvalidInput(f"q (or query) must have 1 to {QUERY_CHARS_MAX} characters: part of a name.")
    found = await graph.entities(
        desk.library,
        desk.caller,
        request.path["id"],
        types=_types(request, "types"),
        text=text,
        limit=request.whole_number("limit", LIMIT, 1, LIMIT_MAX),
    )
    return Reply(body=EntityList(entities=[_entity(one) for one in found], count=len(found)))


async def list_relationships(desk: Desk, request: Request) -> Reply:
    """`GET /:id/entities/:eid/relationships`: those that begin or end there."""
    id = request.path["eid"]
    found = await graph.relationships_of(desk.library, desk.caller, request.path["id"], id)
    return Reply(
        body=RelationshipList(relationships=[_relationship(one, id) for one in found], count=len(found))
    )


async def show_graph(desk: Desk, request: Request) -> Reply:
    """`GET /:id/graph`: the most prominent entities and what is between them."""
    found = await graph.whole(
        desk.library,
        desk.caller,
        request.path["id"],
        limit=request.whole_number("limit", LIMIT, 1, LIMIT_MAX),
    )
    return Reply(
        body=GraphBody(
            entities=[_entity(one) for one in found.entities],
            relationships=[_relationship(one) for one in found.relationships],
            entity_count=found.entity_count,
            relationship_count=found.relationship_count,
        )
    )


def _types(request: Request, *names: str) -> list[str]:
    given = ",".join(request.query.get(name, "") for name in names)
    types = sorted({word.strip() for word in given.split(",") if word.strip()})
    unknown = [word for word in types if word not in ENTITY_TYPES]
    if unknown:
        raise InvalidInput(
            f"{names[0]}={unknown[0][:50]!r} is no type of an entity; there are {', '.join(ENTITY_TYPES)}."
        )
    return types


def _entity(entity: Entity) -> EntityBody:
    return EntityBody(
        id=entity.id,
        knowledge_base_id=entity.base_id,
        entity_type=entity.type,
        name=entity.name,
        canonical_name=entity.canonical_name,
        aliases=entity.aliases,
        metadata={
            "documents": entity.documents,
            "mentions": entity.mentions,
            "salience": entity.salience,
            "context": entity.snippet,
        },
        created_at=timestamp(entity.created_at),
        updated_at=timestamp(entity.updated_at),
    )


def _relationship(line: Relationship, seen_from: str = "") -> RelationshipBody:
    return RelationshipBody(
        id=line.id,
        knowledge_base_id=line.base_id,
        source_entity_id=line.source.id,
        target_entity_id=line.target.id,
        relationship_type=line.type,
        direction="incoming" if seen_from == line.target.id else "outgoing",
        confidence=line.confidence,
        metadata={"documents": line.documents, "context": line.snippet},
        created_at=timestamp(line.created_at),
        source_entity=_entity(line.source),
        target_entity=_entity(line.target),
    )


def _number(name: str, description: str, low: int, high: int, default: int) -> Param:
    schema = {"type": "integer", "minimum": low, "maximum": high, "default": default}
    return Param(name=name, description=description, schema=schema)


_LIMIT = _number("limit", "How many entities to give", 1, LIMIT_MAX, LIMIT)
_TYPE = {"type": "string", "enum": [*ENTITY_TYPES]}
_ROUTES: tuple[tuple[str, Work, str, Any, tuple[Param, ...], tuple[int, ...]], ...] = (
    (
        "/<id>/entities",
        list_entities,
        "The things that the documents of a knowledge base name",
        EntityList,
        (
            Param(name="type", description="Only those of this type", schema=_TYPE),
            Param(name="entity_type", description="The same as `type`", schema=_TYPE),
            _LIMIT,
            _number("offset", "How many to leave out", 0, OFFSET_MAX, 0),
        ),
        (400, 404),
    ),
    (
        "/<id>/entities/search",
        search_entities,
        "Things by a part of their name",
        EntityList,
        (
            Param(name="q", description="Part of a name"),
            Param(name="query", description="The same as `q`"),
            Param(name="types", description="Only those of these types, separated by commas"),
            _LIMIT,
        ),
        (400, 404),
    ),
    (
        "/<id>/entities/<eid>/relationships",
        list_relationships,
        "What the documents say of a thing and others",
        RelationshipList,
        (),
        (404,),
    ),
    (
        "/<id>/graph",
        show_graph,
        "The most prominent part of the knowledge graph",
        GraphBody,
        (_LIMIT,),
        (400, 404),
    ),
)


def _below(
    prefix: str, door: Callable[[Work], Handler], access: Literal["user", "admin"]
) -> tuple[Endpoint, ...]:
    return tuple(
        Endpoint(
            method="GET",
            path=prefix + path,
            handler=door(work),
            summary=summary,
            params=params,
            answers={200: answer},
            errors=errors,
            access=access,
        )
        for path, work, summary, answer, params, errors in _ROUTES
    )


ADMIN_ENDPOINTS = _below(ADMIN_BASES, for_admins, "admin")
USER_ENDPOINTS = _below(USER_BASES, for_users, "user")
ENDPOINTS: tuple[Endpoint, ...] = (*ADMIN_ENDPOINTS, *USER_ENDPOINTS)
