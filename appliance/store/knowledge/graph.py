# ruff: noqa: S608 what is written into SQL here are conditions of our own
"""The knowledge graph of a base: written whole per document, read for one viewer.

Names, counts, snippets and times are gathered from the documents that the viewer may see: what only
other documents say looks as if nobody had said it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from typing import Any

import apsw
import msgspec

from appliance.graphrules_kinds import (
    ALIASES_MAX,
    Direction,
    Entity,
    FoundGraph,
    Related,
    Relationship,
    plain,
)
from appliance.knowledge import EVERY_DOCUMENT, Document, DocumentFilter, Viewer
from appliance.store.knowledge.filters import Condition, matches, visible

_IDS = uuid.UUID("6f1c4b52-7d0e-5b43-9c39-0d8f3f0f8a10")
_FRONTIER_MAX = 500
"""Relationships that one step from some entities looks at."""


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Of which base, for whom, and what documents of it count."""

    base: int
    viewer: Viewer
    filter: DocumentFilter = EVERY_DOCUMENT

    def seen(self) -> Condition:
        """For a query that calls documents `d` and bases `b`.

        What a document says counts no more from when it is moved away to be deleted bit by bit.
        """
        here = Condition("(b.number = ? AND d.base = b.number)", (self.base,))
        return here & visible(self.viewer) & matches(self.filter)


def replace(db: apsw.Connection, document: Document, found: FoundGraph) -> None:
    """What a document says in place of what it said, in the caller's transaction.

    Ids come from the names: what is said again keeps its id.
    """
    row = db.execute("SELECT id FROM _knowledge_bases WHERE number = ?", (document.base,)).fetchone()
    remove(db, document.number)
    if row is None:
        return
    ids = [_id(row[0], entity.type, entity.canonical_name) for entity in found.entities]
    db.executemany(
        "INSERT OR IGNORE INTO _graph_entities (id, base, type, canonical_name) VALUES (?, ?, ?, ?)",
        (
            (id, document.base, entity.type, entity.canonical_name)
            for id, entity in zip(ids, found.entities, strict=True)
        ),
    )
    db.executemany(
        "INSERT INTO _graph_mentions "
        "(entity, document, name, aliases, names, count, start, salience, snippet) "
        "SELECT number, ?, ?, ?, ?, ?, ?, ?, ? FROM _graph_entities WHERE id = ?",
        (
            (
                document.number, entity.name, msgspec.json.encode(entity.aliases),
                "\n".join(plain(name) for name in (entity.name, *entity.aliases)),
                entity.count, entity.start, entity.salience, entity.snippet, id,
            )
            for id, entity in zip(ids, found.entities, strict=True)
        ),
    )  # fmt: skip
    for relationship in found.relationships:
        source, target = ids[relationship.source], ids[relationship.target]
        id = _id(source, relationship.type, target)
        db.execute(
            "INSERT OR IGNORE INTO _graph_relationships (id, base, source, target, type) "
            "SELECT ?, ?, s.number, t.number, ? FROM _graph_entities s, _graph_entities t "
            "WHERE s.id = ? AND t.id = ?",
            (id, document.base, relationship.type, source, target),
        )
        db.execute(
            "INSERT INTO _graph_evidence (relationship, document, confidence, snippet) "
            "SELECT number, ?, ?, ? FROM _graph_relationships WHERE id = ?",
            (document.number, relationship.confidence, relationship.snippet, id),
        )


def remove(db: apsw.Connection, document: int) -> None:
    """Forget what a document said; a document that is deleted is forgotten by itself."""
    db.execute("DELETE FROM _graph_evidence WHERE document = ?", (document,))
    db.execute("DELETE FROM _graph_mentions WHERE document = ?", (document,))


