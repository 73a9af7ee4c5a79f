from __future__ import annotations

from contextlib import suppress

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.sqltext import fault_of_rule, filled, literal, names_tenant, neutral_blobs, quoted, where_all


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("a'b", "a'b"),
        ("a\0b\n", None),
        ("", None),
        (None, None),
        ("\ud800", None),
        (True, 1),
        (False, 0),
        (-5, -5),
        (2**63 - 1, 2**63 - 1),
        (-(2**63), -(2**63)),
        (2**63, None),
        (10**400, None),
        (0.1, 0.1),
        (-1e-300, -1e-300),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_literal_is_exactly_its_value_or_null(value: str | float | bool | None, kept: object) -> None:
    db = apsw.Connection(":memory:")
    assert db.execute(f"SELECT {literal(value)}").get == kept
    assert db.execute(f"SELECT 1 -{literal(value)} IS NOT 5").get in (0, 1)


@given(st.text())
def test_any_text_is_a_literal_or_a_name(text: str) -> None:
    db = apsw.Connection(":memory:")
    assert db.execute(f"SELECT {literal(text)}").get == (None if "\0" in text else text or None)
    name = text.replace("\0", "") or "x"
    assert [row[0] for row in db.execute(f"SELECT 1 AS {quoted(name)}").get_description()] == [name]


@given(st.text(alphabet="()'\"`[]-/*;:ab1 \n,") | st.text())
def test_a_rule_that_is_let_through_is_held_by_its_brackets(rule: str) -> None:
    """Whatever a rule is, the rest of the statement stays as it is: here, a row never passes."""
    if fault_of_rule(rule):
        return
    db = apsw.Connection(":memory:")
    db.execute("CREATE TABLE t (a, b); INSERT INTO t VALUES (1, 1)").fetchall()
    with suppress(apsw.Error, UnicodeEncodeError):
        assert list(db.execute(f"SELECT * FROM t{where_all([rule], '')}")) == []


def test_placeholders_within_quotes_and_comments_are_left_alone() -> None:
    rule = "a = ':role' AND \":role\" AND [:role] AND `:role` /* :role */ AND :role -- :role"
    assert filled(rule, "u", "r", {}).count(":role") == 6
    assert filled(":claims.a.b OR :claims.c", "u", "r", {"a.b": 1}) == "(1) OR NULL"
    assert filled(":tenant", "u", "r", {"tenant": "x"}) == "NULL"
    assert filled(":tenant", "u", "r", {}, "acme") == literal("acme")


def test_a_tenant_is_named_only_where_sqlite_would_look_for_it() -> None:
    assert names_tenant("firm=:tenant")
    for rule in (
        "a = ':tenant'",
        'a = ":tenant"',
        "1 -- :tenant",
        "1 /* :tenant */",
        "a = :tenants",
        ":role",
    ):
        assert not names_tenant(rule)


def test_rules_are_joined_so_that_all_hold() -> None:
    assert where_all([], "u") == ""
    assert where_all(["a -- x", "b"], "u") == " WHERE (a -- x\n) AND (b\n)"
    assert where_all(["a"], "") == " WHERE 0 AND (a\n)"


@pytest.mark.parametrize(
    ("sql", "neutral"),
    [
        ("SELECT x'ff00', X'AB'", "SELECT x'0000', X'00'"),
        (
            """SELECT 'x''ff''', "x'ff'", `x'ff'`, [x'ff']""",
            """SELECT 'x''ff''', "x'ff'", `x'ff'`, [x'ff']""",
        ),
        ("SELECT ax'ff' -- x'ff'\n, x'ff' /* x'ff' */", "SELECT ax'ff' -- x'ff'\n, x'00' /* x'ff' */"),
    ],
)
def test_only_the_bytes_of_blob_literals_become_neutral(sql: str, neutral: str) -> None:
    assert neutral_blobs(sql) == neutral
