# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Vectors of chunks, one pair of tables for each space: codes to find candidates, floats to tell them apart.

`_codes_N` (`codes`) has one bit for each dimension, the sign; `_vectors_N` has the vector itself. A small
set is compared vector by vector; of a large one those whose codes say that they may be near, more than are
wanted. The codes are looked at in memory (`kept_planes`) or, where they are not there, in their table.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

import apsw

from appliance.errors import InvalidInput
from appliance.knowledge import EmbeddingSpace
from appliance.store.knowledge import bit_planes, codes
from appliance.store.knowledge.bit_planes import Segment
from appliance.store.knowledge.kept_planes import kept_planes
from appliance.store.knowledge.members import Members, all_but
from appliance.store.knowledge.scope import Scope, allowed, as_json, size_up_to

DIMENSIONS_MAX = 8_192
EXACT_MAX = 1_000
"""So many vectors are compared one by one: as fast as by their codes, and nothing is lost."""
CANDIDATES = 128
"""So many of what the planes say is nearest are compared exactly, also where few are wanted; each costs about
a page."""
CANDIDATES_EACH = 3
"""So many for each that is wanted."""
SWEPT_AT_ONCE = 2_000
"""Codes that one write takes out at most, so that others do not wait for a large base to go."""


def space(db: apsw.Connection, embedder: str, dimensions: int) -> EmbeddingSpace:
    """The space of an embedder's vectors; made with its tables when there is none."""
    if not 0 < dimensions <= DIMENSIONS_MAX:
        raise InvalidInput(f"Vectors of {dimensions} dimensions cannot be kept; 1 to {DIMENSIONS_MAX} can.")
    key = (embedder, dimensions)
    number = db.execute("SELECT number FROM _embedding_spaces WHERE embedder = ? AND dimensions = ?", key).get
    if number is None:
        db.execute("INSERT INTO _embedding_spaces (embedder, dimensions) VALUES (?, ?)", key)
        number = db.last_insert_rowid()
        _make_tables(db, int(number), dimensions)
    return EmbeddingSpace(number=int(number), embedder=embedder, dimensions=dimensions)


def put(db: apsw.Connection, space: EmbeddingSpace, rows: Sequence[tuple[int, bytes]]) -> None:
    """Keep vectors of chunks, instead of what they had in this space; chunks that are gone are passed over.

    Raises `InvalidInput` for a vector of another length, or one that has no direction.
    """
    sweep(db)
    bases: set[int] = set()
    for chunk, vector in rows:
        check(vector, space.dimensions)
        base = db.execute("SELECT base FROM _chunks WHERE number = ?", (chunk,)).get
        if base is None:
            continue
        db.execute(f"DELETE FROM _vectors_{space.number} WHERE chunk = ?", (chunk,))
        if db.changes():
            codes.remove(db, space.number, chunk)
        db.execute(
            f"INSERT INTO _vectors_{space.number} (chunk, base, vector) VALUES (?, ?, ?)",
            (chunk, base, vector),
        )
        codes.add(db, space.number, chunk, base, vector)
        bases.add(base)
    codes.changed(db, [(space.number, base) for base in bases])


def check(vector: bytes, dimensions: int) -> None:
    """Raises `InvalidInput` when these are not `dimensions` finite floats, or all of them are 0."""
    if len(vector) != 4 * dimensions:
        raise InvalidInput(
            f"The vector has {len(vector) / 4:g} dimensions; those it is compared with have {dimensions}."
        )
    length = math.hypot(*struct.unpack(f"<{dimensions}f", vector))
    if not math.isfinite(length) or length == 0:
        raise InvalidInput("The vector has no direction: its numbers are not finite, or all are 0.")


def nearest(
    db: apsw.Connection, space: EmbeddingSpace, scope: Scope, vector: bytes, limit: int
) -> list[tuple[int, float]]:
    """The chunks whose vectors are nearest, with their cosines, best first."""
    check(vector, space.dimensions)
    if size_up_to(db, scope, EXACT_MAX + 1) <= EXACT_MAX:
        return _exact(db, space, scope, vector, limit)
    return _compared(db, space, _by_codes(db, space, scope, vector, limit), vector, limit)


def cosines(
    db: apsw.Connection, space: EmbeddingSpace, chunks: Sequence[int], vector: bytes
) -> dict[int, float]:
    """How near these chunks are, those of them that have a vector."""
    return dict(_compared(db, space, chunks, vector, len(chunks)))


def sweep(db: apsw.Connection) -> None:
    """Take out codes of chunks that are gone, some at a time: what stays for now leads to no chunk.

    Call it after chunks were deleted, in the same transaction.
    """
    stale = list(db.execute("SELECT space, chunk FROM _stale_codes LIMIT ?", (SWEPT_AT_ONCE,)))
    left = [(number, codes.remove(db, number, chunk)) for number, chunk in stale]
    codes.changed(db, [(number, base) for number, base in left if base is not None])


