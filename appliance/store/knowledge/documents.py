"""Documents as rows, with the work that waits for them. Who may see and do what is the engine's.

A document's text, chunks, words and vectors are `chunks`; its original file is `originals`.
"""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.knowledge import EVERY_DOCUMENT, Document, DocumentFilter, DocumentStatus, Progress, Viewer
from appliance.store.knowledge import chunks, unseen
from appliance.store.knowledge.filters import Condition, matches, visible

_WRITTEN = (
    "id", "base", "path", "title", "source_url", "source_type", "file_name", "mime_type", "content_hash",
    "original", "bytes", "status", "error_message", "chunks_count", "metadata", "tags", "user_id", "owner_id",
    "created_by", "created_at", "updated_at", "indexed_at",
)  # fmt: skip
_CHANGED = tuple(
    name
    for name in _WRITTEN
    if name not in ("id", "base", "status", "error_message", "chunks_count", "indexed_at")
)
_READ = ", ".join(f"d.{name}" for name in ("number", *_WRITTEN))
_FROM = (
    f"SELECT {_READ}, j.stage, j.done, j.total FROM _documents d "  # noqa: S608 - ours
    "JOIN _knowledge_bases b ON b.number = d.base LEFT JOIN _document_jobs j ON j.document = d.number "
)
_LIKE = str.maketrans({"%": r"\%", "_": r"\_", "\\": r"\\"})


def add(db: apsw.Connection, document: Document, *, source: int | None = None) -> Document:
    """Store a new one and return it with its number; `source` is the number of where it came from."""
    names = (*_WRITTEN, "source")
    db.execute(
        f"INSERT INTO _documents ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})",  # noqa: S608 - ours
        (*_values(document, _WRITTEN), source),
    )
    return msgspec.structs.replace(document, number=db.last_insert_rowid())


def replace(db: apsw.Connection, document: Document) -> None:
    """Store what it is called and what is said about it; how far the work is stays as it is."""
    db.execute(
        f"UPDATE _documents SET {', '.join(f'{name} = ?' for name in _CHANGED)} WHERE number = ?",  # noqa: S608
        (*_values(document, _CHANGED), document.number),
    )


def get(db: apsw.Connection, base: int, id: str, viewer: Viewer) -> Document | None:
    """The document of that id in a base, when it is one that `viewer` sees."""
    return _one(db, Condition("d.base = ? AND d.id = ?", (base, id)) & visible(viewer))


def by_number(db: apsw.Connection, number: int) -> Document | None:
    """The document of that number, whosesoever it is."""
    return _one(db, Condition("d.number = ?", (number,)))


def page(
    db: apsw.Connection,
    base: int,
    viewer: Viewer,
    *,
    offset: int,
    limit: int,
    status: DocumentStatus | None = None,
    title: str = "",
    only: DocumentFilter = EVERY_DOCUMENT,
) -> tuple[list[Document], int]:
    """Those that `viewer` sees, newest first, and how many there are; `title` is a part of the title."""
    where = Condition("d.base = ?", (base,)) & visible(viewer) & matches(only)
    if status is not None:
        where &= Condition("d.status = ?", (status,))
    if title:
        where &= Condition(r"d.title LIKE ? ESCAPE '\'", (f"%{title.translate(_LIKE)}%",))
    sql = f"SELECT count(*) FROM _documents d JOIN _knowledge_bases b ON b.number = d.base WHERE {where.sql}"  # noqa: S608
    total = int(db.execute(sql, where.bindings).get)
    # Numbers first: sorting whole rows of a large base took a hundred times as long.
    sql = (
        "SELECT d.number FROM _documents d JOIN _knowledge_bases b ON b.number = d.base "  # noqa: S608 - ours
        f"WHERE {where.sql} ORDER BY d.number DESC LIMIT ? OFFSET ?"
    )
    numbers = Condition(f"d.number IN ({sql})", (*where.bindings, limit, offset))
    return _many(db, numbers, "ORDER BY d.number DESC"), total


def content(db: apsw.Connection, number: int) -> str:
    """The text that was read from it; of one that waits, the text that it came as; else empty."""
    sql = (
        "SELECT coalesce((SELECT text FROM _document_texts WHERE document = ?1), "
        "(SELECT text FROM _document_jobs WHERE document = ?1), '')"
    )
    return str(db.execute(sql, (number,)).get)


def queue(
    db: apsw.Connection,
    number: int,
    now: float,
    *,
    original: str | None = None,
    text: str | None = None,
    language: str = "",
) -> None:
    """Let a document be read: from its file, or from a text, or anew from the text that was read before.

    Work that runs is void with it: it began with what is not so any more.
    """
    db.execute("DELETE FROM _document_jobs WHERE document = ?", (number,))
    db.execute(
        "INSERT INTO _document_jobs (document, original, text, language, created_at) VALUES (?, ?, ?, ?, ?)",
        (number, original, text, language, now),
    )
    db.execute(
        "UPDATE _documents SET status = 'pending', error_message = '' WHERE number = ?",
        (number,),
    )


