"""A bot as the engine sees it, whatever file it came from. Reading files is `botfiles/`."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class IntentRule(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Applies when any keyword occurs in the user's message (case-insensitive substring)."""

    keywords: list[str]
    required_table: str | None = None
    forbidden_table: str | None = None
    required_tool: str | None = None
    forbidden_tool: str | None = None


class ToolOverride(msgspec.Struct, frozen=True, kw_only=True):
    """What a bot file tells the model about a built-in tool instead of our own words."""

    description: str | None = None
    parameters: dict[str, Any] | None = None


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A question as people ask it and the SQL that answers it."""

    question: str
    sql: str


class QueryParameter(msgspec.Struct, frozen=True, kw_only=True):
    """A value that the model fills into a saved query. An optional one is NULL when it is not given."""

    name: str
    type: Literal["string", "integer", "number", "boolean"] = "string"
    description: str = ""
    required: bool = True


class SavedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A statement of the bot's author with `:parameters`; the model sees it as a tool of that name."""

    name: str
    description: str
    sql: str
    parameters: list[QueryParameter] = []


class McpServer(msgspec.Struct, frozen=True, kw_only=True):
    """A server of the Model Context Protocol: a program (`command`) or an address (`url`), never both.

    Values of `env` and `headers` may hold template variables, also secret ones. `tools` are the ones to
    offer; empty means all.
    """

    name: str
    command: list[str] = []
    env: dict[str, str] = {}
    url: str = ""
    headers: dict[str, str] = {}
    tools: list[str] = []


class ClientTool(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that the client runs, not we; `parameters` is a JSON schema of type object."""

    name: str
    description: str
    parameters: dict[str, Any] = msgspec.field(default_factory=lambda: {"type": "object", "properties": {}})


class Bot(msgspec.Struct, frozen=True, kw_only=True):
    """Settings and prompt of one bot; defaults are those that the Fluxbase guide promises.

    An empty `allowed_tables` means every table of `allowed_schemas`; entries are `table`,
    `schema.table` or `schema.*`. `conversation_ttl_s` 0 never expires. Limits of 0 mean "no limit".
    `tools_file` is the path of the `tools.py` beside the bot file; `tools_mark` differs when that changes.
    `http_headers` maps a host to headers that the HTTP tool sends there. A `rag_similarity_threshold` of None
    leaves it to the embedder. An empty `allowed_origins` lets pages from anywhere show the bot.
    """

    name: str
    namespace: str = "default"
    prompt: str = ""
    description: str = ""
    model: str | None = None
    provider: str | None = None
    temperature: float = 0.7
    max_tokens: int = 4096
    allowed_tables: list[str] = []
    allowed_schemas: list[str] = msgspec.field(default_factory=lambda: ["public"])
    allowed_operations: list[str] = msgspec.field(default_factory=lambda: ["SELECT"])
    persist_conversations: bool = False
    conversation_ttl_s: int = 24 * 3600
    max_turns: int = 50
    rate_limit_per_minute: int = 10
    daily_request_limit: int = 100
    daily_token_budget: int = 50_000
    allow_unauthenticated: bool = False
    public: bool = True
    enabled: bool = True
    require_roles: list[str] = []
    response_language: str = "auto"
    max_iterations: int = 5
    reasoning_mode: Literal["none", "react", "strict"] = "none"
    show_reasoning: bool = False
    disable_execution_logs: bool = False
    row_rules: dict[str, str] = {}
    hidden_columns: dict[str, list[str]] = {}
    confirm_writes: bool = False
    changed_rows_max: int = 100
    examples: list[Example] = []
    queries: list[SavedQuery] = []
    schema_notes: dict[str, str] = {}
    http_allowed_domains: list[str] = []
    http_headers: dict[str, dict[str, str]] = {}
    mcp_servers: list[McpServer] = []
    client_tools: list[ClientTool] = []
    tools_file: str = ""
    tools_mark: str = ""
    knowledge_bases: list[str] = []
    rag_max_chunks: int = 5
    rag_similarity_threshold: float | None = None
    rag_table: str | None = None
    rag_column: str | None = None
    rag_content_column: str | None = None
    mcp_tools: list[str] = []
    use_mcp_schema: bool = False
    intent_rules: list[IntentRule] = []
    required_columns: dict[str, list[str]] = {}
    default_table: str | None = None
    required_settings: list[str] = []
    tool_overrides: dict[str, ToolOverride] = {}
    suggestions: list[str] = []
    version: int = 1
    title: str = ""
    greeting: str = ""
    placeholder: str = ""
    colour: str = ""
    theme: Literal["auto", "light", "dark"] = "auto"
    position: Literal["right", "left"] = "right"
    allowed_origins: list[str] = []
    identity: Literal["none", "optional", "required"] = "optional"
    uploads: bool = False
    handoff: bool = False
    follow_ups: bool = True
    privacy_url: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """(namespace, name): unique in a catalogue."""
        return (self.namespace, self.name)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something `appliance bots check` says about a bot file; an error keeps the file from loading."""

    severity: Literal["error", "warning"]
    line: int
    message: str


class BotFile(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of reading one bot file: a bot, unless a finding is an error."""

    bot: Bot | None
    findings: list[Finding] = []

    @property
    def errors(self) -> list[Finding]:
        """Only the findings that keep the bot from loading."""
        return [finding for finding in self.findings if finding.severity == "error"]
