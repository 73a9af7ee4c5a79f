"""Bodies of Fluxbase's endpoints for knowledge bases (6.1, 6.5, 6.8): requests and answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from msgspec import Meta

from appliance.knowledge import Permission, SearchMode, Strategy, Visibility

Share: TypeAlias = Annotated[float, Meta(ge=0, le=1)]

# -- knowledge bases ---------------------------------------------------------------------------------


class InitialPermission(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do from the beginning."""

    user_id: str
    permission: Permission


class _Wanted(msgspec.Struct, frozen=True, kw_only=True):
    namespace: str | None = None
    description: str | None = None
    embedding_model: str | None = None
    chunk_size: int | None = None
    chunk_overlap: int | None = None
    chunk_strategy: Strategy | None = None
    enabled: bool | None = None
    source: Literal["api", "sdk", "filesystem"] | None = None
    visibility: Visibility | None = None
    per_user: bool | None = None
    quota_max_documents: int | None = None
    quota_max_chunks: int | None = None
    quota_max_storage_bytes: int | None = None
    pipeline_type: str | None = None
    pipeline_config: dict[str, Any] | None = None
    transformation_function: str | None = None


class NewKnowledgeBase(_Wanted, frozen=True, kw_only=True):
    """Body of a creation; what is not there, or null, gets its default.

    With `per_user` (ours) documents that users add are theirs alone.
    """

    name: str
    initial_permissions: list[InitialPermission] | None = None


class UpdateKnowledgeBase(_Wanted, frozen=True, kw_only=True):
    """Body of an update; what is not there, or null, stays."""

    name: str | None = None


class _BaseHead(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    namespace: str
    description: str
    embedding_model: str
    enabled: bool
    document_count: int
    total_chunks: int
    visibility: Visibility
    owner_id: str | None
    user_permission: Permission
    created_at: str
    updated_at: str


class KnowledgeBaseSummary(_BaseHead, frozen=True, kw_only=True):
    """A knowledge base in a list; `user_permission` is what the caller may do."""


class KnowledgeBaseBody(_BaseHead, frozen=True, kw_only=True):
    """A knowledge base (6.1). `embedding_dimensions` is 0 while it is searched by words only.

    Ours are `per_user`, `total_bytes` and `is_reembedding`: other vectors are being made.
    """

    embedding_dimensions: int
    chunk_size: int
    chunk_overlap: int
    chunk_strategy: Strategy
    source: Literal["api", "sdk", "filesystem"]
    created_by: str | None
    quota_max_documents: int
    quota_max_chunks: int
    quota_max_storage_bytes: int
    pipeline_type: str
    pipeline_config: dict[str, Any]
    transformation_function: str | None
    per_user: bool
    total_bytes: int
    is_reembedding: bool


class KnowledgeBaseList(msgspec.Struct, frozen=True, kw_only=True):
    """All that the caller may look into."""

    knowledge_bases: list[KnowledgeBaseSummary]
    count: int


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What can be read and how it is searched. Ours are `embedding_*`, and `max_file_bytes`."""

    ocr_enabled: bool
    ocr_available: bool
    ocr_languages: list[str]
    supported_file_types: list[str]
    max_file_bytes: int
    embedding_available: bool
    embedding_model: str
    embedding_note: str
    """Why there are no vectors, for people; empty when there are."""


# -- who may do what ---------------------------------------------------------------------------------


class NewGrant(msgspec.Struct, frozen=True, kw_only=True):
    """Body of sharing with a user; the same user again changes what they may do."""

    user_id: str
    permission: Permission


class GrantBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do with a knowledge base."""

    id: str
    knowledge_base_id: str
    user_id: str
    permission: Permission
    granted_by: str | None
    granted_at: str
    created_at: str


# -- searching (6.5) ---------------------------------------------------------------------------------


class SearchBody(msgspec.Struct, frozen=True, kw_only=True):
    """A question. `max_chunks` and `limit` say the same, 10 without either.

    Ours: only documents with all of these `tags`, only those whose metadata fits `metadata_filter`.
    """

    query: str
    max_chunks: int | None = None
    limit: int | None = None
    threshold: Share | None = None
    mode: SearchMode | None = None
    semantic_weight: Share | None = None
    tags: list[str] | None = None
    metadata_filter: dict[str, Any] | None = None


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found; ours are where it stands in the document and what it is of."""

    chunk_id: str
    document_id: str
    knowledge_base_id: str
    knowledge_base_name: str
    document_title: str
    content: str
    similarity: float
    metadata: dict[str, Any]
    tags: list[str]
    chunk_index: int
    start_offset: int
    end_offset: int
    page: int | None
    headings: list[str]
    source_url: str | None


class SearchResults(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, best first; `mode` is how it was searched: by words when there are no vectors."""

    results: list[SearchResult]
    count: int
    query: str
    mode: SearchMode
    limit: int


class DebugEmbedding(msgspec.Struct, frozen=True, kw_only=True):
    """The vector of the question: its first numbers."""

    model: str
    dimensions: int
    preview: list[float]


class DebugCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller sees in the knowledge base, and how much of it was found."""

    documents: int
    chunks: int
    found: int


class DebugResult(msgspec.Struct, frozen=True, kw_only=True):
    """A passage with all its figures; `cosine` is null without vectors, `coverage` without words."""

    chunk_id: str
    document_id: str
    document_title: str
    content_preview: str
    similarity: float
    cosine: float | None
    coverage: float | None
    score: float
    passes_threshold: bool


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """How a question is searched: what is nearest, also below the threshold, and what the figures are.

    `embedding` is null when it is searched by words; `why_no_embedding` says why.
    """

    query: str
    asked_mode: SearchMode
    mode: SearchMode
    threshold: float | None
    embedding: DebugEmbedding | None
    why_no_embedding: str | None
    counts: DebugCounts
    results: list[DebugResult]
