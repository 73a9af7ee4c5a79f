"""Documents of knowledge bases: adding, reading, changing, deleting (Fluxbase 6.7 and 6.8). Rights are
`access`.

Whose a document is stands in `metadata.user_id` and in its row, always the same in both: it is that user's
alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import apsw
import msgspec

from appliance.engine.knowledge import access, adding, checking, keeping, removing
from appliance.engine.knowledge.arrivals import add_file as add_file
from appliance.engine.knowledge.arrivals import add_text as add_text
from appliance.engine.knowledge.arrivals import check_quota as check_quota
from appliance.engine.knowledge.arrivals import check_upload as check_upload
from appliance.engine.knowledge.arrivals import replace_file as replace_file
from appliance.engine.knowledge.arrivals import upload_file as upload_file
from appliance.engine.knowledge.keeping import KeptFile
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.removing import Removed
from appliance.errors import Forbidden, InvalidInput
from appliance.identity import Caller
from appliance.knowledge import (
    EVERY_DOCUMENT,
    Document,
    DocumentFilter,
    DocumentStatus,
    KnowledgeBase,
    allows,
)
from appliance.store import audit
from appliance.store.knowledge import chunks as stored_chunks
from appliance.store.knowledge import documents as stored
from appliance.store.knowledge import grants
from appliance.store.knowledge.chunks import Chunk
from appliance.store.knowledge.filters import is_empty

PAGE_MAX = 1000
"""Documents or chunks in one answer."""
DELETED_AT_ONCE = 10
RENAMED_AT_ONCE = 200
"""Chunks whose words are written anew in one transaction."""


# -- reading -----------------------------------------------------------------------------------------


async def listed(
    library: Library,
    caller: Caller,
    base_id: str,
    *,
    offset: int = 0,
    limit: int = 100,
    status: DocumentStatus | None = None,
    title: str = "",
    filter: DocumentFilter = EVERY_DOCUMENT,
) -> tuple[list[Document], int]:
    """Those that the caller sees, newest first, and how many there are; `title` is a part of it.

    Raises `AuthRequired`, `NotFound`, `InvalidInput`.
    """
    _check_page(offset, limit)
    title = checking.label(title, "title", empty=True)
    viewer = access.overseer_of(caller)

    def read(db: apsw.Connection) -> tuple[list[Document], int]:
        base, _ = access.open_base(db, caller, base_id)
        return stored.page(
            db, base.number, viewer, offset=offset, limit=limit, status=status, title=title, only=filter
        )

    return await library.store.read(read)


async def get(library: Library, caller: Caller, base_id: str, id: str) -> tuple[Document, str]:
    """The document and its text, empty as long as a file was not read; raises `AuthRequired`, `NotFound`."""

    def read(db: apsw.Connection) -> tuple[Document, str]:
        _, _, document = access.open_document(db, caller, base_id, id)
        return document, stored.content(db, document.number)

    return await library.store.read(read)


async def find_original(library: Library, caller: Caller, base_id: str, id: str) -> KeptFile | None:
    """The file as it came, to be read with `read_original`; None when the document came as text.

    Raises `AuthRequired`, `NotFound`.
    """
    _, _, document = library.store.read_now(access.open_document, caller, base_id, id)
    if not document.original:
        return None
    return KeptFile(
        hash=document.original,
        bytes=document.bytes,
        mime_type=document.mime_type,
        file_name=document.file_name,
    )


def read_original(library: Library, kept: KeptFile) -> AsyncIterator[bytes]:
    """Its bytes, a piece of at most a mebibyte at a time; raises `NotFound` when it goes away."""
    return keeping.read_pieces(library, kept.hash)


async def original(library: Library, caller: Caller, base_id: str, id: str) -> tuple[bytes, str, str]:
    """The file as it came, its type and its name; what came as text is that text, and has no name.

    Raises `AuthRequired`, `NotFound`.
    """
    kept = await find_original(library, caller, base_id, id)
    if kept is None:
        document, content = await get(library, caller, base_id, id)
        return content.encode(), document.mime_type or "text/plain", ""
    return await keeping.read_whole(library, kept.hash), kept.mime_type, kept.file_name


async def chunks(
    library: Library, caller: Caller, base_id: str, id: str, *, offset: int = 0, limit: int = 100
) -> tuple[list[Chunk], int]:
    """Its chunks in order, and how many there are; raises `AuthRequired`, `NotFound`, `InvalidInput`."""
    _check_page(offset, limit)

    def read(db: apsw.Connection) -> tuple[list[Chunk], int]:
        _, _, document = access.open_document(db, caller, base_id, id)
        return list(stored_chunks.of_document(db, document.number, offset, limit)), document.chunks_count

    return await library.store.read(read)


def _check_page(offset: int, limit: int) -> None:
    checking.between(offset, 0, 2**53, "offset")
    checking.between(limit, 1, PAGE_MAX, "limit")


# -- changing ----------------------------------------------------------------------------------------


async def update(
    library: Library,
    caller: Caller,
    base_id: str,
    id: str,
    *,
    title: str | None = None,
    tags: Sequence[str] | None = None,
    metadata: Mapping[str, Any] | None = None,
) -> Document:
    """Change what is said about a document, None leaves it; searches go by it at once.

    Whoever may edit the base, or was given this document to edit, may. Raises `AuthRequired`, `NotFound`,
    `Forbidden`, `InvalidInput`.
    """
    changed: dict[str, Any] = {} if title is None else {"title": checking.label(title, "title")}
    if tags is not None:
        changed["tags"] = checking.tags(tags)

    def write(db: apsw.Connection) -> Document:
        base, permission, before = access.open_document(db, caller, base_id, id)
        if not allows(permission, "editor"):
            _require_edit(access.granted_documents(db, caller, base).get(id))
        stamp = None if metadata is None else adding.restamp(caller, before.user_id, metadata)
        whose = {"metadata": stamp.metadata, "user_id": stamp.user_id} if stamp else {}
        after = msgspec.structs.replace(before, **changed, **whose, updated_at=library.clock())
        stored.replace(db, after)
        if after.user_id != before.user_id:
            grants.clear(db, "document", before.number)  # it is not for the former user's friends any more
        if after.title != before.title:
            _retitle(library, db, base, after)
        found = stored.by_number(db, before.number)
        return found or after

    updated = await library.store.write(write)
    library.wake()
    return updated


def _require_edit(granted: str | None) -> None:
    if granted != "editor":
        raise Forbidden("This needs the permission editor on the document or on its knowledge base.")


def _retitle(library: Library, db: apsw.Connection, base: KnowledgeBase, document: Document) -> None:
    """The title counts in words and vectors: few words follow at once, the rest as a job."""
    if document.chunks_count <= RENAMED_AT_ONCE:
        stored_chunks.rename(db, document.number, document.title)
    if base.space or base.next_space or document.chunks_count > RENAMED_AT_ONCE:
        stored.queue_anew(db, document.number, library.clock())


# -- deleting ----------------------------------------------------------------------------------------


async def delete(library: Library, caller: Caller, base_id: str, id: str) -> None:
    """Forget it with its chunks and its file; raises `AuthRequired`, `NotFound`, `Forbidden`."""

    def write(db: apsw.Connection) -> Removed:
        base, permission, document = access.open_document(db, caller, base_id, id)
        if not allows(permission, "editor"):
            raise Forbidden(
                f"This needs the permission editor on the knowledge base; yours is {permission or 'none'}."
            )
        _witness(library, db, caller, base, [document])
        return removing.take_out(db, document, library.clock())

    removed = await library.store.write(write)
    await removing.finish(library, [removed])
    library.wake()


async def delete_by_filter(library: Library, caller: Caller, base_id: str, filter: DocumentFilter) -> int:
    """Forget all that fit the filter and that the caller sees, and return how many.

    Raises `AuthRequired`, `NotFound`, `Forbidden`, and `InvalidInput` for an empty filter: it would mean all.
    """
    if is_empty(filter):
        raise InvalidInput("Say which documents to delete: tags, metadata, metadata_filter or ids.")
    viewer = access.overseer_of(caller)

    def write(db: apsw.Connection) -> list[Removed]:
        base, _ = access.open_base(db, caller, base_id, "editor")
        some = stored.some(db, base.number, viewer, filter, limit=DELETED_AT_ONCE)
        if some:
            _witness(library, db, caller, base, some)
        return removing.take_out_all(db, some, library.clock())

    count = 0
    while True:
        removed = await library.store.write(write)
        await removing.finish(library, removed)
        count += len(removed)
        if not removed:
            library.wake()
            return count


def _witness(
    library: Library, db: apsw.Connection, caller: Caller, base: KnowledgeBase, documents: Sequence[Document]
) -> None:
    audit.record(
        db,
        at=library.clock(),
        tenant=base.tenant,
        actor=caller.principal,
        action="document.delete",
        target=f"knowledge:{base.id}",
        details={"documents": [one.id for one in documents], "base": base.name, "ip": caller.ip},
    )
