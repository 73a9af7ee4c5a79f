"""Files as they came, each kept once, in pieces: one write of 50 MB would keep all other writers waiting.

An upload is `begin`, `put` for each piece in a transaction of its own, and `finish` in the one that makes the
document. Whatever no document or job uses is deleted; so between the last piece and the document it may go
away, `finish` then says so, and the pieces are written again.
"""

from __future__ import annotations

import apsw

PIECE_BYTES = 1_048_576
"""Held the writer up for some milliseconds."""
PIECES_REMOVED = 8
"""In one transaction."""

_UNUSED = (
    "NOT EXISTS (SELECT 1 FROM _documents d WHERE d.original = o.hash) "
    "AND NOT EXISTS (SELECT 1 FROM _document_jobs j WHERE j.original = o.hash)"
)


def begin(db: apsw.Connection, hash: str, bytes: int, now: float) -> bool:
    """Make room for a file; True when it is there already, whole."""
    db.execute(
        "INSERT INTO _originals (hash, bytes, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (hash, bytes, now),
    )
    return is_complete(db, hash)


def put(db: apsw.Connection, hash: str, piece: int, data: bytes) -> None:
    """Store a piece; the same one again changes nothing, and none is stored for a file that went away."""
    db.execute(
        "INSERT INTO _original_pieces (hash, piece, data) SELECT hash, ?, ? FROM _originals WHERE hash = ? "
        "ON CONFLICT DO NOTHING",
        (piece, data, hash),
    )


def finish(db: apsw.Connection, hash: str) -> bool:
    """Say that all pieces are there; False when they are not. In the transaction that uses the file."""
    if is_complete(db, hash):
        return True
    db.execute(
        "UPDATE _originals SET complete = 1 WHERE hash = ?1 AND bytes = "
        "(SELECT coalesce(sum(length(data)), 0) FROM _original_pieces WHERE hash = ?1)",
        (hash,),
    )
    return bool(db.changes())


def is_complete(db: apsw.Connection, hash: str) -> bool:
    """Is the file here, whole?"""
    return bool(
        db.execute("SELECT EXISTS (SELECT 1 FROM _originals WHERE hash = ? AND complete)", (hash,)).get
    )


def size(db: apsw.Connection, hash: str) -> tuple[int, int]:
    """Bytes and pieces of a whole file; (0, 0) for one that is not here."""
    row = db.execute("SELECT bytes FROM _originals WHERE hash = ? AND complete", (hash,)).fetchone()
    return (row[0], -(-row[0] // PIECE_BYTES)) if row else (0, 0)


def piece(db: apsw.Connection, hash: str, number: int) -> bytes | None:
    """One piece, from 0; None when there is none, or no more."""
    sql = "SELECT data FROM _original_pieces WHERE hash = ? AND piece = ?"
    row = db.execute(sql, (hash, number)).fetchone()
    return bytes(row[0]) if row else None


def unused(db: apsw.Connection) -> list[str]:
    """Hashes of what no document or job uses: left behind by uploads and deletes that were cut short."""
    sql = f"SELECT o.hash FROM _originals o WHERE {_UNUSED}"  # noqa: S608 - ours
    return [hash for (hash,) in db.execute(sql)]


def shrink(db: apsw.Connection, hash: str) -> bool:
    """Delete some pieces of a file that nothing uses, at last the file; True while there is more."""
    db.execute(f"UPDATE _originals AS o SET complete = 0 WHERE hash = ? AND {_UNUSED}", (hash,))  # noqa: S608 - ours
    if not db.changes():
        return False
    db.execute(
        "DELETE FROM _original_pieces WHERE hash = ?1 AND piece IN "
        "(SELECT piece FROM _original_pieces WHERE hash = ?1 ORDER BY piece DESC LIMIT ?2)",
        (hash, PIECES_REMOVED),
    )
    if db.changes() == PIECES_REMOVED:
        return True
    db.execute("DELETE FROM _originals WHERE hash = ?", (hash,))
    return False
