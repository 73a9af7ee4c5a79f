from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from appliance.botkit import Context, QueryError, Rows
from appliance.datarules import DataRules
from appliance.errors import StoreError
from appliance.identity import Caller
from appliance.messages import Change, QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.base import ToolContext
from appliance.tools.own import OwnTools
from appliance.tools.sql_pool import SqlPool
from tests.tools import data
from tests.tools.own_bots import bot, call, context, error

SOURCE = '''
import datetime

def orders(context: Context, least: float = 0) -> list[dict]:
    """Orders of the caller."""
    return context.query("SELECT id, total FROM orders WHERE total >= :least ORDER BY id", least=least)

async def orders_async(context: AsyncContext) -> dict:
    """Orders of the caller, asked twice at once."""
    import trio
    found = {}

    async def one(name):
        found[name] = await context.query("SELECT id FROM orders ORDER BY id")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(one, "a")
        nursery.start_soon(one, "b")
    return found

def secret(context: Context) -> list[dict]:
    """Tries what it may not."""
    return context.query("SELECT * FROM users")

def careful(context: Context) -> str:
    """Tries what it may not and says so."""
    try:
        context.query("SELECT * FROM users")
    except QueryError as error:
        return "refused: " + str(error)

def day(context: Context) -> list[dict]:
    """Values of other types."""
    return context.query("SELECT :d AS d, :n AS n, :b AS b", d=datetime.date(2026, 1, 5), n=None, b=True)

def odd(context: Context, which: str) -> list[dict]:
    """What cannot be passed on."""
    match which:
        case "statement":
            return context.query(5)
        case "unicode":
            return context.query("SELECT '\\ud800'")
        case "object":
            return context.query("SELECT :x", x=object())
        case "integer":
            return context.query("SELECT :x", x=1 << 100)
        case "long":
            return context.query("SELECT '" + "x" * 2_000_000 + "'")

kept = []

def keep(context: Context) -> str:
    """Keeps the context for later."""
    kept.append(context)
    return "kept"

def use_kept(context: Context) -> list[dict]:
    """Asks through the context of an earlier call."""
    return kept[0].query("SELECT id FROM orders")

def cut(context: Context) -> list:
    """Whether rows were cut."""
    rows = context.query("SELECT id FROM orders")
    return [len(rows), rows.truncated]

def change(context: Context) -> str:
    """Writes."""
    rows = context.query("UPDATE orders SET total = 0 WHERE id = :id", id=1)
    return f"done: {rows}"
'''

RULES = DataRules(row_rules={"orders": "customer_id = :user_id"})


@pytest.fixture
async def own() -> AsyncIterator[OwnTools]:
    async with OwnTools() as own:
        yield own


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=2) as pool:
        yield pool


