"""A shop whose bot is asked to do harm: data of several people, a model that does what a test says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from appliance.store.audit import AuditEntry, entries
from appliance.store.database import connect, database_path
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import Stack
from tests.support.wire import Frame, wire

BOT = """---
description: Knows the shop.
persist-conversations: true
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
max-iterations: 20
{settings}
---
{prompt}
"""

RULES = """
row-rules:
  orders: user_id = :user_id
  notes: all
  people: all
  "*": none
hidden-columns:
  people: [card]
"""

WRITES = "allowed-operations: [SELECT, INSERT, UPDATE, DELETE]"
CONFIRMS = f"{WRITES}\nconfirm-writes: true"

Call = str | tuple[str, dict[str, Any]]
"""A statement for `execute_sql`, or a tool with its arguments."""


def bot(settings: str = "", prompt: str = "You know the shop.") -> dict[str, str]:
    return {"shop": BOT.format(settings=settings, prompt=prompt)}


def make_data(folder: Path, rules: str = RULES) -> Path:
    """The team's database, `warehouse.db` beside it, and the rules."""
    folder.mkdir(parents=True, exist_ok=True)
    change(
        folder,
        """
        CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, status TEXT, total REAL);
        INSERT INTO orders VALUES
            (1, 'alice', 'new', 10.5), (2, 'bob', 'bobs-parcel', 99.25), (3, 'alice', 'sent', 1);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT);
        CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, card TEXT, payment TEXT);
        INSERT INTO people VALUES (1, 'Alice', 'card-4111', 'by card-4111'), (2, 'Bob', 'card-4222', 'cash');
        CREATE TABLE salaries (name TEXT, amount INTEGER);
        INSERT INTO salaries VALUES ('Eve', 54321);
        """,
    )
    stock = connect(folder / "warehouse.db")
    stock.execute(
        "CREATE TABLE stock (title TEXT, pieces INTEGER); INSERT INTO stock VALUES ('Tea', 100);"
    ).fetchall()
    stock.close()
    if rules:
        (folder / "data.yaml").write_text(rules)
    return folder


def write_tools(folder: Path, source: str) -> None:
    """A `tools.py` for the shop's bot."""
    path = folder / "bots" / "shop" / "tools.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)


def change(folder: Path, statements: str) -> None:
    """As the team does, without any bot."""
    sql(folder, statements)


def sql(folder: Path, statement: str) -> list[tuple[Any, ...]]:
    """What is really in the database."""
    db = connect(database_path(folder))
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def audited(folder: Path, action: str) -> list[AuditEntry]:
    """Entries of the audit trail, oldest first."""
    db = connect(database_path(folder))
    try:
        return [entry for entry in reversed(entries(db, tenant="default")) if entry.action == action]
    finally:
        db.close()


def script(*calls: Call) -> Callable[[Recorded], Reply]:
    """A model that makes these calls for every question, one after another, and then is done."""

    def reply(request: Recorded) -> Reply:
        messages = request.body["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "user")
        done = sum(message["role"] == "tool" for message in messages[last:])
        if done == len(calls):
            return openai_text("Done.")
        call = calls[done]
        if isinstance(call, str):
            call = ("execute_sql", {"sql": call, "description": "it"})
        return openai_tool_calls(call)

    return reply


def results(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] == "query_result"]


async def asked(served: Stack, user: str = "alice", question: str = "Go", **start: Any) -> list[Frame]:
    """All frames of one question in a conversation of its own."""
    async with wire(served.ws_url, served.token(user)) as client:
        return await client.ask(await client.start(**start), question)


def read_by_model(served: Stack) -> str:
    """Everything that the model's provider was sent."""
    assert served.model is not None
    return "\n".join(json.dumps(request.body, ensure_ascii=False) for request in served.model.requests)
