from __future__ import annotations

import pytest

from appliance.bot import Bot
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
    schema="sabc",
    columns={"orders": frozenset({"id", "total"})},
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
    bot = Bot(name="b", allowed_tables=["t"], allowed_schemas=["s"], allowed_operations=["SELECT", "INSERT"])
    settings = Settings(sql_rows_max=7, sql_bytes_max=8, sql_timeout_s=9.0, sql_memory_mib_max=10)
    policy = policy_for(bot, Caller(user_id="u1", role="authenticated"), settings)
    assert policy == SqlPolicy(
        allowed_tables=["t"],
        allowed_schemas=["s"],
        allowed_operations=["SELECT", "INSERT"],
        user_id="u1",
        role="authenticated",
        rows_max=7,
        bytes_max=8,
        timeout_s=9.0,
        memory_mib=10,
    )


def test_callers_share_their_sight_unless_rows_depend_on_them() -> None:
    def sight(user_id: str, **more: dict[str, str]) -> SqlPolicy:
        return SqlPolicy(user_id=user_id, rows_max=len(user_id), **more).sight()

    assert sight("ann") == sight("robert")
    rules = {"orders": "user_id = :user_id"}
    assert sight("ann", row_rules=rules) != sight("robert", row_rules=rules)
    assert SqlPolicy(allowed_tables=["a"]).sight() != SqlPolicy(allowed_tables=["b"]).sight()


def test_rules_and_hidden_columns_are_found_under_any_spelling_of_the_table() -> None:
    policy = SqlPolicy(row_rules={"Public.Orders": "1"}, hidden_columns={"USERS": ["Password"]})
    assert policy.row_rule("orders") == "1"
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
