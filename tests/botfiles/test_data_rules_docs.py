"""The shop of docs/data-rules.md is what the page says it is: made, asked and answered by real workers."""

import re
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import msgspec
import pytest

from appliance.bot import Bot
from appliance.botfiles.data_file import FIELDS, DataFile
from appliance.datarules import DataConfig
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.settings import Settings
from appliance.sqlguard import policy_for
from appliance.tools.sql_pool import SqlPool

PAGE = (Path(__file__).parents[2] / "docs" / "data-rules.md").read_text()
TABLES, STOCK = re.findall(r"```sql\n(.*?)```", PAGE, re.S)
(RULES,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.S)
ROWS = re.findall(r"^\| (\w+) \| `(.+?)` \| (.+?) \|$", PAGE, re.M)

CALLERS = {
    "alice": Caller(user_id="alice", role="authenticated"),
    "bob": Caller(user_id="bob", role="authenticated"),
    "eve": Caller(user_id="eve", role="staff"),
    "visitor": Caller(visitor_id="v1"),
    "service": Caller(role="service_role", key_id="k1"),
}
BOT = Bot(name="shop", allowed_schemas=["public", "warehouse"])


class Shop:
    def __init__(self, pool: SqlPool, config: DataConfig) -> None:
        self.pool = pool
        self.config = config

    async def ask(self, who: str | Caller, sql: str, bot: Bot = BOT, config: DataConfig | None = None) -> str:
        caller = CALLERS[who] if isinstance(who, str) else who
        policy = policy_for(bot, caller, Settings(), config or self.config)
        outcome = await self.pool.query(sql, policy)
        assert isinstance(outcome, QueryOutcome)
        if outcome.error:
            return "refused"
        return ", ".join(str(row[0]).removesuffix(".0") for row in outcome.rows) or "nothing"

    def ruled(self, **rules: str) -> DataConfig:
        """The shop's config with other row rules for some tables."""
        layer = self.config.rules
        layer = msgspec.structs.replace(layer, row_rules={**layer.row_rules, **rules})
        return msgspec.structs.replace(self.config, rules=layer)


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncIterator[Shop]:
    for name, script in (("team.db", TABLES), ("warehouse.db", STOCK)):
        with closing(apsw.Connection(str(tmp_path / name))) as db:
            db.execute(script).fetchall()
    (tmp_path / "data.yaml").write_text(RULES)
    async with SqlPool(tmp_path / "team.db", workers_max=1) as pool:
        yield Shop(pool, DataFile(tmp_path / "data.yaml").load())


async def test_every_row_of_the_table_of_answers_is_true(shop: Shop) -> None:
    assert len(ROWS) >= 16
    assert [(who, sql, await shop.ask(who, sql)) for who, sql, _ in ROWS] == ROWS


async def test_a_bot_narrows_and_never_widens(shop: Shop) -> None:
    narrow = msgspec.structs.replace(
        BOT, row_rules={"orders": "total < 15"}, hidden_columns={"customers": ["id"]}
    )
    assert await shop.ask("alice", "SELECT total FROM orders", narrow) == "10"
    assert await shop.ask("alice", "SELECT id FROM customers", narrow) == "refused"
    assert await shop.ask("alice", "SELECT card FROM customers", narrow) == "refused"
    wide = msgspec.structs.replace(BOT, row_rules={"salaries": "all", "orders": "all", "*": "all"})
    assert await shop.ask("alice", "SELECT * FROM salaries", wide) == "refused"
    assert await shop.ask("alice", "SELECT sum(total) FROM orders", wide) == "30"


async def test_callers_without_a_user_id_get_no_rows_of_a_ruled_table(shop: Shop) -> None:
    config = shop.ruled(customers="1", products="all")
    for who in ("visitor", "service"):
        assert await shop.ask(who, "SELECT name FROM customers", config=config) == "nothing"
        assert await shop.ask(who, "SELECT title FROM products", config=config) == "Tea, Cup"
    assert await shop.ask("bob", "SELECT name FROM customers", config=config) == "Alice, Bob"


