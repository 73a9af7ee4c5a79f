"""Versions of documents whose chunks nobody sees: being put in by a job, or to be deleted.

A large document is put in and deleted in slices, a transaction each. Until its last slice is in, a new
version is here under the claim of its job; the old one is here from the moment on when the new one is shown.
What is here under no claim that is held is rubbish: whoever made it is done with it, or dead.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from appliance.knowledge import Document

_STRAY = (
    "NOT EXISTS (SELECT 1 FROM _document_jobs j WHERE j.document = u.document "
    "AND j.claimed_by = u.claim AND u.claim <> '')"
)


def begin(db: apsw.Connection, document: Document, claim: str) -> int:
    """A new version of a document for the job of this claim, that nothing is stored under."""
    sql = (
        "SELECT 1 + max(d.version, coalesce(max(u.version), 0)) FROM _documents d "
        "LEFT JOIN _unseen_chunks u ON u.document = d.number WHERE d.number = ?"
    )
    version = int(db.execute(sql, (document.number,)).get)
    db.execute(
        "INSERT INTO _unseen_chunks (document, version, base, claim) VALUES (?, ?, ?, ?)",
        (document.number, version, document.base, claim),
    )
    return version


def exchange(db: apsw.Connection, document: int, version: int) -> None:
    """Let a version be the one that people see; the one that they saw is to be deleted."""
    retire(db, document)
    db.execute("DELETE FROM _unseen_chunks WHERE document = ? AND version = ?", (document, version))
    db.execute("UPDATE _documents SET version = ? WHERE number = ?", (version, document))


def retire(db: apsw.Connection, document: int) -> None:
    """Note that the version that people saw is to be deleted; call it when nobody sees it any more."""
    db.execute(
        "INSERT OR IGNORE INTO _unseen_chunks (document, version, base) SELECT d.number, d.version, c.base "
        "FROM _documents d JOIN _chunks c ON c.document = d.number AND c.version = d.version "
        "WHERE d.number = ? LIMIT 1",
        (document,),
    )


def are_in(db: apsw.Connection, bases: Sequence[int]) -> bool:
    """Have any of these bases chunks that nobody sees?"""
    numbers = ", ".join(str(int(number)) for number in bases)
    sql = f"SELECT EXISTS (SELECT 1 FROM _unseen_chunks WHERE base IN ({numbers}))"  # noqa: S608 - numbers
    return bool(db.execute(sql).get)


def strays(db: apsw.Connection, base: int | None = None) -> list[tuple[int, int]]:
    """Documents and versions, in one base or in all, whose chunks are to be deleted."""
    rows = db.execute(
        f"SELECT u.document, u.version FROM _unseen_chunks u WHERE (?1 IS NULL OR u.base = ?1) AND {_STRAY}",  # noqa: S608
        (base,),
    )
    return [(document, version) for document, version in rows]


def is_stray(db: apsw.Connection, document: int, version: int) -> bool:
    """Are these chunks still to be deleted?"""
    sql = (
        "SELECT EXISTS (SELECT 1 FROM _unseen_chunks u "  # noqa: S608 - ours
        f"WHERE u.document = ? AND u.version = ? AND {_STRAY})"
    )
    return bool(db.execute(sql, (document, version)).get)


def forget(db: apsw.Connection, document: int, version: int) -> None:
    """The last chunk of that version is deleted."""
    db.execute("DELETE FROM _unseen_chunks WHERE document = ? AND version = ?", (document, version))
