import pytest

from appliance.bot import Bot, IntentRule
from appliance.intent import Intent, intent_of


def bot(*rules: IntentRule) -> Bot:
    return Bot(name="b", intent_rules=list(rules), required_columns={"orders": ["id"]})


@pytest.mark.parametrize(
    ("keyword", "question"),
    [
        ("Order", "show my ORDERS"),
        ("größe", "Welche GRÖSSE?"),
        ("STRASSE", "welche Straße"),
        ("Müller", "mu\u0308ller"),
        ("mu\u0308ller", "MÜLLER"),
        ("top ten", "the Top Ten now"),
    ],
)
def test_a_keyword_is_found_whatever_its_case_and_composition(keyword: str, question: str) -> None:
    intent = intent_of(bot(IntentRule(keywords=["zzz", keyword], forbidden_table="t")), question)
    assert intent.demands.forbidden_tables == ["t"]


def test_a_rule_without_its_keyword_asks_for_nothing_but_columns() -> None:
    intent = intent_of(bot(IntentRule(keywords=["map"], required_tool="t", required_table="t")), "orders")
    assert (intent.required_tools, intent.demands.required_tables) == ([], [])
    assert intent.demands.required_columns == {"orders": ["id"]}


def test_all_rules_that_apply_are_put_together_once_each() -> None:
    intent = intent_of(
        bot(
            IntentRule(keywords=["a"], required_table="t", forbidden_table="x", required_tool="one"),
            IntentRule(keywords=["b"], required_table="u", forbidden_table="x", required_tool="two"),
            IntentRule(keywords=["c"], required_table="never"),
            IntentRule(keywords=["a"], required_table="t", forbidden_tool="three"),
        ),
        "AB",
    )
    assert intent.demands.required_tables == ["t", "u"]
    assert intent.demands.forbidden_tables == ["x"]
    assert (intent.required_tools, intent.forbidden_tools) == (["one", "two"], ["three"])


def test_other_names_of_a_tool_mean_the_tool() -> None:
    rule = IntentRule(keywords=["a"], required_tool="http_request", forbidden_tool="http_request")
    intent = intent_of(bot(rule), "a", {"http_request": "http_get"})
    assert (intent.required_tools, intent.forbidden_tools) == (["http_get"], ["http_get"])


def test_any_of_several_required_tools_will_do_and_think_always() -> None:
    intent = Intent(required_tools=["one", "two", "gone"], forbidden_tools=["think"])
    offered = ["one", "two", "three", "think"]
    assert [intent.refuses(name, offered) != "" for name in offered] == [False, False, True, False]
    assert "one or two" in intent.refuses("three", offered)


def test_required_tools_that_are_not_there_bind_nobody() -> None:
    assert Intent(required_tools=["gone"]).refuses("three", ["three"]) == ""


def test_a_refusal_names_what_is_left() -> None:
    assert Intent(forbidden_tools=["a"]).refuses("a", ["a", "b"]).endswith("Allowed: b.")
    assert Intent(forbidden_tools=["a"]).refuses("a", ["a"]).endswith("Allowed: none.")
