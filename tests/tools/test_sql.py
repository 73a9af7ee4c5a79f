from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.bot import Bot
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.base import Tool, ToolContext, ToolOutput
from appliance.tools.for_model import MODEL_ROWS_MAX
from appliance.tools.sql import TOOL
from appliance.tools.sql_pool import SqlPool
from tests.tools import data

tool: Tool = TOOL
MANY = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 300) "


async def run(tmp_path: Path, sql: str) -> tuple[ToolOutput, dict[str, Any]]:
    async with SqlPool(data.make(tmp_path), workers_max=1) as pool:

        async def run_sql(
            sql: str, description: str, parameters: Mapping[str, Any] | None = None
        ) -> QueryOutcome:
            policy = SqlPolicy(allowed_tables=["customers"])
            outcome = await pool.query(sql, policy, description=description, parameters=parameters)
            assert isinstance(outcome, QueryOutcome)
            return outcome

        context = ToolContext(bot=Bot(name="b"), caller=Caller(), user_message="?", run_sql=run_sql)
        output = await tool.run(context, {"sql": sql, "description": "looking"})
    return output, json.loads(output.content)


async def test_the_model_reads_columns_rows_and_summary_as_json(tmp_path: Path) -> None:
    output, content = await run(tmp_path, "SELECT name FROM customers ORDER BY name")
    assert output.ok
    assert output.query is not None
    assert output.query.description == "looking"
    assert content["success"] is True
    assert content["columns"] == ["name"]
    assert content["rows"] == [["Ada"], ["Bob"], ["Cyd"]]
    assert (content["row_count"], content["truncated"], content["tables"]) == (3, False, ["customers"])
    assert content["summary"] == output.query.summary


async def test_a_refused_statement_is_a_result_with_the_reason(tmp_path: Path) -> None:
    output, content = await run(tmp_path, "SELECT * FROM users")
    assert not output.ok
    assert content["success"] is False
    assert content["error"] == "Table not allowed: users. Allowed: customers"
    assert output.query is not None
    assert output.query.error == content["error"]


async def test_the_model_reads_fewer_rows_than_people(tmp_path: Path) -> None:
    output, content = await run(tmp_path, MANY + "SELECT n FROM r")
    assert output.query is not None
    assert (output.query.row_count, len(content["rows"]), content["truncated"]) == (300, MODEL_ROWS_MAX, True)


async def test_wide_rows_are_left_out_beyond_what_a_model_should_read(tmp_path: Path) -> None:
    _, content = await run(tmp_path, MANY + "SELECT printf('%.*c', 1000, 'x') FROM r")
    assert 10 < len(content["rows"]) < 25


def test_the_label_tells_people_what_is_done() -> None:
    assert tool.label({"sql": "SELECT 1", "description": "counting orders"}) == "Executing: counting orders"
    assert tool.label({}) == "Executing: a query"
    assert tool.parameters["required"] == ["sql", "description"]
