"""Layers of row rules and hidden columns, through the real pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_pool import SqlPool
from tests.tools import data


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return data.make(tmp_path)


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


def ruled(*layers: dict[str, str], user_id: str = "1", **more: object) -> SqlPolicy:
    rules = [DataRules(row_rules=layer) for layer in layers]
    return SqlPolicy(rules=rules, user_id=user_id, role="authenticated", **more)  # type: ignore[arg-type]


async def asked(pool: SqlPool, sql: str, policy: SqlPolicy) -> QueryOutcome:
    outcome = await pool.query(sql, policy)
    assert isinstance(outcome, QueryOutcome)
    return outcome


async def ids(pool: SqlPool, policy: SqlPolicy, table: str = "orders") -> list[int]:
    outcome = await asked(pool, f"SELECT id FROM {table} ORDER BY id", policy)
    assert outcome.error is None
    return [row[0] for row in outcome.rows]


async def test_all_layers_must_agree(pool: SqlPool) -> None:
    mine, late = {"orders": "customer_id = :user_id"}, {"orders": "id > 1"}
    assert await ids(pool, ruled(mine)) == [1, 2]
    assert await ids(pool, ruled(late)) == [2, 3]
    assert await ids(pool, ruled(mine, late)) == [2]
    assert await ids(pool, ruled(mine, {"orders": " ALL "})) == [1, 2]
    assert await ids(pool, ruled(mine, late, user_id="")) == []
    assert await ids(pool, ruled({"orders": "all"}, user_id="")) == [1, 2, 3]


async def test_none_closes_a_table_and_the_star_speaks_for_all_without_a_rule(pool: SqlPool) -> None:
    for policy in (
        ruled({"orders": "none"}),
        ruled({"orders": "all"}, {"Public.ORDERS": "None"}),
        ruled({"*": "none", "customers": "all"}),
    ):
        outcome = await asked(pool, "SELECT 1 FROM orders", policy)
        assert (outcome.error or "").startswith("Table not allowed: orders. Allowed: ")
        assert await ids(pool, policy, "customers") == [1, 2, 3]
    starred = ruled({"*": "id = :user_id", "orders": "all"})
    assert await ids(pool, starred, "customers") == [1]
    assert await ids(pool, starred) == [1, 2, 3]
    # What a rule cannot be put to is closed rather than open.
    outcome = await asked(pool, "SELECT * FROM salaries", starred)
    assert "It cannot be shown: no such column: id" in (outcome.error or "")


async def test_a_view_needs_an_entry_in_each_layer_that_restricts_what_it_reads(pool: SqlPool) -> None:
    sql = "SELECT customer_id FROM order_totals"
    own = {"orders": "customer_id = :user_id", "order_totals": "customer_id = :user_id"}
    assert (await asked(pool, sql, ruled(own))).rows == [[1]]
    for layers in (
        ({"orders": "customer_id = :user_id"}, {"order_totals": "all"}),
        (own, {"orders": "customer_id = 2"}),
        ({"orders": "customer_id = :user_id", "*": "1"},),
        ({"orders": "none"},),
    ):
        outcome = await asked(pool, sql, ruled(*layers))
        assert "it reads orders, which is restricted" in (outcome.error or "")


async def test_hidden_columns_of_all_layers_are_hidden(pool: SqlPool) -> None:
    layers = [
        DataRules(hidden_columns={"customers": ["email"]}),
        DataRules(hidden_columns={"public.customers": ["CITY"], "*": ["total"]}),
    ]
    policy = SqlPolicy(rules=layers)
    assert (await asked(pool, "SELECT * FROM customers", policy)).columns == ["id", "name"]
    assert "total" not in (await asked(pool, "SELECT * FROM orders", policy)).columns


async def test_claims_fill_rules_and_missing_ones_match_nobody(pool: SqlPool) -> None:
    rule = {"customers": "city = :claims.app.city OR id = :claims.n OR (:claims.boss AND id = 3)"}
    assert await ids(pool, ruled(rule, claims={"app.city": "Paris"}), "customers") == [2]
    assert await ids(pool, ruled(rule, claims={"n": 1, "boss": True}), "customers") == [1, 3]
    assert await ids(pool, ruled(rule, claims={"app": "Paris", "app.city": "' OR 1"}), "customers") == []
    for odd in (float("inf"), -5, 1e300, False):
        assert await ids(pool, ruled(rule, claims={"n": odd}), "customers") == []
    minus = {"customers": "id =-:claims.n"}
    assert await ids(pool, ruled(minus, claims={"n": -2}), "customers") == [2]


BROKEN_RULES = [
    "1) OR (1",
    "0) OR (1",
    "1); DROP VIEW temp.orders; SELECT (1",
    "1; SELECT 1",
    "1 /* never closed",
    "'open",
    '"open',
    "[open",
    "1, 1",
    "1 FROM users --",
    "DISTINCT 1",
    "1 LIMIT 5",
    "",
    "  ",
    "-- nothing",
    "?",
    ":other",
    "1 \0",
    "no_such = 1",
    '"no_such" = "no_such"',
    "load_extension('x')",
    "EXISTS (SELECT 1 FROM _api_keys)",
]


async def test_a_rule_that_is_not_one_good_expression_closes_its_table_and_says_why(pool: SqlPool) -> None:
    for rule in BROKEN_RULES:
        for policy in (ruled({"orders": rule}), ruled({"orders": rule}, user_id="")):
            outcome = await asked(pool, "SELECT * FROM orders", policy)
            assert outcome.rows == [], rule
            error = outcome.error or ""
            assert error.startswith("Table not allowed: orders. It cannot be shown: "), (rule, error)
            assert (await asked(pool, "SELECT count(*) FROM customers", policy)).rows == [[3]], rule
            assert (await asked(pool, "SELECT * FROM order_totals", policy)).rows == [], rule


async def test_brackets_and_semicolons_within_literals_names_and_comments_are_no_structure(
    pool: SqlPool, path: Path
) -> None:
    server = apsw.Connection(str(path))
    server.execute(
        """CREATE TABLE odd (id, "a;(b" , "`)[");INSERT INTO odd VALUES (1, ');', 'x')"""
    ).fetchall()
    server.close()
    rule = "\"a;(b\" = ');' /* ) ; */ AND [`)[] = 'x' -- (( ;"
    assert await ids(pool, ruled({"odd": rule}), "odd") == [1]


async def test_a_statement_cannot_put_its_own_tables_under_a_rule(pool: SqlPool) -> None:
    policy = ruled({"orders": "customer_id IN (SELECT id FROM customers)", "customers": "id = :user_id"})
    for sql in (
        "WITH customers AS (SELECT 2 AS id) SELECT orders.id FROM orders",
        "WITH customers(id) AS (VALUES (1), (2)) SELECT o.id FROM orders o, customers",
        "SELECT orders.id FROM (SELECT 2 AS id) AS customers, orders",
        "SELECT (SELECT max(o.id) FROM orders o WHERE customers.id = 2) FROM (SELECT 2 AS id) AS customers",
    ):
        outcome = await asked(pool, sql, policy)
        assert outcome.error is None
        assert {row[0] for row in outcome.rows} <= {1, 2}


async def test_names_with_a_prefix_work_in_rules(pool: SqlPool) -> None:
    rule = "public.orders.customer_id IN (SELECT id FROM public.customers WHERE name = 'Bob')"
    assert await ids(pool, ruled({"orders": rule})) == [3]


async def test_a_hidden_column_that_is_not_there_closes_its_table(pool: SqlPool) -> None:
    misspelt = DataRules(hidden_columns={"customers": ["emial"]})
    refused = await pool.query("SELECT name FROM customers", SqlPolicy(rules=[misspelt]))
    assert isinstance(refused, QueryOutcome)
    assert "emial" in (refused.error or "")


async def test_a_blob_literal_of_any_bytes_can_be_asked_for(pool: SqlPool) -> None:
    statement = "SELECT x'ff00' AS b, (SELECT count(*) FROM orders WHERE x'fe' > x'00') AS n"
    assert (await asked(pool, statement, SqlPolicy())).rows[0][0] == "x'ff00'"
    assert (await asked(pool, "SELECT x'ff00', (SELECT 1 FROM users)", ruled({"users": "none"}))).error
