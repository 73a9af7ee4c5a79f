"""What a knowledge graph is made of (Fluxbase 6.10), and how findings are gathered. Pure."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from typing import Literal, TypeAlias, get_args

import msgspec

EntityType: TypeAlias = Literal[
    "person", "organization", "location", "concept", "product", "event", "table", "url", "api_endpoint",
    "datetime", "code_reference", "error", "other",
]  # fmt: skip
RelationshipType: TypeAlias = Literal[
    "works_at", "located_in", "founded_by", "owns", "part_of", "related_to", "knows", "customer_of",
    "supplier_of", "invested_in", "acquired", "merged_with", "competitor_of", "parent_of", "child_of",
    "spouse_of", "sibling_of", "foreign_key", "depends_on", "other",
]  # fmt: skip
Direction: TypeAlias = Literal["outgoing", "incoming", "both"]

ENTITY_TYPES: tuple[EntityType, ...] = get_args(EntityType)
RELATIONSHIP_TYPES: tuple[RelationshipType, ...] = get_args(RelationshipType)

ENTITIES_MAX = 2_000
RELATIONSHIPS_MAX = 4_000
MENTIONS_MAX = 1_000
ALIASES_MAX = 5
NAME_CHARS_MAX = 200
SNIPPET_CHARS = 100
"""Of one document; a snippet has so many characters on both sides of a name."""


class FoundEntity(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that a document names. `start` is its first place; `salience` (0 to 1): often and early."""

    type: EntityType
    name: str
    canonical_name: str
    aliases: list[str]
    count: int
    start: int
    salience: float
    snippet: str


class FoundRelationship(msgspec.Struct, frozen=True, kw_only=True):
    """`source` and `target` are indices of the graph's entities."""

    source: int
    target: int
    type: RelationshipType
    confidence: float
    snippet: str


class FoundGraph(msgspec.Struct, frozen=True, kw_only=True):
    """What one document says."""

    entities: list[FoundEntity] = []
    relationships: list[FoundRelationship] = []


Key: TypeAlias = tuple[EntityType, str]


class _Thing:
    def __init__(self) -> None:
        self.names: Counter[str] = Counter()
        self.starts: set[int] = set()


class Findings:
    """Gathers what rules find in one text; what two rules find at one place counts once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._things: dict[Key, _Thing] = {}
        self._relationships: dict[tuple[Key, Key, RelationshipType], tuple[float, int]] = {}

    def add(self, type: EntityType, name: str, start: int, canonical: str = "") -> Key | None:
        """One mention; None when it is no name or the document has too many already."""
        name = name.strip()[:NAME_CHARS_MAX]
        key: Key = (type, (canonical or plain(name))[:NAME_CHARS_MAX])
        if not key[1] or "\0" in name:
            return None
        thing = self._things.get(key)
        if thing is None:
            if len(self._things) >= ENTITIES_MAX:
                return None
            thing = self._things[key] = _Thing()
        if start not in thing.starts and len(thing.starts) < MENTIONS_MAX:
            thing.starts.add(start)
            thing.names[name] += 1
        return key

    def relate(
        self, source: Key | None, type: RelationshipType, target: Key | None, confidence: float, at: int
    ) -> None:
        """A statement of the text; said twice, the surer one counts."""
        if source is None or target is None or source == target:
            return
        triple = (source, target, type)
        if triple not in self._relationships and len(self._relationships) >= RELATIONSHIPS_MAX:
            return
        known = self._relationships.get(triple)
        if known is None or known[0] < confidence:
            self._relationships[triple] = (confidence, at)

    def names(self) -> dict[str, Key]:
        """Every form of the name of a person, organisation or place that was found, if it is clear."""
        found: dict[str, Key] = {}
        unclear = set()
        for key, thing in self._things.items():
            if key[0] in ("person", "organization", "location"):
                for name in thing.names:
                    if found.setdefault(name, key) != key:
                        unclear.add(name)
        return {name: key for name, key in found.items() if name not in unclear}

    def has(self, type: EntityType, name: str) -> bool:
        """Was it found already?"""
        return (type, plain(name)) in self._things

    def graph(self) -> FoundGraph:
        """All of it, in the order in which it first appears."""
        most = max((len(thing.starts) for thing in self._things.values()), default=1)
        ordered = sorted(self._things.items(), key=lambda item: (min(item[1].starts), item[0]))
        places = {key: index for index, (key, _) in enumerate(ordered)}
        return FoundGraph(
            entities=[self._entity(key, thing, most) for key, thing in ordered],
            relationships=[
                FoundRelationship(
                    source=places[source],
                    target=places[target],
                    type=type,
                    confidence=confidence,
                    snippet=self._snippet(at),
                )
                for (source, target, type), (confidence, at) in self._relationships.items()
            ],
        )

    def _entity(self, key: Key, thing: _Thing, most: int) -> FoundEntity:
        start, count = min(thing.starts), len(thing.starts)
        names = [name for name, _ in sorted(thing.names.items(), key=lambda item: (-item[1], item[0]))]
        often = math.log1p(count) / math.log1p(most)
        early = 1 - start / max(len(self._text), 1)
        return FoundEntity(
            type=key[0],
            name=names[0],
            canonical_name=key[1],
            aliases=names[1 : 1 + ALIASES_MAX],
            count=count,
            start=start,
            salience=round(0.7 * often + 0.3 * early, 4),
            snippet=self._snippet(start),
        )

    def _snippet(self, at: int) -> str:
        around = self._text[max(at - SNIPPET_CHARS, 0) : at + 2 * SNIPPET_CHARS].split()
        first = at > SNIPPET_CHARS and len(around) > 2
        return storable(" ".join(around[1 if first else 0 :]))


def plain(name: str) -> str:
    """A name without case, width of signs, and odd blanks: what is equal here is one thing."""
    return storable(" ".join(unicodedata.normalize("NFKC", name).casefold().split()))


def storable(text: str) -> str:
    """Without what a database cannot keep: NUL and halves of surrogate pairs."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A thing as one viewer knows it: all of this comes from documents that they may see."""

    id: str
    base_id: str
    type: EntityType
    name: str
    canonical_name: str
    aliases: list[str]
    documents: int
    mentions: int
    salience: float
    snippet: str
    created_at: float
    updated_at: float


class Relationship(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to another, as one viewer knows it. `documents` say so."""

    id: str
    base_id: str
    source: Entity
    target: Entity
    type: RelationshipType
    confidence: float
    documents: int
    snippet: str
    created_at: float


class Related(msgspec.Struct, frozen=True):
    """An entity that is reached over `path`, which begins at the one that was asked about."""

    entity: Entity
    path: list[Relationship]
