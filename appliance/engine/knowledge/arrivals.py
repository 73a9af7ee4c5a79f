"""How documents get into a knowledge base: as texts, as files that are kept, as new versions of files."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import apsw
import msgspec
import trio

from appliance.engine.knowledge import access, adding, checking, keeping, removing
from appliance.engine.knowledge.library import Library
from appliance.errors import DocumentUnreadable, NotFound
from appliance.extract.kinds import mime_of
from appliance.identity import Caller
from appliance.knowledge import Document, Extracted
from appliance.store.knowledge import bases as stored_bases
from appliance.store.knowledge import chunks as stored_chunks
from appliance.store.knowledge import documents as stored

READ_FIRST_S = 10.0
"""So long an upload waits for its text; a file that takes longer is read afterwards."""


class Said(msgspec.Struct, frozen=True):
    """What is said of a file that is added."""

    file_name: str
    mime_type: str
    title: str
    language: str
    metadata: Mapping[str, Any] | None
    tags: Sequence[str]
    own: bool
    source: int | None = None
    path: str = ""
    source_type: str = "upload"
    source_url: str = ""


async def add_text(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    content: str,
    title: str = "",
    source_url: str = "",
    mime_type: str = "",
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    own: bool = False,
) -> Document:
    """Add a document that is a text; it is `pending` until it was read in. `own`: it is for the caller alone.

    Raises `AuthRequired`, `NotFound`, `Forbidden`, `InvalidInput`, `MessageTooLarge`, `QuotaReached`.
    """
    library.store.read_now(access.open_base, caller, base_id, "editor")
    encoded = adding.check_text(library, content)
    new = _new(library, caller, title=adding.title_for(title, adding.title_of_text(content)))
    new = msgspec.structs.replace(
        new,
        source_url=checking.web_address(source_url),
        mime_type=checking.media_type(mime_type) or "text/plain",
        content_hash=await keeping.digest(encoded),
        bytes=len(encoded),
        tags=checking.tags(tags),
    )

    def write(db: apsw.Connection) -> Document:
        document = _placed(db, caller, base_id, new, metadata, own=own)
        added = stored.add(db, document)
        stored.queue(db, added.number, library.clock(), text=content)
        return added

    added = await library.store.write(write)
    library.wake()
    return added


async def add_file(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    data: bytes,
    file_name: str,
    mime_type: str = "",
    title: str = "",
    language: str = "",
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    own: bool = False,
    source: int | None = None,
    path: str = "",
    source_type: str = "upload",
    source_url: str = "",
) -> Document:
    """Add a file, which is kept as it came; it is `pending` until it was read in.

    With `own` it is for the caller alone. `source` is the number of where it came from, `path` what it is
    called there. Raises `AuthRequired`, `NotFound`, `Forbidden`, `InvalidInput`, `MessageTooLarge`,
    `UnsupportedDocument`, `DocumentUnreadable`, `QuotaReached`; then nothing is kept.
    """
    said = Said(
        file_name, mime_type, title, language, metadata, tags, own, source, path, source_type, source_url
    )
    return await _add_file(library, caller, base_id, data, said, wait=False)


def check_upload(library: Library, caller: Caller, base_id: str) -> None:
    """Raises what speaks against adding a file to this base, as long as there is none yet."""
    library.store.read_now(access.open_base, caller, base_id, "editor")


async def upload_file(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    data: bytes,
    file_name: str,
    mime_type: str = "",
    title: str = "",
    language: str = "",
    metadata: Mapping[str, Any] | None = None,
    tags: Sequence[str] = (),
    own: bool = False,
) -> Document:
    """`add_file`, but its text is read first: who waits for the answer learns at once that there is none.

    A file that takes long is read afterwards, as with `add_file`.
    """
    said = Said(file_name, mime_type, title, language, metadata, tags, own)
    return await _add_file(library, caller, base_id, data, said, wait=True)


async def _add_file(
    library: Library, caller: Caller, base_id: str, data: bytes, said: Said, *, wait: bool
) -> Document:
    base, _ = library.store.read_now(access.open_base, caller, base_id, "editor")
    new = _document_of(library, caller, data, said)
    adding.stamp(caller, base, said.metadata, own=said.own)
    language = adding.language(said.language)
    await library.store.read(adding.check_room, caller, base, bytes=len(data))
    hash = await keeping.digest(data)
    read = await _read_first(library, data, new, language) if wait else None
    if read and read.title and not said.title.strip():
        new = msgspec.structs.replace(new, title=checking.one_line(read.title))
    new = msgspec.structs.replace(new, content_hash=hash, original=hash)

    def write(db: apsw.Connection) -> Document:
        document = _placed(db, caller, base_id, new, said.metadata, own=said.own)
        added = stored.add(db, document, source=said.source)
        _queue_file(library, db, added, language, read)
        return added

    added = await keeping.keep(library, hash, data, write)
    library.wake()
    return added


def _document_of(library: Library, caller: Caller, data: bytes, said: Said) -> Document:
    """What is known of a file before it is read; raises as `add_file` when it cannot be read."""
    name = adding.file_name(said.file_name)
    kind = adding.check_file(library, data, name, said.mime_type)
    new = _new(library, caller, title=adding.title_for(said.title, adding.title_of_file(name)))
    return msgspec.structs.replace(
        new,
        source_url=checking.web_address(said.source_url),
        source_type=said.source_type,
        path=said.path,
        file_name=name,
        mime_type=mime_of(kind),
        bytes=len(data),
        tags=checking.tags(said.tags),
    )


async def replace_file(
    library: Library,
    document: Document,
    data: bytes,
    *,
    file_name: str = "",
    mime_type: str = "",
    title: str = "",
    language: str = "",
    source_url: str | None = None,
) -> Document:
    """Let a document be read anew from another version of its file; the old chunks serve meanwhile.

    For sources that were read again: asks for no rights. Empty leaves what it is called. Raises as
    `add_file`, and `NotFound` when the document was deleted meanwhile.
    """
    name = adding.file_name(file_name) or document.file_name
    kind = adding.check_file(library, data, name, mime_type)
    language = adding.language(language)
    hash = await keeping.digest(data)
    changed: dict[str, Any] = {
        "file_name": name,
        "mime_type": mime_of(kind),
        "title": adding.title_for(title, document.title),
        "bytes": len(data),
        "content_hash": hash,
        "original": hash,
        "updated_at": library.clock(),
    }
    if source_url is not None:
        changed["source_url"] = checking.web_address(source_url)

    def write(db: apsw.Connection) -> tuple[Document, str]:
        before = stored.by_number(db, document.number)
        base = stored_bases.by_number(db, document.base)
        if before is None or base is None or before.id != document.id:
            raise NotFound(access.NO_DOCUMENT)
        stored_bases.check_room(db, base, bytes=len(data) - before.bytes)
        after = msgspec.structs.replace(before, **changed)
        stored.replace(db, after)
        _queue_file(library, db, after, language, None)
        return after, before.original

    after, old = await keeping.keep(library, hash, data, write)
    if old != hash:
        await removing.drop_originals(library, [old])
    library.wake()
    return after


def check_quota(
    library: Library, caller: Caller, base_id: str, *, documents: int = 1, bytes: int = 0
) -> None:
    """Raises `QuotaReached` when so much more does not fit, and as `bases.get`; before a long upload."""
    base, _ = library.store.read_now(access.open_base, caller, base_id, "editor")
    library.store.read_now(adding.check_room, caller, base, documents=documents, bytes=bytes)


def _new(library: Library, caller: Caller, *, title: str) -> Document:
    now = library.clock()
    return Document(
        number=0,
        id=str(uuid.uuid4()),
        base=0,
        title=title,
        owner_id=caller.user_id,
        created_by=access.owner_id_of(caller),
        created_at=now,
        updated_at=now,
    )


def _placed(
    db: apsw.Connection,
    caller: Caller,
    base_id: str,
    document: Document,
    metadata: Mapping[str, Any] | None,
    *,
    own: bool,
) -> Document:
    """The document in its base as that is now, in the transaction that adds it; raises as `add_file`."""
    base, _ = access.open_base(db, caller, base_id, "editor")
    adding.check_room(db, caller, base, bytes=document.bytes)
    stamp = adding.stamp(caller, base, metadata, own=own)
    return msgspec.structs.replace(document, base=base.number, metadata=stamp.metadata, user_id=stamp.user_id)


async def _read_first(library: Library, data: bytes, document: Document, language: str) -> Extracted | None:
    """The text of a file; None when it takes too long. Raises `DocumentUnreadable`."""
    with trio.move_on_after(READ_FIRST_S):
        read = await library.extractor.extract(
            data, file_name=document.file_name, mime_type=document.mime_type, language=language
        )
        if not read.text.strip():
            raise DocumentUnreadable("No text was found in this file.")
        return read
    return None


def _queue_file(
    library: Library, db: apsw.Connection, document: Document, language: str, read: Extracted | None
) -> None:
    """With a text that was read already only chunks are left to be made."""
    now = library.clock()
    if read is None:
        stored.queue(db, document.number, now, original=document.original, language=language)
        return
    stored_chunks.replace(db, document, read.text, read.outline, [], None, None, now)
    stored.queue(db, document.number, now)
