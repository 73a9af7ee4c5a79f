"""The public REST endpoints with the SDK's own habits, and who may see what: all pairs."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import trio

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.sdk import create_client
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

HIDDEN = OPEN_BOT.replace("rate-limit", "public: false\nrate-limit")
DISABLED = OPEN_BOT.replace("rate-limit", "enabled: false\nrate-limit")


async def test_listing_and_lookup_show_enabled_public_bots_only(tmp_path: Path) -> None:
    bots = {
        "shop": OPEN_BOT,
        "hidden": HIDDEN,
        "off": DISABLED,
        "eu/twin/bot.md": OPEN_BOT,
        "us/twin/bot.md": OPEN_BOT,
        "eu/local/bot.md": OPEN_BOT,
        "local": OPEN_BOT,
    }
    async with stack(tmp_path, [], bots=bots) as served, create_client(served.url, served.token()) as client:
        listed, error = await client.ai.list_chatbots()
        assert error is None
        names = sorted((bot["namespace"], bot["name"]) for bot in listed)
        assert names == [
            ("default", "local"),
            ("default", "shop"),
            ("eu", "local"),
            ("eu", "twin"),
            ("us", "twin"),
        ]
        assert all(bot["allowed_tables"] == [] for bot in listed)
        shop = next(bot for bot in listed if bot["name"] == "shop")
        assert (await client.ai.get_chatbot(shop["id"])).data == shop
        assert (await client.ai.lookup_chatbot("shop")).data["chatbot"]["id"] == shop["id"]
        assert (await client.ai.lookup_chatbot("local")).data["chatbot"]["namespace"] == "default"
        twin = (await client.ai.lookup_chatbot("twin")).data
        assert (twin["ambiguous"], sorted(twin["namespaces"])) == (True, ["eu", "us"])
        for name in ("hidden", "off", "nobody"):
            missing = (await client.ai.lookup_chatbot(name)).error
            assert missing is not None
            assert missing.status == 404
        assert (await client.ai.get_chatbot("no-such-id")).error.status == 404


async def test_ones_conversations_are_listed_paged_read_renamed_and_deleted(tmp_path: Path) -> None:
    call = openai_tool_calls(("execute_sql", {"sql": "SELECT 42 AS n", "description": "n"}))
    replies = [call, openai_text("It is 42."), openai_text("b"), openai_text("c")]
    async with stack(tmp_path, replies) as served:
        token = served.token("alice")
        long = "How many orders were there in the last month of the year, by city?"
        async with wire(served.ws_url, token) as socket:
            ids = [await socket.start() for _ in range(3)]
            for id, question in zip(ids, (long, "second", "third"), strict=True):
                await socket.ask(id, question)
        async with create_client(served.url, token) as client:
            page = (await client.ai.list_conversations(namespace="default", chatbot="shop", limit=2)).data
            assert [item["id"] for item in page["conversations"]] == [ids[2], ids[1]]
            assert (page["total"], page["has_more"]) == (3, True)
            rest = (await client.ai.list_conversations(limit=2, offset=2)).data
            [oldest] = rest["conversations"]
            assert oldest["title"] == "How many orders were there in the last month of..."
            assert oldest["preview"] == long[:50]
            assert (oldest["message_count"], rest["has_more"]) == (2, False)
            assert (await client.ai.list_conversations(namespace="other")).data["total"] == 0
            detail = (await client.ai.get_conversation(ids[0])).data
            assert [m["role"] for m in detail["messages"]] == ["user", "assistant"]
            assert detail["messages"][1]["content"] == "It is 42."
            assert detail["messages"][1]["query_results"][0]["data"] == [{"n": 42}]
            assert detail["messages"][1]["usage"]["total_tokens"] == 36
            renamed = (await client.ai.update_conversation(ids[0], title=" My  orders ")).data
            assert renamed["title"] == "My orders"
            for bad in ("", "x" * 201):
                assert (await client.ai.update_conversation(ids[0], title=bad)).error.status == 400
            assert (await client.ai.delete_conversation(ids[0])).error is None
            assert (await client.ai.get_conversation(ids[0])).error.status == 404
            assert (await client.ai.delete_conversation(ids[0])).error.status == 404
            assert (await client.ai.list_conversations()).data["total"] == 2
        async with wire(served.ws_url, token) as socket:
            assert await socket.start(conversation_id=ids[0]) != ids[0]


def credentials(served: Stack) -> dict[str, str | None]:
    """One of each kind of caller, with what it shows."""
    db = connect(database_path(served.data))
    keys = {
        f"{type} key of {tenant}": create_key(db, type, tenant, 0.0)[1]
        for type, tenant in (("tenant", "default"), ("tenant", "acme"), ("service", "default"))
    }
    db.close()
    with httpx.Client() as http:
        visitors = {
            f"visitor {n}": http.post(f"{served.url}/api/v1/ai/visitor").json()["token"] for n in (1, 2)
        }
    return {
        "alice": served.token("alice"),
        "bob": served.token("bob"),
        "admin": served.token("root", "admin"),
        **keys,
        **visitors,
        "nobody": None,
    }


async def test_no_caller_reaches_another_ones_conversation_all_pairs(tmp_path: Path) -> None:
    async with stack(tmp_path, lambda _: openai_text("secret")) as served:
        shown = await trio.to_thread.run_sync(credentials, served)
        owned: dict[str, str] = {}
        for name, token in shown.items():
            async with wire(served.ws_url, token) as socket:
                owned[name] = await socket.start()
                await socket.ask(owned[name])
        for name, token in shown.items():
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with wire(served.ws_url, token) as socket, httpx.AsyncClient(headers=headers) as http:
                for owner, id in owned.items():
                    await socket.send("resume", conversation_id=id, after=0)
                    reached = (await socket.until("resumed", "error"))["type"] == "resumed"
                    watches = name in {"admin", "service key of default"} and "acme" not in owner
                    assert reached == (owner == name or watches), f"{name} reads the conversation of {owner}"
                    if owner != name:
                        await socket.say(id, "let me in")
                        assert (await socket.until("error"))["code"] == "NO_SESSION"
                        assert await socket.start(conversation_id=id) != id
                        url = f"{served.url}/api/v1/ai/conversations/{id}"
                        for method in ("GET", "DELETE"):
                            assert (await http.request(method, url)).status_code in (401, 404)
                        answer = await http.patch(url, json={"title": "mine"})
                        assert answer.status_code in (401, 404)


@pytest.mark.parametrize("path", ["", "/some-id"])
async def test_conversations_need_a_user(tmp_path: Path, path: str) -> None:
    async with stack(tmp_path, []) as served, httpx.AsyncClient() as http:
        answer = await http.get(f"{served.url}/api/v1/ai/conversations{path}")
        assert answer.status_code == 401
        assert answer.json()["code"] == "AUTHENTICATION_REQUIRED"
        bad = await http.get(
            f"{served.url}/api/v1/ai/chatbots", headers={"Authorization": "Bearer bad.bad.bad"}
        )
        assert bad.status_code == 401
        assert bad.json()["code"] == "INVALID_TOKEN"


async def test_errors_are_json_with_a_string_and_a_code(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, httpx.AsyncClient() as http:
        headers = {"Authorization": f"Bearer {served.token()}"}
        base = f"{served.url}/api/v1/ai/conversations"
        tries = [
            (await http.get(f"{served.url}/nowhere"), 404, "NOT_FOUND"),
            (await http.post(f"{served.url}/healthz"), 405, "METHOD_NOT_ALLOWED"),
            (await http.get(f"{base}?limit=many", headers=headers), 400, "INVALID_INPUT"),
            (await http.get(f"{base}?limit=1000", headers=headers), 400, "INVALID_INPUT"),
            (await http.patch(f"{base}/x", content=b"{", headers=headers), 400, "INVALID_INPUT"),
            (await http.patch(f"{base}/x", json={"title": 5}, headers=headers), 400, "INVALID_INPUT"),
        ]
        for answer, status, code in tries:
            assert answer.status_code == status, answer.text
            assert answer.headers["content-type"] == "application/json"
            assert isinstance(answer.json()["error"], str)
            assert answer.json()["code"] == code


async def test_browsers_of_allowed_origins_may_call(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, [], allowed_origins="https://shop.example") as served,
        httpx.AsyncClient() as http,
    ):
        url = f"{served.url}/api/v1/ai/chatbots"
        preflight = await http.options(url, headers={"Origin": "https://shop.example"})
        assert preflight.status_code == 204
        assert "apikey" in preflight.headers["Access-Control-Allow-Headers"]
        assert "PATCH" in preflight.headers["Access-Control-Allow-Methods"]
        other = await http.get(url, headers={"Origin": "https://evil.example"})
        assert "Access-Control-Allow-Origin" not in other.headers
