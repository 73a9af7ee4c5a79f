"""What callers of another tenant than the default one see, through a whole appliance."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from appliance.server.tokens import make_user_token
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from appliance.store.secret import load_secret
from tests.server.test_data_access import bot, make_data, results, script, sql
from tests.support.stack import Stack, stack
from tests.support.wire import Frame, wire

NOW = 1_700_000_000.0


def acme_key(data: Path) -> str:
    """A tenant key; with it the tenant is there."""
    with closing(connect(database_path(data))) as db, db:
        _, key = create_key(db, "tenant", "acme", NOW)
    return key


async def both_ways(served: Stack, data: Path, key: str) -> list[Frame]:
    """What acme's alice is shown who comes with the tenant's key, and with a token."""
    token = make_user_token(
        load_secret(data), user_id="alice", role="authenticated", now=NOW, lifetime_s=9e9, tenant="acme"
    )
    shown = []
    headers = {"X-Service-Key": key, "X-Appliance-User": "alice"}
    async with wire(served.ws_url, headers=headers) as by_key, wire(served.ws_url, token) as by_token:
        for client in (by_key, by_token):
            shown += results(await client.ask(await client.start()))
    return shown


async def test_a_user_of_another_tenant_sees_no_rows_of_a_namesake(tmp_path: Path) -> None:
    make_data(tmp_path)
    key = acme_key(tmp_path)
    async with stack(tmp_path, script("SELECT id FROM orders"), bots=bot()) as served:
        shown = await both_ways(served, tmp_path, key)
        assert [(result["data"], result.get("error")) for result in shown] == [([], None)] * 2
        async with wire(served.ws_url, served.token("alice")) as client:
            [own] = results(await client.ask(await client.start()))
        assert [row["id"] for row in own["data"]] == [1, 3]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE orders SET status = 'paid'",
        "DELETE FROM orders",
        "INSERT INTO orders (user_id) VALUES ('alice')",
    ],
)
async def test_a_user_of_another_tenant_writes_no_rows_of_a_namesake(tmp_path: Path, statement: str) -> None:
    make_data(tmp_path)
    before = sql(tmp_path, "SELECT * FROM orders")
    key = acme_key(tmp_path)
    async with stack(tmp_path, script(statement), bots=bot()) as served:
        await both_ways(served, tmp_path, key)
    assert sql(tmp_path, "SELECT * FROM orders") == before


async def test_a_rule_that_names_the_tenant_shows_each_their_own_rows(tmp_path: Path) -> None:
    make_data(tmp_path)
    sql(tmp_path, "UPDATE orders SET status = 'acme' WHERE id = 3")
    rule = "orders: user_id = :user_id"
    ruled = {"shop": bot()["shop"].replace(rule, f"{rule} AND (status = 'acme') = (:tenant = 'acme')")}
    key = acme_key(tmp_path)
    async with stack(tmp_path, script("SELECT id FROM orders"), bots=ruled) as served:
        shown = await both_ways(served, tmp_path, key)
        assert [[row["id"] for row in result["data"]] for result in shown] == [[3], [3]]
        async with wire(served.ws_url, served.token("alice")) as client:
            [own] = results(await client.ask(await client.start()))
        assert [row["id"] for row in own["data"]] == [1]
