"""A bot that changes a shop's orders when its user agrees, behind a network that can be cut.

The model runs what a question asks for: a key of `STATEMENTS`, or several with + between them. Afterwards
it says `Noted.` It never ends the answer to `hang`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from appliance.store.database import connect, database_path
from tests.support import proxy
from tests.support.model_replies import Reply, openai_text, openai_tool_calls, stream, text
from tests.support.model_server import Recorded
from tests.support.stack import Stack, stack

PAYLOAD = '<img src=x onerror="document.title=7">'
TABLE = "<b onclick=alert(1)>t"
COLUMN = "<i>col</i>"

STATEMENTS = {
    "pay": "UPDATE orders SET status = 'paid', paid_on = '2026-03-14' WHERE status = 'new'",
    "delete": "DELETE FROM orders WHERE id = 1",
    "add": "INSERT INTO orders (customer, status) VALUES ('Zoë', 'new')",
    "hostile": f'UPDATE "{TABLE}" SET "{COLUMN}" = "{COLUMN}" || \'{PAYLOAD}\'',
    "look": f'SELECT "{COLUMN}", id FROM "{TABLE}"',
    "list": "SELECT * FROM kinds",
    "nobody": "SELECT id FROM orders WHERE customer = 'Nobody'",
    "many": "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n",
}

BOT = f"""---
description: Changes the orders when you agree.
persist-conversations: true
allow-unauthenticated: true
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
allowed-tables: [orders, kinds, '{TABLE}']
allowed-operations: [SELECT, INSERT, UPDATE, DELETE]
confirm-writes: true
---
You keep the orders.
"""

DATA = f"""
    CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, city TEXT, status TEXT, total REAL,
        paid_on DATE, note TEXT DEFAULT '');
    INSERT INTO orders VALUES
        (1, 'Ada Lovelace', 'London', 'new', 1210.5, NULL, ''),
        (2, 'Grüße & Söhne', 'Köln', 'new', 99, NULL, 'call'),
        (3, 'Carol', 'Oslo', 'sent', 1, '2026-01-31', NULL);
    CREATE TABLE "{TABLE}" (id INTEGER PRIMARY KEY, "{COLUMN}" TEXT);
    INSERT INTO "{TABLE}" VALUES (1, '{PAYLOAD}');
    CREATE TABLE kinds (id INTEGER PRIMARY KEY, day DATE, at TIMESTAMP, big INTEGER, amount REAL,
        price DECIMAL, ok BOOLEAN, file BLOB, word TEXT);
    INSERT INTO kinds VALUES
        (1001, '2026-01-31', '2026-01-31 18:05:00', 9007199254740993, 1234567.5, '1234.50', 1, x'00ff10', ''),
        (1002, NULL, NULL, 12, 0.25, '2.00', 0, NULL, NULL);
"""


class Scene:
    """`url` and `ws_url` lead through the network; `served` has the direct ones."""

    def __init__(self, served: Stack, network: proxy.Proxy) -> None:
        self.served = served
        self.network = network
        self.url = f"http://127.0.0.1:{network.port}"
        self.ws_url = f"ws://127.0.0.1:{network.port}/ai/ws"

    def sql(self, statement: str) -> list[tuple[Any, ...]]:
        """Rows of the team's data as they are now."""
        db = connect(database_path(self.served.data))
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()

    def orders(self) -> list[tuple[Any, ...]]:
        """Id and status of all orders."""
        return self.sql("SELECT id, status FROM orders ORDER BY id")


def reply(request: Recorded) -> Reply:
    """The model's answer to the newest message of a request."""
    last = request.body["messages"][-1]
    asked = str(last["content"]).split("+") if last["role"] == "user" else []
    statements = [STATEMENTS[word] for word in asked if word in STATEMENTS]
    if last["content"] == "hang":
        return stream(text("Well, "), then="hang")
    if not statements:
        return openai_text("Noted.")
    return openai_tool_calls(*(("execute_sql", {"sql": sql, "description": "it"}) for sql in statements))


def _fill(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    db = connect(database_path(data))
    db.execute(DATA).fetchall()
    db.close()


@asynccontextmanager
async def change_stage(data: Path) -> AsyncIterator[Scene]:
    """All of it while the block runs, on free ports, in folder `data`."""
    _fill(data)
    async with stack(data, reply, bots={"shop": BOT}) as served:
        port = urlsplit(served.url).port
        assert port is not None
        async with proxy.serve(port) as network:
            yield Scene(served, network)
