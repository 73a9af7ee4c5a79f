"""Fluxbase files: settings, prompt and tools are read without running anything."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.bot import Bot, BotFile, ToolOverride
from appliance.botfiles.draft import GENERIC_PROMPT
from appliance.botfiles.reader import read_bot

GUIDE = """/**
 * My Custom Assistant
 *
 * A helpful assistant for my specific domain.
 *
 * @fluxbase:description Custom assistant for domain-specific queries
 * @fluxbase:allowed-tables products,orders,customers
 * @fluxbase:allowed-operations SELECT
 * @fluxbase:allowed-schemas public
 * @fluxbase:max-tokens 4096
 * @fluxbase:temperature 0
 * @fluxbase:persist-conversations true
 * @fluxbase:conversation-ttl 48
 * @fluxbase:max-turns 20
 * @fluxbase:rate-limit 20        # 20 requests per minute
 * @fluxbase:daily-limit 500      # 500 requests per day
 * @fluxbase:token-budget 100000  # 100k tokens per day
 * @fluxbase:allow-unauthenticated false
 * @fluxbase:public true
 * @fluxbase:knowledge-base product-docs
 * @fluxbase:knowledge-base faq, product-docs
 * @fluxbase:required-columns users=id,name orders=id
 * @fluxbase:required-columns users=email
 */

export default `You are a helpful assistant.

Current user ID: {{user_id}}
`
"""


def read(text: str) -> BotFile:
    return read_bot("x/index.ts", text, name="x", namespace="default")


def bot_of(text: str) -> Bot:
    bot = read(text).bot
    assert bot is not None, read(text).findings
    return bot


def prompt_of(expression: str) -> str:
    return bot_of(f"/** d */\nexport default {expression}\n").prompt


def messages(text: str) -> list[str]:
    return [f"{one.severity} {one.line} {one.message}" for one in read(text).findings]


def test_the_guides_file_is_read_without_a_finding() -> None:
    assert read(GUIDE).findings == []
    assert bot_of(GUIDE) == Bot(
        name="x",
        description="Custom assistant for domain-specific queries",
        allowed_tables=["products", "orders", "customers"],
        temperature=0,
        persist_conversations=True,
        conversation_ttl_s=48 * 3600,
        max_turns=20,
        rate_limit_per_minute=20,
        daily_request_limit=500,
        daily_token_budget=100_000,
        knowledge_bases=["product-docs", "faq"],
        required_columns={"users": ["id", "name", "email"], "orders": ["id"]},
        prompt="You are a helpful assistant.\n\nCurrent user ID: {{user_id}}",
    )


def test_windows_line_ends_and_byte_order_mark_change_nothing() -> None:
    assert read("\ufeff" + GUIDE.replace("\n", "\r\n")) == read(GUIDE)


def test_a_file_without_annotations_has_the_defaults_of_the_guide() -> None:
    assert bot_of("/** Hi */ export default `p`") == Bot(name="x", description="Hi", prompt="p")


def test_description_falls_back_to_the_leading_comment() -> None:
    assert bot_of("/**\n * Shop bot.\n * @fluxbase:public no\n */\nexport default 'p'").description == (
        "Shop bot."
    )
    assert messages("export default 'p'") == [
        "warning 1 no description; lists of bots have nothing to show for it"
    ]


def test_annotations_count_only_in_comments_before_the_first_export() -> None:
    text = """// @fluxbase:description d
import { x } from "y"
const shared = "@fluxbase:public false" /* inside a statement */
/* @fluxbase:version 7 */
export const other = 1 // @fluxbase:version 8
/** @fluxbase:max-turns 1 */
export default `Say:
/** @fluxbase:public false */
// @fluxbase:rate-limit 1
`
"""
    bot = bot_of(text)
    assert (bot.version, bot.public, bot.max_turns) == (7, True, 50)
    assert bot.rate_limit_per_minute == 10


def test_neighbouring_line_comments_carry_json_over_lines() -> None:
    text = """// @fluxbase:description d
