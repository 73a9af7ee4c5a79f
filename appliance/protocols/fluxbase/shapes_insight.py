"""Answers of Fluxbase's endpoints for administrators who look on (3.5, 8.3, 8.4)."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

# -- counts (8.3) ------------------------------------------------------------------------------------


class ChatbotStat(msgspec.Struct, frozen=True, kw_only=True):
    """What one bot was asked; `namespace` is ours."""

    chatbot_id: str
    chatbot_name: str
    namespace: str
    requests: int
    tokens: int
    error_count: int


class ProviderStat(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider answered with one model; `model` and `error_count` are ours."""

    provider_id: str
    provider_name: str
    model: str
    requests: int
    error_count: int
    avg_latency_ms: float


class MetricsBody(msgspec.Struct, frozen=True, kw_only=True):
    """`error_rate` is a percentage of the turns that have ended; averages are of whole turns."""

    total_requests: int
    total_tokens: int
    total_prompt_tokens: int
    total_completion_tokens: int
    active_conversations: int
    total_conversations: int
    chatbot_stats: list[ChatbotStat]
    provider_stats: list[ProviderStat]
    error_rate: float
    avg_response_time_ms: float


# -- conversations (8.3) -----------------------------------------------------------------------------


class AdminConversation(msgspec.Struct, frozen=True, kw_only=True):
    """`user_id` is null for whoever is no user; ours are `namespace`, `owner` and `source`, its wire."""

    id: str
    chatbot_id: str
    chatbot_name: str
    namespace: str
    user_id: str | None
    user_email: str | None
    session_id: str | None
    owner: str
    source: str
    title: str | None
    status: str
    turn_count: int
    total_prompt_tokens: int
    total_completion_tokens: int
    created_at: str
    updated_at: str
    last_message_at: str


class AdminConversations(msgspec.Struct, frozen=True, kw_only=True):
    """`total` is the number of these, `total_count` that of all."""

    conversations: list[AdminConversation]
    total: int
    total_count: int


class AdminMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One row: what somebody said, a call of a tool with its result, or a text of the bot's."""

    id: str
    conversation_id: str
    role: Literal["user", "assistant", "tool"]
    content: str
    status: str
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
    created_at: str
    sequence_number: int


class AdminMessages(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of a conversation, or a page of them; `total` is the number of all."""

    messages: list[AdminMessage]
    total: int


# -- the audit trail (8.4) ---------------------------------------------------------------------------


class AuditBody(msgspec.Struct, frozen=True, kw_only=True):
    """One call. Ours are `namespace`, `action`, `actor`, `tool_name` and `details`, the tool's own facts."""

    id: str
    chatbot_id: str
    chatbot_name: str
    namespace: str
    conversation_id: str | None
    message_id: str | None
    user_id: str | None
    user_email: str | None
    actor: str
    action: str
    tool_name: str | None
    generated_sql: str | None
    sanitized_sql: str | None
    executed: bool
    validation_passed: bool
    validation_errors: list[str]
    success: bool
    error_message: str | None
    rows_returned: int | None
    execution_duration_ms: float | None
    tables_accessed: list[str]
    operations_used: list[str]
    ip_address: str | None
    user_agent: str | None
    details: dict[str, Any]
    created_at: str


class AuditEntries(msgspec.Struct, frozen=True, kw_only=True):
    """`total` is the number of these, `total_count` that of all."""

    entries: list[AuditBody]
    total: int
    total_count: int


# -- tables (3.5) ------------------------------------------------------------------------------------


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """One table or view in a list; `columns` and `foreign_keys` are numbers.

    `last_export` is when it last became a document of the knowledge base that was asked about, or of any.
    """

    schema: str
    name: str
    type: Literal["table", "view"]
    columns: int
    foreign_keys: int
    last_export: str | msgspec.UnsetType = msgspec.UNSET


class TableList(msgspec.Struct, frozen=True, kw_only=True):
    """All of them."""

    tables: list[TableRow]
    count: int


class TableColumn(msgspec.Struct, frozen=True, kw_only=True):
    """One column; `data_type` and `default_value` are as they were declared."""

    name: str
    data_type: str
    is_nullable: bool
    default_value: str | None
    is_primary_key: bool
    is_foreign_key: bool
    is_unique: bool
    max_length: int | None
    position: int
    description: str | None


class TableKey(msgspec.Struct, frozen=True, kw_only=True):
    """One column of a foreign key; those of one key share its name."""

    name: str
    column_name: str
    referenced_schema: str
    referenced_table: str
    referenced_column: str
    on_delete: str
    on_update: str


class TableIndex(msgspec.Struct, frozen=True, kw_only=True):
    """One index."""

    name: str
    columns: list[str]
    is_unique: bool
    is_primary: bool


class TableBody(msgspec.Struct, frozen=True, kw_only=True):
    """One table; `rls_enabled` when row rules of `data.yaml` are about it."""

    schema: str
    name: str
    type: Literal["table", "view"]
    rls_enabled: bool
    columns: list[TableColumn]
    primary_key: list[str]
    foreign_keys: list[TableKey]
    indexes: list[TableIndex]