def entities(
    db: apsw.Connection,
    scope: Scope,
    *,
    types: Sequence[str] = (),
    text: str = "",
    limit: int,
    offset: int = 0,
) -> list[Entity]:
    """Those of some types (all when empty) with `text` in a name, the most prominent first."""
    wanted = Condition("(1)")
    if types:
        wanted &= Condition("(e.type IN (SELECT value FROM json_each(?)))", (_json(types),))
    having = Condition("(max(instr(m.names, ?)) > 0)", (plain(text),)) if text else Condition("(1)")
    return _entities(db, scope, wanted, having, "ORDER BY documents DESC, salience DESC, e.id", limit, offset)


def entity(db: apsw.Connection, scope: Scope, id_or_name: str) -> Entity | None:
    """The one of that id, or else the most prominent one of that name."""
    by_id = Condition("(e.id = ?)", (_text(id_or_name),))
    found = _entities(db, scope, by_id, Condition("(1)"), "", 1, 0)
    if not found and plain(id_or_name):
        named = Condition(
            "(max(e.canonical_name = ? "
            "OR instr(char(10) || m.names || char(10), char(10) || ? || char(10)) > 0))",
            (plain(id_or_name),) * 2,
        )
        found = _entities(db, scope, Condition("(1)"), named, "ORDER BY salience DESC, e.id", 1, 0)
    return found[0] if found else None


def relationships(
    db: apsw.Connection,
    scope: Scope,
    *,
    of: Sequence[str] | None = None,
    types: Sequence[str] = (),
    direction: Direction = "both",
    limit: int,
) -> list[Relationship]:
    """Those that begin or end at one of these entities (ids; None: all), the surest first."""
    wanted = scope.seen()
    if of is not None:
        ends = {"outgoing": ["s"], "incoming": ["t"], "both": ["s", "t"]}[direction]
        one_of = " OR ".join(f"{end}.id IN (SELECT value FROM json_each(?))" for end in ends)
        wanted &= Condition(f"({one_of})", (_json(of),) * len(ends))
    if types:
        wanted &= Condition("(r.type IN (SELECT value FROM json_each(?)))", (_json(types),))
    rows: list[Any] = db.execute(
        "SELECT r.id, b.id, s.id, t.id, r.type, max(v.confidence) AS confidence, count(*), v.snippet, "
        "min(d.created_at) FROM _graph_relationships r JOIN _graph_evidence v ON v.relationship = r.number "
        "JOIN _graph_entities s ON s.number = r.source JOIN _graph_entities t ON t.number = r.target "
        "JOIN _documents d ON d.number = v.document JOIN _knowledge_bases b ON b.number = r.base "
        f"WHERE {wanted.sql} GROUP BY r.number ORDER BY confidence DESC, count(*) DESC, r.id LIMIT ?",
        (*wanted.bindings, limit),
    ).fetchall()
    named = {str(id) for row in rows for id in row[2:4]}
    known = {one.id: one for one in _by_ids(db, scope, named)}
    return [_relationship(row, known) for row in rows if row[2] in known and row[3] in known]


def counts(db: apsw.Connection, scope: Scope) -> tuple[int, int]:
    """How many entities and relationships there are."""
    seen = scope.seen()
    one, other = (
        db.execute(
            f"SELECT count(DISTINCT {key}) FROM {table} x JOIN _documents d ON d.number = x.document "
            f"JOIN _knowledge_bases b ON b.number = d.base WHERE {seen.sql}",
            seen.bindings,
        ).get
        for key, table in (("x.entity", "_graph_mentions"), ("x.relationship", "_graph_evidence"))
    )
    return int(one), int(other)


def related(
    db: apsw.Connection, scope: Scope, start: Entity, *, depth: int, types: Sequence[str] = (), limit: int
) -> list[Related]:
    """Entities within `depth` steps of one, the nearest first, each with one shortest path to it."""
    paths: dict[str, list[Relationship]] = {start.id: []}
    found: list[Related] = []
    frontier = [start.id]
    for _ in range(depth):
        steps = relationships(db, scope, of=frontier, types=types, limit=_FRONTIER_MAX)
        before, frontier = {*frontier}, []
        for step in steps:
            for here, there in ((step.source, step.target), (step.target, step.source)):
                if here.id in before and there.id not in paths:
                    paths[there.id] = [*paths[here.id], step]
                    found.append(Related(there, paths[there.id]))
                    frontier.append(there.id)
        if not frontier or len(found) >= limit:
            break
    return found[:limit]