def queue_anew(db: apsw.Connection, number: int, now: float) -> bool:
    """Let a document be chunked anew: from the text that was read before, or from its file where none was.

    What waits already stays as it is, what runs begins again. False when there is nothing to read.
    """
    row = db.execute(
        "SELECT d.original, t.document IS NOT NULL, j.document IS NOT NULL FROM _documents d "
        "LEFT JOIN _document_texts t ON t.document = d.number "
        "LEFT JOIN _document_jobs j ON j.document = d.number "
        "WHERE d.number = ?",
        (number,),
    ).fetchone()
    original, has_text, has_job = row or (None, False, False)
    if has_job:
        _begin_again(db, number)
    elif has_text or original:
        queue(db, number, now, original=None if has_text else original)
    return bool(has_job or has_text or original)


def queue_all_anew(db: apsw.Connection, base: int, after: int, limit: int, now: float) -> tuple[int, int]:
    """`queue_anew` for the next `limit` documents behind number `after`.

    How many it were, and the number of the last one, 0 when there are no more.
    """
    sql = "SELECT number FROM _documents WHERE base = ? AND number > ? ORDER BY number LIMIT ?"
    numbers = [number for (number,) in db.execute(sql, (base, after, limit))]
    count = sum(queue_anew(db, number, now) for number in numbers)
    return count, numbers[-1] if numbers else 0


def some(
    db: apsw.Connection, base: int, viewer: Viewer, only: DocumentFilter, *, limit: int
) -> list[Document]:
    """The oldest ones that `viewer` sees and the filter means."""
    where = Condition("d.base = ?", (base,)) & visible(viewer) & matches(only)
    return _many(db, where, "ORDER BY d.number LIMIT ?", (limit,))


def of_base(db: apsw.Connection, base: int, limit: int) -> list[int]:
    """Numbers of the oldest ones, also of a base that is being deleted."""
    sql = "SELECT number FROM _documents WHERE base = ? ORDER BY number LIMIT ?"
    return [number for (number,) in db.execute(sql, (base, limit))]


def move(db: apsw.Connection, number: int, base: int) -> None:
    """Take a document to a base that is being deleted: nobody sees it any more, and no work is done on it."""
    db.execute("DELETE FROM _document_jobs WHERE document = ?", (number,))
    db.execute("DELETE FROM _document_grants WHERE document = ?", (number,))
    unseen.retire(db, number)
    db.execute("UPDATE _documents SET base = ?, source = NULL WHERE number = ?", (base, number))


def remove(db: apsw.Connection, number: int) -> list[str]:
    """Delete a document with its chunks, words and vectors; hashes of the files that it made use of."""
    sql = (
        "SELECT original FROM _documents WHERE number = ?1 AND original IS NOT NULL UNION "
        "SELECT original FROM _document_jobs WHERE document = ?1 AND original IS NOT NULL"
    )
    used = [hash for (hash,) in db.execute(sql, (number,))]
    chunks.remove(db, number)
    db.execute("DELETE FROM _documents WHERE number = ?", (number,))
    return used


def _begin_again(db: apsw.Connection, number: int) -> None:
    db.execute(
        "UPDATE _document_jobs SET stage = 'waiting', done = 0, total = 0, attempts = 0, faults = 0, "
        "not_before = 0, vectors_only = 0, claimed_by = '', claimed_until = 0 WHERE document = ?",
        (number,),
    )
    db.execute("UPDATE _documents SET status = 'pending', error_message = '' WHERE number = ?", (number,))


def _one(db: apsw.Connection, where: Condition) -> Document | None:
    found = _many(db, where)
    return found[0] if found else None


def _many(
    db: apsw.Connection, where: Condition, rest: str = "", bindings: tuple[Any, ...] = ()
) -> list[Document]:
    sql = f"{_FROM} WHERE {where.sql} {rest}"
    return [_document(*row) for row in db.execute(sql, (*where.bindings, *bindings))]


def _values(document: Document, names: tuple[str, ...]) -> tuple[Any, ...]:
    columns: dict[str, Any] = {name: getattr(document, name) for name in names}
    for name in ("metadata", "tags"):
        if name in columns:
            columns[name] = msgspec.json.encode(columns[name])
    if "original" in columns:
        columns["original"] = document.original or None
    return tuple(columns[name] for name in names)


def _document(*row: Any) -> Document:
    *values, stage, done, total = row
    columns = dict(zip(("number", *_WRITTEN), values, strict=True))
    columns |= {
        "original": columns["original"] or "",
        "metadata": msgspec.json.decode(columns["metadata"], type=dict[str, Any]),
        "tags": msgspec.json.decode(columns["tags"], type=list[str]),
        "progress": Progress(stage=stage, done=done, total=total) if stage else None,
    }
    return Document(**columns)
