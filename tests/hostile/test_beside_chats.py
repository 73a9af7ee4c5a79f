"""Bombs that a model sends through a whole appliance hold up no other chat and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import trio

from appliance.store.database import connect, database_path
from tests.hostile.test_statements import CASES
from tests.support.loopback import LoopbackServer, cli_server
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded, model_server
from tests.support.stack import write_bots
from tests.support.wire import text_of, wire

MEMORY_MIB = 64
WORKERS = 2
INTERPRETER_MIB = 100
"""What a worker takes besides: Python, the parser, a frame on its way."""
SERVER_GROWTH_MIB = 80
BOT = """---
allow-unauthenticated: true
rate-limit: 0
daily-limit: 0
token-budget: 0
max-turns: 0
allowed-tables: [products, stock]
---
You are a helpful assistant.
"""
WORDS = [f"word{n} " for n in range(60)]
BOMBS = [case["sql"] for case in CASES["bombs"] if case["verdict"] == "bounded"][:24]


def script(request: Recorded) -> Reply:
    """A question that is a number is answered with that bomb first, others with many words."""
    last = request.body["messages"][-1]
    if last["role"] == "tool":
        return openai_text("over")
    if last["content"].isdigit():
        sql = BOMBS[int(last["content"])]
        return openai_tool_calls(("execute_sql", {"sql": sql, "description": "x"}))
    return openai_text(*WORDS, delay_s=0.03)


async def test_bombs_beside_chats_lose_no_word_and_no_memory(tmp_path: Path) -> None:
    db = connect(database_path(tmp_path))
    db.execute("CREATE TABLE products (id, title); CREATE TABLE stock (place, amount)").fetchall()
    db.close()
    write_bots(tmp_path / "bots", {"shop": BOT})
    async with model_server(script) as model:
        env = os.environ | {
            "OPENAI_BASE_URL": f"{model.url}/v1",
            "OPENAI_MODEL": "scripted",
            "APPLIANCE_SQL_TIMEOUT_S": "0.5",
            "APPLIANCE_SQL_MEMORY_MIB_MAX": str(MEMORY_MIB),
            "APPLIANCE_SQL_WORKERS_MAX": str(WORKERS),
        }
        arguments = ("serve", "--data", str(tmp_path), "--port", "0", "--bots", str(tmp_path / "bots"))
        with cli_server(*arguments, env=env) as server:
            await attack(server)


async def attack(server: LoopbackServer) -> None:
    url = server.url.replace("http", "ws", 1) + "/ai/ws"
    peak = {"server": 0, "workers": 0}

    async def watch() -> None:
        while True:
            peak["server"] = max(peak["server"], server.rss_kib())
            peak["workers"] = max(peak["workers"], sum(map(rss_kib, children(server.pid))))
            await trio.sleep(0.02)

    async def talk() -> None:
        async with wire(url) as client:
            id = await client.start()
            for _ in range(3):
                with trio.fail_after(60):
                    assert text_of(await client.ask(id, "Tell me")) == "".join(WORDS)

    async def bomb(numbers: Iterator[int]) -> None:
        async with wire(url) as client:
            for number in numbers:
                id = await client.start()
                await client.say(id, str(number))
                assert (await client.until("done", "error", timeout_s=60))["type"] == "done"

    async with wire(url) as warm:
        assert text_of(await warm.ask(await warm.start(), "0")) == "over"
    await settled(server)
    began, files = server.rss_kib(), open_files(server.pid)
    async with trio.open_nursery() as watching:
        watching.start_soon(watch)
        async with trio.open_nursery() as nursery:
            numbers = iter(range(len(BOMBS)))
            for _ in range(3):
                nursery.start_soon(talk)
                nursery.start_soon(bomb, numbers)
        watching.cancel_scope.cancel()
    assert peak["server"] - began < SERVER_GROWTH_MIB * 1024
    assert peak["workers"] < WORKERS * (MEMORY_MIB + INTERPRETER_MIB) * 1024
    await settled(server)
    assert len(children(server.pid)) <= WORKERS
    assert open_files(server.pid) <= files + 4 * WORKERS
    async with wire(url) as client:
        assert text_of(await client.ask(await client.start(), "Hello")) == "".join(WORDS)


async def settled(server: LoopbackServer) -> None:
    """Wait until no child of the server is a zombie."""
    with trio.fail_after(20):
        while any(state(pid) == "Z" for pid in children(server.pid)):  # noqa: ASYNC110  # no event tells
            await trio.sleep(0.05)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def rss_kib(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
    except (OSError, IndexError):
        return 0


def state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))
