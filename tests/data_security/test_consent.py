"""Changes of the data, and whose word they need."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from tests.data_security.shop import (
    CONFIRMS,
    WRITES,
    asked,
    audited,
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
from tests.support.stack import stack, write_bots
from tests.support.wire import Frame, Wire, wire

DELETE = "DELETE FROM orders WHERE id = 1"
REMOVES = f"""
from appliance.botkit import Context

def remove(context: Context) -> str:
    \"\"\"Removes an order.\"\"\"
    context.query("{DELETE}")
    return "removed"
"""


async def proposed(client: Wire) -> tuple[str, str]:
    """The conversation and the change that waits in it."""
    id = await client.start()
    [result] = results(await client.ask(id, "Delete order 1"))
    assert result["change"]["status"] == "proposed"
    return id, result["change"]["id"]


async def decided(client: Wire, id: str, change_id: str) -> Frame:
    await client.send("confirm", conversation_id=id, change_id=change_id, approve=True)
    return await client.until("query_result", "error")


async def test_a_bot_that_lists_no_operations_writes_nothing(tmp_path: Path) -> None:
    statements = ("DELETE FROM notes", "UPDATE people SET name = ''", "INSERT INTO notes (id) VALUES (1)")
    make_data(tmp_path)
    async with stack(tmp_path, script(*statements), bots=bot()) as served:
        assert all("not allowed" in result["error"] for result in results(await asked(served)))
        assert sql(tmp_path, "SELECT count(*) FROM notes") == [(0,)]
        assert served.model
        offered = {tool["function"]["name"] for tool in served.model.requests[0].body["tools"]}
        assert offered == {"execute_sql"}


async def test_a_yes_in_the_chat_is_no_consent_and_a_model_has_no_tool_to_confirm(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with (
        stack(tmp_path, insisting_on_confirm(), bots=bot(CONFIRMS)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, _ = await proposed(client)
        await client.ask(id, "yes, I confirm, do it now")
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
        assert served.model
        for request in served.model.requests:
            names = {tool["function"]["name"] for tool in request.body.get("tools", [])}
            assert not {name for name in names if "confirm" in name or "approve" in name or "decide" in name}


def insisting_on_confirm() -> Callable[[Recorded], Reply]:
    """First the change; for any other question it calls what it would like to have."""

    def reply(request: Recorded) -> Reply:
        messages = request.body["messages"]
        if messages[-1]["role"] == "tool":
            return openai_text("Done.")
        if messages[-1]["content"].startswith("yes"):
            return openai_tool_calls(("confirm_change", {"approve": True}), ("confirm", {"approve": True}))
        return openai_tool_calls(("execute_sql", {"sql": DELETE, "description": "it"}))

    return reply


async def test_a_proposal_is_void_after_a_day(tmp_path: Path) -> None:
    make_data(tmp_path)
    later = [0.0]
    async with stack(
        tmp_path,
        script(DELETE),
        bots=bot(f"{CONFIRMS}\nconversation-ttl: 0"),
        clock=lambda: time.time() + later[0],
    ) as served:
        token = served.token("alice", lifetime_s=30 * 86_400)
        async with wire(served.ws_url, token) as client:
            id, change_id = await proposed(client)
            later[0] = 24 * 3600 + 1
            told = await decided(client, id, change_id)
            assert told.get("error") or told["type"] == "error"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_rules_that_became_stricter_count_when_the_user_confirms(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with (
        stack(tmp_path, script(DELETE), bots=bot(CONFIRMS)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change_id = await proposed(client)
        (tmp_path / "data.yaml").write_text('row-rules: {orders: "user_id = :user_id AND total > 50"}')
        told = await decided(client, id, change_id)
        assert told["change"]["status"] == "failed"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_a_bot_that_may_not_write_any_more_carries_out_no_older_proposal(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with (
        stack(tmp_path, script(DELETE), bots=bot(CONFIRMS)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change_id = await proposed(client)
    write_bots(tmp_path / "bots", bot())
    async with (
        stack(tmp_path, script(DELETE), bots=bot()) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        await client.send("resume", conversation_id=id, after=0)
        await client.until("query_result")
        told = await decided(client, id, change_id)
        assert told["change"]["status"] == "failed"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_an_admin_who_acts_for_a_user_can_confirm_and_the_audit_says_who_it_was(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("DELETE FROM orders WHERE id = 2"), bots=bot(CONFIRMS)) as served:
        served.token("bob")
        async with wire(served.ws_url, served.token("root", "admin")) as admin:
            id = await admin.start(impersonate_user_id="bob")
            [result] = results(await admin.ask(id, "Delete it"))
            assert (await decided(admin, id, result["change"]["id"]))["change"]["status"] == "applied"
        [entry] = audited(tmp_path, "data.change")
        assert entry.actor == "user:root"
        assert entry.details["acting_for"] == "bob"


async def test_functions_of_tools_py_ask_for_consent_too(tmp_path: Path) -> None:
    make_data(tmp_path)
    write_tools(tmp_path, REMOVES)
    async with stack(tmp_path, script(("remove", {})), bots=bot(CONFIRMS)) as served:
        await asked(served)
        assert "confirm" in read_by_model(served)
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
        assert len(audited(tmp_path, "data.propose")) == 1


async def test_without_confirm_writes_a_change_is_made_at_once(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(DELETE), bots=bot(WRITES)) as served:
        [result] = results(await asked(served))
        assert result["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]


async def test_triggers_of_the_data_file_run_with_a_change_and_are_not_held_by_rules(tmp_path: Path) -> None:
    make_data(tmp_path)
    sql(
        tmp_path,
        "CREATE TRIGGER raise_pay AFTER UPDATE ON notes BEGIN UPDATE salaries SET amount = amount + 1; END;"
        "INSERT INTO notes VALUES (1, 'a')",
    )
    async with stack(tmp_path, script("UPDATE notes SET text = 'b'"), bots=bot(WRITES)) as served:
        [result] = results(await asked(served))
        assert result["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT amount FROM salaries") == [(54322,)]


async def test_cascades_of_the_data_file_reach_rows_that_the_caller_does_not_see(tmp_path: Path) -> None:
    make_data(tmp_path)
    sql(
        tmp_path,
        "CREATE TABLE parcels (id INTEGER PRIMARY KEY, number INT REFERENCES orders (id) ON DELETE CASCADE);"
        "INSERT INTO parcels VALUES (1, 1), (2, 2)",
    )
    statements = ("SELECT * FROM parcels", DELETE)
    async with stack(tmp_path, script(*statements), bots=bot(WRITES)) as served:
        closed, changed = results(await asked(served))
        assert closed["error"]
        assert changed["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT id FROM parcels") == [(2,)]
