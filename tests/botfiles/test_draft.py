"""Settings and findings of one file become a bot, or the reasons why not."""

from appliance.botfiles.draft import FINDINGS_MAX, GENERIC_PROMPT, Draft
from appliance.botfiles.fields import Field


def draft(severity: str = "error") -> Draft:
    return Draft(name="x", namespace="n", severity=severity)  # type: ignore[arg-type] # one of two words


def put(bot: Draft, key: str, line: int, value: str) -> None:
    def read(field: Field) -> object:
        return field.parse(value)

    bot.put(key, line, read)


def test_repeatable_settings_merge_in_order() -> None:
    bot = draft()
    put(bot, "description", 1, "d")
    put(bot, "knowledge-base", 2, "b,a")
    put(bot, "Knowledge-Base", 3, "a,c")
    file = bot.finish("p", 4)
    assert file.findings == []
    assert file.bot
    assert file.bot.knowledge_bases == ["b", "a", "c"]


def test_the_first_of_a_single_setting_counts_also_under_its_alias() -> None:
    bot = draft("warning")
    put(bot, "token-budget", 1, "5")
    put(bot, "daily-token-budget", 2, "6")
    file = bot.finish("p", 3)
    assert file.bot
    assert file.bot.daily_token_budget == 5
    assert "token-budget is given again; the one on line 1 counts" in [
        finding.message for finding in file.findings
    ]


def test_severity_decides_whether_a_mistake_refuses_the_bot() -> None:
    for severity in ("error", "warning"):
        bot = draft(severity)
        put(bot, "max-turns", 2, "many")
        assert (bot.finish("p", 1).bot is None) == (severity == "error")


def test_findings_come_in_the_order_of_lines() -> None:
    bot = draft("warning")
    put(bot, "zzz", 9, "")
    put(bot, "mcp-tools", 4, "list_objects")
    assert [finding.line for finding in bot.finish("", 6).findings] == [1, 4, 6, 9]


def test_without_a_prompt_the_generic_one_is_used() -> None:
    file = draft().finish("", 1)
    assert file.bot
    assert file.bot.prompt == GENERIC_PROMPT


def test_warnings_are_bounded() -> None:
    bot = draft()
    for line in range(FINDINGS_MAX * 2):
        bot.warn(line, "again")
    assert len(bot.finish("p", 1).findings) == FINDINGS_MAX + 1
