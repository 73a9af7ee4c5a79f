"""Where documents are fetched from again, and which documents came from there."""

from __future__ import annotations

import uuid
from typing import Any, Literal, TypeAlias

import apsw
import msgspec

from appliance.knowledge import DocumentStatus
from appliance.store.knowledge import jobs

SourceKind: TypeAlias = Literal["folder", "file", "zip", "url", "sitemap"]

_READ = "number, id, base, kind, location, options, synced_at, error"


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a source is read, and what its documents get. `bot` is (namespace, name) for the folder of a bot.

    `versions` are ETag and Last-Modified of pages by their addresses.
    """

    tags: list[str] = []
    metadata: dict[str, Any] = {}
    suffixes: list[str] = []
    private: bool = False
    other_hosts: bool = False
    pages_max: int | None = None
    bot: tuple[str, str] | None = None
    versions: dict[str, tuple[str, str]] = {}


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A source of documents of one base; times are Unix seconds."""

    number: int
    id: str
    base: int
    kind: SourceKind
    location: str
    options: Options = Options()
    synced_at: float | None = None
    error: str = ""


class Known(msgspec.Struct, frozen=True):
    """A document that came from a source, as far as syncing needs to know it."""

    number: int
    hash: str
    status: DocumentStatus


_OPTIONS = msgspec.json.Decoder(Options)


def put(
    db: apsw.Connection, base: int, kind: SourceKind, location: str, options: Options, now: float
) -> Source:
    """Make a source; one of the same kind and location gets these options and keeps its versions."""
    row = db.execute(
        f"SELECT {_READ} FROM _knowledge_sources WHERE base = ? AND kind = ? AND location = ?",  # noqa: S608 - ours
        (base, kind, location),
    ).fetchone()
    if row is not None:
        before = _source(row)
        kept = msgspec.structs.replace(options, versions=before.options.versions)
        db.execute(
            "UPDATE _knowledge_sources SET options = ? WHERE number = ?",
            (msgspec.json.encode(kept), before.number),
        )
        return msgspec.structs.replace(before, options=kept)
    id = str(uuid.uuid4())
    db.execute(
        "INSERT INTO _knowledge_sources (id, base, kind, location, options, created_at) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (id, base, kind, location, msgspec.json.encode(options), now),
    )
    return Source(
        number=db.last_insert_rowid(), id=id, base=base, kind=kind, location=location, options=options
    )


def of_base(db: apsw.Connection, base: int) -> list[Source]:
    """Those of a base, oldest first."""
    rows = db.execute(f"SELECT {_READ} FROM _knowledge_sources WHERE base = ? ORDER BY number", (base,))  # noqa: S608
    return [_source(row) for row in rows]


def of_bots(db: apsw.Connection) -> list[Source]:
    """The folders that stand beside bot files, of bots that may be gone by now."""
    rows = db.execute(
        f"SELECT {_READ} FROM _knowledge_sources WHERE kind = 'folder' "  # noqa: S608 - ours
        "AND options ->> 'bot' IS NOT NULL ORDER BY number"
    )
    return [_source(row) for row in rows]


def move(db: apsw.Connection, number: int, location: str) -> None:
    """The same source is found at another place."""
    db.execute("UPDATE _knowledge_sources SET location = ? WHERE number = ?", (location, number))


def synced(
    db: apsw.Connection, number: int, at: float, error: str, versions: dict[str, tuple[str, str]]
) -> None:
    """Remember how the last sync went; `error` is empty when all was read."""
    row = db.execute("SELECT options FROM _knowledge_sources WHERE number = ?", (number,)).fetchone()
    if row is not None:
        options = msgspec.structs.replace(_OPTIONS.decode(row[0]), versions=versions)
        db.execute(
            "UPDATE _knowledge_sources SET synced_at = ?, error = ?, options = ? WHERE number = ?",
            (at, error, msgspec.json.encode(options), number),
        )


def known(db: apsw.Connection, number: int) -> dict[str, Known]:
    """The documents of a source by their paths."""
    sql = "SELECT path, number, content_hash, status FROM _documents WHERE source = ?"
    return {
        path: Known(document, hash, status) for path, document, hash, status in db.execute(sql, (number,))
    }


def forget(db: apsw.Connection, number: int) -> None:
    """Delete a source that has no documents any more."""
    db.execute("DELETE FROM _knowledge_sources WHERE number = ?", (number,))


def failures(db: apsw.Connection, number: int) -> list[tuple[str, str]]:
    """Paths of documents whose newest version could not be read, and why."""
    sql = (
        "SELECT path, error_message FROM _documents WHERE source = ?1 "
        "AND (status = 'failed' OR substr(error_message, 1, ?2) = ?3) ORDER BY path"
    )
    return [(path, reason) for path, reason in db.execute(sql, (number, len(jobs.STALE), jobs.STALE))]


def _source(row: Any) -> Source:
    number, id, base, kind, location, options, synced_at, error = row
    return Source(
        number=number,
        id=id,
        base=base,
        kind=kind,
        location=location,
        options=_OPTIONS.decode(options),
        synced_at=synced_at,
        error=error,
    )
