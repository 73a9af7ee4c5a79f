"""The turn with many tools, through a whole appliance: which are offered or refused, what they leave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.store import settings
from appliance.store.audit import AuditEntry, entries
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault
from tests.server.test_data_access import asked, bot, make_data, sql
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import Stack, stack
from tests.support.wire import Frame, text_of, wire
from tests.tools.web_server import reply, web_server

SECRET = "sk-very-secret-0123456789"

Call = tuple[str, dict[str, Any]]


def script(*steps: Call | list[Call]) -> Callable[[Recorded], Reply]:
    """A model that makes these calls one after the other (a list: at once) in each turn, and then answers."""

    def answer(request: Recorded) -> Reply:
        messages = request.body["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "user")
        done = sum(bool(message.get("tool_calls")) for message in messages[last:])
        if done >= len(steps):
            return openai_text("Done.")
        step = steps[done]
        return openai_tool_calls(*(step if isinstance(step, list) else [step]))

    return answer


def run(statement: str) -> Call:
    return ("execute_sql", {"sql": statement, "description": "it"})


def results(frames: list[Frame]) -> list[Frame]:
    """What people see of queries, whichever tool ran them."""
    return [frame for frame in frames if frame["type"] in ("query_result", "tool_result")]


def offered(served: Stack, number: int = -1) -> list[str]:
    """The tools in one of the requests to the model."""
    assert served.model
    tools = served.model.requests[number].body.get("tools", [])
    return [tool["function"]["name"] for tool in tools]


def told(served: Stack) -> list[str]:
    """What the model has read of its tools by its last request."""
    assert served.model
    return [m["content"] for m in served.model.requests[-1].body["messages"] if m["role"] == "tool"]


def audited(data: Path, action: str) -> list[AuditEntry]:
    db = connect(database_path(data))
    found = [entry for entry in entries(db, tenant="default") if entry.action == action]
    db.close()
    return found


def put(data: Path, key: str, value: str, *, secret: bool = False, user_id: str = "") -> None:
    make = connect(database_path(data))
    vault = Vault(load_encryption_key(data, ""))
    with make:
        settings.put(
            make,
            vault,
            tenant="default",
            user_id=user_id,
            key=key,
            value=value,
            secret=secret,
            now=time.time(),
        )
    make.close()


def file_of(data: Path) -> bytes:
    """All that the database file holds."""
    db = connect(database_path(data))
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    return database_path(data).read_bytes()


# -- which tools there are ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("more", "names"),
    [
        ([], ["execute_sql"]),
        (["mcp-tools: [query_table, think]"], ["query_table", "think"]),
        (["mcp-tools: [insert_record, delete_record]"], ["insert_record", "delete_record"]),
        (["mcp-tools: [http_request]"], []),
        (
            ["mcp-tools: [execute_sql]", "http-allowed-domains: [api.example.com]"],
            ["execute_sql", "http_get"],
        ),
    ],
)
async def test_a_bot_has_exactly_the_tools_it_lists(
    tmp_path: Path, more: list[str], names: list[str]
) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(), bots=bot(*more)) as served:
        await asked(served, "alice")
        assert offered(served) == names


async def test_tools_that_write_are_only_there_for_allowed_operations(tmp_path: Path) -> None:
    make_data(tmp_path)
    listed = "mcp-tools: [query_table, insert_record, update_record, delete_record]"
    text = bot(listed)["shop"].replace("SELECT, INSERT, UPDATE, DELETE", "SELECT, UPDATE")
    calls = script(("delete_record", {"table": "orders", "filter": {"id": "eq.1"}}))
    async with stack(tmp_path, calls, bots={"shop": text}) as served:
        await asked(served, "alice")
        assert offered(served) == ["query_table", "update_record"]
        assert "There is no tool 'delete_record'" in told(served)[0]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_with_reasoning_think_comes_first_and_alone(tmp_path: Path) -> None:
    make_data(tmp_path)
    calls = script(("think", {"analysis": "Orders are asked for.", "plan": ["Look"]}), run("SELECT 1 AS one"))
    for shown in ("true", "false"):
        bots = bot("reasoning-mode: strict", f"show-reasoning: {shown}")
        async with stack(tmp_path / shown, calls, bots=bots) as served:
            make_data(tmp_path / shown)
            frames = await asked(served, "alice")
            assert [offered(served, number) for number in range(3)] == [
                ["think"],
                ["execute_sql", "think"],
                ["execute_sql", "think"],
            ]
            thoughts = [f["message"] for f in frames if f.get("step") == "reasoning"]
            assert thoughts == (["Orders are asked for.\n\n1. Look"] if shown == "true" else [])
            assert text_of(frames) == "Done."


async def test_a_bot_without_reasoning_has_no_think(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(("think", {"analysis": "x"})), bots=bot()) as served:
        await asked(served, "alice")
        assert offered(served) == ["execute_sql"]
        assert "There is no tool 'think'" in told(served)[0]


# -- rules that steer --------------------------------------------------------------------------------


def rule(text: str) -> list[str]:
    return ["mcp-tools: [execute_sql, query_table]", f"intent-rules: [{{keywords: [count], {text}}}]"]


async def test_a_forbidden_tool_is_withheld_and_refused_if_called_anyhow(tmp_path: Path) -> None:
    make_data(tmp_path)
    bots = bot(*rule("forbidden-tool: execute_sql"))
    async with stack(
        tmp_path, script(run("SELECT 1"), ("query_table", {"table": "orders"})), bots=bots
    ) as served:
        frames = await asked(served, "alice", "COUNT them")
        assert offered(served, 0) == ["query_table"]
        assert "do not allow the tool execute_sql. Allowed: query_table" in told(served)[0]
        assert frames[-1]["type"] == "done"
        await asked(served, "alice", "List them")
        assert offered(served) == ["execute_sql", "query_table"]


async def test_a_required_tool_is_the_only_one(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(
        tmp_path, script(run("SELECT 1")), bots=bot(*rule("required-tool: query_table"))
    ) as served:
        await asked(served, "alice", "count")
        assert offered(served) == ["query_table"]
        assert "want the tool query_table instead of execute_sql" in told(served)[0]


async def test_a_required_tool_that_is_not_there_binds_nobody(tmp_path: Path) -> None:
    make_data(tmp_path)
    bots = bot(*rule("required-tool: search_vectors"))
    async with stack(tmp_path, script(run("SELECT 1 AS one")), bots=bots) as served:
        [result] = results(await asked(served, "alice", "count"))
        assert offered(served) == ["execute_sql", "query_table"]
        assert result["data"] == [{"one": 1}]


@pytest.mark.parametrize("kind", ["forbidden", "required"])
async def test_a_rule_may_use_the_other_name_of_the_http_tool(tmp_path: Path, kind: str) -> None:
    make_data(tmp_path)
    more = ["http-allowed-domains: [api.example.com]"]
    more += [f"intent-rules: [{{keywords: [count], {kind}-tool: http_request}}]"]
    async with stack(tmp_path, script(), bots=bot(*more)) as served:
        await asked(served, "alice", "count")
        assert offered(served) == (["execute_sql"] if kind == "forbidden" else ["http_get"])


FORBIDDEN = ["intent-rules: [{keywords: [count], forbidden-table: orders, forbidden-tool: query_table}]"]
TOOLS = "mcp-tools: [execute_sql, query_table, insert_record]"
BAD = run("SELECT id FROM orders")
GOOD = run("SELECT id FROM notes")
TABLE = ("query_table", {"table": "notes"})


@pytest.mark.parametrize(
    ("steps", "ends"),
    [
        ([BAD, BAD], "error"),
        ([TABLE, TABLE], "error"),
        ([BAD, GOOD, BAD], "done"),
        ([BAD, TABLE, BAD], "done"),
        ([[BAD, BAD], GOOD], "done"),
        ([[BAD, BAD], BAD], "error"),
    ],
    ids=[
        "sql twice",
        "tool twice",
        "a good one between",
        "another tool between",
        "at once",
        "at once and again",
    ],
)
async def test_only_a_model_that_was_told_and_insists_ends_the_turn(
    tmp_path: Path, steps: list[Any], ends: str
) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(*steps), bots=bot(TOOLS, *FORBIDDEN)) as served:
        frames = await asked(served, "alice", "count")
        assert frames[-1]["type"] == ends
        assert frames[-1].get("code") == ("TOOL_LOOP" if ends == "error" else None)


# -- structured tools --------------------------------------------------------------------------------


async def test_structured_tools_see_and_change_own_rows_only(tmp_path: Path) -> None:
    make_data(tmp_path)
    every = {"id": "gt.0"}
    calls = script(
        ("query_table", {"table": "orders", "select": "id", "order": "id.desc"}),
        ("update_record", {"table": "orders", "data": {"status": "paid"}, "filter": every}),
        ("insert_record", {"table": "orders", "data": {"user_id": "bob", "status": "new"}}),
        ("insert_record", {"table": "orders", "data": {"user_id": "alice", "status": "new", "total": 5}}),
        ("delete_record", {"table": "orders", "filter": {"status": "eq.new"}}),
    )
    bots = bot("mcp-tools: [query_table, insert_record, update_record, delete_record]", "max-iterations: 9")
    async with stack(tmp_path, calls, bots=bots) as served:
        frames = await asked(served, "alice")
        read, updated, foreign, inserted, deleted = results(frames)
        assert json.loads(told(served)[0]) == [{"id": 3}, {"id": 1}]
        assert [row["id"] for row in read["data"]] == [3, 1]
        assert updated["change"]["status"] == "applied"
        assert "error" in foreign
        assert inserted["change"]["status"] == deleted["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT id, status FROM orders ORDER BY id") == [
            (1, "paid"),
            (2, "new"),
            (3, "paid"),
        ]
    assert len(audited(tmp_path, "data.change")) == 3
    assert audited(tmp_path, "tool.call") == []


async def test_a_structured_write_waits_for_the_user(tmp_path: Path) -> None:
    make_data(tmp_path)
    calls = script(("delete_record", {"table": "orders", "filter": {"id": "eq.1"}}))
    bots = bot("mcp-tools: [delete_record]", "confirm-writes: true")
    async with (
        stack(tmp_path, calls, bots=bots) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        [proposed] = results(await client.ask(id))
        assert proposed["change"]["status"] == "proposed"
        assert "proposed" in told(served)[0]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
        change = proposed["change"]["id"]
        await client.send("confirm", conversation_id=id, change_id=change, approve=True)
        assert (await client.until("query_result"))["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]


# -- saved queries -----------------------------------------------------------------------------------

QUERY = """queries:
  orders_over:
    description: Orders over a total.
    sql: SELECT id FROM orders WHERE total > :least ORDER BY id
    parameters: {least: number}
