"""What the REST endpoints answer, as frozen values. Fields that a server does not send have a default.

Moments are texts: RFC 3339 in UTC.
"""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.client.events import Change, Usage


class Chatbot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as lists show it. The allow-lists, `errors` and `warnings` are for administrators."""

    id: str
    name: str
    namespace: str = "default"
    description: str = ""
    model: str | None = None
    enabled: bool = True
    is_public: bool = True
    source: str = ""
    version: int = 1
    suggestions: list[str] = []
    allowed_tables: list[str] = []
    allowed_operations: list[str] = []
    allowed_schemas: list[str] = []
    errors: list[str] = []
    warnings: list[str] = []
    created_at: str = ""
    updated_at: str = ""


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A bot by its name alone; several namespaces may have one, then there is none of them."""

    chatbot: Chatbot | None = None
    ambiguous: bool = False
    namespaces: list[str] = []
    error: str = ""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One of the caller's own conversations, in a list."""

    id: str
    chatbot: str
    namespace: str = "default"
    title: str | None = None
    preview: str = ""
    message_count: int = 0
    created_at: str = ""
    updated_at: str = ""


class ConversationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of them, and how many there are."""

    conversations: list[Conversation]
    total: int = 0
    has_more: bool = False


class QueryResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one query gave; `data` has its rows as objects."""

    query: str = ""
    summary: str = ""
    row_count: int = 0
    data: list[dict[str, Any]] = []
    columns: list[str] = []
    types: list[str] = []
    truncated: bool = False
    duration_ms: float = 0.0
    error: str | None = None
    result_id: str = ""
    change: Change | None = None


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """What the user or the bot said."""

    id: str
    role: str
    content: str = ""
    timestamp: str = ""
    status: str = ""
    query_results: list[QueryResult] = []
    usage: Usage | None = None


class ConversationDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation with its messages."""

    id: str
    chatbot: str
    namespace: str = "default"
    title: str | None = None
    messages: list[Message] = []
    created_at: str = ""
    updated_at: str = ""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that was taken; its turn's answer follows in the chat."""

    message_id: str
    duplicate: bool = False


class ChatbotDetail(Chatbot, frozen=True, kw_only=True):
    """A bot with its code and its settings, for administrators."""

    code: str = ""
    original_code: str = ""
    is_bundled: bool = False
    bundle_error: str | None = None
    max_tokens: int = 0
    temperature: float = 0.0
    provider_id: str | None = None
    persist_conversations: bool = False
    conversation_ttl_hours: float = 0.0
    max_conversation_turns: int = 0
    rate_limit_per_minute: int = 0
    daily_request_limit: int = 0
    daily_token_budget: int = 0
    allow_unauthenticated: bool = False
    require_roles: list[str] = []
    response_language: str = ""
    disable_execution_logs: bool = False
    default_table: str | None = None
    http_allowed_domains: list[str] = []
    required_columns: dict[str, list[str]] = {}
    required_settings: list[str] = []
    mcp_tools: list[str] = []
    knowledge_bases: list[str] = []
    reasoning_mode: str = "none"
    max_tool_iterations: int = 0
    show_reasoning: bool = False
    created_by: str | None = None


class SyncDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Names of bots, by what became of them."""

    created: list[str] = []
    updated: list[str] = []
    deleted: list[str] = []
    unchanged: list[str] = []


class SyncProblem(msgspec.Struct, frozen=True, kw_only=True):
    """A bot that could not be synced, or (`message`) something that its author should know."""

    name: str
    namespace: str = ""
    error: str = ""
    action: str = ""
    message: str = ""


class SyncResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a sync did; in a dry run, what it would do."""

    message: str = ""
    namespace: str = ""
    summary: dict[str, int] = {}
    details: SyncDetails = SyncDetails()
    errors: list[SyncProblem] = []
    warnings: list[SyncProblem] = []
    dry_run: bool = False


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """A model provider. Secrets in `config` are masked; `problem` says why no turn can use it."""

    id: str
    name: str
    display_name: str = ""
    provider_type: str = ""
    is_default: bool = False
    use_for_embeddings: bool | None = None
    embedding_model: str | None = None
    config: dict[str, str] = {}
    enabled: bool = True
    read_only: bool = False
    from_config: bool = False
    created_by: str | None = None
    problem: str | None = None
    created_at: str = ""
    updated_at: str = ""