async def test_other_tenants_get_rows_only_by_a_rule_that_names_the_tenant(shop: Shop) -> None:
    acme = Caller(tenant="acme", user_id="alice", role="authenticated")
    names = "SELECT name FROM customers"
    assert await shop.ask(acme, names) == "nothing"
    assert await shop.ask(acme, "SELECT title FROM price_list") == "Tea, Cup"
    config = shop.ruled(customers="user_id = :user_id AND :tenant IN ('acme', 'default')")
    assert await shop.ask(acme, names, config=config) == "Alice"
    assert await shop.ask(acme, "SELECT total FROM orders", config=config) == "nothing"
    assert await shop.ask(msgspec.structs.replace(acme, tenant="other"), names, config=config) == "nothing"
    assert await shop.ask("alice", names, config=config) == "Alice"
    by_bot = msgspec.structs.replace(BOT, row_rules={"customers": ":tenant = 'acme'"})
    assert await shop.ask(acme, names, by_bot) == "Alice"
    assert await shop.ask("alice", names, by_bot) == "nothing"


async def test_claims_are_values_a_missing_one_is_null_and_impersonation_has_none(shop: Shop) -> None:
    config = shop.ruled(customers="name = :claims.app.team")
    admin = Caller(user_id="eve", role="admin", claims={"app.team": "Alice"})
    sql = "SELECT name FROM customers"
    assert await shop.ask(admin, sql, config=config) == "Alice"
    assert await shop.ask(admin.impersonate("alice"), sql, config=config) == "nothing"
    assert await shop.ask("alice", sql, config=config) == "nothing"
    assert await shop.ask(admin.impersonate("bob"), sql) == "Bob"
    injection = msgspec.structs.replace(admin, claims={"app.team": "x' OR '1'='1"})
    assert await shop.ask(injection, sql, config=config) == "nothing"


async def test_a_rule_may_use_hidden_columns_of_its_own_table(shop: Shop) -> None:
    config = shop.ruled(customers="card = '4222' AND :user_id <> ''")
    assert await shop.ask("alice", "SELECT name FROM customers", config=config) == "Bob"


async def test_a_rule_with_a_misspelt_column_closes_its_table(shop: Shop) -> None:
    config = shop.ruled(customers="usr_id = :user_id")
    assert await shop.ask("alice", "SELECT name FROM customers", config=config) == "refused"


async def test_the_nearest_name_counts(shop: Shop) -> None:
    config = shop.ruled(**{"warehouse.*": "none", "stock": "all"})
    assert await shop.ask("alice", "SELECT pieces FROM warehouse.stock", config=config) == "nothing"
    rules = {"stock": "all", "*": "none"}
    layer = msgspec.structs.replace(shop.config.rules, row_rules=rules)
    config = msgspec.structs.replace(shop.config, rules=layer)
    assert await shop.ask("eve", "SELECT pieces FROM warehouse.stock", config=config) == "refused"


async def test_without_a_rule_for_others_a_table_is_open(shop: Shop) -> None:
    layer = msgspec.structs.replace(shop.config.rules, row_rules={"orders": "none"})
    config = msgspec.structs.replace(shop.config, rules=layer)
    assert await shop.ask("visitor", "SELECT name FROM salaries", config=config) == "Eve"


async def test_models_are_not_told_of_what_is_hidden_closed_or_not_attached(shop: Shop) -> None:
    for bot, stock in ((BOT, ["stock"]), (Bot(name="x"), [])):
        schema = await shop.pool.schema(policy_for(bot, CALLERS["alice"], Settings(), shop.config))
        columns = {table.name: [column.name for column in table.columns] for table in schema.tables}
        assert columns["customers"] == ["id", "user_id", "name"]
        assert not {"salaries", "order_totals"} & columns.keys()
        assert [name for name in columns if name == "stock"] == stock
    assert await shop.ask("eve", "SELECT pieces FROM warehouse.stock", Bot(name="x")) == "refused"


def test_every_key_of_the_file_is_in_the_example() -> None:
    assert [key for key in FIELDS if not re.search(rf"^{key}:", RULES, re.M)] == []