// @fluxbase:intent-rules [
//   {"keywords": ["cafe"], "requiredTable": "places"}
// ]
// @fluxbase:intent-rules [{"keywords": ["trip"], "forbiddenTool": "execute_sql"}]
export default 'p'
"""
    first, second = bot_of(text).intent_rules
    assert (first.keywords, first.required_table) == (["cafe"], "places")
    assert (second.keywords, second.forbidden_tool) == (["trip"], "execute_sql")


def test_bad_values_and_unknown_keys_warn_with_their_line_and_keep_the_default() -> None:
    text = """/**
 * Bot
 * @fluxbase:temperature hot
 * @fluxbase:alowed-tables users
 * @fluxbase:rag-similarity-threshold 3
 * @fluxbase:max-turns 5
 * @fluxbase:max-turns 6
 * @fluxbase:intent-rules [{"keywords": 1}]
 */
export default 'p'
"""
    assert messages(text) == [
        "warning 3 temperature must be a number from 0 to 2, not 'hot'",
        "warning 4 unknown setting alowed-tables; did you mean allowed-tables?",
        "warning 5 rag-similarity-threshold must be a number from 0 to 1, not '3'",
        "warning 7 max-turns is given again; the one on line 6 counts",
        "warning 8 intent-rules rule 1: Expected `array`, got `int` - at `$.keywords`",
    ]
    bot = bot_of(text)
    assert (bot.temperature, bot.max_turns, bot.rag_similarity_threshold) == (0.7, 5, None)


def test_platform_and_unknown_tools_warn_and_are_kept() -> None:
    text = "/** b\n * @fluxbase:mcp-tools think,submit_job,custom:mine,query_tabel */ export default 'p'"
    assert messages(text) == [
        "warning 2 mcp-tools: submit_job is not available here and is not offered",
        "warning 2 mcp-tools: unknown tool query_tabel; did you mean query_table?",
    ]
    assert bot_of(text).mcp_tools == ["think", "submit_job", "custom:mine", "query_tabel"]


@pytest.mark.parametrize(
    ("expression", "prompt"),
    [
        ("`plain`", "plain"),
        ("`  trimmed \n `", "trimmed"),
        (r"`a \`tick\` and \\ and \${x} and \n.`", "a `tick` and \\ and ${x} and \n."),
        ("`keep ${user.name} and ${`nested ${deep}`}`", "keep ${user.name} and ${`nested ${deep}`}"),
        (r'"double \"q\" \u00e9 \x41 \u{1F600}"', 'double "q" é A 😀'),
        (r"'\ud83d\ude00 \ud83d'", "😀 \ufffd"),
        ("'it\\'s'", "it's"),
        ("`joined \\\nline`", "joined line"),
        ("`tab\\tq\\q`", "tab\tqq"),
        ("`é—😀 {{user_id}}`", "é—😀 {{user_id}}"),
        ("('in parentheses' as string)", "in parentheses"),
        ("`a` as const", "a"),
        ("'one ' + `two`", "one two"),
    ],
)
def test_prompt_literals(expression: str, prompt: str) -> None:
    assert prompt_of(expression) == prompt


def test_prompt_may_be_a_top_level_constant() -> None:
    head = "/** b */\nexport const rule: string = 'Be kind.'\nconst prompt = `Hi. ` + rule\n"
    assert bot_of(head + "export default prompt").prompt == "Hi. Be kind."
    assert bot_of(head + "export default prompt satisfies string;").prompt == "Hi. Be kind."


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("/** b */\nconst x = 1", "warning 1 no prompt found"),
        ("/** b */\nexport default makePrompt()", "warning 2 export default must be a text: a call"),
        ("/** b */\nexport default missing", "warning 2 export default must be a text: missing is no"),
        ("/** b */\nexport default 42", "warning 2 export default must be a text"),
        ("/** b */\nconst a = b\nconst b = a\nexport default a", "warning"),
        ("/** b */\nexport default {prompt: 'x'}", "warning 2 export default must be a text"),
        ("/** b */\nexport default function f() { return 'x' }", "warning 2 no prompt found"),
        ("/** b */\nexport default ``", "warning 2 no prompt found"),
    ],
)
def test_without_a_prompt_the_generic_sentence_serves_with_a_warning(text: str, finding: str) -> None:
    assert bot_of(text).prompt == GENERIC_PROMPT
    assert any(message.startswith(finding) for message in messages(text)), messages(text)
    assert messages(text)[-1].endswith("no prompt found; a generic sentence takes its place")


@pytest.mark.parametrize(
    "text",
    [
        "/** b */\nexport default `Use `code` please`",
        "/** b */\nexport default `never closed\nmore",
        "/** b */\nexport default",
    ],
)
def test_a_syntax_error_that_hides_the_prompt_refuses_the_file(text: str) -> None:
    assert read(text).bot is None
    (error,) = read(text).errors
    assert (error.line, error.message[:12]) == (2, "syntax error")


def test_a_syntax_error_elsewhere_is_a_warning() -> None:
    text = "/** b */\nexport default `p`\n\nexport const tools = [{name: ,}\n"
    assert bot_of(text).prompt == "p"
    assert messages(text)[0].startswith("warning 4 syntax error")


TOOLS = """/** b */
export default 'p'
const words = "Look things up"
export const tools = [
  // the one tool we talk about
  {
    name: "execute_sql",
    'description': words,
    "parameters": {
      type: `object`,
      properties: { sql: { type: "string", minLength: 1, maxLength: 1_000, weight: -0.5, hex: 0x10 } },
      required: ["sql",],
      additionalProperties: false, extra: null, words,
    },
  },
] as const satisfies Tool[]
"""


def test_tools_export_overrides_what_the_model_sees() -> None:
    assert read(TOOLS).findings == []
    sql = {"type": "string", "minLength": 1, "maxLength": 1000, "weight": -0.5, "hex": 16}
    assert bot_of(TOOLS).tool_overrides == {
        "execute_sql": ToolOverride(
            description="Look things up",
            parameters={
                "type": "object",
                "properties": {"sql": sql},
                "required": ["sql"],
                "additionalProperties": False,
                "extra": None,
                "words": "Look things up",
            },
        )
    }


@pytest.mark.parametrize(
    ("tools", "finding"),
    [
        ("makeTools()", "warning 2 tools are ignored: a call expression cannot be read"),
        ("{}", "warning 2 tools are ignored: they must be an array of objects"),
        ("[{...base}]", "warning 2 tools are ignored: a spread element cannot be read"),
        ("[{[key]: 1}]", "warning 2 tools are ignored: a computed property name cannot be read"),
        ("[{description: 'x'}]", "warning 2 tools: an entry has no name"),
        ("['execute_sql']", "warning 2 tools: an entry has no name"),
        ("[{name: 'execute_sqll'}]", "warning 2 tools: execute_sqll is no built-in tool and is ig"),
        ("[{name: 'think', description: 1}]", "warning 2 tools: think is ignored: description"),
        ("[{name: 'think', parameters: []}]", "warning 2 tools: think is ignored: description"),
        ("1 + 2", "warning 2 tools are ignored: only texts can be joined"),
    ],
)
def test_tools_that_cannot_be_used_are_warnings(tools: str, finding: str) -> None:
    text = f"/** b */ export default 'p'\nexport const tools = {tools}"
    assert bot_of(text).tool_overrides == {}
    assert len(messages(text)) == 1
    assert messages(text)[0].startswith(finding)


def test_constants_that_multiply_are_bounded() -> None:
    lines = ["/** b */", "const a0 = 'xxxxxxxxxx'"]
    lines += [f"const a{i} = a{i - 1} + a{i - 1}" for i in range(1, 60)]
    text = "\n".join([*lines, "export default a59"])
    assert bot_of(text).prompt == GENERIC_PROMPT
    assert "adds up to too much" in messages(text)[0]


@pytest.mark.parametrize("text", ["[" * 50_000, "`${" * 5_000, "/**" * 10_000, "export " * 5_000])
def test_hostile_nesting_is_a_finding_and_no_crash(text: str) -> None:
    assert read(text).findings
    assert read(f"/** b */ export default 'p'\nexport const tools = {text}").findings


def test_a_prompt_longer_than_the_parsers_chunks_is_whole() -> None:
    words = "".join(f"é{i} " for i in range(50_000)).strip()
    assert prompt_of(f"`{words}`") == words


def test_a_file_that_would_take_minutes_to_parse_is_refused() -> None:
    file = read("/** @fluxbase:intent-rules [\n" * 30_000)
    assert [one.message for one in file.errors] == [
        "takes too long to parse; is a comment, string or bracket left open?"
    ]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=200), st.integers(0, len(GUIDE)))
def test_any_text_gives_a_bot_or_findings(noise: str, at: int) -> None:
    for text in (noise, GUIDE[:at] + noise + GUIDE[at:]):
        file = read(text)
        assert (file.bot is None) == bool(file.errors)
