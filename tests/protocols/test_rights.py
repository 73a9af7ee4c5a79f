"""Rights belong to people, on whichever wire they come and in whoever's conversation."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx
import jwt
import trio

from appliance.store.database import connect, database_path
from appliance.store.keys import KeyType, create_key
from appliance.store.secret import load_secret
from tests.protocols.everybody import ENCRYPTION_KEY, Person, person
from tests.support.model_replies import openai_text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

MARK = "marks the end"


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"])


def key(served: Stack, type: KeyType = "tenant") -> str:
    db = connect(database_path(served.data))
    made = create_key(db, type, "default", time.time())[1]
    db.close()
    return made


def signed(served: Stack, **claims: object) -> str:
    return jwt.encode({"exp": time.time() + 600, **claims}, load_secret(served.data), "HS256")


async def ask(http: httpx.AsyncClient, served: Stack, credential: str, id: str = "") -> httpx.Response:
    """Over OpenAI's wire, in a kept conversation."""
    body: dict[str, Any] = {
        "model": "shop",
        "store": True,
        "messages": [{"role": "user", "content": "Hi"}],
        "metadata": {"conversation_id": id} if id else {},
    }
    headers = {"Authorization": f"Bearer {credential}"}
    return await http.post(f"{served.url}/v1/chat/completions", json=body, headers=headers)


async def share(alice: Person, bob: Person) -> str:
    """A conversation of alice's that bob takes part in."""
    await alice.join_botpress()
    await bob.join_botpress()
    headers = {"x-user-key": alice.user_key}
    url = f"{alice.url}/botpress/shop/conversations"
    id = (await alice.http.post(url, json={}, headers=headers)).json()["conversation"]["id"]
    added = await alice.http.post(f"{url}/{id}/participants", json={"userId": bob.user}, headers=headers)
    assert added.status_code == 200
    return str(id)


async def remove(alice: Person, bob: Person, id: str) -> None:
    url = f"{alice.url}/botpress/shop/conversations/{id}/participants/{bob.user}"
    gone = await alice.http.request("DELETE", url, headers={"x-user-key": alice.user_key})
    assert gone.status_code == 200


async def post_page(who: Person, id: str, message_id: str, text: str, **more: str) -> httpx.Response:
    """What a page of the AI SDK posts."""
    message = {"id": message_id, "role": "user", "parts": [{"type": "text", "text": text}]}
    return await who.http.post(
        f"{who.url}/api/chat/shop",
        json={"id": id, "messages": [message], **more},
        headers={"Authorization": f"Bearer {who.token}"},
    )


async def texts(who: Person, id: str) -> list[str]:
    return [message["payload"]["text"] for message in await who.botpress_messages(id)]


async def test_a_tenants_key_gets_no_rights_of_a_service_in_what_that_began(tmp_path: Path) -> None:
    bot = OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1\nrequire-roles: service_role")
    async with stack(tmp_path, echo, bots={"shop": bot}) as served, httpx.AsyncClient() as http:
        made = await ask(http, served, signed(served, role="service_role"))
        assert made.status_code == 200
        tenant = key(served)
        assert (await ask(http, served, tenant)).status_code == 403
        assert (await ask(http, served, tenant, made.headers["x-conversation-id"])).status_code == 404