def _entities(
    db: apsw.Connection,
    scope: Scope,
    wanted: Condition,
    having: Condition,
    order: str,
    limit: int,
    offset: int,
) -> list[Entity]:
    where = scope.seen() & wanted
    rows: list[Any] = db.execute(
        "SELECT e.number, e.id, b.id, e.type, e.canonical_name, count(*) AS documents, sum(m.count), "
        "max(m.salience) AS salience, min(d.created_at), max(d.updated_at) "
        "FROM _graph_entities e JOIN _graph_mentions m ON m.entity = e.number "
        "JOIN _documents d ON d.number = m.document JOIN _knowledge_bases b ON b.number = e.base "
        f"WHERE {where.sql} GROUP BY e.number HAVING {having.sql} {order} LIMIT ? OFFSET ?",
        (*where.bindings, *having.bindings, limit, offset),
    ).fetchall()
    names = _names(db, scope, [row[0] for row in rows])
    return [_entity(row, *names[row[0]]) for row in rows]


def _by_ids(db: apsw.Connection, scope: Scope, ids: Iterable[str]) -> list[Entity]:
    wanted = sorted(ids)
    by_id = Condition("(e.id IN (SELECT value FROM json_each(?)))", (_json(wanted),))
    return _entities(db, scope, by_id, Condition("(1)"), "", max(len(wanted), 1), 0)


def _names(db: apsw.Connection, scope: Scope, numbers: list[int]) -> dict[int, tuple[list[str], str]]:
    """For each entity its names, the most used first, and a snippet of where it matters most."""
    seen = scope.seen()
    rows: Any = db.execute(
        "SELECT m.entity, m.name, CAST(m.aliases AS TEXT), m.snippet FROM _graph_mentions m "
        "JOIN _documents d ON d.number = m.document JOIN _knowledge_bases b ON b.number = d.base "
        f"WHERE m.entity IN (SELECT value FROM json_each(?)) AND {seen.sql} "
        "ORDER BY m.entity, m.salience DESC, m.count DESC, d.number",
        (_json(numbers), *seen.bindings),
    )
    found: dict[int, tuple[list[str], str]] = {}
    for number, name, aliases, snippet in rows:
        names, _ = found.setdefault(number, ([], snippet))
        names += [one for one in (name, *msgspec.json.decode(aliases)) if one not in names]
    return found


def _entity(row: Sequence[Any], names: list[str], snippet: str) -> Entity:
    _, id, base_id, type, canonical, documents, mentions, salience, created_at, updated_at = row
    return Entity(
        id=id, base_id=base_id, type=type, name=names[0], canonical_name=canonical,
        aliases=names[1 : 1 + ALIASES_MAX], documents=documents, mentions=mentions, salience=salience,
        snippet=snippet, created_at=created_at, updated_at=updated_at,
    )  # fmt: skip


def _relationship(row: Sequence[Any], known: dict[str, Entity]) -> Relationship:
    id, base_id, source, target, type, confidence, documents, snippet, created_at = row
    return Relationship(
        id=id, base_id=base_id, source=known[source], target=known[target], type=type, confidence=confidence,
        documents=documents, snippet=snippet, created_at=created_at,
    )  # fmt: skip


def _id(*parts: str) -> str:
    return str(uuid.uuid5(_IDS, "\n".join(parts)))


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()


def _json(values: Sequence[str] | Sequence[int]) -> str:
    return msgspec.json.encode([_text(one) if isinstance(one, str) else one for one in values]).decode()
