"""A setting that protects something is never skipped, in neither form of bot file."""

import pytest

from appliance.bot import Bot, BotFile
from appliance.botfiles.draft import FINDINGS_MAX
from appliance.botfiles.reader import read_bot

END = "\nexport default 'p'"


def ts(*lines: str) -> BotFile:
    text = "/**\n" + "".join(f" * {line}\n" for line in lines) + " */" + END
    return read_bot("index.ts", text, name="x", namespace="n")


def md(front: str) -> BotFile:
    return read_bot("bot.md", f"---\ndescription: d\n{front}\n---\np", name="x", namespace="n")


def bot_of(file: BotFile) -> Bot:
    assert file.errors == []
    assert file.bot
    return file.bot


def only_error(file: BotFile) -> str:
    assert file.bot is None
    (error,) = file.errors
    return f"{error.line} {error.message}"


def test_rules_are_read_from_json_and_from_lines_and_merged() -> None:
    bot = bot_of(
        ts(
            "@fluxbase:row-rules {",
            '  "orders": "user_id = :user_id",',
            '  "products": "all"',
            "}",
            "@fluxbase:row-rules invoices: user_id = :user_id   # their own",
            "@fluxbase:Row-Rules *: none",
            "@fluxbase:hidden-columns users=hash,email",
            '@fluxbase:hidden-columns {"users": ["token"]}',
        )
    )
    assert bot.row_rules == {
        "orders": "user_id = :user_id",
        "products": "all",
        "invoices": "user_id = :user_id",
        "*": "none",
    }
    assert bot.hidden_columns == {"users": ["hash", "email", "token"]}


@pytest.mark.parametrize(
    "line",
    [
        "@fluxbase:row-rules",
        "@fluxbase:row-rules orders",
        "@fluxbase:row-rules orders: user_id = :userid",
        '@fluxbase:row-rules {"orders": "user_id = :user_id"',
        '@fluxbase:row-rules {"orders": "a = 1"} {"users": "none"}',
        "@fluxbase:row-rule orders: none",
        "@fluxbase:row_rules orders: none",
        "@fluxbase:rowRules orders: none",
        "@fluxbase:row-rules: orders: none",
        "@fluxbase row-rules orders: none",
        "@fluxbase: row-rules orders: none",
        "We have @fluxbase:row-rules orders: none",
        "@fluxbase:description d @fluxbase:row-rules orders: none",
        "@fluxbase:row-rules a: none @fluxbase:row-rules b: none",
        "@fluxbase:hidden-column users=hash",
        "@fluxbase:hidden_columns users=hash",
        "@fluxbase:hidden-columns users",
        "@fluxbase:confirm-writes perhaps",
        "@fluxbase:confirm-write",
        "@fluxbase:max-changed-rows 10001",
        "@fluxbase:max-changed-rows 0",
    ],
)
def test_an_index_ts_with_a_protection_that_cannot_be_read_does_not_load(line: str) -> None:
    file = ts("Says hello", line)
    assert file.bot is None
    assert {error.line for error in file.errors} == {3}


def test_a_rule_that_goes_on_below_is_an_error() -> None:
    for lines in (
        ("@fluxbase:row-rules orders: user_id = :user_id", "  AND archived = 0"),
        ('@fluxbase:row-rules {"orders": "none"}', ', "users": "none"}'),
    ):
        assert "leave an empty line in between" in only_error(ts(*lines))
    assert bot_of(ts("@fluxbase:row-rules orders: none", "", "Some prose.")).row_rules == {"orders": "none"}


def test_a_rule_behind_the_first_export_is_an_error() -> None:
    text = "export const tools = []\n// @fluxbase:row-rules orders: none" + END
    file = read_bot("index.ts", text, name="x", namespace="n")
    assert "2 row-rules is not read here" in only_error(file)


def test_a_rule_that_a_syntax_error_hides_is_an_error() -> None:
    text = "const a = {\n/** @fluxbase:row-rules orders: none */" + END
    assert read_bot("index.ts", text, name="x", namespace="n").bot is None


def test_a_rule_behind_a_hundred_mistakes_is_still_read() -> None:
    noise = [f"@fluxbase:zzz{number} 1" for number in range(FINDINGS_MAX + 5)]
    assert bot_of(ts(*noise, "@fluxbase:row-rules orders: none")).row_rules == {"orders": "none"}
    assert ts(*noise, "@fluxbase:row-rules orders: a = :b").bot is None
    assert len(ts(*["@fluxbase:row-rules x"] * 1000).findings) < FINDINGS_MAX + 5


def test_thousands_of_annotations_are_refused_at_once() -> None:
    assert only_error(ts(*["@fluxbase:zzz 1"] * 2001)) == "1 has more than 2000 @fluxbase annotations"
    assert bot_of(ts(*["@fluxbase:zzz 1"] * 1999, "@fluxbase:row-rules a: none")).row_rules == {"a": "none"}


def test_two_rules_for_one_table_are_an_error_in_both_forms() -> None:
    file = ts("@fluxbase:row-rules orders: none", '@fluxbase:row-rules {"Orders": "all"}')
    assert only_error(file) == "3 row-rules Orders: has two different rules; join them with AND or OR"
    file = md("row-rules:\n  orders: none\n  orders: all")
    assert only_error(file) == "4 row-rules orders: is given twice"
    assert md("row-rules: {orders: none}\nrow-rules: {orders: all}").bot is None


def test_a_mistake_in_front_matter_has_the_line_of_its_entry() -> None:
    file = md("row-rules:\n  orders: user_id = :user_id\n  invoices: user_id = :user")
    assert only_error(file) == (
        "5 row-rules invoices: the rule has the unknown name :user; did you mean :user_id?"
    )
    file = md("queries:\n  a: {description: d, sql: SELECT 1}\n  b: {description: d, sql: 'SELECT :x'}")
    assert only_error(file).startswith("5 queries b: its SQL has :x")


def test_other_mistakes_stay_warnings_in_index_ts() -> None:
    file = ts("Hello", "@fluxbase:queries {}", "@fluxbase:required-column users=id", "@fluxbase:roles staff")
    assert len(bot_of(file).queries) == 0
    assert [finding.severity for finding in file.findings] == ["warning"] * 3


def test_writing_settings_without_writing_are_told() -> None:
    file = md("confirm-writes: yes\nmax-changed-rows: 5\nmcp-tools: [execute_sql, insert_record]")
    assert bot_of(file).confirm_writes
    assert [finding.message for finding in file.findings] == [
        "confirm-writes has no effect: no writing is among the allowed-operations",
        "max-changed-rows has no effect: no writing is among the allowed-operations",
        "mcp-tools: insert_record needs INSERT among the allowed-operations",
    ]
    front = "confirm-writes: yes\nallowed-operations: [SELECT, INSERT]\nmcp-tools: [insert_record]"
    assert md(front).findings == []


def test_tools_that_the_bot_brings_are_known() -> None:
    front = (
        "mcp-tools: [total, custom:price, files_read, thnik]\n"
        "queries: {total: {description: d, sql: SELECT 1}}\nmcp-servers: {files: {command: x}}"
    )
    assert [finding.message for finding in md(front).findings] == [
        "mcp-tools: unknown tool thnik; did you mean think?"
    ]
