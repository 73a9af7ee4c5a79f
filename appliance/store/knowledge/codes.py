# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Codes of vectors, one bit for each dimension, the sign: a table of sqlite-vec for each space, `_codes_N`.

A partition is a base. The table is the codes' place on the disk; it is also walked through where nothing is
kept in memory that is faster (`kept_planes`), and where a search is about few of many chunks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import apsw

from appliance.knowledge import EmbeddingSpace
from appliance.store.knowledge.bit_planes import Block

CODES_PER_BLOCK = (256, 512)
"""At least and at most. A base takes at least one block of the codes' table; larger ones are walked through a
little faster."""
BLOCK_BYTES = 16_000
"""Of codes on one page of the database, which should be full of them."""
CANDIDATES = 256
"""So many of the nearest codes are given, also where few are wanted."""
SAMPLE = 32
"""Of so many codes one is also kept in the sample of its base, which tells how near the nearest are: to find
the k nearest takes sqlite-vec k walks through the distances, to find all below a bound a single one."""
SPARE = 1.6
"""The bound lets through so many more than are wanted, by the sample."""
CODES_MAX = 4_096
"""sqlite-vec answers no more."""


def make_table(db: apsw.Connection, space: int, dimensions: int) -> None:
    """The table of a new space."""
    bits = -dimensions % 8 + dimensions
    db.execute(
        f"CREATE VIRTUAL TABLE _codes_{int(space)} USING vec0("
        f"base INTEGER PARTITION KEY, code bit[{bits}], chunk_size={_codes_per_block(bits // 8)})"
    )


def drop_table(db: apsw.Connection, space: int) -> None:
    """With all that is known of its codes."""
    db.execute(f"DROP TABLE IF EXISTS _codes_{int(space)}")
    db.execute("DELETE FROM _stale_codes WHERE space = ?", (space,))
    db.execute("DELETE FROM _code_states WHERE space = ?", (space,))


def add(db: apsw.Connection, space: int, chunk: int, base: int, vector: bytes) -> None:
    """The code, and of some chunks the same once more for the sample: with its numbers below 0.

    Call `changed` in the same transaction.
    """
    insert = f"INSERT INTO _codes_{int(space)} (rowid, base, code) VALUES (?, ?, vec_quantize_binary(?))"
    given = padded(vector)
    db.execute(insert, (chunk, base, given))
    if _in_sample(chunk):
        db.execute(insert, (-chunk, -base, given))


def remove(db: apsw.Connection, space: int, chunk: int) -> int | None:
    """Delete a chunk's code; the base that it was in, None if there was none.

    Call `changed` in the same transaction.
    """
    base: int | None = db.execute(f"SELECT base FROM _codes_{int(space)} WHERE rowid = ?", (chunk,)).get
    delete = f"DELETE FROM _codes_{int(space)} WHERE rowid = ?"
    db.execute(delete, (chunk,))
    if _in_sample(chunk):
        db.execute(delete, (-chunk,))
    db.execute("DELETE FROM _stale_codes WHERE space = ? AND chunk = ?", (space, chunk))
    return base


def changed(db: apsw.Connection, places: Iterable[tuple[int, int]]) -> None:
    """Let everybody see that codes of these spaces and bases are other ones now."""
    for space, base in sorted(set(places)):
        db.execute(
            "INSERT OR REPLACE INTO _code_states (space, base, state) VALUES (?, ?, random())", (space, base)
        )


def state(db: apsw.Connection, space: int, base: int) -> int | None:
    """What is another one whenever the codes of a base in a space have changed."""
    sql = "SELECT state FROM _code_states WHERE space = ? AND base = ?"
    found: int | None = db.execute(sql, (space, base)).get
    return found


def count_up_to(db: apsw.Connection, space: int, base: int) -> int:
    """At least how many codes a base has, with the places that are empty."""
    sql = f"SELECT coalesce(sum(size), 0) FROM _codes_{int(space)}_chunks WHERE partition00 = ?"
    return int(db.execute(sql, (base,)).get)


def blocks(db: apsw.Connection, space: int, base: int) -> Iterator[Block]:
    """All codes of a base as sqlite-vec keeps them, some hundred at once, and of the same order each time.

    Raises `apsw.SQLError` when another version of sqlite-vec keeps them in another way.
    """
    rows: Any = db.execute(
        f"SELECT c.rowids, c.validity, v.vectors FROM _codes_{int(space)}_chunks AS c "
        f"JOIN _codes_{int(space)}_vector_chunks00 AS v ON v.rowid = c.chunk_id "
        "WHERE c.partition00 = ? ORDER BY c.chunk_id",
        (base,),
    )
    yield from rows


def padded(vector: bytes) -> bytes:
    """With dimensions of 0 up to a multiple of 8: codes are whole bytes."""
    return vector + bytes(4 * (-(len(vector) // 4) % 8))


class Codes:
    """The codes of a base as a question sees them that walks through the table."""

    def __init__(self, db: apsw.Connection, space: EmbeddingSpace, base: int, vector: bytes) -> None:
        self._db = db
        self._select = (
            f"SELECT rowid, distance FROM _codes_{space.number} "
            "WHERE code MATCH vec_quantize_binary(?) AND base = ? AND k = ?"
        )
        self._base = base
        self._code = padded(vector)

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


def _codes_per_block(code_bytes: int) -> int:
    """Tables that were made with another number stay as they are: they give the same answers."""
    least, most = CODES_PER_BLOCK
    return min(most, max(least, BLOCK_BYTES // code_bytes // 8 * 8))


def _in_sample(chunk: int) -> bool:
    """Scattered, so that documents of the same length do not all give their first chunk."""
    return chunk * 40_503 % 65_536 < 65_536 // SAMPLE
