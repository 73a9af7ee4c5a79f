"""bot.md: YAML front matter is checked to the line, the body is the prompt."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.bot import Bot, BotFile, IntentRule
from appliance.botfiles.draft import GENERIC_PROMPT
from appliance.botfiles.reader import read_bot

FULL = """---
description: Answers questions
  about our shop
allowed-tables: [users, "sales.*"]
allowed-operations: select
temperature: 0
rate-limit: 20/min
token-budget: 50000/day
conversation-ttl: 1h30m
response-language: no
public: no
require-role: [Staff]
knowledge-base:
  - docs
  - faq
required-columns:
  users: [id, name]
  orders: id, total
intent-rules:
  - keywords: [cafe, no]
    required-table: places
suggestions:
  - How many orders, by month?
  - What is new?
---

# Role

You are helpful. {{user_id}}
---
The rule above is part of the prompt.
"""


def read(text: str) -> BotFile:
    return read_bot("x/bot.md", text, name="x", namespace="shop")


def errors(front: str) -> list[str]:
    file = read(f"---\n{front}\n---\nPrompt\n")
    assert file.bot is None
    return [f"{one.line} {one.message}" for one in file.errors]


def test_a_full_file_is_read_without_a_finding() -> None:
    assert read(FULL).findings == []
    assert read(FULL).bot == Bot(
        name="x",
        namespace="shop",
        description="Answers questions about our shop",
        allowed_tables=["users", "sales.*"],
        temperature=0,
        rate_limit_per_minute=20,
        daily_token_budget=50_000,
        conversation_ttl_s=5400,
        response_language="no",
        public=False,
        require_roles=["staff"],
        knowledge_bases=["docs", "faq"],
        required_columns={"users": ["id", "name"], "orders": ["id", "total"]},
        intent_rules=[IntentRule(keywords=["cafe", "no"], required_table="places")],
        suggestions=["How many orders, by month?", "What is new?"],
        prompt="# Role\n\nYou are helpful. {{user_id}}\n---\nThe rule above is part of the prompt.",
    )


def test_front_matter_is_optional_and_may_be_empty() -> None:
    for text in ("Just a prompt.", "---\n---\nJust a prompt.", "---\n# nothing\n---\nJust a prompt."):
        assert read(text).bot == Bot(name="x", namespace="shop", prompt="Just a prompt.")


def test_windows_line_ends_and_byte_order_mark_change_nothing() -> None:
    assert read("\ufeff" + FULL.replace("\n", "\r\n")) == read(FULL)


def test_a_file_of_mistakes_is_not_read_to_its_end() -> None:
    found = errors("\n".join(f"setting{i}: 1" for i in range(1000)))
    assert len(found) == 101
    assert found[-1] == "102 so many mistakes; what follows is not read"


def test_a_missing_prompt_is_a_warning_and_a_generic_sentence() -> None:
    file = read("---\ndescription: d\n---\n")
    assert file.bot
    assert file.bot.prompt == GENERIC_PROMPT
    assert [(one.severity, one.line) for one in file.findings] == [("warning", 4)]


def test_every_mistake_is_reported_with_its_line() -> None:
    front = "description: d\nalowed-tables: users\ntemperature: hot\nmax-turns: [1]\nmodel:\npublic: 2"
    assert errors(front) == [
        "3 unknown setting alowed-tables; did you mean allowed-tables?",
        "4 temperature must be a number from 0 to 2, not 'hot'",
        "5 max-turns must be a single value, not a list or mapping",
        "6 model needs a value",
        "7 public must be true or false, not '2'",
    ]


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("max_tokens: 5", "2 unknown setting max_tokens; did you mean max-tokens?"),
        ("zzz: 1", "2 unknown setting zzz"),
        ("temperature: true", "2 temperature must be a number from 0 to 2, not 'true'"),
        ("max-turns: 1.5", "2 max-turns must be a whole number of at least 0, not '1.5'"),
        ("allowed-tables: {a: b}", "2 allowed-tables must be a list of names"),
        ("allowed-tables: [[a]]", "2 allowed-tables must be a list of names"),
        ("allowed-tables: []", "2 allowed-tables needs at least one name"),
        ("allowed-tables: [~]", "2 allowed-tables must be a list of names"),
        ("description: {a: b}", "2 description must be a single value, not a list or mapping"),
        ("required-columns: [a]", "2 required-columns must map tables to their columns"),
        ("intent-rules: [a]", "2 intent-rules must be a list of rules"),
        ("intent-rules: [{keywords: [a], requird-table: t}]", "2 intent-rules rule 1: unknown key"),
        ("version: 1\nversion: 2", "3 version is given again; the one on line 2 counts"),
        ("token-budget: 1\ndaily-token-budget: 2", "3 token-budget is given again"),
        ("- a\n- b", "2 the front matter must be lines of `key: value`"),
        ("just text", "2 the front matter must be lines of `key: value`"),
        ("? [a]\n: b", "2 a key must be a plain word"),
    ],
)
def test_wrong_settings_refuse_the_file(front: str, message: str) -> None:
    assert errors(front)[0].startswith(message)


@pytest.mark.parametrize(
    ("front", "message"),
    [
        ("version: 1\nallowed-tables: *", "3 the front matter is not YAML: expected alphabetic or num"),
        ("description: Answers: fast", "2 the front matter is not YAML: mapping values are not"),
        ("a: &x b\nmodel: *x", '3 aliases are not supported; write a star in quotes: "*"'),
        ("suggestions: " + "[" * 2000, "2 nested too deeply"),
        ("description: '" + "x" * 70_000 + "'", "1 the front matter has 70015 characters; 65536"),
        ("description: \x07", "1 the front matter is not YAML: unacceptable character"),
        ("description: 'open", "2 the front matter is not YAML"),
        ("\tversion: 1", "2 the front matter is not YAML"),
    ],
)
def test_broken_yaml_is_explained(front: str, message: str) -> None:
    assert len(errors(front)) == 1
    assert errors(front)[0].startswith(message), errors(front)


def test_a_bare_star_gets_a_hint() -> None:
    assert errors("allowed-tables: *")[0].endswith('; write a star in quotes: "*"')


def test_unclosed_front_matter_is_an_error() -> None:
    assert [one.message for one in read("---\nversion: 1\n").errors] == [
        "the front matter is not closed; end it with a line ---"
    ]


def test_platform_tools_are_a_warning() -> None:
    file = read("---\ndescription: d\nmcp-tools: [think, list_objects]\n---\np")
    assert file.bot
    assert [(one.severity, one.line) for one in file.findings] == [("warning", 3)]


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=120), st.integers(0, len(FULL)))
def test_any_text_gives_a_bot_or_findings(noise: str, at: int) -> None:
    for text in (f"---\n{noise}\n---\nx", FULL[:at] + noise + FULL[at:]):
        file = read(text)
        assert (file.bot is None) == bool(file.errors)
