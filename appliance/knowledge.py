"""Knowledge bases, documents, chunks and what a search finds in them (Fluxbase 6.1); pure values.

Positions are Unicode code points in a document's text: `text[start:end]` is the chunk. Times are Unix
seconds. `number`s are the database's own keys and never leave the server; `id`s are what clients see.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias, get_args

import msgspec

from appliance.metadata_filter import MetadataFilter

Visibility: TypeAlias = Literal["private", "shared", "public"]
Permission: TypeAlias = Literal["viewer", "editor", "owner"]
Strategy: TypeAlias = Literal["recursive", "sentence", "paragraph", "fixed"]
DocumentStatus: TypeAlias = Literal["pending", "processing", "indexed", "failed"]
SearchMode: TypeAlias = Literal["semantic", "keyword", "hybrid"]
AccessLevel: TypeAlias = Literal["full", "filtered", "tiered"]
LinkOrigin: TypeAlias = Literal["api", "annotation", "folder"]

PERMISSIONS: tuple[Permission, ...] = get_args(Permission)
"""From little to much."""
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

CHUNK_SIZE = 512
CHUNK_OVERLAP = 50
"""Tokens; one token is about four characters (6.2)."""
FILED_CHUNK_SIZE = 320
"""Of bases that are made from files here, where nobody says otherwise: it finds best (bench/README.md).

Over the API Fluxbase's own figure stays the default.
"""


def allows(has: Permission | None, needs: Permission) -> bool:
    """Is what somebody may do at least what is needed?"""
    return has is not None and PERMISSIONS.index(has) >= PERMISSIONS.index(needs)


class EmbeddingSpace(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors that may be compared: of one embedder's model and one number of dimensions."""

    number: int
    embedder: str
    """`Embedder.key`."""
    dimensions: int


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What one knowledge base may hold at most."""

    documents: int = 1000
    chunks: int = 50_000
    bytes: int = 1_073_741_824
    """Of the files as they came."""


class KnowledgeBase(msgspec.Struct, frozen=True, kw_only=True):
    """A set of documents that is searched as one. `space` holds its vectors; None: by keywords only.

    `next_space` is being filled while `space` still serves. `embedding_model` is what somebody asked for;
    empty leaves it to the appliance. With `per_user` documents added by users are theirs alone.
    """

    number: int
    id: str
    tenant: str
    namespace: str
    name: str
    description: str = ""
    embedding_model: str = ""
    space: EmbeddingSpace | None = None
    next_space: EmbeddingSpace | None = None
    chunk_size: int = CHUNK_SIZE
    chunk_overlap: int = CHUNK_OVERLAP
    chunk_strategy: Strategy = "recursive"
    enabled: bool = True
    source: Literal["api", "sdk", "filesystem"] = "api"
    created_by: str = ""
    owner_id: str = ""
    """The user who owns it; empty for those that administrators made."""
    visibility: Visibility = "private"
    per_user: bool = False
    quota: Quota = Quota()
    pipeline_type: str = "none"
    pipeline_config: dict[str, Any] = {}
    transformation_function: str = ""
    document_count: int = 0
    total_chunks: int = 0
    total_bytes: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0


class BaseDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants a knowledge base to be; None leaves the default, or what it is."""

    name: str | None = None
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
    quota_documents: int | None = None
    quota_chunks: int | None = None
    quota_bytes: int | None = None
    pipeline_type: str | None = None
    pipeline_config: dict[str, Any] | None = None
    transformation_function: str | None = None


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a user may do with a knowledge base, or with one document of it."""

    id: str
    user_id: str
    permission: Permission
    granted_by: str = ""
    created_at: float = 0.0


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the work on a document is: `done` of `total` pieces of its stage.

    `total` 0 is not known yet.
    """

    stage: Literal["waiting", "extracting", "chunking", "embedding"] = "waiting"
    done: int = 0
    total: int = 0


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document without its text. `user_id` makes it visible to that user alone, and to whom it was granted.

    `content_hash` is the SHA-256 of the file, hexadecimal; `original` that of the file that is kept, empty
    when it came as text. `source_type`: manual, upload, folder, url, sitemap, zip, table. `path` names it
    within where it came from.
    """

    number: int
    id: str
    base: int
    title: str
    source_url: str = ""
    source_type: str = "manual"
    path: str = ""
    file_name: str = ""
    mime_type: str = ""
    content_hash: str = ""
    original: str = ""
    bytes: int = 0
    status: DocumentStatus = "pending"
    error_message: str = ""
    chunks_count: int = 0
    metadata: dict[str, Any] = {}
    tags: list[str] = []
    user_id: str = ""
    owner_id: str = ""
    created_by: str = ""
    created_at: float = 0.0
    updated_at: float = 0.0
    indexed_at: float | None = None
    progress: Progress | None = None
    """None when nothing is being done with it."""


class Heading(msgspec.Struct, frozen=True):
    """A heading that stands in the text at `start`; `level` 1 is the highest."""

    start: int
    level: int
    title: str


class Outline(msgspec.Struct, frozen=True, kw_only=True):
    """Where things are in a text. `pages[i]` is where page i + 1 begins; empty where there are no pages.

    `blocks` are starts of what should stay together where it can, such as rows of a table or slides.
    """

    headings: list[Heading] = []
    pages: list[int] = []
    blocks: list[int] = []


class Extracted(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from a file: its text, and where headings and pages are in it.

    `title` is empty when the file tells none. `notes` say what could not be read, such as pages that are
    pictures.
    """

    text: str
    title: str = ""
    mime_type: str = ""
    outline: Outline = Outline()
    notes: list[str] = []


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One chunk of a text: `text[start:end]`, the headings above it from high to low, and its first page."""

    start: int
    end: int
    headings: list[str] = []
    page: int | None = None


class Viewer(msgspec.Struct, frozen=True, kw_only=True):
    """For whom is searched: which documents of a base count. Nobody in particular sees those of nobody alone.

    `everything` is for administration only: it passes over whose a document is.
    """

    tenant: str
    user_id: str = ""
    everything: bool = False


class DocumentFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents count: all of these `tags`, this metadata, one of these `documents` (ids)."""

    tags: list[str] = []
    metadata: MetadataFilter | None = None
    documents: list[str] = []


