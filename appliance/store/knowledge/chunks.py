# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Chunks of documents with their words and vectors: a small document's all at once, a large one's in slices.

A slice is added under a version that nobody sees (`unseen`); `show` lets all of that version be seen, at
once.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

import apsw
import msgspec

from appliance.errors import InvalidInput
from appliance.knowledge import Document, EmbeddingSpace, Outline, Piece
from appliance.store.knowledge import unseen, vectors, words

AT_ONCE = 64
"""So many chunks are added or deleted in one transaction, some 50 ms of a small core: others write then."""

_SEEN = "FROM _documents AS d JOIN _chunks AS c ON c.document = d.number AND c.version = d.version"


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """A stored chunk: `text[start:end]` of its document's text."""

    number: int
    id: str
    position: int
    start: int
    end: int
    content: str
    page: int | None = None
    headings: list[str] = []


def text_to_embed(title: str, headings: Sequence[str], content: str) -> str:
    """What the vector of a chunk is made of: where it stands says much of what it is about."""
    above = " > ".join(dict.fromkeys(part for part in (title, *headings) if part))
    return f"{above}\n{content}" if above else content


def replace(
    db: apsw.Connection,
    document: Document,
    text: str,
    outline: Outline,
    pieces: Sequence[Piece],
    given: Sequence[bytes] | None,
    space: EmbeddingSpace | None,
    now: float,
    indexed: Sequence[words.Columns] | None = None,
) -> None:
    """Make a document's text and chunks anew, with one vector for each piece where there is a space for them.

    In the caller's transaction; of `_documents` only `chunks_count` changes. `indexed` is what `index` gives,
    which is slow for many pieces. Raises `InvalidInput` when vectors and pieces do not fit each other.
    """
    if given is not None and (space is None or len(given) != len(pieces)):
        raise InvalidInput(f"{len(pieces)} pieces need a vector each, in one space.")
    remove(db, document.number)
    made = index(document, text, pieces) if indexed is None else indexed
    version = unseen.begin(db, document, "")
    add(db, document, version, 0, text, pieces, made, given, space)
    show(db, document.number, version, text, msgspec.json.encode(outline))


def add(
    db: apsw.Connection,
    document: Document,
    version: int,
    first: int,
    text: str,
    pieces: Sequence[Piece],
    indexed: Sequence[words.Columns],
    given: Sequence[bytes] | None,
    space: EmbeddingSpace | None,
) -> None:
    """Add pieces from position `first` on to a version that nobody sees; with vectors if there is a space."""
    numbers = [
        _add(db, document, version, position, text, piece, its_words)
        for position, (piece, its_words) in enumerate(zip(pieces, indexed, strict=True), first)
    ]
    if given is not None and space is not None:
        vectors.put(db, space, list(zip(numbers, given, strict=True)))


def show(db: apsw.Connection, document: int, version: int, text: str, outline: bytes) -> None:
    """Let the chunks of a version be the document's, with their text, in place of all that were.

    `outline` is JSON. What the others were waits among the `unseen` to be deleted.
    """
    unseen.exchange(db, document, version)
    db.execute(
        "INSERT INTO _document_texts (document, text, outline) VALUES (?1, ?2, ?3) "
        "ON CONFLICT DO UPDATE SET text = ?2, outline = ?3",
        (document, text, outline),
    )
    db.execute(
        "UPDATE _documents SET chunks_count = "
        "(SELECT count(*) FROM _chunks WHERE document = ?1 AND version = ?2) WHERE number = ?1",
        (document, version),
    )


def index(document: Document, text: str, pieces: Sequence[Piece]) -> list[words.Columns]:
    """The words of a document's pieces for `replace`; pure, and a millisecond for each."""
    return [
        words.columns(document.base, document.title, piece.headings, text[piece.start : piece.end])
        for piece in pieces
    ]