class TableSummary(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view; `columns` and `foreign_keys` are numbers, `last_export` when it became a document."""

    schema: str
    name: str
    type: str = "table"
    columns: int = 0
    foreign_keys: int = 0
    last_export: str | None = None


class Column(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a table."""

    name: str
    data_type: str = ""
    is_nullable: bool = True
    default_value: str | None = None
    is_primary_key: bool = False
    is_foreign_key: bool = False
    is_unique: bool = False
    max_length: int | None = None
    position: int = 0
    description: str | None = None


class ForeignKey(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a foreign key; those of one key share its name."""

    name: str
    column_name: str
    referenced_schema: str = ""
    referenced_table: str = ""
    referenced_column: str = ""
    on_delete: str = ""
    on_update: str = ""


class Index(msgspec.Struct, frozen=True, kw_only=True):
    """One index of a table."""

    name: str
    columns: list[str] = []
    is_unique: bool = False
    is_primary: bool = False


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """A table or view with all that is declared of it; `rls_enabled` when row rules are about it."""

    schema: str
    name: str
    type: str = "table"
    rls_enabled: bool = False
    columns: list[Column] = []
    primary_key: list[str] = []
    foreign_keys: list[ForeignKey] = []
    indexes: list[Index] = []


class ChatbotStat(msgspec.Struct, frozen=True, kw_only=True):
    """What one bot was asked."""

    chatbot_id: str
    chatbot_name: str
    namespace: str = "default"
    requests: int = 0
    tokens: int = 0
    error_count: int = 0


class ProviderStat(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider answered with one model."""

    provider_id: str
    provider_name: str
    model: str = ""
    requests: int = 0
    error_count: int = 0
    avg_latency_ms: float = 0.0


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """Counts of a tenant; `error_rate` is a percentage."""

    total_requests: int = 0
    total_tokens: int = 0
    total_prompt_tokens: int = 0
    total_completion_tokens: int = 0
    active_conversations: int = 0
    total_conversations: int = 0
    chatbot_stats: list[ChatbotStat] = []
    provider_stats: list[ProviderStat] = []
    error_rate: float = 0.0
    avg_response_time_ms: float = 0.0


class AdminConversation(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's conversation, for administrators; `user_id` is None for whoever is no user."""

    id: str
    chatbot_id: str
    chatbot_name: str
    namespace: str = "default"
    user_id: str | None = None
    owner: str = ""
    source: str = ""
    title: str | None = None
    status: str = ""
    turn_count: int = 0
    total_prompt_tokens: int = 0
    total_completion_tokens: int = 0
    created_at: str = ""
    updated_at: str = ""
    last_message_at: str = ""


class AdminConversationPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of them: `total` is their number, `total_count` that of all."""

    conversations: list[AdminConversation]
    total: int = 0
    total_count: int = 0


class AdminMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a conversation: what somebody said, or (`role` tool) a call with its result."""

    id: str
    role: str
    conversation_id: str = ""
    content: str = ""
    status: str = ""
    tool_call_id: str | None = None
    tool_name: str | None = None
    tool_input: str | None = None
    executed_sql: str | None = None
    sql_result_summary: str | None = None
    sql_row_count: int | None = None
    sql_error: str | None = None
    sql_duration_ms: float | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    error_code: str | None = None
    created_at: str = ""
    sequence_number: int = 0


class AdminMessagePage(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of a conversation; `total` is the number of all."""

    messages: list[AdminMessage]
    total: int = 0


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a tool: who, with which bot, what was asked for, and what became of it."""

    id: str
    chatbot_id: str = ""
    chatbot_name: str = ""
    namespace: str = "default"
    conversation_id: str | None = None
    message_id: str | None = None
    user_id: str | None = None
    actor: str = ""
    action: str = ""
    tool_name: str | None = None
    generated_sql: str | None = None
    sanitized_sql: str | None = None
    executed: bool = False
    validation_passed: bool = True
    validation_errors: list[str] = []
    success: bool = True
    error_message: str | None = None
    rows_returned: int | None = None
    execution_duration_ms: float | None = None
    tables_accessed: list[str] = []
    operations_used: list[str] = []
    ip_address: str | None = None
    user_agent: str | None = None
    details: dict[str, Any] = {}
    created_at: str = ""


class AuditPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some entries, the newest first: `total` is their number, `total_count` that of all."""

    entries: list[AuditEntry]
    total: int = 0
    total_count: int = 0


class ChatbotList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of bots."""

    chatbots: list[Chatbot]


class ProviderList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of providers."""

    providers: list[Provider]


class TableList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of tables."""

    tables: list[TableSummary]


class ChangeList(msgspec.Struct, frozen=True, kw_only=True):
    """The wrapper of a list of changes."""

    changes: list[Change]