async def test_admins_and_services_keep_their_rights_in_their_own_conversations(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 2\nrequire-roles: admin, service_role")}
    async with stack(tmp_path, echo, bots=bots) as served, httpx.AsyncClient() as http:
        root = served.token("root", role="admin")
        first = await ask(http, served, root)
        assert (await ask(http, served, root, first.headers["x-conversation-id"])).status_code == 200
        service = key(served, "service")
        id = (await ask(http, served, service)).headers["x-conversation-id"]
        assert [(await ask(http, served, service, id)).status_code for _ in range(4)] == [200] * 4


async def test_what_admins_do_in_others_conversations_is_written_down(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, httpx.AsyncClient() as http:
        id = (await ask(http, served, served.token("alice"))).headers["x-conversation-id"]
        root = served.token("root", role="admin")
        assert (await ask(http, served, root, id)).status_code == 200
        acting = signed(served, sub="alice", impersonated_by="root")
        assert (await ask(http, served, acting)).status_code == 200
        headers = {"Authorization": f"Bearer {root}"}
        url = f"{served.url}/api/v1/admin/ai/audit"
        assert (await http.get(url, headers=headers)).status_code == 200
    db = connect(database_path(tmp_path))
    rows = db.execute("SELECT actor, action, target FROM _audit").fetchall()
    db.close()
    assert ("user:root", "conversation.act", f"conversation:{id}") in rows
    assert ("user:root", "chat.impersonate", "user:alice") in rows


async def test_who_was_removed_hears_nothing_more_over_any_wire(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        person(served, "bob") as bob,
        wire(served.ws_url, bob.token) as tab,
        wire(served.ws_url, alice.token) as own,
    ):
        id = await share(alice, bob)
        for socket in (tab, own):
            await socket.send("resume", conversation_id=id, after=0)
            await socket.until("resumed")
        await remove(alice, bob, id)
        await alice.say("botpress", id, "now that bob is gone")
        await own.until("done")  # so it was told
        mine = await tab.start()
        await tab.ask(mine, MARK)
        heard = json.dumps(tab.frames)
    assert MARK in heard
    assert "bob is gone" not in heard


async def test_who_was_removed_is_told_no_more_of_an_answer_that_runs(tmp_path: Path) -> None:
    slow = openai_text("Once ", *["upon "] * 200, delay_s=0.05)
    async with (
        stack(tmp_path, [slow], botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        person(served, "bob") as bob,
        wire(served.ws_url, alice.token) as own,
    ):
        id = await share(alice, bob)
        await own.say(id, "Tell me a story")
        await own.until("content")
        url = f"{served.url}/api/chat/shop/{id}/stream"
        async with bob.http.stream("GET", url, headers={"Authorization": f"Bearer {bob.token}"}) as told:
            assert told.status_code == 200
            await remove(alice, bob, id)
            with trio.fail_after(10):  # long before the story is over
                heard = b"".join([piece async for piece in told.aiter_bytes()])
        assert not [frame for frame in own.frames if frame["type"] == "done"]
        await own.send("cancel", conversation_id=id)
        await own.until("cancelled")
    assert b"[DONE]" not in heard


async def test_participants_neither_delete_nor_rewrite_what_others_said(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        person(served, "bob") as bob,
    ):
        id = await share(alice, bob)
        assert (await post_page(bob, id, "bobs", "bob begins")).status_code == 200
        await alice.say("botpress", id, "alice's own words")
        kept = await texts(alice, id)
        anew = await post_page(bob, id, "bobs", "bob begins", trigger="regenerate-message")
        db = connect(database_path(served.data))
        db.execute("UPDATE _messages SET owner = '' WHERE content LIKE 'alice%'")  # as in older files
        hers = db.execute("SELECT id FROM _messages WHERE content LIKE 'alice%'").get
        db.close()
        rewritten = await post_page(bob, id, str(hers), "words in her mouth")
        assert await texts(alice, id) == kept
    assert (anew.status_code, rewritten.status_code) == (403, 403)


async def test_a_client_id_of_one_person_does_not_swallow_anothers_message(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        person(served, "bob") as bob,
        wire(served.ws_url, bob.token) as tab,
    ):
        id = await share(alice, bob)
        async with wire(served.ws_url, alice.token) as own:
            await own.ask(id, "from alice", message_id="m1")
        await tab.say(id, "from bob", message_id="m1")
        assert (await tab.until("error"))["conversation_id"] == id
        await tab.ask(id, "from bob", message_id="m2")
        assert await texts(alice, id) == [
            "from alice",
            "You said: from alice",
            "from bob",
            "You said: from bob",
        ]


async def test_a_retry_that_a_limit_refuses_stops_nothing(tmp_path: Path) -> None:
    bot = OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1")
    slow = openai_text("Once ", *["upon "] * 40, delay_s=0.05)
    async with (
        stack(tmp_path, [slow], bots={"shop": bot}) as served,
        person(served) as alice,
        wire(served.ws_url, alice.token) as own,
    ):
        id = await own.start()
        await own.say(id, "Tell me a story", message_id="story")
        await own.until("content")
        refused = await post_page(alice, id, "story", "Tell me a story", trigger="regenerate-message")
        ended = await own.until("done", "cancelled")
    assert refused.status_code == 429
    assert (ended["type"], ended.get("interrupted")) == ("done", None)
