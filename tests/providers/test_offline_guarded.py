"""The offline model and the SQL guard together: the real schema, the real workers, the tool's own words."""

from __future__ import annotations

import json
from pathlib import Path

import apsw

from appliance.bot import Bot
from appliance.identity import Caller
from appliance.importer.demo import create_demo
from appliance.messages import PromptMessage, QueryOutcome, ToolCall
from appliance.providers.base import ModelRequest, ModelText, ModelToolCall
from appliance.providers.offline import Offline
from appliance.schema import Schema
from appliance.sqlguard import SqlPolicy
from appliance.tools.base import ToolContext
from appliance.tools.sql import TOOL
from appliance.tools.sql_pool import SqlPool
from tests.providers.offline_data import SQL_TOOL, TODAY, run_sql, system_prompt

CASES = json.loads(Path(__file__).with_name("offline_questions.json").read_text())["shop"]


async def events_of(messages: list[PromptMessage]) -> tuple[str, list[ToolCall]]:
    text, calls = "", []
    async with Offline().stream(ModelRequest(messages=messages, tools=[SQL_TOOL])) as events:
        async for event in events:
            match event:
                case ModelText():
                    text += event.text
                case ModelToolCall():
                    calls.append(event.call)
    return text, calls


async def test_every_question_about_the_shop_passes_the_guard_and_is_answered(tmp_path: Path) -> None:
    path = tmp_path / "appliance.db"
    db = apsw.Connection(str(path))
    create_demo(db, TODAY)
    policy = SqlPolicy()
    async with SqlPool(path, workers_max=1) as pool:

        async def run(sql: str, description: str) -> QueryOutcome:
            return await pool.query(sql, policy, description=description)

        context = ToolContext(
            bot=Bot(name="shop"), caller=Caller(tenant="default"), user_message="", run_sql=run
        )
        schema = await pool.schema(policy)
        for case in CASES:
            if "sql" in case:
                await answered(case["ask"], schema, context, db, case["sql"])
    db.close()


async def answered(
    question: str, schema: Schema, context: ToolContext, db: apsw.Connection, expected: str
) -> None:
    messages = [
        PromptMessage(role="system", content=system_prompt(schema)),
        PromptMessage(role="user", content=question),
    ]
    text, calls = await events_of(messages)
    assert len(calls) == 1, (question, text)
    output = await TOOL.run(context, json.loads(calls[0].arguments))
    assert output.ok, (question, output.content)
    assert output.query is not None
    assert output.query.row_count == min(100, len(run_sql(db, expected).rows)), question
    messages += [
        PromptMessage(role="assistant", content=text, tool_calls=calls),
        PromptMessage(role="tool", content=output.content, tool_call_id=calls[0].id),
    ]
    text, calls = await events_of(messages)
    assert calls == [], question
    assert text.endswith((".", "|")), (question, text)
