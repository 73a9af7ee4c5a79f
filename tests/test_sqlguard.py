from __future__ import annotations

import pytest

from appliance.bot import Bot
from appliance.datarules import DataConfig, DataRules
from appliance.identity import Caller
from appliance.settings import Settings
from appliance.sqlguard import (
    FUNCTION,
    READ,
    RECURSIVE,
    SELECT,
    Grant,
    SqlPolicy,
    decide,
    fold,
    is_reserved,
    policy_for,
)

GRANT = Grant(
    columns={"sabc": {"orders": frozenset({"id", "total"})}, "sdef": {"sales": frozenset({"amount"})}},
    views=frozenset({"orders"}),
)


@pytest.mark.parametrize(
    ("tables", "schemas", "table", "allowed"),
    [
        ([], ["public"], "orders", True),
        (["*"], ["public"], "orders", True),
        ([], ["sales"], "orders", False),
        (["orders"], ["public"], "orders", True),
        (["orders"], ["public"], "ORDERS", True),
        (["orders"], ["public"], "users", False),
        (["public.orders"], ["public"], "orders", True),
        (["public.orders"], ["sales"], "orders", True),
        (["public.*"], ["sales"], "orders", True),
        (["sales.orders"], ["public"], "orders", False),
        (["orders"], ["sales"], "orders", False),
        (["orders", "*"], ["public"], "users", True),
        ([], ["public"], "_api_keys", False),
        (["_api_keys", "public.*"], ["public"], "_api_keys", False),
        (["sqlite_sequence"], ["public"], "SQLite_sequence", False),
        (["orders\N{KELVIN SIGN}"], ["public"], "ordersk", False),
    ],
)
def test_tables_match_by_plain_or_qualified_name(
    tables: list[str], schemas: list[str], table: str, allowed: bool
) -> None:
    assert SqlPolicy(allowed_tables=tables, allowed_schemas=schemas).allows(table) is allowed


def test_names_fold_like_sqlite_does() -> None:
    assert fold("ÄBC") == "Äbc"
    assert is_reserved("_Users")
    assert is_reserved("SQLITE_stat1")
    assert not is_reserved("users_")


def test_a_policy_takes_lists_from_the_bot_caps_from_the_settings_and_identity_from_the_caller() -> None:
    bot = Bot(
        name="b",
        allowed_tables=["t"],
        allowed_schemas=["s"],
        allowed_operations=["SELECT", "INSERT"],
        row_rules={"t": "owner = :user_id"},
        hidden_columns={"t": ["secret"]},
        changed_rows_max=5,
    )
    settings = Settings(sql_rows_max=7, sql_bytes_max=8, sql_timeout_s=9.0, sql_memory_mib_max=10)
    shared = DataRules(row_rules={"*": "all"})
    data = DataConfig(rules=shared, files={"s": "/data/s.db"})
    caller = Caller(tenant="acme", user_id="u1", role="authenticated", claims={"team": "red"})
    policy = policy_for(bot, caller, settings, data)
    assert policy == SqlPolicy(
        allowed_tables=["t"],
        allowed_schemas=["s"],
        allowed_operations=["SELECT", "INSERT"],
        rules=[shared, DataRules(row_rules={"t": "owner = :user_id"}, hidden_columns={"t": ["secret"]})],
        files={"s": "/data/s.db"},
        tenant="acme",
        user_id="u1",
        role="authenticated",
        claims={"team": "red"},
        rows_max=7,
        bytes_max=8,
        timeout_s=9.0,
        memory_mib=10,
        changed_rows_max=5,
    )
    assert policy_for(Bot(name="b"), caller, settings, DataConfig()).rules == []


def test_callers_share_their_sight_unless_rows_depend_on_them() -> None:
    def sight(user_id: str, *rules: DataRules) -> SqlPolicy:
        return SqlPolicy(user_id=user_id, rows_max=len(user_id), rules=list(rules)).sight()

    assert sight("ann") == sight("robert")
    rules = DataRules(row_rules={"orders": "user_id = :user_id"})
    assert sight("ann", rules) != sight("robert", rules)
    acme = SqlPolicy(user_id="ann", tenant="acme", rules=[rules])
    assert acme.sight() != sight("ann", rules)
    assert SqlPolicy(tenant="acme").sight() == SqlPolicy().sight()
    assert SqlPolicy(allowed_tables=["a"]).sight() != SqlPolicy(allowed_tables=["b"]).sight()


