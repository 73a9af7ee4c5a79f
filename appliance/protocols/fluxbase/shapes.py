"""The JSON of Fluxbase's public endpoints (0.3, 2, 8.2): bodies, answers, errors. No decisions live here.

Moments are texts: RFC 3339 in UTC, to the microsecond (0.4).
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

import msgspec

from appliance.protocols.source_data import SourceData

# -- requests ----------------------------------------------------------------------------------------


class Title(msgspec.Struct, frozen=True):
    """Body of a new title."""

    title: str


class Word(msgspec.Struct, frozen=True):
    """Ours: what the user says to a change. `message_id` makes that a second sending does no more."""

    approve: bool
    message_id: str | None = None


# -- errors ------------------------------------------------------------------------------------------


class Problem(TypedDict):
    """Every refusal (0.3): `code` is for programs, `error` for people; `request_id` stands in the log."""

    error: str
    code: str
    details: NotRequired[dict[str, Any]]
    request_id: NotRequired[str]
    supported_types: NotRequired[list[str]]


# -- bots --------------------------------------------------------------------------------------------


class Titled(TypedDict):
    """Ours: what people read in place of a bot's name, where its file says so."""

    title: NotRequired[str]


class PublicChatbot(Titled):
    """A bot as strangers may know it (2.1): its allow-lists would describe the schema, so they are empty."""

    id: str
    name: str
    namespace: str
    description: str
    model: str
    enabled: bool
    is_public: bool
    source: str
    version: int
    suggestions: list[str]
    allowed_tables: list[str]
    allowed_operations: list[str]
    allowed_schemas: list[str]
    created_at: str
    updated_at: str


class PublicChatbots(TypedDict):
    """All bots that strangers may know."""

    chatbots: list[PublicChatbot]
    count: int


class Lookup(TypedDict):
    """The one bot of that name; or the namespaces that have one, and a text that says so (2.1)."""

    ambiguous: bool
    chatbot: NotRequired[PublicChatbot]
    namespaces: NotRequired[list[str]]
    error: NotRequired[str]


class LookupFailed(TypedDict):
    """There is no bot of that name: a refusal that answers the question, too (2.1)."""

    ambiguous: Literal[False]
    error: str
    code: str


# -- conversations -----------------------------------------------------------------------------------


class ChangedRow(TypedDict):
    """A row by its columns: as it is (null for a new one), and as it will be (null for one that goes)."""

    before: dict[str, Any] | None
    after: dict[str, Any] | None


class ChangeOfData(TypedDict):
    """Ours: what a writing statement did, or would do when the user agrees before `expires_at`."""

    id: str
    status: Literal["applied", "proposed", "declined", "failed"]
    operation: Literal["INSERT", "UPDATE", "DELETE"]
    table: str
    rows: list[ChangedRow]
    expires_at: NotRequired[str]


class QueryResult(TypedDict):
    """What became of one SQL statement, rows as objects (1.5).

    Ours on top: `columns` with their `types`, `result_id` for the file with all rows, `change` for a write.
    """

    query: str
    summary: str
    row_count: int
    data: list[dict[str, Any]]
    columns: list[str]
    types: list[str]
    truncated: bool
    duration_ms: float
    error: NotRequired[str]
    result_id: NotRequired[str]
    change: NotRequired[ChangeOfData]


class Tokens(TypedDict):
    """What all model calls of an answer cost together (1.6)."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class StoredMessage(TypedDict):
    """A message (2.2); results and costs are on answers only."""

    id: str
    role: Literal["user", "assistant"]
    content: str
    timestamp: str
    status: Literal["queued", "running", "done", "cancelled", "failed", "interrupted"]
    query_results: NotRequired[list[QueryResult]]
    sources: NotRequired[list[SourceData]]
    usage: NotRequired[Tokens]


class _Head(TypedDict):
    id: str
    chatbot: str
    namespace: str
    title: str | None
    created_at: str
    updated_at: str


class ListedConversation(_Head):
    """A conversation in a list, with how it begins (2.2)."""

    preview: str
    message_count: int


class Conversations(TypedDict):
    """A page of the caller's conversations."""

    conversations: list[ListedConversation]
    total: int
    has_more: bool


class WholeConversation(_Head):
    """A conversation with its messages, oldest first (2.2)."""

    messages: list[StoredMessage]


class ConversationDeleted(TypedDict):
    """Answer of a deletion."""

    deleted: bool
    id: str


# -- ours --------------------------------------------------------------------------------------------


class Changes(TypedDict):
    """Changes that wait for the user's word."""

    changes: list[ChangeOfData]


class Taken(TypedDict):
    """The user's word was taken, maybe not for the first time; a turn carries it out."""

    message_id: str
    duplicate: bool


class Visitor(TypedDict):
    """A token with which a stranger finds their own conversations again."""

    token: str
