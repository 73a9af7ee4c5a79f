"""Texts of settings become values, or a sentence that says what they must be."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.bot import IntentRule
from appliance.botfiles import values
from appliance.botfiles.fields import BY_KEY, FIELDS


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("24", 86_400),
        ("1.5", 5_400),
        ("0", 0),
        ("90m", 5_400),
        ("1h30m", 5_400),
        ("1H 30M", 5_400),
        ("2d", 172_800),
        ("45s", 45),
        ("1d12h", 129_600),
    ],
)
def test_durations_are_hours_or_carry_units(written: str, seconds: int) -> None:
    assert values.duration_s(written) == seconds


@pytest.mark.parametrize("written", ["", "h", "-1", "1w", "24 hours", "1h30", "nan", "1e9", "1.h"])
def test_other_durations_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match="must be hours like 24"):
        values.duration_s(written)


@pytest.mark.parametrize("written", ["20", "20/min", "20 / min", "20/MINUTE", "2_0"])
def test_rate_limits_are_per_minute(written: str) -> None:
    assert BY_KEY["rate-limit"].parse(written) == 20


@pytest.mark.parametrize("written", ["20/hour", "20/", "/min", "-1", "1.5", "twenty", "9" * 30])
def test_other_rate_limits_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"must"):
        BY_KEY["rate-limit"].parse(written)


@pytest.mark.parametrize(
    ("written", "value"),
    [("true", True), ("YES", True), ("1", True), ("", True), ("false", False), ("no", False)],
)
def test_flags_have_six_words_and_a_bare_key_is_true(written: str, value: bool) -> None:
    assert BY_KEY["public"].parse(written) is value


@pytest.mark.parametrize(
    ("key", "written"),
    [
        ("public", "maybe"),
        ("temperature", "2.1"),
        ("temperature", "nan"),
        ("temperature", "1e0"),
        ("max-tokens", "0"),
        ("rag-max-chunks", "0"),
        ("rag-similarity-threshold", "1.01"),
        ("max-iterations", "0"),
        ("reasoning-mode", "deep"),
        ("allowed-operations", "SELECT,DROP"),
        ("allowed-tables", " , "),
        ("model", "   "),
        ("intent-rules", "[{]"),
        ("intent-rules", '{"keywords":["a"]}'),
        ("intent-rules", '[{"keywords":[]}]'),
        ("intent-rules", '[{"keywords":["a"],"requiredTables":"x"}]'),
        ("intent-rules", '[{"keywords":"a"}]'),
        ("intent-rules", "[" * 100_000),
        ("required-columns", "users"),
        ("required-columns", "users="),
        ("required-columns", "a=b=c"),
    ],
)
def test_values_out_of_range_or_form_are_refused(key: str, written: str) -> None:
    with pytest.raises(ValueError):
        BY_KEY[key].parse(written)


def test_lists_drop_empties_and_doubles_and_keep_case_and_order() -> None:
    assert BY_KEY["allowed-schemas"].parse("b, A,,b ,a") == ["b", "A", "a"]


def test_star_means_every_table() -> None:
    assert BY_KEY["allowed-tables"].parse("*") == []
    assert BY_KEY["allowed-tables"].parse("users,*") == []


def test_operations_are_upper_cased_and_roles_lower_cased() -> None:
    assert BY_KEY["allowed-operations"].parse("select,Select,update") == ["SELECT", "UPDATE"]
    assert BY_KEY["require-role"].parse("Admin,EDITOR,admin") == ["admin", "editor"]


def test_iterations_are_clamped_to_twenty() -> None:
    assert BY_KEY["max-iterations"].parse("99") == 20


def test_required_columns_allow_spaces_around_signs() -> None:
    assert values.columns_text("users = id, name  orders=id") == {
        "users": ["id", "name"],
        "orders": ["id"],
    }


def test_intent_rules_take_both_spellings_of_keys() -> None:
    rule = IntentRule(keywords=["cafe"], required_table="places", forbidden_tool="execute_sql")
    camel = [{"keywords": ["cafe"], "requiredTable": "places", "forbiddenTool": "execute_sql"}]
    kebab = [{"keywords": ["cafe"], "required-table": "places", "forbidden-tool": "execute_sql"}]
    assert values.rules(camel) == values.rules(kebab) == [rule]


@given(key=st.sampled_from([field.key for field in FIELDS]), written=st.text(max_size=40))
def test_any_text_is_a_value_or_a_value_error(key: str, written: str) -> None:
    with contextlib.suppress(ValueError):  # anything else fails the test
        BY_KEY[key].parse(written)
