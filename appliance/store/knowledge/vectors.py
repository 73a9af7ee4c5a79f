# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Vectors of chunks, one pair of tables for each space: codes to find candidates, floats to tell them apart.

`_codes_N` (sqlite-vec) has one bit for each dimension, the sign; `_vectors_N` has the vector itself. A small
set is compared vector by vector, of a large one those with the nearest codes, many more than are wanted.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import Any

import apsw

from appliance.errors import InvalidInput
from appliance.knowledge import EmbeddingSpace
from appliance.store.knowledge.scope import Scope, allowed, as_json, size_up_to

DIMENSIONS_MAX = 8_192
EXACT_MAX = 1_000
"""So many vectors are compared one by one: as fast as by their codes, and nothing is lost."""
CODES_PER_BLOCK = (256, 512)
"""At least and at most. A base takes at least one block of the codes' table; larger ones are walked through a
little faster."""
BLOCK_BYTES = 16_000
"""Of codes on one page of the database, which should be full of them."""
CANDIDATES = 256
"""So many of the nearest codes are compared exactly, also where few are wanted; each costs about a page."""
SAMPLE = 32
"""Of so many codes one is also kept in the sample of its base, which tells how near the nearest are: to find
the k nearest takes sqlite-vec k walks through the distances, to find all below a bound a single one."""
SPARE = 1.6
"""The bound lets through so many more than are wanted, by the sample."""
CODES_MAX = 4_096
"""sqlite-vec answers no more."""
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
    for chunk, vector in rows:
        check(vector, space.dimensions)
        base = db.execute("SELECT base FROM _chunks WHERE number = ?", (chunk,)).get
        if base is None:
            continue
        db.execute(f"DELETE FROM _vectors_{space.number} WHERE chunk = ?", (chunk,))
        if db.changes():
            _remove_code(db, space.number, chunk)
        db.execute(
            f"INSERT INTO _vectors_{space.number} (chunk, base, vector) VALUES (?, ?, ?)",
            (chunk, base, vector),
        )
        _add_code(db, space.number, chunk, base, vector)


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
    for number, chunk in stale:
        _remove_code(db, number, chunk)


def drop_unused(db: apsw.Connection) -> int:
    """Drop spaces that no base has or is getting, with their tables; returns how many."""
    rows = db.execute(
        "SELECT number FROM _embedding_spaces AS s WHERE NOT EXISTS "
        "(SELECT 1 FROM _knowledge_bases AS b WHERE s.number IN (b.space, b.next_space))"
    )
    numbers = [number for (number,) in rows]
    for number in numbers:
        db.execute(f"DROP TRIGGER IF EXISTS _chunks_vectors_{number}")
        db.execute(f"DROP TABLE IF EXISTS _codes_{number}")
        db.execute(f"DROP TABLE IF EXISTS _vectors_{number}")
        db.execute("DELETE FROM _stale_codes WHERE space = ?", (number,))
        db.execute("DELETE FROM _embedding_spaces WHERE number = ?", (number,))
    return len(numbers)


def forget(db: apsw.Connection, space: EmbeddingSpace, base: int) -> None:
    """Delete a base's vectors of a space that it has left."""
    db.execute(f"DELETE FROM _vectors_{space.number} WHERE base = ?", (base,))
    sweep(db)


def _make_tables(db: apsw.Connection, number: int, dimensions: int) -> None:
    bits = -dimensions % 8 + dimensions
    db.execute(
        f"CREATE VIRTUAL TABLE _codes_{number} USING vec0("
        f"base INTEGER PARTITION KEY, code bit[{bits}], chunk_size={_codes_per_block(bits // 8)})"
    )
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


def _codes_per_block(code_bytes: int) -> int:
    """Tables that were made with another number stay as they are: they give the same answers."""
    least, most = CODES_PER_BLOCK
    return min(most, max(least, BLOCK_BYTES // code_bytes // 8 * 8))


def _add_code(db: apsw.Connection, space: int, chunk: int, base: int, vector: bytes) -> None:
    """The code, and of some chunks the same once more for the sample: with its numbers below 0."""
    insert = f"INSERT INTO _codes_{int(space)} (rowid, base, code) VALUES (?, ?, vec_quantize_binary(?))"
    padded = _padded(vector)
    db.execute(insert, (chunk, base, padded))
    if _in_sample(chunk):
        db.execute(insert, (-chunk, -base, padded))


def _remove_code(db: apsw.Connection, space: int, chunk: int) -> None:
    delete = f"DELETE FROM _codes_{int(space)} WHERE rowid = ?"
    db.execute(delete, (chunk,))
    if _in_sample(chunk):
        db.execute(delete, (-chunk,))
    db.execute("DELETE FROM _stale_codes WHERE space = ? AND chunk = ?", (space, chunk))


def _in_sample(chunk: int) -> bool:
    """Scattered, so that documents of the same length do not all give their first chunk."""
    return chunk * 40_503 % 65_536 < 65_536 // SAMPLE


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
    """Chunks with the nearest codes, a multiple of what is wanted, all of them in scope."""
    found: list[int] = []
    stale = db.execute("SELECT EXISTS (SELECT 1 FROM _stale_codes WHERE space = ?)", (space.number,)).get
    for base in scope.bases:
        codes = _Codes(db, space, base, vector)
        near = codes.near(limit)
        if not scope.open or stale:
            kept = allowed(db, scope, near)
            # Where much of what is near does not count, only what counts is walked through, slowly.
            near = (
                [chunk for chunk in near if chunk in kept]
                if len(kept) >= max(limit, len(near) // 2)
                else codes.near(limit, scope.chunks_sql, scope.bindings)
            )
        found += near
    return found


class _Codes:
    """The codes of a base as a question sees them."""

    def __init__(self, db: apsw.Connection, space: EmbeddingSpace, base: int, vector: bytes) -> None:
        self._db = db
        self._select = (
            f"SELECT rowid, distance FROM _codes_{space.number} "
            "WHERE code MATCH vec_quantize_binary(?) AND base = ? AND k = ?"
        )
        self._base = base
        self._code = _padded(vector)

    def near(self, limit: int, chunks_sql: str = "", bindings: tuple[Any, ...] = ()) -> list[int]:
        """Chunks with the nearest codes, many more than `limit`; with `chunks_sql` only those it names."""
        count = min(max(limit, CANDIDATES), CODES_MAX)
        among = f"AND rowid IN ({chunks_sql})" if chunks_sql else ""
        sample = f"AND rowid IN (SELECT -number FROM ({chunks_sql}))" if chunks_sql else ""
        rank = math.ceil(SPARE * count / SAMPLE)
        ranked = self._nearest(-self._base, rank, sample, bindings)
        found: list[tuple[int, float]] = []
        if len(ranked) == rank:
            found = self._nearest(self._base, count, f"{among} AND distance <= ?", (*bindings, ranked[-1][1]))
        if len(found) < limit:
            found = self._nearest(self._base, count, among, bindings)
        return [chunk for chunk, _ in found]

    def _nearest(
        self, base: int, count: int, where: str, bindings: tuple[Any, ...]
    ) -> list[tuple[int, float]]:
        rows = self._db.execute(f"{self._select} {where}", (self._code, base, count, *bindings))
        return [(int(chunk), float(distance)) for chunk, distance in rows]


def _padded(vector: bytes) -> bytes:
    """With dimensions of 0 up to a multiple of 8: codes are whole bytes."""
    return vector + bytes(4 * (-(len(vector) // 4) % 8))
