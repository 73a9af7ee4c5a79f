"""What endpoints of knowledge bases answer: frozen values. Fields that a server does not send have a default.

Moments are texts: RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec


class KnowledgeBase(msgspec.Struct, frozen=True, kw_only=True):
    """A knowledge base; lists leave out how it is made. `user_permission` is what the caller may do."""

    id: str
    name: str
    namespace: str = "default"
    description: str = ""
    embedding_model: str = ""
    embedding_dimensions: int = 0
    chunk_size: int = 512
    chunk_overlap: int = 50
    chunk_strategy: str = "recursive"
    enabled: bool = True
    document_count: int = 0
    total_chunks: int = 0
    total_bytes: int = 0
    source: str = "api"
    created_by: str | None = None
    owner_id: str | None = None
    visibility: str = "private"
    user_permission: str = ""
    per_user: bool = False
    quota_max_documents: int = 0
    quota_max_chunks: int = 0
    quota_max_storage_bytes: int = 0
    pipeline_type: str = "none"
    pipeline_config: dict[str, Any] = {}
    transformation_function: str | None = None
    is_reembedding: bool = False
    created_at: str = ""
    updated_at: str = ""


class Capabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Which files can be read, and whether there are vectors; `embedding_note` says why not."""

    supported_file_types: list[str] = []
    ocr_enabled: bool = False
    ocr_available: bool = False
    ocr_languages: list[str] = []
    max_file_bytes: int = 0
    embedding_available: bool = False
    embedding_model: str = ""
    embedding_note: str = ""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do with a knowledge base or a document."""

    id: str
    user_id: str
    permission: str
    granted_by: str | None = None
    created_at: str = ""


class DocumentProgress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the work on a document is; `total` 0 is not known yet."""

    stage: str = "waiting"
    done: int = 0
    total: int = 0


class KnowledgeDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A document; its `content` comes when it is asked for by itself."""

    id: str
    knowledge_base_id: str = ""
    title: str = ""
    content: str = ""
    source_url: str | None = None
    source_type: str = "manual"
    mime_type: str = ""
    content_hash: str = ""
    status: str = "pending"
    error_message: str | None = None
    chunks_count: int = 0
    metadata: dict[str, Any] = {}
    tags: list[str] = []
    owner_id: str | None = None
    created_by: str | None = None
    user_id: str | None = None
    file_name: str = ""
    bytes: int = 0
    has_original: bool = False
    progress: DocumentProgress | None = None
    created_at: str = ""
    updated_at: str = ""
    indexed_at: str | None = None


class DocumentPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some documents; `total` is the number of all."""

    documents: list[KnowledgeDocument]
    total: int = 0


class DocumentAdded(msgspec.Struct, frozen=True, kw_only=True):
    """A document was taken. Of a file: `extracted_length` is 0 while it is still being read."""

    document_id: str
    status: str = "processing"
    message: str = ""
    filename: str = ""
    extracted_length: int = 0
    mime_type: str = ""


class Chunk(msgspec.Struct, frozen=True, kw_only=True):
    """What a document was cut into: `content[start_offset:end_offset]` of its text."""

    id: str
    content: str
    chunk_index: int = 0
    start_offset: int = 0
    end_offset: int = 0
    token_count: int = 0
    page: int | None = None
    headings: list[str] = []


class ChunkPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some chunks; `total` is the number of all."""

    chunks: list[Chunk]
    total: int = 0


class SearchResult(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found."""

    chunk_id: str
    document_id: str
    content: str
    similarity: float
    knowledge_base_id: str = ""
    knowledge_base_name: str = ""
    document_title: str = ""
    metadata: dict[str, Any] = {}
    tags: list[str] = []
    chunk_index: int = 0
    start_offset: int = 0
    end_offset: int = 0
    page: int | None = None
    headings: list[str] = []
    source_url: str | None = None


class SearchAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The passages, best first; `mode` is how it was searched."""

    results: list[SearchResult]
    query: str = ""
    mode: str = ""


class KnowledgeLink(msgspec.Struct, frozen=True, kw_only=True):
    """A bot answers from a knowledge base; `chatbot_name` is there in the list of a base."""

    id: str
    chatbot_id: str
    knowledge_base_id: str
    knowledge_base_name: str = ""
    chatbot_name: str = ""
    namespace: str = ""
    access_level: str = "full"
    filter_expression: dict[str, Any] = {}
    context_weight: float = 1.0
    priority: int = 1
    intent_keywords: list[str] = []
    max_chunks: int = 5
    similarity_threshold: float | None = None
    enabled: bool = True
    metadata: dict[str, Any] = {}
    origin: str = "api"
    created_at: str = ""
    updated_at: str = ""


class Entity(msgspec.Struct, frozen=True, kw_only=True):
    """A thing that documents name; `metadata` says how often and where."""

    id: str
    entity_type: str
    name: str
    canonical_name: str = ""
    aliases: list[str] = []
    metadata: dict[str, Any] = {}
    created_at: str = ""
    updated_at: str = ""


class Relationship(msgspec.Struct, frozen=True, kw_only=True):
    """What documents say of two things."""

    id: str
    source_entity_id: str
    target_entity_id: str
    relationship_type: str
    direction: str = ""
    confidence: float = 0.0
    metadata: dict[str, Any] = {}
    source_entity: Entity | None = None
    target_entity: Entity | None = None


class KnowledgeGraph(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the graph; the counts are of all of it."""

    entities: list[Entity]
    relationships: list[Relationship]
    entity_count: int = 0
    relationship_count: int = 0


class TableExport(msgspec.Struct, frozen=True, kw_only=True):
    """A table as a document, and as an entity where there is a graph."""

    document_id: str
    entity_id: str | None = None
    relationship_ids: list[str] = []


class TableSync(msgspec.Struct, frozen=True, kw_only=True):
    """A table that is exported again whenever somebody triggers it, or by itself (`sync_mode`)."""

    id: str
    schema_name: str
    table_name: str
    columns: list[str] = []
    include_sample_rows: bool = False
    sample_row_count: int = 0
    include_foreign_keys: bool = True
    include_indexes: bool = True
    sync_mode: str = "manual"
    document_id: str | None = None
    last_sync_at: str | None = None
    last_sync_status: str | None = None
    last_sync_error: str | None = None


class KnowledgeGap(msgspec.Struct, frozen=True, kw_only=True):
    """A question that the documents did not answer, `count` times."""

    id: str
    question: str
    chatbot_name: str = ""
    namespace: str = "default"
    count: int = 1
    reason: str = ""
    best: float = 0.0
    conversation_id: str | None = None
    first_at: str = ""
    last_at: str = ""
    status: str = "open"


class GapPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some gaps, the most often asked first; `total` is the number of all."""

    gaps: list[KnowledgeGap]
    total: int = 0


# -- wrappers of lists -------------------------------------------------------------------------------


class BaseList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of knowledge bases."""

    knowledge_bases: list[KnowledgeBase]


class LinkList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of the links of a bot."""

    knowledge_bases: list[KnowledgeLink]


class LinkedList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of the bots of a knowledge base."""

    chatbots: list[KnowledgeLink]


class EntityList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of entities."""

    entities: list[Entity]


class RelationshipList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of relationships."""

    relationships: list[Relationship]


class SyncList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of kept tables."""

    sync_configs: list[TableSync]


class Deleted(msgspec.Struct, frozen=True, kw_only=True):
    """How many documents were deleted."""

    deleted_count: int
