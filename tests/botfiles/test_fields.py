"""The table of settings covers the bot struct and the protocol."""

import msgspec

from appliance.bot import Bot
from appliance.botfiles.fields import BY_KEY, FIELDS

ANNOTATIONS_TEXT = """
description allowed-tables allowed-operations allowed-schemas max-tokens temperature model
persist-conversations conversation-ttl max-turns rate-limit daily-limit token-budget
allow-unauthenticated public http-allowed-domains knowledge-base rag-max-chunks
rag-similarity-threshold rag-table rag-column rag-content-column response-language
disable-execution-logs disable-logs required-settings mcp-tools use-mcp-schema intent-rules
required-columns default-table require-role require-roles reasoning-mode max-iterations
show-reasoning version daily-token-budget
"""
"""Every annotation that fluxbase.md 4.1 lists, aliases included."""


def test_every_annotation_of_the_protocol_is_known() -> None:
    assert [key for key in ANNOTATIONS_TEXT.split() if key not in BY_KEY] == []


def test_every_attribute_of_a_bot_has_exactly_one_setting() -> None:
    set_elsewhere = {"name", "namespace", "prompt", "tool_overrides", "tools_file", "tools_mark"}
    attributes = [field.attribute for field in FIELDS]
    assert sorted(attributes) == sorted(set(Bot.__struct_fields__) - set_elsewhere)


def test_every_spelling_is_its_own() -> None:
    spellings = [key for field in FIELDS for key in (field.key, *field.aliases)]
    assert len(spellings) == len(set(spellings))


def test_values_have_the_types_that_the_bot_declares() -> None:
    written = {
        "SENTENCES": "Hello?",
        "intent-rules": '[{"keywords":["a"],"requiredTable":"t"}]',
        "required-columns": "t=a,b",
        "allowed-operations": "SELECT",
        "reasoning-mode": "react",
        "row-rules": "t: a = :user_id",
        "hidden-columns": "t=a",
        "schema-notes": "t.a: a note",
        "examples": '{"question": "q", "sql": "SELECT 1"}',
        "queries": '{"q": {"description": "d", "sql": "SELECT :a", "parameters": {"a": "integer"}}}',
        "http-headers": '{"example.com": {"X-Key": "1"}}',
        "mcp-servers": '{"a": {"command": "b c"}}',
        "client-tools": '{"a": {"description": "d"}}',
        "colour": "0a7d5c",
        "theme": "dark",
        "position": "left",
        "allowed-origins": "https://example.com",
        "identity": "required",
        "privacy-url": "https://example.com/privacy",
    }
    values = {field.attribute: field.parse(written.get(field.key, "1")) for field in FIELDS}
    bot = Bot(name="x", **values)
    assert msgspec.json.decode(msgspec.json.encode(bot), type=Bot) == bot