def remove(db: apsw.Connection, document: int) -> None:
    """Delete a document's text and all chunks with their words and vectors; the document itself stays."""
    db.execute("DELETE FROM _chunks WHERE document = ?", (document,))
    db.execute("DELETE FROM _document_texts WHERE document = ?", (document,))
    db.execute("DELETE FROM _unseen_chunks WHERE document = ?", (document,))
    db.execute("UPDATE _documents SET chunks_count = 0 WHERE number = ?", (document,))
    vectors.sweep(db)


def thin(db: apsw.Connection, document: int, limit: int, version: int | None = None) -> int:
    """Delete at most so many of a document's chunks, of one version or any; how many it were."""
    db.execute(
        "DELETE FROM _chunks WHERE number IN "
        "(SELECT number FROM _chunks WHERE document = ?1 AND (?2 IS NULL OR version = ?2) LIMIT ?3)",
        (document, version, limit),
    )
    count = db.changes()
    vectors.sweep(db)
    return count


def stored_up_to(db: apsw.Connection, document: int, most: int) -> int:
    """How many chunks of all versions a document has, or `most` when there are more."""
    sql = "SELECT count(*) FROM (SELECT 1 FROM _chunks WHERE document = ? LIMIT ?)"
    return int(db.execute(sql, (document, most)).get)


def rename(db: apsw.Connection, document: int, title: str) -> None:
    """Let a document's chunks be found by its new title."""
    rows = list(
        db.execute(f"SELECT c.number, c.base, c.headings, c.content {_SEEN} WHERE d.number = ?", (document,))
    )
    for number, base, headings, content in rows:
        db.execute("DELETE FROM _words WHERE rowid = ?", (number,))
        words.put(db, number, words.columns(base, title, _headings(headings), content))


def of_document(db: apsw.Connection, document: int, offset: int = 0, limit: int = 100) -> list[Chunk]:
    """A document's chunks in their order."""
    rows = db.execute(
        'SELECT c.number, c.id, c.position, c.start, c."end", c.content, c.page, c.headings '
        f"{_SEEN} WHERE d.number = ? ORDER BY c.position LIMIT ? OFFSET ?",
        (document, limit, offset),
    )
    return [
        Chunk(
            number=number,
            id=id_,
            position=position,
            start=start,
            end=end,
            content=content,
            page=page,
            headings=_headings(headings),
        )
        for number, id_, position, start, end, content, page, headings in rows
    ]


def without_vectors(
    db: apsw.Connection, base: int, space: EmbeddingSpace, limit: int, document: int | None = None
) -> list[tuple[int, str]]:
    """The first chunks of a base, or of one document, that have no vector in this space: texts to embed."""
    rows = db.execute(
        f"SELECT c.number, d.title, c.headings, c.content {_without(space)} "
        "AND (? IS NULL OR c.document = ?) ORDER BY c.number LIMIT ?",
        (base, document, document, limit),
    )
    return [
        (int(number), text_to_embed(title, _headings(headings), content))
        for number, title, headings, content in rows
    ]


def count_without_vectors(db: apsw.Connection, base: int, space: EmbeddingSpace) -> int:
    """How many chunks of a base have no vector in this space."""
    return int(db.execute(f"SELECT count(*) {_without(space)}", (base,)).get)


def _without(space: EmbeddingSpace) -> str:
    return (
        f"{_SEEN} WHERE c.base = ? "
        f"AND NOT EXISTS (SELECT 1 FROM _vectors_{space.number} AS v WHERE v.chunk = c.number)"
    )


def _add(
    db: apsw.Connection,
    document: Document,
    version: int,
    position: int,
    text: str,
    piece: Piece,
    its_words: words.Columns,
) -> int:
    content = text[piece.start : piece.end]
    db.execute(
        'INSERT INTO _chunks (id, document, base, version, position, start, "end", page, headings, content) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            str(uuid.uuid4()),
            document.number,
            document.base,
            version,
            position,
            piece.start,
            piece.end,
            piece.page,
            msgspec.json.encode(piece.headings),
            content,
        ),
    )
    number = db.last_insert_rowid()
    words.put(db, number, its_words)
    return number


def _headings(stored: bytes) -> list[str]:
    return msgspec.json.decode(stored, type=list[str])