def test_rules_and_hidden_columns_are_found_under_any_spelling_of_the_table() -> None:
    layer = DataRules(row_rules={"Public.Orders": "1"}, hidden_columns={"USERS": ["Password"]})
    policy = SqlPolicy(rules=[layer])
    assert policy.row_rules("orders") == ["1"]
    assert policy.hidden("users") == {"password"}
    assert policy.is_restricted("orders")
    assert not policy.is_restricted("customers")


@pytest.mark.parametrize(
    ("action", "first", "second", "schema"),
    [
        (SELECT, None, None, None),
        (RECURSIVE, None, None, None),
        (FUNCTION, None, "COUNT", None),
        (READ, "orders", "Total", "sabc"),
        (READ, "orders", "", "sabc"),
        (READ, "sales", "amount", "sdef"),
        (READ, "Orders", "anything", "temp"),
        (READ, "json_each", "value", "main"),
        (READ, "a_cte", "", None),
    ],
)
def test_what_the_own_views_read_is_allowed(
    action: int, first: str | None, second: str | None, schema: str | None
) -> None:
    assert decide(GRANT, action, first, second, schema)


@pytest.mark.parametrize(
    ("action", "first", "second", "schema"),
    [
        (READ, "orders", "secret", "sabc"),
        (READ, "orders", "id", "sdef"),
        (READ, "sales", "amount", "sabc"),
        (READ, "users", "", "sabc"),
        (READ, "users", "name", "temp"),
        (READ, "orders", "total", "main"),
        (READ, "sqlite_schema", "", None),
        (READ, "pragma_table_info", "", None),
        (READ, "a_cte", "column", None),
        (FUNCTION, None, "load_extension", None),
        (FUNCTION, None, "writefile", None),
        *(
            (action, "x", "y", "main")
            for action in range(40)
            if action not in (READ, SELECT, FUNCTION, RECURSIVE)
        ),
    ],
)
def test_everything_else_is_denied(
    action: int, first: str | None, second: str | None, schema: str | None
) -> None:
    assert not decide(GRANT, action, first, second, schema)


def test_only_schemas_that_may_be_read_are_worth_attaching() -> None:
    policy = SqlPolicy(allowed_tables=["orders", "Archive.sales"], allowed_schemas=["public", "warehouse"])
    assert [name for name in ("warehouse", "archive", "other") if policy.could_allow(name)] == [
        "warehouse",
        "archive",
    ]


def test_a_bare_name_restricts_in_every_schema_but_opens_the_data_file_only() -> None:
    rules = {"*": "none", "sales": "all", "staff": "id = :user_id", "archive.*": "all"}
    policy = SqlPolicy(allowed_schemas=["public", "warehouse", "archive"], rules=[DataRules(row_rules=rules)])
    assert policy.allows("sales")
    assert not policy.allows("sales", "warehouse")
    assert policy.allows("sales", "archive")
    assert policy.row_rules("staff", "archive") == ["id = :user_id"]
    assert policy.row_rules("sales", "archive") == []


def test_rules_that_differ_only_in_the_case_of_their_table_all_hold() -> None:
    policy = SqlPolicy(rules=[DataRules(row_rules={"orders": "a = 1", "Orders": "b = 1"})])
    assert policy.row_rules("ORDERS") == ["a = 1", "b = 1"]


def test_only_claims_that_a_rule_names_make_another_sight() -> None:
    rules = [DataRules(row_rules={"orders": "team = :claims.team"})]

    def sight(**claims: str | float) -> SqlPolicy:
        return SqlPolicy(user_id="ann", rules=rules, claims=dict(claims)).sight()

    assert sight(team="red", exp=1.0) == sight(team="red", exp=2.0)
    assert sight(team="red") != sight(team="blue")
