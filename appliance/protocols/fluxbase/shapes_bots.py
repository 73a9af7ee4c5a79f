"""Bodies of Fluxbase's endpoints for administrators of bots (3.1, 3.3): requests and answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.bot import ClientTool, IntentRule


class Toggle(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `toggleChatbot`."""

    enabled: bool


class UpdateChatbot(msgspec.Struct, frozen=True, kw_only=True):
    """Body of an update; what is not there, or null, stays. An empty `provider_id` clears it."""

    description: str | None = None
    enabled: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    provider_id: str | None = None
    persist_conversations: bool | None = None
    conversation_ttl_hours: float | None = None
    max_conversation_turns: int | None = None
    rate_limit_per_minute: int | None = None
    daily_request_limit: int | None = None
    daily_token_budget: int | None = None
    allow_unauthenticated: bool | None = None
    is_public: bool | None = None


class SyncChatbot(msgspec.Struct, frozen=True, kw_only=True):
    """One bot of a sync; what stands beside the code goes before its annotations."""

    name: str = ""
    code: str = ""
    original_code: str | None = None
    is_pre_bundled: bool | None = None
    description: str | None = None
    enabled: bool | None = None
    allowed_tables: list[str] | None = None
    allowed_operations: list[str] | None = None
    allowed_schemas: list[str] | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    persist_conversations: bool | None = None
    conversation_ttl_hours: float | None = None
    max_conversation_turns: int | None = None
    rate_limit_per_minute: int | None = None
    daily_request_limit: int | None = None
    daily_token_budget: int | None = None
    allow_unauthenticated: bool | None = None
    is_public: bool | None = None


class SyncOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`options` of a sync."""

    delete_missing: bool | None = None
    dry_run: bool | None = None


class Sync(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `sync`; without `chatbots` the folder of files is synced."""

    namespace: str | None = None
    chatbots: list[SyncChatbot] | None = None
    options: SyncOptions | None = None


class SyncSummary(msgspec.Struct, frozen=True, kw_only=True):
    """How many."""

    created: int
    updated: int
    deleted: int
    unchanged: int
    errors: int


class SyncDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Which, by name."""

    created: list[str]
    updated: list[str]
    deleted: list[str]
    unchanged: list[str]


class SyncError(msgspec.Struct, frozen=True, kw_only=True):
    """A bad bot; `namespace` is ours."""

    name: str
    namespace: str
    error: str
    action: Literal["create", "update"]


class SyncWarning(msgspec.Struct, frozen=True, kw_only=True):
    """Ours: something that the author of a good bot should know."""

    name: str
    namespace: str
    message: str


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `sync`; every key is always there."""

    message: str
    namespace: str
    summary: SyncSummary
    details: SyncDetails
    errors: list[SyncError]
    warnings: list[SyncWarning]
    dry_run: bool


class ChatbotSummary(msgspec.Struct, frozen=True, kw_only=True):
    """`Summary` with the allow-lists; `errors` and `warnings` of its file are ours."""

    id: str
    name: str
    namespace: str
    description: str
    model: str
    enabled: bool
    is_public: bool
    allowed_tables: list[str]
    allowed_operations: list[str]
    allowed_schemas: list[str]
    suggestions: list[str]
    version: int
    source: str
    created_at: str
    updated_at: str
    errors: list[str]
    warnings: list[str]


class ChatbotList(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `listChatbots` for administrators."""

    chatbots: list[ChatbotSummary]
    count: int


class Chatbot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot with all its settings (3.1). Ours are `suggestions`, `client_tools`, `errors` and `warnings`."""

    id: str
    name: str
    namespace: str
    description: str
    code: str
    original_code: str
    is_bundled: bool
    bundle_error: str | None
    allowed_tables: list[str]
    allowed_operations: list[str]
    allowed_schemas: list[str]
    http_allowed_domains: list[str]
    intent_rules: list[IntentRule]
    required_columns: dict[str, list[str]]
    default_table: str | None
    enabled: bool
    max_tokens: int
    temperature: float
    model: str | None
    provider_id: str | None
    persist_conversations: bool
    conversation_ttl_hours: float
    max_conversation_turns: int
    rate_limit_per_minute: int
    daily_request_limit: int
    daily_token_budget: int
    allow_unauthenticated: bool
    is_public: bool
    require_roles: list[str]
    response_language: str
    disable_execution_logs: bool
    required_settings: list[str]
    mcp_tools: list[str]
    use_mcp_schema: bool
    knowledge_bases: list[str]
    rag_max_chunks: int
    rag_similarity_threshold: float | None
    rag_table: str | None
    rag_column: str | None
    rag_content_column: str | None
    reasoning_mode: str
    max_tool_iterations: int
    show_reasoning: bool
    version: int
    source: str
    created_by: str | None
    created_at: str
    updated_at: str
    suggestions: list[str]
    client_tools: list[ClientTool]
    errors: list[str]
    warnings: list[str]


class ChatbotDeleted(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `deleteChatbot`."""

    deleted: bool
    id: str