def drop_unused(db: apsw.Connection) -> int:
    """Drop spaces that no base has or is getting, with their tables; returns how many."""
    rows = db.execute(
        "SELECT number FROM _embedding_spaces AS s WHERE NOT EXISTS "
        "(SELECT 1 FROM _knowledge_bases AS b WHERE s.number IN (b.space, b.next_space))"
    )
    numbers = [number for (number,) in rows]
    for number in numbers:
        db.execute(f"DROP TRIGGER IF EXISTS _chunks_vectors_{number}")
        db.execute(f"DROP TABLE IF EXISTS _vectors_{number}")
        codes.drop_table(db, number)
        db.execute("DELETE FROM _embedding_spaces WHERE number = ?", (number,))
    return len(numbers)


def forget(db: apsw.Connection, space: EmbeddingSpace, base: int) -> None:
    """Delete a base's vectors of a space that it has left."""
    db.execute(f"DELETE FROM _vectors_{space.number} WHERE base = ?", (base,))
    sweep(db)


def _make_tables(db: apsw.Connection, number: int, dimensions: int) -> None:
    codes.make_table(db, number, dimensions)
    db.execute(
        f"CREATE TABLE _vectors_{number} ("
        "chunk INTEGER PRIMARY KEY, base INTEGER NOT NULL, vector BLOB NOT NULL) STRICT"
    )
    db.execute(f"CREATE INDEX _vectors_{number}_by_base ON _vectors_{number} (base)")
    # Chunks take their vectors along, however they are deleted.
    db.execute(
        f"CREATE TRIGGER _chunks_vectors_{number} AFTER DELETE ON _chunks BEGIN "
        f"DELETE FROM _vectors_{number} WHERE chunk = old.number; END"
    )
    db.execute(
        f"CREATE TRIGGER _vectors_{number}_deleted AFTER DELETE ON _vectors_{number} BEGIN "
        f"INSERT OR IGNORE INTO _stale_codes (space, chunk) VALUES ({number}, old.chunk); END"
    )


def _exact(
    db: apsw.Connection, space: EmbeddingSpace, scope: Scope, vector: bytes, limit: int
) -> list[tuple[int, float]]:
    bases = ", ".join(map(str, scope.bases))
    where, bindings = (
        (f"base IN ({bases})", ()) if scope.open else (f"chunk IN ({scope.chunks_sql})", scope.bindings)
    )
    rows = db.execute(
        f"SELECT chunk, 1 - vec_distance_cosine(vector, ?) AS cosine FROM _vectors_{space.number} "
        f"WHERE {where} ORDER BY cosine DESC, chunk LIMIT ?",
        (vector, *bindings, limit),
    )
    return [(int(chunk), float(cosine)) for chunk, cosine in rows]


def _compared(
    db: apsw.Connection, space: EmbeddingSpace, chunks: Sequence[int], vector: bytes, limit: int
) -> list[tuple[int, float]]:
    """The nearest of these chunks, with their cosines, best first."""
    rows = db.execute(
        f"SELECT chunk, 1 - vec_distance_cosine(vector, ?) AS cosine FROM _vectors_{space.number} "
        "WHERE chunk IN (SELECT value FROM json_each(?)) ORDER BY cosine DESC, chunk LIMIT ?",
        (vector, as_json(chunks), limit),
    )
    return [(int(chunk), float(cosine)) for chunk, cosine in rows]


def _by_codes(
    db: apsw.Connection, space: EmbeddingSpace, scope: Scope, vector: bytes, limit: int
) -> list[int]:
    """Chunks whose codes are near, a multiple of what is wanted, all of them in scope."""
    stale = list(db.execute("SELECT chunk FROM _stale_codes WHERE space = ?", (space.number,)))
    members = [scope.members] if scope.members else []
    if stale:
        members.append(all_but(chunk for (chunk,) in stale))
    kept = kept_planes(db)
    found: list[int] = []
    for base in scope.bases:
        segments = kept.of(db, space, base) if kept else None
        if segments is not None:
            values = struct.unpack(f"<{space.dimensions}f", vector)
            found += _by_planes(segments, members, values, max(CANDIDATES, CANDIDATES_EACH * limit))
        else:
            table = codes.Codes(db, space, base, vector)
            found += _by_table(db, scope, not members, table, limit)
    return found


def _by_planes(
    segments: Sequence[Segment], members: Sequence[Members], vector: Sequence[float], count: int
) -> list[int]:
    """The chunks that rank highest among those that all `members` have."""
    ranking = bit_planes.Ranking(segments, vector)
    if not members:
        return ranking.best(count)
    return ranking.best(count, [_places(one, members) for one in segments])


def _places(segment: Segment, members: Sequence[Members]) -> int:
    """A bit for each place: does its chunk count?"""
    bits = members[0].bits(segment.runs)
    for more in members[1:]:
        bits &= more.bits(segment.runs)
    return bits


def _by_table(db: apsw.Connection, scope: Scope, every: bool, table: codes.Codes, limit: int) -> list[int]:
    """Chunks with the nearest codes, found by walking through their table."""
    near = table.near(limit)
    if every:
        return near
    inside = allowed(db, scope, near)
    if len(inside) >= max(limit, len(near) // 2):
        return [chunk for chunk in near if chunk in inside]
    # Where much of what is near does not count, only what counts is walked through, slowly.
    return table.near(limit, scope.chunks_sql, scope.bindings)
