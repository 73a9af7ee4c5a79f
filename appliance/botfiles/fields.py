"""The one table of settings that a bot file may have, whichever form it is written in.

docs/bots.md lists the same settings for people; a test reads its examples with this table.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

import msgspec

from appliance.botfiles import (
    client_tool_values,
    entries,
    query_values,
    rule_values,
    server_values,
    values,
    widget_values,
)


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How values of a setting are read.

    `parse` reads a text, `convert` a YAML list or mapping (None: only a single value is allowed).
    `bare` is the text that a key without a value stands for. `merge` joins the values of a key that
    is given several times (None: the first one counts) or raises `ValueError`. `is_json` values may span
    lines in a comment; with `is_text` a value on one line need not be JSON. A mistake in an `is_strict`
    setting keeps the bot from loading whatever the form of its file: it protects something.
    """

    parse: Callable[[str], Any]
    convert: Callable[[Any], Any] | None = None
    bare: str = ""
    merge: Callable[[Any, Any], Any] | None = None
    is_json: bool = False
    is_text: bool = False
    is_strict: bool = False


class Field(msgspec.Struct, frozen=True):
    """A setting: its key as written, the attribute of `Bot` it sets, its kind, older spellings."""

    key: str
    attribute: str
    kind: Kind
    aliases: tuple[str, ...] = ()

    def parse(self, value: str) -> Any:
        """The value of a text; raises `ValueError` whose text continues the key."""
        given = value.strip() or self.kind.bare
        if not given:
            raise ValueError("needs a value")
        return self.kind.parse(given)

    def convert(self, data: Any) -> Any:
        """The value of a YAML list or mapping; raises `ValueError` whose text continues the key."""
        if self.kind.convert is None:
            raise ValueError("must be a single value, not a list or mapping")
        return self.kind.convert(data)


def _names(refine: Callable[[list[str]], list[str]] = list, *, repeatable: bool = False) -> Kind:
    """A list of names, separated by commas or as a YAML list; `refine` checks or changes it."""
    return Kind(
        parse=lambda value: refine(values.comma_separated(value)),
        convert=lambda data: refine(values.items(data)),
        merge=values.merge_lists if repeatable else None,
    )


TEXT = Kind(parse=values.text)
FLAG = Kind(parse=values.flag, bare="true")
COUNT = Kind(parse=values.whole(0))
POSITIVE = Kind(parse=values.whole(1))
NAMES = _names()
SENTENCES = Kind(parse=lambda value: [values.text(value)], convert=values.items, merge=values.merge_lists)
RULES = Kind(parse=values.rules_json, convert=values.rules, merge=values.merge_lists, is_json=True)
COLUMNS = Kind(parse=values.columns_text, convert=values.columns, merge=values.merge_columns)
ROW_RULES = Kind(
    parse=rule_values.row_rules_text,
    convert=rule_values.row_rules,
    merge=rule_values.merge_row_rules,
    is_json=True,
    is_text=True,
    is_strict=True,
)
HIDDEN_COLUMNS = Kind(
    parse=rule_values.hidden_columns_text,
    convert=rule_values.hidden_columns,
    merge=rule_values.merge_hidden_columns,
    is_json=True,
    is_text=True,
    is_strict=True,
)
NOTES = Kind(
    parse=rule_values.notes_text, convert=rule_values.notes, merge=entries.merge, is_json=True, is_text=True
)
EXAMPLES = Kind(
    parse=query_values.examples_json, convert=query_values.examples, merge=values.merge_lists, is_json=True
)
HEADERS = Kind(
    parse=server_values.http_headers_json,
    convert=server_values.http_headers,
    merge=server_values.merge_headers,
    is_json=True,
)
MCP_SERVERS = Kind(
    parse=server_values.mcp_servers_json,
    convert=server_values.mcp_servers,
    merge=server_values.merge_servers,
    is_json=True,
)
ORIGINS = Kind(
    parse=lambda value: widget_values.origins(values.comma_separated(value)),
    convert=lambda data: widget_values.origins(values.items(data)),
    merge=values.merge_lists,
    is_strict=True,
)
CHANGED_ROWS_MAX = 10_000
"""More at once is no work for a chat."""

BUILT_IN_TOOLS = (
    "execute_sql",
    "http_request",
    "http_get",
    "search_vectors",
    "vector_search",
    "query_table",
    "insert_record",
    "update_record",
    "delete_record",
    "think",
    "query_knowledge_graph",
    "find_related_entities",
    "browse_knowledge_graph",
)
"""Names that `mcp-tools` may opt into and whose description a tools export may replace."""

QUERIES = Kind(
    parse=query_values.queries_json(BUILT_IN_TOOLS),
    convert=query_values.queries(BUILT_IN_TOOLS),
    merge=query_values.merge_queries,
    is_json=True,
)

CLIENT_TOOLS = Kind(
    parse=client_tool_values.client_tools_json(BUILT_IN_TOOLS),
    convert=client_tool_values.client_tools(BUILT_IN_TOOLS),
    merge=client_tool_values.merge_client_tools,
    is_json=True,
)

