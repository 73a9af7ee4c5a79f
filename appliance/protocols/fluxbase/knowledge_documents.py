"""Fluxbase's endpoints for documents (6.8); ours tell their chunks and give their files back."""

from __future__ import annotations

from typing import Any, get_args

import msgspec

from appliance.engine.knowledge import documents, grants
from appliance.errors import InvalidInput
from appliance.knowledge import Document, DocumentFilter, DocumentStatus, Grant
from appliance.metadata_filter import MetadataFilter, read_filter
from appliance.protocols.fluxbase.knowledge_desk import Desk
from appliance.protocols.fluxbase.rest import OFFSET_MAX, timestamp
from appliance.protocols.fluxbase.shapes_knowledge_documents import (
    ChunkBody,
    ChunkList,
    DeleteByFilter,
    DeletedCount,
    DocumentBody,
    DocumentGrantBody,
    DocumentList,
    DocumentTaken,
    NewDocument,
    NewDocumentGrant,
    ProgressBody,
    UpdateDocument,
    WholeDocument,
)
from appliance.wire import Reply, Request

PAGE_MAX = 1000
"""Also the page when none is asked for: the SDK knows no pages."""
CHUNKS = 100
NAMELESS = "document"
"""What a file is saved as that came without a name, or a text."""
TOKEN_CHARS = 4
"""One token is about so many characters (6.2)."""
STATUSES: tuple[DocumentStatus, ...] = get_args(DocumentStatus)


async def list_documents(desk: Desk, request: Request) -> Reply:
    """`GET /:id/documents`: those that the caller sees, without their text."""
    wanted = request.query.get("status", "")
    status = next((one for one in STATUSES if one == wanted), None)
    if wanted and status is None:
        raise InvalidInput(f"status={wanted[:50]!r} must be one of {', '.join(STATUSES)}.")
    page, total = await documents.listed(
        desk.library,
        desk.caller,
        request.path["id"],
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
        limit=request.whole_number("limit", PAGE_MAX, 1, PAGE_MAX),
        status=status,
    )
    bodies = [document_body(request.path["id"], one) for one in page]
    return Reply(body=DocumentList(documents=bodies, count=len(bodies), total=total))


async def add_document(desk: Desk, request: Request) -> Reply:
    """`POST /:id/documents`: a text, which is read in the background."""
    asked = request.json(NewDocument)
    url, metadata = _origin(asked)
    document = await documents.add_text(
        desk.library,
        desk.caller,
        request.path["id"],
        title=asked.title or "",
        content=asked.content,
        source_url=url,
        mime_type=asked.mime_type or "",
        metadata=metadata,
        tags=tuple(asked.tags or ()),
        own=bool(asked.private),
    )
    text = "The document was taken and is being processed."
    return Reply(status=202, body=DocumentTaken(document_id=document.id, status="processing", message=text))


async def get_document(desk: Desk, request: Request) -> Reply:
    """`GET /:id/documents/:doc`, with its text."""
    document, content = await documents.get(
        desk.library, desk.caller, request.path["id"], request.path["doc"]
    )
    return Reply(body=_whole(request.path["id"], document, content))


async def update_document(desk: Desk, request: Request) -> Reply:
    """`PATCH /:id/documents/:doc`."""
    asked = request.json(UpdateDocument)
    await documents.update(
        desk.library,
        desk.caller,
        request.path["id"],
        request.path["doc"],
        title=asked.title,
        tags=asked.tags,
        metadata=asked.metadata,
    )
    return await get_document(desk, request)


async def delete_document(desk: Desk, request: Request) -> Reply:
    """`DELETE /:id/documents/:doc`."""
    await documents.delete(desk.library, desk.caller, request.path["id"], request.path["doc"])
    return Reply(status=204, body=None)


async def delete_by_filter(desk: Desk, request: Request) -> Reply:
    """`POST /:id/documents/delete-by-filter`: an empty filter is refused, it would mean everything."""
    asked = request.json(DeleteByFilter)
    filter = filter_of(asked.tags, asked.metadata, asked.metadata_filter)
    count = await documents.delete_by_filter(desk.library, desk.caller, request.path["id"], filter)
    return Reply(body=DeletedCount(deleted_count=count))


