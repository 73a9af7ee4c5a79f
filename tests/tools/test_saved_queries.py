from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from appliance.bot import Bot, QueryParameter, SavedQuery
from appliance.datarules import DataRules
from appliance.identity import Caller
from appliance.tools.base import RunSql, Tool, ToolContext, ToolError, ToolSource
from appliance.tools.saved_queries import SavedQueries
from appliance.tools.sql_pool import SqlPool
from tests.tools import structured

source: ToolSource = SavedQueries()

OLDER = SavedQuery(
    name="people_older_than",
    description="People above an age",
    sql="SELECT id, name FROM people WHERE age > :age AND (:name IS NULL OR name = :name) ORDER BY id",
    parameters=[
        QueryParameter(name="age", type="integer", description="In years"),
        QueryParameter(name="name", required=False),
    ],
)
KINDS = SavedQuery(
    name="kinds",
    description="",
    sql="SELECT typeof(:s), typeof(:i), typeof(:n), typeof(:b), :b",
    parameters=[
        QueryParameter(name="s", type="string"),
        QueryParameter(name="i", type="integer"),
        QueryParameter(name="n", type="number"),
        QueryParameter(name="b", type="boolean"),
    ],
)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(structured.make(tmp_path), workers_max=1) as pool:
        yield pool


@pytest.fixture
def run_sql(pool: SqlPool) -> RunSql:
    return structured.guarded(pool)


async def tool_of(query: SavedQuery, *more: SavedQuery) -> Tool:
    return (await tools_of(query, *more))[0]


async def tools_of(*queries: SavedQuery) -> list[Tool]:
    async def never(*_: Any) -> Any:
        raise AssertionError("offering a query must not run it")

    bot = Bot(name="b", queries=list(queries))
    return await source.tools(ToolContext(bot=bot, caller=Caller(), user_message="?", run_sql=never))


async def test_each_query_is_a_tool_with_its_parameters_as_a_schema() -> None:
    tool = await tool_of(OLDER)
    assert (tool.name, tool.description) == ("people_older_than", "People above an age")
    assert tool.label({}) == "People above an age"
    assert tool.parameters == {
        "type": "object",
        "properties": {"age": {"type": "integer", "description": "In years"}, "name": {"type": "string"}},
        "required": ["age"],
        "additionalProperties": False,
    }


async def test_its_values_are_bound_and_the_model_reads_the_rows(run_sql: RunSql) -> None:
    tool = await tool_of(OLDER)
    output, content = await structured.use(tool, run_sql, {"age": 30})
    assert output.ok
    assert content["rows"] == [[1, "Ada"], [3, 'Bob, the "builder"']]
    assert output.query is not None
    assert output.query.description == "People above an age"
    _, content = await structured.use(tool, run_sql, {"age": 30, "name": None, "where": None})
    assert len(content["rows"]) == 2
    _, content = await structured.use(tool, run_sql, {"age": 30.0, "name": "Ada"})
    assert content["rows"] == [[1, "Ada"]]
    for hostile in ("' OR 1=1 --", "a\0b", '"; DROP TABLE people', ":age"):
        _, content = await structured.use(tool, run_sql, {"age": 0, "name": hostile})
        assert content["rows"] == []


async def test_values_keep_their_kind(run_sql: RunSql) -> None:
    tool = await tool_of(KINDS)
    _, content = await structured.use(tool, run_sql, {"s": "5", "i": 5, "n": 0.5, "b": True})
    assert content["rows"] == [["text", "integer", "real", "integer", 1]]


async def test_a_query_shows_each_user_only_own_rows(pool: SqlPool) -> None:
    tool = await tool_of(OLDER)
    for user, names in (("1", ["Ada"]), ("3", ['Bob, the "builder"']), ("", [])):
        policy = msgspec.structs.replace(
            structured.POLICY, rules=[DataRules(row_rules={"people": "id = :user_id"})], user_id=user
        )
        _, content = await structured.use(tool, structured.guarded(pool, policy), {"age": 0})
        assert [row[1] for row in content["rows"]] == names


async def test_a_query_may_do_no_more_than_the_bot(run_sql: RunSql) -> None:
    for sql, error in (
        ("SELECT * FROM users", "Table not allowed: users"),
        ("DELETE FROM people WHERE id = 1", "Operation not allowed: DELETE"),
    ):
        tool = await tool_of(SavedQuery(name="q", description="d", sql=sql))
        output, content = await structured.use(tool, run_sql, {})
        assert not output.ok
        assert error in content["error"]


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({}, "Missing arguments: age"),
        ({"age": None}, "Missing arguments: age"),
        ({"age": "30"}, "'age' must be of type integer"),
        ({"age": True}, "'age' must be of type integer"),
        ({"age": 30.5}, "'age' must be of type integer"),
        ({"age": 2**63}, "age: the number is too large"),
        ({"age": 1e300}, "age: the number is too large"),
        ({"age": 1, "name": ["Ada"]}, "'name' must be of type string"),
        ({"age": 1, "nmae": "Ada"}, "Unknown argument 'nmae'. Did you mean name?"),
        ({"age": 1, "where": "x"}, "Unknown argument 'where'. The arguments are: age, name."),
    ],
)
async def test_values_of_another_type_are_refused(arguments: dict[str, Any], error: str) -> None:
    async def never(*_: Any) -> Any:
        raise AssertionError("a refused call must not run")

    with pytest.raises(ToolError, match=error):
        await structured.use(await tool_of(OLDER), never, arguments)


async def test_a_query_that_cannot_be_offered_is_logged_and_left_out(
    caplog: pytest.LogCaptureFixture,
) -> None:
    twice = msgspec.structs.replace(KINDS, name=OLDER.name)
    spaced = msgspec.structs.replace(KINDS, name="two words")
    with caplog.at_level(logging.WARNING, "appliance.tools"):
        tools = await tools_of(OLDER, twice, spaced, KINDS)
    assert [tool.name for tool in tools] == ["people_older_than", "kinds"]
    assert tools[0].description == "People above an age"
    assert "'two words' of bot default/b cannot be offered" in caplog.text