FIELDS = (
    Field("description", "description", TEXT),
    Field("enabled", "enabled", FLAG),
    Field("public", "public", FLAG),
    Field("allow-unauthenticated", "allow_unauthenticated", FLAG),
    Field("require-roles", "require_roles", _names(values.lower), ("require-role",)),
    Field("suggestions", "suggestions", SENTENCES),
    Field("version", "version", COUNT),
    Field("provider", "provider", TEXT),
    Field("model", "model", TEXT),
    Field("temperature", "temperature", Kind(parse=values.number(0, 2))),
    Field("max-tokens", "max_tokens", POSITIVE),
    Field("response-language", "response_language", TEXT),
    Field("allowed-tables", "allowed_tables", _names(values.all_or)),
    Field("allowed-schemas", "allowed_schemas", NAMES),
    Field("allowed-operations", "allowed_operations", _names(values.operations)),
    Field("row-rules", "row_rules", ROW_RULES),
    Field("hidden-columns", "hidden_columns", HIDDEN_COLUMNS),
    Field("confirm-writes", "confirm_writes", Kind(parse=values.flag, bare="true", is_strict=True)),
    Field(
        "max-changed-rows",
        "changed_rows_max",
        Kind(parse=values.whole(1, maximum=CHANGED_ROWS_MAX), is_strict=True),
    ),
    Field("default-table", "default_table", TEXT),
    Field("schema-notes", "schema_notes", NOTES),
    Field("examples", "examples", EXAMPLES),
    Field("queries", "queries", QUERIES),
    Field("required-columns", "required_columns", COLUMNS),
    Field("intent-rules", "intent_rules", RULES),
    Field("persist-conversations", "persist_conversations", FLAG),
    Field("conversation-ttl", "conversation_ttl_s", Kind(parse=values.duration_s)),
    Field("max-turns", "max_turns", COUNT),
    Field("rate-limit", "rate_limit_per_minute", Kind(parse=values.per("min", "minute"))),
    Field("daily-limit", "daily_request_limit", Kind(parse=values.per("day"))),
    Field(
        "token-budget",
        "daily_token_budget",
        Kind(parse=values.per("day")),
        ("daily-token-budget",),
    ),
    Field("http-allowed-domains", "http_allowed_domains", NAMES),
    Field("http-headers", "http_headers", HEADERS),
    Field("knowledge-base", "knowledge_bases", _names(repeatable=True)),
    Field("rag-max-chunks", "rag_max_chunks", POSITIVE),
    Field("rag-similarity-threshold", "rag_similarity_threshold", Kind(parse=values.number(0, 1))),
    Field("rag-table", "rag_table", TEXT),
    Field("rag-column", "rag_column", TEXT),
    Field("rag-content-column", "rag_content_column", TEXT),
    Field("mcp-tools", "mcp_tools", NAMES),
    Field("mcp-servers", "mcp_servers", MCP_SERVERS),
    Field("client-tools", "client_tools", CLIENT_TOOLS),
    Field("use-mcp-schema", "use_mcp_schema", FLAG),
    Field("max-iterations", "max_iterations", Kind(parse=values.whole(1, clamp_to=20))),
    Field("reasoning-mode", "reasoning_mode", Kind(parse=values.choice("none", "react", "strict"))),
    Field("show-reasoning", "show_reasoning", FLAG),
    Field("disable-execution-logs", "disable_execution_logs", FLAG, ("disable-logs",)),
    Field("required-settings", "required_settings", NAMES),
    Field("title", "title", Kind(parse=widget_values.words(100))),
    Field("greeting", "greeting", Kind(parse=widget_values.words(2_000))),
    Field("placeholder", "placeholder", Kind(parse=widget_values.words(200))),
    Field("colour", "colour", Kind(parse=widget_values.colour), ("color",)),
    Field("theme", "theme", Kind(parse=values.choice("auto", "light", "dark"))),
    Field("position", "position", Kind(parse=values.choice("right", "left"))),
    Field("allowed-origins", "allowed_origins", ORIGINS),
    Field(
        "identity",
        "identity",
        Kind(parse=values.choice("none", "optional", "required"), is_strict=True),
    ),
    Field("uploads", "uploads", FLAG),
    Field("handoff", "handoff", FLAG),
    Field("follow-ups", "follow_ups", FLAG),
    Field("privacy-url", "privacy_url", Kind(parse=widget_values.web_address)),
)

BY_KEY = {key: field for field in FIELDS for key in (field.key, *field.aliases)}
"""Every spelling -> its field."""

STRICT = tuple(field.key for field in FIELDS if field.kind.is_strict)
"""Settings that protect something."""
CLOSE = 0.72
"""How alike two keys are when one was meant by the other: `row_rule` is in, `roles` and `rules` are not."""

PROVIDERS = ("openai", "azure", "ollama", "offline")
"""Who may answer; which of them a server has, its environment decides."""

PLATFORM_TOOLS = (
    "invoke_function",
    "invoke_rpc",
    "submit_job",
    "get_job_status",
    "list_objects",
    "upload_object",
    "download_object",
    "delete_object",
)
"""Tools of a larger platform: their names are accepted in `mcp-tools`, but nothing is offered for them."""


def hint(word: str, known: tuple[str, ...] | dict[str, Any]) -> str:
    """`; did you mean x?` when one of the known words is close, else an empty text."""
    close = difflib.get_close_matches(word.lower(), known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def is_meant_strictly(word: str) -> bool:
    """Whether a key is, or was most likely meant to be, one of the settings that protect something."""
    plain = word.lower().replace("_", "-").strip("-")
    if plain in BY_KEY or not difflib.get_close_matches(plain, STRICT, n=1, cutoff=CLOSE):
        return plain in STRICT
    return difflib.get_close_matches(plain, BY_KEY, n=1, cutoff=CLOSE)[0] in STRICT
