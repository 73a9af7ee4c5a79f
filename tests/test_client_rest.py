"""The Python client's REST side against the whole appliance: every method once, and its main refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from appliance.client import ApiError, Client
from appliance.client.transport import Transport
from appliance.engine.bot_entries import bot_id
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.stack import OPEN_BOT, Stack, stack

SHOP = bot_id("default", "shop")
MISSING = "00000000-0000-0000-0000-000000000000"
QUERY = "SELECT id, status FROM orders ORDER BY id LIMIT 3"
WRITER = OPEN_BOT.replace(
    "allowed-tables", "allowed-operations: [SELECT, UPDATE]\nconfirm-writes: true\nallowed-tables"
)
CODE = "/** A helper\n * @fluxbase:allow-unauthenticated\n */\nexport default `Help.`"


def replies(request: Any) -> Any:
    """A query for whoever asks for it, an update for who asks for that, else words."""
    said = [message for message in request.body["messages"] if message["role"] != "system"]
    if said[-1]["role"] == "user" and said[-1]["content"] in ("query", "update"):
        sql = QUERY if said[-1]["content"] == "query" else "UPDATE orders SET status = 'paid' WHERE id = 1"
        return openai_tool_calls(("execute_sql", {"sql": sql, "description": "it"}))
    return openai_text("Here you are.")


@asynccontextmanager
async def clients(tmp_path: Path) -> AsyncIterator[tuple[Stack, Client, Client]]:
    """A server with its demo data, a user and an administrator."""
    bots = {"shop": OPEN_BOT, "writer": WRITER, "a/twin/bot.md": OPEN_BOT, "b/twin/bot.md": OPEN_BOT}
    async with stack(tmp_path, replies, bots=bots, demo=True) as served:
        root = served.token("root", role="instance_admin")
        user = served.token("alice")
        async with Client(served.url + "/", user) as alice, Client(served.url, root) as admin:
            yield served, alice, admin


async def refused(call: Awaitable[object]) -> tuple[int, str]:
    with pytest.raises(ApiError) as caught:
        await call
    assert caught.value.message
    return caught.value.status, caught.value.code


async def asked(client: Client, said: str, bot: str = "shop") -> tuple[str, list[Any]]:
    """The conversation of one question, and the events of its answer."""
    async with client.ai.create_chat() as chat:
        answer = chat.ask(bot, said)
        events = [event async for event in answer]
    assert answer.conversation_id
    return answer.conversation_id, events


# -- everybody ---------------------------------------------------------------------------------------


async def test_bots_are_listed_read_and_looked_up(tmp_path: Path) -> None:
    async with clients(tmp_path) as (served, _, _), Client(served.url) as client:
        listed = await client.ai.list_chatbots()
        assert [bot.name for bot in listed] == ["twin", "twin", "shop", "writer"]
        shop = await client.ai.get_chatbot(SHOP)
        assert (shop.name, shop.description) == ("shop", "Answers anybody about the shop.")
        assert shop == (await client.ai.lookup_chatbot("shop")).chatbot
        twins = await client.ai.lookup_chatbot("twin")
        assert (twins.chatbot, twins.ambiguous, twins.namespaces) == (None, True, ["a", "b"])
        nobody = await client.ai.lookup_chatbot("no/such?bot")
        assert nobody.chatbot is None
        assert not nobody.ambiguous
        assert "no/such?bot" in nobody.error
        assert await refused(client.ai.get_chatbot(MISSING)) == (404, "NOT_FOUND")
        assert await refused(client.ai.get_chatbot("..")) == (404, "NOT_FOUND")


async def test_own_conversations_are_listed_read_renamed_and_deleted(tmp_path: Path) -> None:
    async with clients(tmp_path) as (served, alice, _):
        first, _ = await asked(alice, "one")
        second, _ = await asked(alice, "query")
        page = await alice.ai.list_conversations(chatbot="shop", namespace="default", limit=1)
        assert ([one.id for one in page.conversations], page.total, page.has_more) == ([second], 2, True)
        assert (await alice.ai.list_conversations(offset=1)).conversations[0].id == first
        detail = await alice.ai.get_conversation(second)
        assert [message.role for message in detail.messages] == ["user", "assistant"]
        [result] = detail.messages[1].query_results
        assert (result.query, result.row_count) == (QUERY, 3)
        assert detail.messages[1].usage
        renamed = await alice.ai.update_conversation(first, title="Mine")
        assert renamed.title == "Mine"
        assert await refused(alice.ai.update_conversation(first, title="")) == (400, "INVALID_INPUT")
        await alice.ai.delete_conversation(first)
        for gone in (
            alice.ai.get_conversation(first),
            alice.ai.update_conversation(first, title="x"),
            alice.ai.delete_conversation(first),
            alice.ai.changes(first),
        ):
            assert await refused(gone) == (404, "NOT_FOUND")
        assert await refused(alice.ai.list_conversations(limit=0)) == (400, "INVALID_INPUT")
        async with Client(served.url) as nobody:
            assert await refused(nobody.ai.list_conversations()) == (401, "AUTHENTICATION_REQUIRED")


async def test_results_come_as_rows_and_as_a_file_and_to_their_owner_only(tmp_path: Path) -> None:
    async with clients(tmp_path) as (_, alice, admin):
        _, events = await asked(alice, "query")
        [id] = [event.result_id for event in events if event.result_id]
        result = await alice.ai.results(id)
        assert (result.columns, result.row_count) == (["id", "status"], 3)
        assert list(result.data[0]) == ["id", "status"]
        lines = (await alice.ai.results_csv(id)).splitlines()
        assert (lines[0], len(lines)) == ("id,status", 4)
        assert await refused(admin.ai.results(id)) == (404, "NOT_FOUND")
        assert await refused(alice.ai.results_csv(MISSING)) == (404, "NOT_FOUND")


async def test_a_change_is_listed_and_decided_once(tmp_path: Path) -> None:
    async with clients(tmp_path) as (_, alice, _):
        id, _ = await asked(alice, "update", "writer")
        [change] = await alice.ai.changes(id)
        assert (change.status, change.operation, change.table) == ("proposed", "UPDATE", "orders")
        decided = await alice.ai.decide_change(id, change.id, approve=False, message_id="m")
        again = await alice.ai.decide_change(id, change.id, approve=False, message_id="m")
        assert (again.message_id, decided.duplicate, again.duplicate) == (decided.message_id, False, True)
        other = alice.ai.decide_change(id, change.id, approve=True)
        assert await refused(other) == (409, "CONFLICT")
        assert await refused(alice.ai.decide_change(id, MISSING, approve=True)) == (404, "NOT_FOUND")


# -- administrators ----------------------------------------------------------------------------------


async def test_bots_are_administered(tmp_path: Path) -> None:
    async with clients(tmp_path) as (_, alice, admin):
        ai = admin.admin.ai
        assert len(await ai.list_chatbots()) == 4
        [shop] = [bot for bot in await ai.list_chatbots("default") if bot.name == "shop"]
        assert shop.allowed_tables == ["users", "orders"]
        assert "shop's assistant" in (await ai.get_chatbot(shop.id)).code
        off = await ai.toggle_chatbot(shop.id, False)
        assert (off.enabled, off.source) == (False, "filesystem")
        assert (await ai.update_chatbot(shop.id, temperature=0.5, enabled=True)).temperature == 0.5
        assert await refused(ai.update_chatbot(shop.id, temperature=9)) == (400, "INVALID_INPUT")
        made = await ai.sync([{"name": "helper", "code": CODE}], dry_run=True)
        assert (made.dry_run, made.details.created) == (True, ["helper"])
        made = await ai.sync([{"name": "helper", "code": CODE}, {"name": "bad", "code": ""}])
        assert (made.details.created, [problem.name for problem in made.errors]) == (["helper"], ["bad"])
        assert (await ai.sync()).summary["unchanged"] == 4
        await ai.delete_chatbot(bot_id("default", "helper"))
        for gone in (
            ai.get_chatbot(MISSING),
            ai.toggle_chatbot(MISSING, True),
            ai.update_chatbot(MISSING, enabled=True),
            ai.delete_chatbot(bot_id("default", "helper")),
        ):
            assert await refused(gone) == (404, "NOT_FOUND")
        for forbidden in (alice.admin.ai.list_chatbots(), alice.admin.ai.sync()):
            assert await refused(forbidden) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_providers_are_administered(tmp_path: Path) -> None:
    async with clients(tmp_path) as (_, alice, admin):
        ai = admin.admin.ai
        made = await ai.create_provider(
            "own", "openai", {"api_key": "sk-secret", "model": "small"}, display_name="Own", enabled=True
        )
        assert (made.config, made.is_default) == ({"api_key": "***masked***", "model": "small"}, True)
        other = await ai.create_provider("other", "ollama", {"model": "m"}, embedding_model="e")
        assert [one.name for one in await ai.list_providers()][1:] == ["own", "other"]
        assert await ai.get_provider(made.id) == made
        changed = await ai.update_provider(other.id, config={"model": "n"}, embedding_model=None)
        assert (changed.config["model"], changed.embedding_model) == ("n", None)
        assert (await ai.update_provider(other.id, display_name="O")).display_name == "O"
        assert (await ai.set_default_provider(other.id)).is_default
        await ai.set_embedding_provider(other.id)
        assert (await ai.get_provider(other.id)).use_for_embeddings
        await ai.clear_embedding_provider(other.id)
        assert (await ai.get_provider(other.id)).use_for_embeddings is None
        await ai.delete_provider(other.id)
        assert await refused(ai.create_provider("own", "openai")) == (409, "CONFLICT")
        assert await refused(ai.create_provider("x", "unknown")) == (400, "INVALID_INPUT")
        assert await refused(ai.delete_provider("FROM_CONFIG")) == (403, "INSUFFICIENT_PERMISSIONS")
        for gone in (
            ai.get_provider(other.id),
            ai.update_provider(other.id, enabled=False),
            ai.set_default_provider(other.id),
            ai.delete_provider(other.id),
            ai.set_embedding_provider(other.id),
            ai.clear_embedding_provider(other.id),
        ):
            assert await refused(gone) == (404, "NOT_FOUND")
        assert await refused(alice.admin.ai.list_providers()) == (403, "INSUFFICIENT_PERMISSIONS")


async def test_administrators_look_on(tmp_path: Path) -> None:
    async with clients(tmp_path) as (_, alice, admin):
        ai = admin.admin.ai
        id, _ = await asked(alice, "query")
        counted = await ai.metrics()
        assert (counted.total_requests, counted.error_rate) == (1, 0)
        assert [(one.chatbot_id, one.requests) for one in counted.chatbot_stats] == [(SHOP, 1)]
        assert [one.provider_id for one in counted.provider_stats] == ["FROM_CONFIG"]
        page = await ai.list_conversations(chatbot_id=SHOP, user_id="alice", status="active", limit=5)
        assert [one.id for one in page.conversations] == [id]
        rows = await ai.list_messages(id, offset=1)
        assert [row.role for row in rows.messages] == ["tool", "assistant"]
        assert (rows.messages[0].executed_sql, rows.total) == (QUERY, 3)
        [entry] = (await ai.audit(chatbot_id=SHOP, user_id="alice", success=True, limit=5)).entries
        assert (entry.generated_sql, entry.rows_returned, entry.tool_name) == (QUERY, 3, None)
        assert (await ai.audit(success=False)).entries == []
        assert {"users", "orders"} <= {table.name for table in await ai.list_tables("public")}
        orders = await ai.get_table("public", "orders")
        assert orders.primary_key == ["id"]
        assert orders.columns[0].is_primary_key
        assert await refused(ai.list_messages(MISSING)) == (404, "NOT_FOUND")
        assert await refused(ai.get_table("public", "no/such table")) == (404, "NOT_FOUND")
        assert await refused(ai.list_tables("nowhere")) == (404, "NOT_FOUND")
        assert await refused(ai.list_conversations(status="odd")) == (400, "INVALID_INPUT")
        assert await refused(ai.audit(limit=0)) == (400, "INVALID_INPUT")
        hidden = alice.admin.ai
        for call in (hidden.metrics(), hidden.audit(), hidden.list_conversations(), hidden.list_tables()):
            assert await refused(call) == (403, "INSUFFICIENT_PERMISSIONS")


# -- the way there -----------------------------------------------------------------------------------


async def test_a_server_that_cannot_be_reached_or_is_none_is_one_kind_of_error() -> None:
    async with Client("http://127.0.0.1:9", "key") as client:
        with pytest.raises(ApiError, match=r"Cannot reach http://127\.0\.0\.1:9") as caught:
            await client.ai.list_chatbots()
    assert (caught.value.status, caught.value.code, caught.value.details) == (0, "CONNECT_FAILED", {})


async def test_a_bad_credential_and_a_page_that_is_no_api_are_told(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        async with Client(served.url, "bad") as client:
            assert await refused(client.ai.list_chatbots()) == (401, "INVALID_TOKEN")
        async with Client(f"{served.url}/elsewhere") as client:
            assert (await refused(client.ai.list_chatbots()))[0] == 404


async def test_facts_of_a_refusal_are_in_its_details(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        transport = Transport(served.url, {}, 10)
        with pytest.raises(ApiError) as caught:
            await transport.fetch("PUT", "/api/v1/ai/chatbots", {})
        with pytest.raises(ApiError) as odd:
            await transport.call("GET", "/chat/shop", dict)
        await transport.aclose()
    assert (caught.value.status, caught.value.details) == (405, {"allow": ["GET"]})
    assert (odd.value.status, odd.value.code) == (0, "BAD_ANSWER")
