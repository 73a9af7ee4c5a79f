"""Row rules, hidden columns and notes: whatever could never protect anything is a mistake."""

import pytest

from appliance.botfiles import rule_values
from appliance.botfiles.rule_values import (
    hidden_columns,
    hidden_columns_text,
    merge_hidden_columns,
    merge_row_rules,
    notes,
    row_rules,
    row_rules_text,
)


def test_one_rule_as_text_and_many_as_json() -> None:
    assert row_rules_text("orders: user_id = :user_id") == {"orders": "user_id = :user_id"}
    text = '{"orders": "owner = :claims.team.id", "sales.*": "NONE", "*": "all"}'
    assert row_rules_text(text) == {"orders": "owner = :claims.team.id", "sales.*": "none", "*": "all"}
    assert row_rules_text("orders: firm = :tenant") == {"orders": "firm = :tenant"}


BAD_RULES = [
    (
        {"orders": "user_id = :userid"},
        "orders: the rule has the unknown name :userid; did you mean :user_id?",
    ),
    ({"orders": "r = :claim.team"}, "did you mean :claims.team?"),
    ({"orders": "a = :me"}, "known: :user_id, :role, :tenant, :claims.<name>"),
    ({"orders": "a = :tenant_id"}, "did you mean :tenant?"),
    ({"orders": "a = ?"}, "parameters are written :name"),
    ({"orders": "a = ':user_id'"}, "only a text; write :user_id without quotes"),
    ({"orders": "a LIKE '%:claims.team%'"}, "write :claims.team without quotes"),
    ({"orders": "a = '{{user_id}}'"}, "{{user_id}} is not replaced in a rule; write :user_id"),
    ({"orders": "a = {{ tenant }}"}, "write :tenant without quotes"),
    ({"*": "nonee"}, "did you mean none?"),
    ({"orders": "'al'"}, "did you mean all?"),
    ({"orders": "1) OR (1"}, "closes a bracket that is not open"),
    ({"orders": "a = (1"}, "bracket without an end"),
    ({"orders": "a = 'b"}, "without an end"),
    ({"orders": "1; SELECT 1"}, "more than one expression"),
    ({"orders": None}, "needs a rule"),
    ({"orders": " "}, "needs a rule"),
    ({"orders": True}, "needs a rule"),
    ({"orders": "x" * 4001}, "longer than 4000"),
    ({"": "all"}, "a table is named"),
    ({"main.orders": "all"}, "called public, not main"),
    ({"ord*": "none"}, "a star stands for all tables"),
    ({"*.orders": "none"}, "a star stands for all tables"),
    ({'"orders"': "none"}, "without quotes"),
    ({"orders": "a = 1", "Orders": "a = 2"}, "two different rules"),
    ({"orders": "a = 1", "PUBLIC.orders": "a = 2"}, "two different rules"),
    ({}, "must be a mapping like"),
    (["orders"], "must be a mapping like"),
]


@pytest.mark.parametrize(("data", "reason"), BAD_RULES)
def test_rules_that_would_not_protect_are_refused(data: object, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        row_rules(data)
    assert reason in str(refused.value)


def test_a_json_object_with_a_table_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="has 'a' twice"):
        row_rules_text('{"a": "x = 1", "a": "all"}')


def test_rules_merge_unless_they_differ() -> None:
    assert merge_row_rules({"a": "x = 1"}, {"A": "x = 1", "b": "all"}) == {"a": "x = 1", "b": "all"}
    assert merge_row_rules({"*": "none"}, {"public.*": "all"}) == {"*": "none", "public.*": "all"}
    with pytest.raises(ValueError, match="b: has two different rules"):
        merge_row_rules({"B": "all"}, {"b": "none"})


def test_hidden_columns_are_the_union_of_all_spellings() -> None:
    assert hidden_columns_text("users=hash,email") == {"users": ["hash", "email"]}
    assert hidden_columns_text('{"users": ["hash", "email"]}') == {"users": ["hash", "email"]}
    assert merge_hidden_columns({"users": ["a"]}, {"public.Users": ["b"]}) == {"users": ["a", "b"]}


@pytest.mark.parametrize(
    "data", [{"users": []}, {"users": ["*"]}, {"users": None}, {"us*": ["a"]}, "users", {}]
)
def test_hidden_columns_that_would_hide_nothing_are_refused(data: object) -> None:
    with pytest.raises(ValueError):
        hidden_columns(data)


def test_notes_are_one_line_of_bounded_length() -> None:
    assert rule_values.notes_text("orders.total: in\teuros") == {"orders.total": "in euros"}
    for bad in ({"a": "x" * 1001}, {"*": "x"}, {"a": ""}, {"a": ["x"]}):
        with pytest.raises(ValueError):
            notes(bad)
