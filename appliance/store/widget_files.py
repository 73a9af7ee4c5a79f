"""Files that visitors attached to a conversation: their text in passages, found by words.

A file is stored in slices, for the writer serves chats, too; it counts when it is whole. Everything goes with
its conversation.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import apsw
import msgspec

from appliance.errors import Conflict, QuotaReached
from appliance.searchtext import Term

FILES_MAX = 10
"""Of one conversation."""
AT_ONCE = 64
"""So many passages are added in one transaction."""
LEFT_BEHIND_S = 600.0
"""What is not whole after so long never will be: its server ended in the middle."""
TERMS_MAX = 24
COLUMNS = "f.number, f.id, f.name, f.bytes, f.characters, f.note, f.mime_type"
_PASSAGE = 'p.number, p.position, p.start, p."end", p.page, p.headings, p.content'


class AttachedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file whose text was read; `note` says what could not be."""

    number: int
    id: str
    name: str
    bytes: int
    characters: int
    note: str = ""
    mime_type: str = ""


class NewPassage(msgspec.Struct, frozen=True, kw_only=True):
    """One piece of a file's text, `text[start:end]`, with its words for the index."""

    start: int
    end: int
    content: str
    words: list[str]
    page: int | None = None
    headings: list[str] = []


class AttachedPassage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece as it is stored, and of which file."""

    file: AttachedFile
    number: int
    position: int
    start: int
    end: int
    page: int | None
    headings: list[str]
    content: str


def listed(db: apsw.Connection, conversation_id: str) -> list[AttachedFile]:
    """The whole files of a conversation, in their order."""
    rows = db.execute(
        f"SELECT {COLUMNS} FROM _widget_files f WHERE conversation_id = ? AND whole ORDER BY number",  # noqa: S608 constant
        (conversation_id,),
    )
    return [_file(row) for row in rows]


def known(db: apsw.Connection, conversation_id: str, hash: bytes) -> AttachedFile | None:
    """The file of these bytes that the conversation has already."""
    row = db.execute(
        f"SELECT {COLUMNS} FROM _widget_files f WHERE conversation_id = ? AND hash = ? AND whole",  # noqa: S608 constant
        (conversation_id, hash),
    ).fetchone()
    return _file(row) if row else None


def check_room(db: apsw.Connection, conversation_id: str) -> None:
    """Raises `QuotaReached` when the conversation has as many files as it may."""
    sql = "SELECT count(*) FROM _widget_files WHERE conversation_id = ?"
    if int(db.execute(sql, (conversation_id,)).get) >= FILES_MAX:
        raise QuotaReached(
            f"A conversation may have {FILES_MAX} files. Delete one, or begin a new conversation."
        )


def begin(
    db: apsw.Connection,
    conversation_id: str,
    *,
    owner: str,
    name: str,
    mime_type: str,
    bytes: int,
    characters: int,
    hash: bytes,
    note: str,
    now: float,
) -> AttachedFile:
    """A place for a file whose passages follow.

    Raises `QuotaReached`, and `Conflict` when the same file is being attached, or its conversation is gone.
    """
    db.execute("DELETE FROM _widget_files WHERE NOT whole AND created_at < ?", (now - LEFT_BEHIND_S,))
    check_room(db, conversation_id)
    id = str(uuid.uuid4())
    try:
        db.execute(
            "INSERT INTO _widget_files (id, conversation_id, owner, name, mime_type, bytes, characters, "
            "hash, note, created_at) SELECT ?, id, ?, ?, ?, ?, ?, ?, ?, ? FROM _conversations "
            "WHERE id = ? AND status = 'active'",
            (id, owner, name, mime_type, bytes, characters, hash, note, now, conversation_id),
        )
    except apsw.ConstraintError as error:
        raise Conflict("This file is being attached already.") from error
    if not db.changes():
        raise Conflict("The conversation was deleted meanwhile.")
    return AttachedFile(
        number=db.last_insert_rowid(),
        id=id,
        name=name,
        bytes=bytes,
        characters=characters,
        note=note,
        mime_type=mime_type,
    )


def add(db: apsw.Connection, file: int, first: int, passages: Sequence[NewPassage]) -> bool:
    """The next passages of a file, which are its `first` and following; False when it is gone."""
    if not db.execute("SELECT EXISTS (SELECT 1 FROM _widget_files WHERE number = ?)", (file,)).get:
        return False
    for position, passage in enumerate(passages, first):
        db.execute(
            'INSERT INTO _widget_passages (file, position, start, "end", page, headings, content) '
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(file, position, passage.start, passage.end, passage.page),
                *(msgspec.json.encode(passage.headings), passage.content),
            ),
        )
        words = (db.last_insert_rowid(), _marked(file, passage.words))
        db.execute("INSERT INTO _widget_words (rowid, words) VALUES (?, ?)", words)
    return True


def finish(db: apsw.Connection, file: int) -> bool:
    """The file is whole from now on; False when it is gone."""
    db.execute("UPDATE _widget_files SET whole = 1 WHERE number = ?", (file,))
    return db.changes() > 0


def drop(db: apsw.Connection, conversation_id: str, id: str) -> bool:
    """Delete a file with its text; False when the conversation has none of that id."""
    db.execute("DELETE FROM _widget_files WHERE conversation_id = ? AND id = ?", (conversation_id, id))
    return db.changes() > 0


def search(
    db: apsw.Connection, files: Sequence[AttachedFile], terms: Sequence[Term], limit: int
) -> list[AttachedPassage]:
    """Passages of these files that have some of the terms, the best first."""
    if not files or not terms:
        return []
    match = " OR ".join(_expression(file.number, term) for file in files for term in terms[:TERMS_MAX])
    numbers = [
        int(str(row[0]))
        for row in db.execute(
            "SELECT rowid FROM _widget_words WHERE _widget_words MATCH ? ORDER BY rank, rowid LIMIT ?",
            (match, limit),
        ).fetchall()
    ]
    found = {one.number: one for number in numbers for one in _read(db, files, "p.number = ?", (number,))}
    return [found[number] for number in numbers if number in found]


def opening(db: apsw.Connection, file: AttachedFile, limit: int) -> list[AttachedPassage]:
    """The first passages of a file."""
    return _read(db, [file], "p.file = ? ORDER BY p.position LIMIT ?", (file.number, limit))


def _read(
    db: apsw.Connection, files: Sequence[AttachedFile], condition: str, values: tuple[int, ...]
) -> list[AttachedPassage]:
    by_number = {file.number: file for file in files}
    rows: list[tuple[Any, ...]] = db.execute(
        f"SELECT p.file, {_PASSAGE} FROM _widget_passages p WHERE {condition}",  # noqa: S608 constants
        values,
    ).fetchall()
    return [
        AttachedPassage(
            file=by_number[row[0]],
            number=row[1],
            position=row[2],
            start=row[3],
            end=row[4],
            page=row[5],
            headings=msgspec.json.decode(row[6], type=list[str]),
            content=row[7],
        )
        for row in rows
        if row[0] in by_number
    ]


def _expression(file: int, term: Term) -> str:
    """Quoted, although our words have no sign that the index's language knows."""
    exact = f'"{_marked(file, term.words)}"' + ("*" if term.prefix else "")
    return " OR ".join([exact, *(f'"{_marked(file, [form])}"' for form in term.forms)])


def _marked(file: int, words: Sequence[str]) -> str:
    """Words behind their file's number: no other file has these."""
    mark = f"{file}z"
    return mark + f" {mark}".join(words) if words else ""


def _file(row: tuple[object, ...]) -> AttachedFile:
    return msgspec.convert(dict(zip(AttachedFile.__struct_fields__, row, strict=True)), AttachedFile)
