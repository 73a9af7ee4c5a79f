"""Bodies of Fluxbase's endpoints for documents (6.1, 6.8): requests and answers."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from appliance.knowledge import DocumentStatus


class NewDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a document that comes as text. `source` is where it is from, an address; `source_url` the same.

    Ours: with `private` nobody but the caller sees it.
    """

    content: str
    title: str | None = None
    source: str | None = None
    source_url: str | None = None
    mime_type: str | None = None
    metadata: dict[str, Any] | None = None
    tags: list[str] | None = None
    private: bool | None = None


class UpdateDocument(msgspec.Struct, frozen=True, kw_only=True):
    """Body of an update; what is not there, or null, stays."""

    title: str | None = None
    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None


class DeleteByFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents: those with all of these tags whose metadata fits; at least one of them is needed."""

    tags: list[str] | None = None
    metadata: dict[str, Any] | None = None
    metadata_filter: dict[str, Any] | None = None


class DeletedCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents were deleted."""

    deleted_count: int


class ProgressBody(msgspec.Struct, frozen=True, kw_only=True):
    """Ours: how far the work on a document is; `total` 0 is not known yet."""

    stage: Literal["waiting", "extracting", "chunking", "embedding"]
    done: int
    total: int


class DocumentBody(msgspec.Struct, frozen=True, kw_only=True):
    """A document as lists have it (6.1): without its text. `chunks_count` and `chunk_count` are the same.

    Ours are `file_name`, `bytes`, `has_original`, `user_id` (whose it is alone) and `progress`.
    """

    id: str
    knowledge_base_id: str
    title: str
    source_url: str | None
    source_type: str
    mime_type: str
    content_hash: str
    status: DocumentStatus
    error_message: str | None
    chunks_count: int
    chunk_count: int
    metadata: dict[str, Any]
    tags: list[str]
    owner_id: str | None
    created_by: str | None
    created_at: str
    updated_at: str
    indexed_at: str | None
    file_name: str
    bytes: int
    has_original: bool
    user_id: str | None
    progress: ProgressBody | None


class WholeDocument(DocumentBody, frozen=True, kw_only=True):
    """A document with the text that was read from it; empty while it is being read."""

    content: str


class DocumentList(msgspec.Struct, frozen=True, kw_only=True):
    """Some documents: `count` is their number, `total` that of all."""

    documents: list[DocumentBody]
    count: int
    total: int


class DocumentTaken(msgspec.Struct, frozen=True, kw_only=True):
    """A document was taken and is being worked on."""

    document_id: str
    status: DocumentStatus
    message: str


class DocumentUploaded(DocumentTaken, frozen=True, kw_only=True):
    """The same for a file; `extracted_length` is 0 while it is being read."""

    filename: str
    extracted_length: int
    mime_type: str


class ChunkBody(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk of a document: `content[start_offset:end_offset]` of it, in characters."""

    id: str
    document_id: str
    knowledge_base_id: str
    content: str
    chunk_index: int
    start_offset: int
    end_offset: int
    token_count: int
    page: int | None
    headings: list[str]


class ChunkList(msgspec.Struct, frozen=True, kw_only=True):
    """Some chunks in order: `count` is their number, `total` that of all."""

    chunks: list[ChunkBody]
    count: int
    total: int


class NewDocumentGrant(msgspec.Struct, frozen=True, kw_only=True):
    """Body of sharing one document with a user."""

    user_id: str
    permission: Literal["viewer", "editor"] = "viewer"


class DocumentGrantBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do with one document."""

    id: str
    document_id: str
    user_id: str
    permission: Literal["viewer", "editor"]
    granted_by: str | None
    created_at: str
