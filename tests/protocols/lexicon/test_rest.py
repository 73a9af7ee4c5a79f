"""Chats over REST (section 2): every field, every page, every refusal."""

from __future__ import annotations

import re
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.protocols.lexicon.stage import stage
from tests.support.model_replies import openai_text, stream, text
from tests.support.stack import OPEN_BOT
from tests.support.wire import wire

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
MEMBERS = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")
STAFF = OPEN_BOT.replace("rate-limit: 1000", "require-roles: [staff]\nrate-limit: 1000")


def assert_error(got: httpx.Response, status: int, code: str, text: str = "") -> None:
    assert got.status_code == status, got.text
    body = got.json()
    assert sorted(body) == ["detail", "details", "error_code", "error_message"]
    assert body["error_code"] == code
    assert body["detail"] == body["error_message"]
    assert text in body["detail"]
    assert body["details"]["fix"]


async def test_a_chat_is_made_and_shown_as_documented(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        body = {"user_id": "user123", "title": "Support Session", "metadata": {"department": "technical"}}
        made = await lexicon.client.post("/api/v1/chats/", json=body)
        assert made.status_code == 201
        chat = made.json()
        assert list(chat) == [
            *("id", "user_id", "tenant_id", "title", "config", "created_at", "updated_at", "last_message_at")
        ]
        assert uuid.UUID(chat["id"])
        assert TIME.fullmatch(chat["created_at"])
        assert TIME.fullmatch(chat["updated_at"])
        known = ("user_id", "tenant_id", "title", "config", "last_message_at")
        assert {name: chat[name] for name in known} == {
            "user_id": "user123",
            "tenant_id": "default",
            "title": "Support Session",
            "config": {"metadata": {"department": "technical"}},
            "last_message_at": None,
        }
        for path in (f"/api/v1/chats/{chat['id']}", f"/api/v1/chats/{chat['id']}/"):
            shown = (await lexicon.client.get(path)).json()
            assert shown == {**chat, "message_count": 0, "status": "active"}


@pytest.mark.parametrize("path", ["/api/v1/chats", "/api/v1/chats/"])
async def test_a_chat_needs_a_user_and_nothing_else(tmp_path: Path, path: str) -> None:
    async with stage(tmp_path, []) as lexicon:
        made = await lexicon.client.post(path, json={"user_id": "Ünï/🌍 42"})
        assert made.status_code == 201
        chat = made.json()
        assert chat["config"] == {"metadata": {}}
        assert chat["title"] == f"Chat {chat['created_at'][:10]}"
        nulls = {"user_id": "u", "title": None, "metadata": None}
        assert (await lexicon.client.post(path, json=nulls)).status_code == 201


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"user_id": 7}',
        b'{"user_id": ""}',
        b'{"user_id": " "}',
        b'{"user_id": "a\\u0000b"}',
        b'{"user_id": "a\\nb"}',
        b'{"user_id": "' + b"x" * 257 + b'"}',
        b'{"user_id": "u", "title": 1}',
        b'{"user_id": "u", "title": "' + b"x" * 201 + b'"}',
        b'{"user_id": "u", "metadata": []}',
        b'{"user_id": "u", "metadata": {"agent_id": 7}}',
        b'{"user_id": "u", "metadata": {"agent_id": " "}}',
        b'{"user_id": "u", "metadata": {"agent_id": "nobody"}}',
        b'{"user_id": "u", "metadata": ' + b"[" * 10_000,
        b'{"user_id": "u", "metadata": {"n": ' + b"[" * 64 + b"]" * 64 + b"}}",
        b'{"user_id": "u", "metadata": {"n": ' + b"[" * 980 + b"]" * 980 + b"}}",
        b'{"user_id": "\xff"}',
    ],
)
async def test_a_bad_body_is_a_400_and_makes_nothing(tmp_path: Path, body: bytes) -> None:
    async with stage(tmp_path, []) as lexicon:
        got = await lexicon.client.post("/api/v1/chats/", content=body)
        assert_error(got, 400, "VALIDATION_ERROR")
        assert (await lexicon.client.get("/api/v1/chats/user/u")).json()["total"] == 0


