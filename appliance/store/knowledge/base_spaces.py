"""Which spaces the vectors of a base are in, as they come and change; each function is part of a transaction.

A base whose chunks have vectors of another kind than its embedder makes now gets a `next_space`. That one is
filled while `space` serves, and takes its place when no chunk is without a vector in it.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.knowledge import EmbeddingSpace, KnowledgeBase
from appliance.store.knowledge import bases, chunks, vectors


class Kind(msgspec.Struct, frozen=True):
    """Which vectors an embedder makes."""

    embedder: str
    """`Embedder.key`."""
    dimensions: int

    def is_of(self, space: EmbeddingSpace | None) -> bool:
        """Are the vectors in this space of this kind?"""
        return space is not None and (space.embedder, space.dimensions) == (self.embedder, self.dimensions)


def settle(db: apsw.Connection, number: int, kind: Kind, document: int) -> EmbeddingSpace | None:
    """The space of a base for vectors of a document; None when the base takes none of this kind.

    A base without a space gets one: at once when it has no other chunks, else as the next.
    """
    base = bases.by_number(db, number)
    if base is None:
        return None
    if kind.is_of(base.space):
        return base.space
    if base.next_space is None and base.space is None:
        return begin(db, base, kind, serves=not _has_others(db, number, document))
    return base.next_space if kind.is_of(base.next_space) else None


def begin(db: apsw.Connection, base: KnowledgeBase, kind: Kind, *, serves: bool) -> EmbeddingSpace:
    """Let a base have vectors of this kind: at once, or when all its chunks have one."""
    space = vectors.space(db, kind.embedder, kind.dimensions)
    before = base.space.number if base.space else None
    if serves:
        bases.set_spaces(db, base.number, space=space.number, next_space=None)
    else:
        bases.set_spaces(db, base.number, space=before, next_space=space.number)
    return space


def stay(db: apsw.Connection, number: int) -> None:
    """Give up the next space: what serves is what is wanted again."""
    base = bases.by_number(db, number)
    if base is not None and base.next_space is not None and base.space is not None:
        bases.set_spaces(db, number, space=base.space.number, next_space=None)


def switch(db: apsw.Connection, number: int) -> bool:
    """Let the next space serve, if no chunk lacks a vector in it; True when it does now."""
    base = bases.by_number(db, number)
    if base is None or base.next_space is None:
        return False
    if chunks.without_vectors(db, number, base.next_space, 1):
        return False
    bases.set_spaces(db, number, space=base.next_space.number, next_space=None)
    return True


def has_chunks(db: apsw.Connection, number: int) -> bool:
    """Is there anything in a base that could have a vector?"""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM _chunks WHERE base = ?)", (number,)).get)


def strays(db: apsw.Connection) -> list[tuple[EmbeddingSpace, int]]:
    """Spaces that hold vectors of a base which has left them, and the number of that base."""
    rows: list[Any] = db.execute("SELECT number, embedder, dimensions FROM _embedding_spaces").fetchall()
    found: list[tuple[EmbeddingSpace, int]] = []
    for number, embedder, dimensions in rows:
        space = EmbeddingSpace(number=number, embedder=embedder, dimensions=dimensions)
        held: Any = db.execute(
            f"SELECT v.base FROM (SELECT DISTINCT base FROM _vectors_{number}) v "  # noqa: S608 - ours
            "LEFT JOIN _knowledge_bases b ON b.number = v.base "
            "WHERE b.number IS NULL OR NOT (b.space IS ?1 OR b.next_space IS ?1)",
            (number,),
        )
        found += [(space, base) for (base,) in held]
    return found


def forget_some(db: apsw.Connection, space: EmbeddingSpace, base: int, limit: int) -> int:
    """Delete up to `limit` vectors that a base has in a space which it has left; how many there were."""
    db.execute(
        f"DELETE FROM _vectors_{space.number} WHERE chunk IN "  # noqa: S608 - ours
        f"(SELECT chunk FROM _vectors_{space.number} WHERE base = ?1 AND NOT EXISTS "
        "(SELECT 1 FROM _knowledge_bases WHERE number = ?1 AND ?2 IN (space, next_space)) LIMIT ?3)",
        (base, space.number, limit),
    )
    count = db.changes()
    vectors.sweep(db)
    return count


def words_only(db: apsw.Connection, number: int, message: str) -> None:
    """All chunks of a base have vectors now: its documents take back what they said, if it began so."""
    db.execute(
        "UPDATE _documents SET error_message = '' WHERE base = ?1 AND substr(error_message, 1, ?2) = ?3 "
        "AND NOT EXISTS (SELECT 1 FROM _document_jobs j WHERE j.document = _documents.number)",
        (number, len(message), message),
    )


def _has_others(db: apsw.Connection, number: int, document: int) -> bool:
    sql = "SELECT EXISTS (SELECT 1 FROM _chunks WHERE base = ? AND document <> ?)"
    return bool(db.execute(sql, (number, document)).get)
