"""What administrators look at: counts, conversations with their calls, the audit trail (8.3, 8.4)."""

from __future__ import annotations

import time
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.engine.bot_entries import bot_id
from appliance.store import audit
from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.model_replies import Reply, error, openai_text, openai_tool_calls
from tests.support.sdk import Client, Ear, create_client
from tests.support.stack import OPEN_BOT, Stack, stack

ADMIN = "/api/v1/admin/ai"
QUERY = "SELECT count(*) AS n FROM orders"


def tool_turn(sql: str = QUERY, *said: str) -> list[Reply]:
    call = openai_tool_calls(("execute_sql", {"sql": sql, "description": "count orders"}))
    return [call, openai_text(*(said or ("There are ", "some.")))]


def as_admin(served: Stack, **headers: str) -> AbstractAsyncContextManager[Client]:
    return create_client(served.url, served.token("root", role="instance_admin"), headers)


async def good(client: Client, path: str) -> Any:
    data, problem = await client.request("GET", ADMIN + path)
    assert problem is None, problem
    return data


async def ask(served: Stack, said: str, *, user: str = "alice", bot: str = "shop", **headers: str) -> str:
    """One turn of that user; returns the conversation's id."""
    async with trio.open_nursery() as nursery:
        ear = Ear()
        chat = served.chat(nursery, ear, token=served.token(user))
        await chat.connect()
        id: str = await chat.start_chat(bot)
        await chat.send_message(id, said)
        await ear.until(lambda: bool(ear.done or ear.errors))
        nursery.cancel_scope.cancel()
    return id


# -- metrics -----------------------------------------------------------------------------------------


async def test_metrics_count_turns_tokens_errors_and_times_by_bot_and_provider(tmp_path: Path) -> None:
    replies = [openai_text("One."), *tool_turn(), error(401, "no")]
    bots = {"shop": OPEN_BOT, "help": OPEN_BOT + "\n"}
    async with stack(tmp_path, replies, bots=bots, demo=True) as served, as_admin(served) as client:
        empty = await good(client, "/metrics")
        assert (empty["total_requests"], empty["error_rate"], empty["chatbot_stats"]) == (0, 0, [])
        await ask(served, "one")
        await ask(served, "two")
        await ask(served, "three", user="bob", bot="help")
        told = await good(client, "/metrics")
        detail = [await good(client, f"/conversations?user_id={user}") for user in ("alice", "bob")]
        tokens = [
            sum(one[f"total_{kind}_tokens"] for page in detail for one in page["conversations"])
            for kind in ("prompt", "completion")
        ]
    assert told["total_requests"] == 3
    assert [told["total_prompt_tokens"], told["total_completion_tokens"]] == tokens
    assert told["total_tokens"] == sum(tokens) > 0
    assert told["error_rate"] == 33.33
    assert (told["active_conversations"], told["total_conversations"]) == (3, 3)
    by_bot = {one["chatbot_name"]: one for one in told["chatbot_stats"]}
    assert (by_bot["shop"]["requests"], by_bot["shop"]["error_count"]) == (2, 0)
    assert (by_bot["help"]["requests"], by_bot["help"]["error_count"]) == (1, 1)
    assert by_bot["help"]["chatbot_id"] == bot_id("default", "help")
    [provider] = told["provider_stats"]
    assert (provider["provider_id"], provider["provider_name"]) == ("FROM_CONFIG", "openai")
    assert (provider["model"], provider["requests"], provider["error_count"]) == ("scripted", 3, 1)
    assert provider["avg_latency_ms"] == told["avg_response_time_ms"] > 0