async def test_half_an_emoji_is_mended(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        body = b'{"user_id": "u", "title": "cut \\ud83d", "metadata": {"a": "\\ud83d"}}'
        made = await lexicon.client.post("/api/v1/chats/", content=body)
        assert made.status_code == 201
        assert made.json()["title"] == "cut \ufffd"
        assert made.json()["config"] == {"metadata": {"a": "\ufffd"}}


async def test_without_a_key_the_error_says_where_to_put_one(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        got = await lexicon.client.get("/api/v1/chats/user/u", headers={"X-API-Key": ""})
        assert_error(got, 401, "AUTH_ERROR", "Missing X-API-Key header")
        assert got.json()["details"]["fix"] == "Add the header X-API-Key: your_api_key"


async def test_making_a_chat_makes_no_user(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat("fresh")
        async with lexicon.raw_socket(api_key=lexicon.key, user_id="fresh", chat_id=chat) as socket:
            await socket.until("user_created")


async def test_a_users_chats_are_listed_newest_first_in_pages(tmp_path: Path) -> None:
    async with stage(tmp_path, [openai_text("Hi")]) as lexicon:
        chats = [await lexicon.new_chat("user/1") for _ in range(3)]
        await lexicon.new_chat("another")
        async with lexicon.socket(chats[0], "user/1") as socket:
            await socket.until("user_created")
            await socket.ask("Hello")

        async def page(**query: Any) -> dict[str, Any]:
            got = await lexicon.client.get("/api/v1/chats/user/user%2F1", params=query)
            assert got.status_code == 200, got.text
            return dict(got.json())

        whole = await page()
        assert [chat["id"] for chat in whole["chats"]] == chats[::-1]
        assert {name: whole[name] for name in ("total", "offset", "limit", "has_more")} == {
            "total": 3,
            "offset": 0,
            "limit": 50,
            "has_more": False,
        }
        assert [chat["message_count"] for chat in whole["chats"]] == [0, 0, 2]
        assert [chat["last_message_at"] is None for chat in whole["chats"]] == [True, True, False]
        assert "status" not in whole["chats"][0]
        some = await page(offset=1, limit=1, order="asc")
        assert [chat["id"] for chat in some["chats"]] == [chats[1]]
        assert (some["total"], some["offset"], some["limit"], some["has_more"]) == (3, 1, 1, True)
        beyond = await page(offset=9)
        assert (beyond["chats"], beyond["total"], beyond["has_more"]) == ([], 3, False)


async def test_a_user_without_chats_has_an_empty_list(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        got = await lexicon.client.get("/api/v1/chats/user/nobody/")
        empty = {"chats": [], "total": 0, "offset": 0, "limit": 50, "has_more": False}
        assert (got.status_code, got.json()) == (200, empty)


@pytest.mark.parametrize(
    "query", ["offset=-1", "offset=x", "limit=0", "limit=101", "order=up", "limit=1.5", "limit=1_0"]
)
@pytest.mark.parametrize("what", ["user/user123", "{chat}/messages"])
async def test_bad_paging_is_a_400(tmp_path: Path, what: str, query: str) -> None:
    async with stage(tmp_path, []) as lexicon:
        path = what.format(chat=await lexicon.new_chat())
        got = await lexicon.client.get(f"/api/v1/chats/{path}?{query}")
        assert_error(got, 400, "VALIDATION_ERROR")


async def test_messages_are_listed_oldest_first_with_their_metadata(tmp_path: Path) -> None:
    async with stage(tmp_path, [openai_text("One", " and", " two"), openai_text("Three")]) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            first = await socket.ask("Hello", metadata={"category": "billing", "deep": {"n": [1, None]}})
            await socket.ask("More")
        messages = await lexicon.messages(chat)
        assert list(messages[0]) == [
            *("id", "content", "sender_role", "media_type", "media_url", "created_at", "metadata")
        ]
        assert [(one["sender_role"], one["content"]) for one in messages] == [
            ("user", "Hello"),
            ("assistant", "One and two"),
            ("user", "More"),
            ("assistant", "Three"),
        ]
        by_type = {event["event_type"]: event for event in first}
        assert messages[0]["id"] == by_type["message_received"]["message_id"]
        assert messages[1]["id"] == by_type["message_stream_ended"]["message_id"]
        assert messages[0]["metadata"] == {"category": "billing", "deep": {"n": [1, None]}}
        assert messages[1]["metadata"]["model"] == "scripted"
        assert messages[1]["metadata"]["tokens_used"] > 0
        assert messages[2]["metadata"] == {}
        assert all(one["media_type"] is one["media_url"] is None for one in messages)
        assert [one["created_at"] for one in messages] == sorted(one["created_at"] for one in messages)

        newest = await lexicon.client.get(f"/api/v1/chats/{chat}/messages?order=desc&limit=1&offset=1")
        page = newest.json()
        assert page["messages"] == [messages[2]]
        assert (page["total"], page["offset"], page["limit"], page["has_more"]) == (4, 1, 1, True)
        last = (await lexicon.client.get(f"/api/v1/chats/{chat}/messages?offset=2")).json()
        assert (last["messages"], last["has_more"]) == (messages[2:], False)


async def test_a_chat_without_a_title_gets_one_from_its_first_message(tmp_path: Path) -> None:
    async with stage(tmp_path, [openai_text("Yes"), openai_text("Yes")]) as lexicon:
        chat, titled = await lexicon.new_chat(), await lexicon.new_chat(title="  Kept \n title ")
        for one in (chat, titled):
            async with lexicon.socket(one) as socket:
                await socket.ask("Where is my order?")
        shown = [(await lexicon.client.get(f"/api/v1/chats/{one}")).json() for one in (chat, titled)]
        assert [one["title"] for one in shown] == ["Where is my order?", "Kept title"]
        assert [one["message_count"] for one in shown] == [2, 2]
        assert TIME.fullmatch(shown[0]["last_message_at"])


async def test_a_failed_answer_is_kept_and_marked(tmp_path: Path) -> None:
    broken = stream(text("Half an ans"), then="reset")
    async with stage(tmp_path, [broken], provider_retries=0) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            assert (await socket.ask("Hello"))[-1]["error_code"] == "AI_ERROR"
        answer = (await lexicon.messages(chat))[1]
        assert answer["content"] == "Half an ans"
        assert answer["metadata"]["status"] == "failed"
        assert answer["metadata"]["error"]


async def test_a_deleted_chat_is_gone_with_its_messages(tmp_path: Path) -> None:
    async with stage(tmp_path, [openai_text("Hi")]) as lexicon:
        chat = await lexicon.new_chat()
        async with lexicon.socket(chat) as socket:
            await socket.ask("Hello")
            connected = await lexicon.client.delete(f"/api/v1/chats/{chat}")
            assert_error(connected, 409, "CHAT_CONFLICT", "open connection")
            assert len(await lexicon.messages(chat)) == 2
            await socket.close()
        gone = await lexicon.client.delete(f"/api/v1/chats/{chat}")
        assert gone.status_code == 200, gone.text
        body = gone.json()
        assert TIME.fullmatch(body.pop("deleted_at"))
        assert body == {"success": True, "message": "Chat deleted successfully"}
        for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
            again = await lexicon.client.request(method, f"/api/v1/chats/{chat}{path}")
            assert_error(again, 404, "CHAT_NOT_FOUND", "Chat not found")
        assert (await lexicon.client.get("/api/v1/chats/user/user123")).json()["total"] == 0


@pytest.mark.parametrize("chat", [str(uuid.UUID(int=7)), "nope", "user", "%00", "..%2f", "x" * 3000])
async def test_what_is_no_chat_is_not_found(tmp_path: Path, chat: str) -> None:
    async with stage(tmp_path, []) as lexicon:
        for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
            got = await lexicon.client.request(method, f"/api/v1/chats/{chat}{path}")
            if (chat, path) != ("user", "/messages"):  # the chats of a user of that name
                assert_error(got, 404, "CHAT_NOT_FOUND")


async def test_another_tenants_chat_does_not_exist(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        chat = await lexicon.new_chat()
        foreign = {"X-API-Key": lexicon.new_key(tenant="acme")}
        for method, path in (("GET", ""), ("GET", "/messages"), ("DELETE", "")):
            got = await lexicon.client.request(method, f"/api/v1/chats/{chat}{path}", headers=foreign)
            assert_error(got, 404, "CHAT_NOT_FOUND")
        theirs = await lexicon.client.get("/api/v1/chats/user/user123", headers=foreign)
        assert theirs.json()["total"] == 0
        assert (await lexicon.client.get(f"/api/v1/chats/{chat}")).status_code == 200


async def test_only_keys_of_tenants_and_services_are_good(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        async with httpx.AsyncClient(base_url=lexicon.served.url) as nobody:
            missing = await nobody.get("/api/v1/chats/user/u")
        assert_error(missing, 401, "AUTH_ERROR", "Missing X-API-Key header")
        bad = [
            "wrong",
            "tk_" + "A" * 43,
            lexicon.new_key("anon"),
            lexicon.served.token("alice"),
            lexicon.served.token("root", role="admin"),
        ]
        for key in bad:
            got = await lexicon.client.get("/api/v1/chats/user/u", headers={"X-API-Key": key})
            assert_error(got, 401, "AUTH_ERROR", "Invalid API key")
        service = {"X-API-Key": lexicon.new_key("service")}
        assert (await lexicon.client.get("/api/v1/chats/user/u", headers=service)).status_code == 200


async def test_the_bot_is_the_metadatas_else_the_keys_else_the_settings(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "members": MEMBERS, "staff": STAFF}
    async with stage(tmp_path, lambda _: openai_text("Hi"), bots=bots, default_bot="shop") as lexicon:

        async def bot_of(chat: str) -> str:
            listed = await lexicon.client.get(
                "/api/v1/ai/conversations", headers={"X-Appliance-User": "user123"}
            )
            return next(one["chatbot"] for one in listed.json()["conversations"] if one["id"] == chat)

        chosen = await lexicon.client.post(
            "/api/v1/chats/", json={"user_id": "user123", "metadata": {"agent_id": "members", "n": 1}}
        )
        assert chosen.json()["config"] == {"metadata": {"agent_id": "members", "n": 1}, "agent_id": "members"}
        async with lexicon.socket(chosen.json()["id"]) as socket:
            await socket.until("user_created")
            assert (await socket.ask("Hello"))[-1]["content"] == "Hi"
        assert await bot_of(chosen.json()["id"]) == "members"
        assert await bot_of(await lexicon.new_chat()) == "shop"

        lexicon.client.headers["X-API-Key"] = lexicon.new_key(bot="members")
        assert await bot_of(await lexicon.new_chat()) == "members"
        refused = await lexicon.client.post(
            "/api/v1/chats/", json={"user_id": "u", "metadata": {"agent_id": "staff"}}
        )
        assert_error(refused, 403, "AUTH_ERROR", "staff")


async def test_without_a_default_bot_the_error_says_how_to_choose_one(tmp_path: Path) -> None:
    async with stage(tmp_path, [], bots={"a": OPEN_BOT, "b": OPEN_BOT}) as lexicon:
        got = await lexicon.client.post("/api/v1/chats/", json={"user_id": "u"})
        assert_error(got, 400, "VALIDATION_ERROR", "--bot")


async def test_unknown_paths_and_methods_answer_in_the_same_form(tmp_path: Path) -> None:
    async with stage(tmp_path, []) as lexicon:
        assert_error(await lexicon.client.get("/api/v1/chats/a/b/c"), 404, "NOT_FOUND")
        put = await lexicon.client.put("/api/v1/chats/")
        assert_error(put, 405, "METHOD_NOT_ALLOWED")
        assert "POST" in put.headers["Allow"]
        for method in ("TRACE", "BREW"):
            odd = await lexicon.client.request(method, "/api/v1/chats/")
            assert_error(odd, 405, "METHOD_NOT_ALLOWED")
        large = await lexicon.client.post("/api/v1/chats/", content=b" " * 3_000_000)
        assert_error(large, 413, "VALIDATION_ERROR", "limit")


async def test_conversations_of_other_protocols_are_the_users_chats_too(tmp_path: Path) -> None:
    async with stage(tmp_path, [openai_text("From", " afar"), openai_text("Here")]) as lexicon:
        async with wire(lexicon.served.ws_url, lexicon.served.token("alice")) as fluxbase:
            id = await fluxbase.start()
            await fluxbase.ask(id, "Over Fluxbase")
        listed = (await lexicon.client.get("/api/v1/chats/user/alice")).json()
        assert [chat["id"] for chat in listed["chats"]] == [id]
        async with lexicon.socket(id, "alice") as socket:
            assert (await socket.ask("Over Lexicon"))[-1]["content"] == "Here"
            assert "user_created" not in [event["event_type"] for event in socket.events]
        said = [one["content"] for one in await lexicon.messages(id)]
        assert said == ["Over Fluxbase", "From afar", "Over Lexicon", "Here"]