async def list_chunks(desk: Desk, request: Request) -> Reply:
    """Ours: `GET /:id/documents/:doc/chunks`: what is behind a citation, and around it."""
    base_id, doc_id = request.path["id"], request.path["doc"]
    rows, total = await documents.chunks(
        desk.library,
        desk.caller,
        base_id,
        doc_id,
        offset=request.whole_number("offset", 0, 0, OFFSET_MAX),
        limit=request.whole_number("limit", CHUNKS, 1, PAGE_MAX),
    )
    bodies = [
        ChunkBody(
            id=row.id,
            document_id=doc_id,
            knowledge_base_id=base_id,
            content=row.content,
            chunk_index=row.position,
            start_offset=row.start,
            end_offset=row.end,
            token_count=-(-len(row.content) // TOKEN_CHARS),
            page=row.page,
            headings=row.headings,
        )
        for row in rows
    ]
    return Reply(body=ChunkList(chunks=bodies, count=len(bodies), total=total))


async def get_original(desk: Desk, request: Request) -> Reply:
    """Ours: `GET /:id/documents/:doc/original`: the file as it came.

    Browsers save it whatever its type: a page of somebody's must not run as one of ours.
    """
    data, mime_type, file_name = await documents.original(
        desk.library, desk.caller, request.path["id"], request.path["doc"]
    )
    return Reply(
        body=data,
        content_type=_plain_type(mime_type),
        file_name=file_name or NAMELESS,
        headers={"Content-Security-Policy": "sandbox; default-src 'none'"},
    )


# -- who may do what ---------------------------------------------------------------------------------


async def share_document(desk: Desk, request: Request) -> Reply:
    """`POST /:id/documents/:doc/permissions`."""
    asked = request.json(NewDocumentGrant)
    base_id, doc_id = request.path["id"], request.path["doc"]
    grant = await grants.share_document(
        desk.library, desk.caller, base_id, doc_id, asked.user_id, asked.permission
    )
    return Reply(status=201, body=_grant(doc_id, grant))


async def document_permissions(desk: Desk, request: Request) -> Reply:
    """`GET /:id/documents/:doc/permissions`: a bare array, as for a base."""
    base_id, doc_id = request.path["id"], request.path["doc"]
    found = await grants.listed_of_document(desk.library, desk.caller, base_id, doc_id)
    return Reply(body=[_grant(doc_id, grant) for grant in found])


async def revoke_document(desk: Desk, request: Request) -> Reply:
    """`DELETE /:id/documents/:doc/permissions/:user`."""
    path = request.path
    await grants.revoke_document(desk.library, desk.caller, path["id"], path["doc"], path["user"])
    return Reply(status=204, body=None)


def _grant(document_id: str, grant: Grant) -> DocumentGrantBody:
    assert grant.permission != "owner", "documents are shared for looking and changing only"
    return DocumentGrantBody(
        id=grant.id,
        document_id=document_id,
        user_id=grant.user_id,
        permission=grant.permission,
        granted_by=grant.granted_by or None,
        created_at=timestamp(grant.created_at),
    )


# -- shapes ------------------------------------------------------------------------------------------


def filter_of(
    tags: list[str] | None, metadata: dict[str, Any] | None, tree: dict[str, Any] | None
) -> DocumentFilter:
    """All that is given, together; raises `InvalidInput` that says what is wrong with it."""
    equal = [{"key": key, "value": value} for key, value in (metadata or {}).items()]
    found = [read_filter({"conditions": equal}) if equal else None, read_filter(tree)]
    groups = [one for one in found if one is not None]
    both = MetadataFilter(groups=groups) if len(groups) > 1 else next(iter(groups), None)
    return DocumentFilter(tags=tags or [], metadata=both)


def document_body(base_id: str, document: Document) -> DocumentBody:
    """A document for lists."""
    return DocumentBody(
        id=document.id,
        knowledge_base_id=base_id,
        title=document.title,
        source_url=document.source_url or None,
        source_type=document.source_type,
        mime_type=document.mime_type,
        content_hash=document.content_hash,
        status=document.status,
        error_message=document.error_message or None,
        chunks_count=document.chunks_count,
        chunk_count=document.chunks_count,
        metadata=document.metadata,
        tags=document.tags,
        owner_id=document.owner_id or None,
        created_by=document.created_by or None,
        created_at=timestamp(document.created_at),
        updated_at=timestamp(document.updated_at),
        indexed_at=None if document.indexed_at is None else timestamp(document.indexed_at),
        file_name=document.file_name,
        bytes=document.bytes,
        has_original=bool(document.original),
        user_id=document.user_id or None,
        progress=_progress(document),
    )


def _origin(asked: NewDocument) -> tuple[str, dict[str, Any] | None]:
    """Where a text is from. A `source` that is no address is kept in the metadata: it could be no link."""
    source = asked.source or ""
    if asked.source_url or not source or source.lower().startswith(("http://", "https://")):
        return asked.source_url or source, asked.metadata
    return "", {"source": source, **(asked.metadata or {})}


def _progress(document: Document) -> ProgressBody | None:
    now = document.progress
    return None if now is None else ProgressBody(stage=now.stage, done=now.done, total=now.total)


def _whole(base_id: str, document: Document, content: str) -> WholeDocument:
    return WholeDocument(**msgspec.structs.asdict(document_body(base_id, document)), content=content)


def _plain_type(mime_type: str) -> str:
    """What may stand in a header; anything odd is bytes."""
    is_plain = mime_type.isascii() and mime_type.isprintable() and "/" in mime_type
    return mime_type if is_plain else "application/octet-stream"