async def test_metrics_outlive_the_conversations_that_they_were_counted_from(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hello.")]) as served, as_admin(served) as client:
        await ask(served, "hi")
        before = await good(client, "/metrics")
        db = connect(database_path(served.data))
        db.execute("DELETE FROM _conversations")  # as happens a week after somebody deleted them
        assert db.execute("SELECT count(*) FROM _turns").get == 0
        db.close()
        after = await good(client, "/metrics")
    assert (before["total_conversations"], after["total_conversations"]) == (1, 0)
    assert after["total_requests"] == 1
    assert after["total_tokens"] == before["total_tokens"]
    assert after["chatbot_stats"] == before["chatbot_stats"]


async def test_a_provider_of_the_database_is_counted_under_its_own_id_and_name(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hello.")]) as served, as_admin(served) as client:
        assert served.model
        config = {"base_url": f"{served.model.url}/v1", "model": "small"}
        made, _ = await client.admin.ai.create_provider(
            name="own", provider_type="openai", config=config, is_default=True
        )
        await ask(served, "hi")
        [stat] = (await good(client, "/metrics"))["provider_stats"]
    assert (stat["provider_id"], stat["provider_name"], stat["model"]) == (made["id"], "own", "small")


# -- conversations -----------------------------------------------------------------------------------


async def test_all_conversations_of_the_tenant_are_listed_with_every_filter(tmp_path: Path) -> None:
    brief = OPEN_BOT.replace("persist-conversations: true\n", "")
    bots = {"shop": OPEN_BOT, "help": OPEN_BOT, "brief": brief}
    async with (
        stack(tmp_path, lambda _: openai_text("Hello."), bots=bots) as served,
        as_admin(served) as client,
    ):
        first = await ask(served, "first")
        second = await ask(served, "second", user="bob")
        third = await ask(served, "third", bot="help")
        await ask(served, "never listed", bot="brief")
        page = await good(client, "/conversations")
        assert [one["id"] for one in page["conversations"]] == [third, second, first]
        assert (page["total"], page["total_count"]) == (3, 3)
        newest = page["conversations"][0]
        assert (newest["chatbot_id"], newest["chatbot_name"]) == (bot_id("default", "help"), "help")
        assert (newest["user_id"], newest["title"], newest["turn_count"]) == ("alice", "third", 1)
        assert (newest["status"], newest["user_email"], newest["source"]) == ("active", None, "fluxbase")

        async def ids(query: str) -> list[str]:
            return [one["id"] for one in (await good(client, f"/conversations?{query}"))["conversations"]]

        assert await ids(f"chatbot_id={bot_id('default', 'shop')}") == [second, first]
        assert await ids("chatbot_id=unknown") == []
        assert await ids("user_id=alice") == [third, first]
        assert await ids("user_id=nobody") == []
        assert await ids("limit=1&offset=1") == [second]
        assert await ids("status=deleted") == []
        async with create_client(served.url, served.token("alice")) as alice:
            await alice.ai.delete_conversation(first)
        assert await ids("") == await ids("status=active") == [third, second]
        [gone] = (await good(client, "/conversations?status=deleted"))["conversations"]
        assert (gone["id"], gone["title"], gone["status"]) == (first, None, "deleted")


async def test_a_conversation_is_told_call_by_call_in_order_and_reading_it_is_written_down(
    tmp_path: Path,
) -> None:
    async with (
        stack(tmp_path, [*tool_turn(), *tool_turn("SELECT x FROM nothing", "Sorry.")], demo=True) as served,
        as_admin(served) as client,
    ):
        id = await ask(served, "how many?")
        async with trio.open_nursery() as nursery:
            ear = Ear()
            chat = served.chat(nursery, ear, token=served.token("alice"))
            await chat.connect()
            await chat.send_message(id, "and nothing?")
            await ear.until_events("done")
            nursery.cancel_scope.cancel()
        told = await good(client, f"/conversations/{id}/messages")
        page = await good(client, f"/conversations/{id}/messages?limit=2&offset=1")
        db = connect(database_path(served.data))
        reads = [one for one in audit.entries(db, tenant="default") if one.action == "conversation.read"]
        db.close()
    rows = told["messages"]
    assert told["total"] == len(rows) == 6
    assert [row["sequence_number"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["role"] for row in rows] == ["user", "tool", "assistant"] * 2
    assert len({row["id"] for row in rows}) == 6
    assert {row["conversation_id"] for row in rows} == {id}
    asked, call, said = rows[:3]
    assert (asked["content"], asked["tool_name"], asked["prompt_tokens"]) == ("how many?", None, None)
    assert (call["tool_name"], call["executed_sql"], call["sql_row_count"]) == ("execute_sql", QUERY, 1)
    assert call["tool_call_id"]
    assert call["sql_error"] is None
    assert call["sql_duration_ms"] > 0
    assert "count orders" in call["tool_input"]
    assert said["content"] == "There are some."
    assert said["prompt_tokens"] > 0
    assert said["completion_tokens"] > 0
    assert "nothing" in rows[4]["sql_error"]
    assert rows[4]["sql_result_summary"].startswith("Query rejected")
    assert [row["sequence_number"] for row in page["messages"]] == [2, 3]
    assert page["total"] == 6
    assert [(one.actor, one.target) for one in reads] == [("user:root", f"conversation:{id}")] * 2


async def test_unknown_deleted_and_foreign_conversations_are_404(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Hello.")]) as served, as_admin(served) as client:
        id = await ask(served, "hi")
        db = connect(database_path(served.data))
        _, key = create_key(db, "service", "other", time.time())
        db.close()
        async with create_client(served.url, key) as other:
            answers = [await other.request("GET", f"{ADMIN}/conversations/{id}/messages")]
            assert (await good(other, "/conversations"))["conversations"] == []
            assert (await good(other, "/metrics"))["total_requests"] == 0
        async with create_client(served.url, served.token("alice")) as alice:
            await alice.ai.delete_conversation(id)
        paths = [f"{ADMIN}/conversations/{one}/messages" for one in (id, "nope", "%2e%2e")]
        answers += [await client.request("GET", path) for path in paths]
    for _, problem in answers:
        assert problem is not None
        assert (problem.status, problem.details["code"]) == (404, "NOT_FOUND")


# -- audit -------------------------------------------------------------------------------------------


async def test_the_audit_tells_each_call_with_what_became_of_it(tmp_path: Path) -> None:
    replies = [*tool_turn(), *tool_turn("SELECT * FROM _users"), *tool_turn("DELETE FROM orders")]
    async with stack(tmp_path, replies, demo=True) as served, as_admin(served) as client:
        ids = [await ask(served, "good"), await ask(served, "bad", user="bob"), await ask(served, "worse")]
        told = await good(client, "/audit")
        rows = (await good(client, f"/conversations/{ids[0]}/messages"))["messages"]
        only = {
            query: [one["generated_sql"] for one in (await good(client, f"/audit?{query}"))["entries"]]
            for query in ("success=true", "success=false", "user_id=bob", "limit=1&offset=1", "user_id=x")
        }
        of_bot = await good(client, f"/audit?chatbot_id={bot_id('default', 'shop')}")
        of_none = await good(client, "/audit?chatbot_id=unknown")
    worse, bad, fine = told["entries"]
    assert (told["total"], told["total_count"]) == (3, 3)
    assert fine["generated_sql"] == fine["sanitized_sql"] == QUERY
    assert (fine["executed"], fine["validation_passed"], fine["success"]) == (True, True, True)
    assert (fine["rows_returned"], fine["tables_accessed"], fine["operations_used"]) == (
        1,
        ["orders"],
        ["SELECT"],
    )
    assert fine["execution_duration_ms"] > 0
    assert (fine["ip_address"], fine["user_id"], fine["chatbot_name"]) == ("127.0.0.1", "alice", "shop")
    assert (fine["conversation_id"], fine["message_id"]) == (ids[0], rows[-1]["id"])
    for entry in (bad, worse):
        assert (entry["executed"], entry["validation_passed"], entry["success"]) == (False, False, False)
        assert entry["validation_errors"] == [entry["error_message"]]
        assert entry["sanitized_sql"] is None
    assert (bad["generated_sql"], worse["generated_sql"]) == ("SELECT * FROM _users", "DELETE FROM orders")
    assert only["success=true"] == [QUERY]
    assert only["success=false"] == ["DELETE FROM orders", "SELECT * FROM _users"]
    assert only["user_id=bob"] == only["limit=1&offset=1"] == ["SELECT * FROM _users"]
    assert only["user_id=x"] == of_none["entries"] == []
    assert of_bot["total_count"] == 3


async def test_the_audit_knows_the_program_that_asked_and_for_whom(tmp_path: Path) -> None:
    async with stack(tmp_path, tool_turn(), demo=True) as served, as_admin(served) as client:
        served.token("target")
        async with trio.open_nursery() as nursery:
            ear = Ear()
            chat = served.chat(nursery, ear, token=served.token("root", role="instance_admin"))
            await chat.connect()
            id = await chat.start_chat("shop", impersonate_user_id="target")
            await chat.send_message(id, "how many?")
            await ear.until_events("done")
            nursery.cancel_scope.cancel()
        found = [await good(client, f"/audit?user_id={user}") for user in ("target", "root", "alice")]
    assert [page["total_count"] for page in found] == [1, 1, 0]
    [entry] = found[0]["entries"]
    assert (entry["user_id"], entry["actor"]) == ("target", "user:root")


async def test_the_user_agent_of_a_request_is_in_the_trail_cut_to_a_length(tmp_path: Path) -> None:
    async with stack(tmp_path, tool_turn(), demo=True) as served, as_admin(served) as client:
        headers = {"Authorization": f"Bearer {served.token('alice')}", "User-Agent": "Shop/1.0 " + "x" * 5000}
        async with httpx.AsyncClient(headers=headers, timeout=20) as http:
            body = {"model": "shop", "messages": [{"role": "user", "content": "how many?"}]}
            answer = await http.post(f"{served.url}/v1/chat/completions", json=body)
            assert answer.status_code == 200, answer.text
        [entry] = (await good(client, "/audit"))["entries"]
    assert entry["user_agent"].startswith("Shop/1.0 xxx")
    assert len(entry["user_agent"]) == 256


# -- who may, and what is wrong ----------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/metrics", "/conversations", "/conversations/x/messages", "/audit"])
async def test_only_admins_look_on(tmp_path: Path, path: str) -> None:
    async with stack(tmp_path, []) as served:
        db = connect(database_path(served.data))
        _, anon = create_key(db, "anon", "default", time.time())
        _, tenant = create_key(db, "tenant", "default", time.time())
        db.close()
        async with httpx.AsyncClient(base_url=served.url + ADMIN) as http:
            keys = (anon, tenant, served.token("alice"), served.token("boss", role="tenant_admin"))
            shown = [{}, *({"Authorization": f"Bearer {key}"} for key in keys)]
            answers = [await http.get(path, headers=headers) for headers in shown]
    assert [answer.status_code for answer in answers] == [401, 403, 403, 403, 403]
    assert answers[1].json()["code"] == "INSUFFICIENT_PERMISSIONS"


@pytest.mark.parametrize(
    "path",
    [
        "/conversations?limit=0",
        "/conversations?limit=101",
        "/conversations?limit=many",
        "/conversations?offset=-1",
        "/conversations?status=old",
        "/audit?limit=1001",
        "/audit?success=maybe",
        "/conversations/x/messages?limit=0",
    ],
)
async def test_what_cannot_be_meant_is_400_with_a_sentence(tmp_path: Path, path: str) -> None:
    async with stack(tmp_path, []) as served, as_admin(served) as client:
        _, problem = await client.request("GET", ADMIN + path)
    assert problem is not None
    assert (problem.status, problem.details["code"]) == (400, "INVALID_INPUT")
    assert "must be" in problem.message