def asks(pool: SqlPool, folder: Path, user_id: str, **policy: Any) -> ToolContext:
    """The context of a user whose queries go through the real guard."""
    caller = Caller(user_id=user_id, role="authenticated")
    rights = SqlPolicy(allowed_tables=data.TABLES, rules=[RULES], user_id=user_id, role=caller.role, **policy)

    async def run_sql(
        sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        return await pool.query(sql, rights, description=description, parameters=dict(parameters or {}))

    return context(bot(folder, SOURCE), run_sql=run_sql, caller=caller)


def rows(content: str) -> Any:
    return msgspec.json.decode(content)


async def test_a_query_sees_the_rows_of_the_caller(own: OwnTools, pool: SqlPool, tmp_path: Path) -> None:
    first, second = asks(pool, tmp_path, "1"), asks(pool, tmp_path, "2")
    assert rows((await call(own, first, "orders")).content) == [
        {"id": 1, "total": 3.5},
        {"id": 2, "total": 7.0},
    ]
    assert rows((await call(own, second, "orders")).content) == [{"id": 3, "total": 10.5}]
    output = await call(own, first, "orders", least=5)
    assert rows(output.content) == [{"id": 2, "total": 7.0}]
    assert output.query is None  # what a function reads on the way is not its result
    assert rows((await call(own, asks(pool, tmp_path, ""), "orders")).content) == []


async def test_an_async_function_may_ask_in_parallel(own: OwnTools, pool: SqlPool, tmp_path: Path) -> None:
    output = await call(own, asks(pool, tmp_path, "1"), "orders_async")
    assert rows(output.content) == {"a": [{"id": 1}, {"id": 2}], "b": [{"id": 1}, {"id": 2}]}


async def test_a_refused_query_is_an_error_in_the_authors_code(
    own: OwnTools, pool: SqlPool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    about = asks(pool, tmp_path, "1")
    assert error(await call(own, about, "secret")).startswith("Table not allowed: users.")
    assert (await call(own, about, "careful")).content.startswith("refused: Table not allowed: users.")
    assert data.CANARY not in caplog.text


async def test_parameters_of_other_types_become_what_json_has(
    own: OwnTools, pool: SqlPool, tmp_path: Path
) -> None:
    [row] = rows((await call(own, asks(pool, tmp_path, "1"), "day")).content)
    assert (row["d"], row["n"], row["b"]) == ("2026-01-05", None, 1)


@pytest.mark.parametrize(
    ("which", "told"),
    [
        ("statement", "takes the statement as text, not as int"),
        ("unicode", "cannot be passed on"),
        ("object", "cannot be passed on: Encoding objects of type object is unsupported"),
        ("integer", "cannot be passed on"),
        ("long", "larger than 1048576 bytes"),
    ],
)
async def test_what_cannot_be_asked_is_told(
    own: OwnTools, pool: SqlPool, tmp_path: Path, which: str, told: str
) -> None:
    assert told in error(await call(own, asks(pool, tmp_path, "1"), "odd", which=which))


async def test_a_context_ends_with_its_call(own: OwnTools, pool: SqlPool, tmp_path: Path) -> None:
    assert (await call(own, asks(pool, tmp_path, "1"), "keep")).ok
    assert "is over" in error(await call(own, asks(pool, tmp_path, "2"), "use_kept"))


async def test_truncated_rows_say_so(own: OwnTools, pool: SqlPool, tmp_path: Path) -> None:
    assert rows((await call(own, asks(pool, tmp_path, "1"), "cut")).content) == [2, False]
    assert rows((await call(own, asks(pool, tmp_path, "1", rows_max=1), "cut")).content) == [1, True]


def changing(change: Change | None, error: str | None = None) -> Any:
    async def run_sql(
        sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        assert (description, parameters) == ("change", {"id": 1})
        return QueryOutcome(sql=sql, columns=["id"], rows=[[1]], change=change, error=error)

    return run_sql


@pytest.mark.parametrize(
    ("status", "content"),
    [("applied", "done: [{'id': 1}]"), ("proposed", "nothing is changed yet")],
)
async def test_a_change_is_shown_to_people_and_a_proposed_one_is_not_taken_for_done(
    own: OwnTools, tmp_path: Path, status: Any, content: str
) -> None:
    change = Change(id="c1", operation="UPDATE", table="orders", status=status)
    about = context(bot(tmp_path, SOURCE), run_sql=changing(change))
    output = await call(own, about, "change")
    assert output.ok
    assert content in output.content
    assert ("done" in output.content) == (status == "applied")
    assert output.query is not None
    assert output.query.change == change


async def test_a_store_that_fails_is_an_error_of_the_query(own: OwnTools, tmp_path: Path) -> None:
    async def run_sql(*_: Any) -> QueryOutcome:
        raise StoreError("The disk is full")

    output = await call(own, context(bot(tmp_path, SOURCE), run_sql=run_sql), "orders")
    assert error(output) == StoreError("").public_text


def test_functions_can_be_tried_with_a_context_of_ones_own(tmp_path: Path) -> None:
    db = apsw.Connection(":memory:")

    def run(sql: str, parameters: dict[str, Any]) -> Rows:
        return Rows({"n": n} for (n,) in db.execute(sql, parameters))

    about = Context(caller=Caller(user_id="ada"), settings={"key": "x"}, run=run)
    assert about.query("SELECT :n + 1", n=1) == [{"n": 2}]
    with pytest.raises(QueryError, match="no data"):
        Context().query("SELECT 1")