EVERY_DOCUMENT = DocumentFilter()


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """A question to one knowledge base. `vector` is its embedding in the base's space (see `Embedder.embed`).

    `threshold` is a least cosine; in hybrid mode a passage that has the question's words may be below it.
    """

    text: str
    viewer: Viewer
    vector: bytes | None = None
    mode: SearchMode = "hybrid"
    limit: int = 10
    threshold: float | None = None
    semantic_weight: float | None = None
    filter: DocumentFilter = DocumentFilter()


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A chunk that was found.

    `similarity` is between 0 and 1, of the mode's own kind: a cosine, or how much of the question's words
    (weighted by how rare they are) stands in it, or both fused. `cosine` is None without vectors, `coverage`
    without words; `score` orders them.
    """

    chunk: int
    chunk_id: str
    document_id: str
    base_id: str
    base_name: str
    title: str
    content: str
    start: int
    end: int
    chunk_index: int = 0
    page: int | None = None
    headings: list[str] = []
    source_url: str = ""
    mime_type: str = ""
    tags: list[str] = []
    metadata: dict[str, Any] = {}
    private: bool = False
    """It was found for this viewer, and others do not see its document."""
    similarity: float = 0.0
    cosine: float | None = None
    coverage: float | None = None
    score: float = 0.0


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """The passages, best first, and how they were found.

    `mode` differs from the asked one without vectors.
    """

    passages: list[Passage]
    mode: SearchMode


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """A bot answers from a knowledge base. `similarity_threshold` None leaves it to the embedder."""

    id: str
    base_id: str
    base_name: str
    namespace: str
    bot: str
    access_level: AccessLevel = "full"
    filter_expression: dict[str, Any] = {}
    context_weight: float = 1.0
    priority: int = 1
    intent_keywords: list[str] = []
    max_chunks: int = 5
    similarity_threshold: float | None = None
    enabled: bool = True
    metadata: dict[str, Any] = {}
    origin: LinkOrigin = "api"
    created_at: float = 0.0
    updated_at: float = 0.0


class LinkDraft(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody wants a link to be; None leaves the default, or what it is."""

    access_level: AccessLevel | None = None
    filter_expression: dict[str, Any] | None = None
    context_weight: float | None = None
    priority: int | None = None
    intent_keywords: list[str] | None = None
    max_chunks: int | None = None
    similarity_threshold: float | None = None
    enabled: bool | None = None
    metadata: dict[str, Any] | None = None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A question that the documents did not answer.

    `reason`: `nothing` was found, or nothing was `uncited`.
    """

    id: str
    namespace: str
    bot: str
    question: str
    count: int
    reason: Literal["nothing", "uncited"]
    best: float
    """The similarity of the nearest passage; 0 when there was none."""
    conversation_id: str
    first_at: float
    last_at: float
    status: Literal["open", "closed"] = "open"
    outcome: Literal["", "answered", "dismissed"] = ""
    """Why it is closed, as far as somebody said."""
    document_id: str = ""
    """The document that somebody wrote as its answer."""