"""


async def test_a_saved_query_gives_each_user_own_rows(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(("orders_over", {"least": 5})), bots=bot(QUERY)) as served:
        for user, ids in (("alice", [1]), ("bob", [2])):
            [result] = results(await asked(served, user))
            assert offered(served) == ["execute_sql", "orders_over"]
            assert [row["id"] for row in result["data"]] == ids
        headers = {"Authorization": f"Bearer {served.token('bob')}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
            kept = (await http.get(f"/api/v1/ai/results/{result['result_id']}")).json()
            assert kept["data"] == [{"id": 2}]
    assert len(audited(tmp_path, "sql.execute")) == 2


@pytest.mark.parametrize(
    "arguments", [{}, {"least": "5 OR 1"}, {"least": 5, "user_id": "bob"}, {"least": True}]
)
async def test_wrong_values_for_a_saved_query_are_an_error_for_the_model(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(("orders_over", arguments)), bots=bot(QUERY)) as served:
        frames = await asked(served, "alice")
        assert results(frames) == []
        assert "error" in json.loads(told(served)[0])
        assert text_of(frames) == "Done."


# -- own tools ---------------------------------------------------------------------------------------

OWN = '''
from appliance.botkit import AsyncContext, Context

def mine(context: Context, status: str) -> list[dict]:
    """Orders with a status."""
    return context.query("SELECT id FROM orders WHERE status = :status", status=status)

async def mine_later(context: AsyncContext) -> list[dict]:
    """All orders."""
    return await context.query("SELECT id FROM orders ORDER BY id")

def leak(context: Context) -> str:
    """Tells a secret."""
    return "It is " + context.settings["api_key"]

def drop(context: Context) -> str:
    """Deletes an order."""
    context.query("DELETE FROM orders WHERE id = 1")
    return "deleted"
'''


def with_tools(data: Path, source: str) -> None:
    folder = data / "bots" / "shop"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tools.py").write_text(source)


async def test_own_functions_query_as_the_user_who_asks(tmp_path: Path) -> None:
    make_data(tmp_path)
    with_tools(tmp_path, OWN)
    calls = script(("mine", {"status": "new"}), ("mine_later", {}))
    async with stack(tmp_path, calls, bots=bot()) as served:
        for user, new, every in (("alice", [1], [1, 3]), ("bob", [2], [2])):
            await asked(served, user)
            assert {"execute_sql", "mine", "mine_later", "leak", "drop"} == set(offered(served))
            assert [[row["id"] for row in json.loads(text)] for text in told(served)] == [new, every]
    assert {entry.details["tool"] for entry in audited(tmp_path, "tool.call")} == {"mine", "mine_later"}


async def test_only_the_listed_functions_are_offered(tmp_path: Path) -> None:
    make_data(tmp_path)
    with_tools(tmp_path, OWN)
    async with stack(tmp_path, script(), bots=bot("mcp-tools: [think, 'custom:mine']")) as served:
        await asked(served, "alice")
        assert offered(served) == ["think", "mine"]


async def test_a_secret_that_a_function_tells_is_seen_by_nobody(tmp_path: Path) -> None:
    make_data(tmp_path)
    with_tools(tmp_path, OWN)
    put(tmp_path, "api_key", SECRET, secret=True)
    async with stack(tmp_path, script(("leak", {})), bots=bot()) as served:
        frames = await asked(served, "alice")
        assert told(served) == ["It is ***"]
        assert SECRET not in json.dumps(frames)
    assert SECRET.encode() not in file_of(tmp_path)


async def test_a_change_out_of_a_function_is_proposed(tmp_path: Path) -> None:
    make_data(tmp_path)
    with_tools(tmp_path, OWN)
    bots = bot("confirm-writes: true")
    async with (
        stack(tmp_path, script(("drop", {})), bots=bots) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        [proposed] = results(await client.ask(id))
        assert proposed["change"]["status"] == "proposed"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
        change = proposed["change"]["id"]
        await client.send("confirm", conversation_id=id, change_id=change, approve=True)
        assert (await client.until("query_result"))["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]


async def test_the_chat_goes_on_where_the_sources_of_tools_fail(tmp_path: Path) -> None:
    make_data(tmp_path)
    with_tools(tmp_path, "raise RuntimeError('broken on purpose')\n")
    broken = QUERY.replace("FROM orders", "FROM nowhere")
    absent = "mcp-servers: {gone: {command: no-such-program-here}}"
    calls = script(("mine", {}), ("orders_over", {"least": 1}), run("SELECT id FROM orders"))
    async with stack(tmp_path, calls, bots=bot(broken, absent)) as served:
        frames = await asked(served, "alice")
        assert "There is no tool 'mine'" in told(served)[0]
        assert "error" in json.loads(told(served)[1])
        assert results(frames)[-1]["row_count"] == 2
        assert text_of(frames) == "Done."


# -- HTTP --------------------------------------------------------------------------------------------


async def test_the_web_is_asked_with_a_secret_header_that_nobody_reads(tmp_path: Path) -> None:
    make_data(tmp_path)
    echo = json.dumps({"you_sent": SECRET, "basic": f"Bearer {SECRET}", "ok": True}).encode()
    put(tmp_path, "api_key", SECRET, secret=True)
    async with web_server(reply(echo)) as web:
        more = (
            f'http-allowed-domains: ["localhost:{web.port}"]',
            f'http-headers: {{"localhost:{web.port}": {{X-Key: "{{{{api_key}}}}"}}}}',
        )
        url = f"http://localhost:{web.port}/v1?q={SECRET}"
        async with stack(tmp_path, script(("http_request", {"url": url})), bots=bot(*more)) as served:
            frames = await asked(served, "alice")
            assert offered(served) == ["execute_sql", "http_get"]
            assert f"x-key: {SECRET}" in web.heads[0].replace("X-Key", "x-key")
            [text] = told(served)
            assert "***" in text
            assert '"status":200' in text
            # The model itself wrote the secret into its call; what came back is masked.
            assert SECRET not in text
            assert any(f.get("message") == "Asking localhost..." for f in frames)
    [entry] = audited(tmp_path, "tool.call")
    assert entry.details["tool"] == "http_get"
    assert entry.details["status"] == 200
    assert SECRET not in json.dumps(entry.details)


async def test_a_host_that_is_not_listed_is_not_asked(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with web_server(reply(b"{}")) as web:
        urls = [f"http://127.0.0.1:{web.port}/", "http://169.254.169.254/", "file:///etc/passwd"]
        calls = script(*(("http_get", {"url": url}) for url in urls))
        async with stack(tmp_path, calls, bots=bot('http-allowed-domains: ["api.example.com"]')) as served:
            await asked(served, "alice")
            assert [json.loads(text)["success"] for text in told(served)] == [False] * 3
        assert web.connections == 0
    assert [entry.details["success"] for entry in audited(tmp_path, "tool.call")] == [False] * 3


# -- settings ----------------------------------------------------------------------------------------


async def test_missing_settings_are_named_to_the_admin_alone(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(), bots=bot('required-settings: [api_key, "user:plan"]')) as served:
        for role, named in (("admin", True), ("authenticated", False)):
            async with wire(served.ws_url, served.token("alice", role)) as client:
                frames = await client.ask(await client.start())
            assert frames[-1]["code"] == "PROMPT_ERROR"
            assert ("api_key" in frames[-1]["error"]) is named
            assert ("user:plan" in frames[-1]["error"]) is named
        assert served.model
        assert served.model.requests == []
        put(tmp_path, "api_key", SECRET, secret=True)
        put(tmp_path, "plan", "gold", user_id="alice")
        assert (await asked(served, "alice"))[-1]["type"] == "done"
        assert (await asked(served, "bob"))[-1]["code"] == "PROMPT_ERROR"


async def test_plain_settings_stand_in_the_prompt_and_secret_ones_never(tmp_path: Path) -> None:
    make_data(tmp_path)
    put(tmp_path, "city", "Rome")
    put(tmp_path, "city", "Oslo", user_id="bob")
    put(tmp_path, "api_key", SECRET, secret=True)
    text = bot()["shop"] + "We are in {{city}}. The key is <{{api_key}}>.\n"
    async with stack(tmp_path, script(), bots={"shop": text}) as served:
        assert served.model
        for user, city in (("alice", "Rome"), ("bob", "Oslo")):
            await asked(served, user)
            system = served.model.requests[-1].body["messages"][0]["content"]
            assert f"We are in {city}. The key is <>." in system
        assert all(SECRET.encode() not in request.raw for request in served.model.requests)
