"""What people of the console must not reach by its side doors, and strangers not at all."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import jwt
import trio

from appliance.store.database import connect, database_path
from appliance.store.secret import load_secret
from tests.console.people import PASSWORD, browser, invite, set_up, state
from tests.console.signed_in import SignedIn, admin_of, operator_of
from tests.console.test_gaps import missed
from tests.support.knowledge import token
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire
from tests.widget.people import person, proof, secret_of


async def test_an_operator_answers_only_into_what_the_bot_answers_from(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, embedding_provider="none") as served,
        admin_of(served) as admin,
        operator_of(served, admin) as olga,
    ):
        pay = (await admin.post("knowledge-bases", {"name": "salaries", "visibility": "private"}))["id"]
        missed(tmp_path, "When do you open?")
        (gap,) = (await olga.get("gaps"))["items"]
        path = f"gaps/{gap['id']}/answer"
        answer = {"content": "Nine to five.", "add_test": False}
        for named in (pay, "nowhere"):
            status, _, told = await olga.refused("POST", path, {**answer, "knowledge_base": named})
            assert (status, told) == (
                403,
                "shop does not answer from that knowledge base; only an admin can let it.",
            )
        await admin.post("knowledge-bases", {"name": "shop", "visibility": "private"})
        assert (await olga.refused("POST", path, answer))[0] == 403
        assert (await admin.get(f"knowledge-bases/{pay}/chatbots"))["count"] == 0
        made = await admin.post(path, {**answer, "knowledge_base": pay})
        assert made["knowledge_base_id"] == pay
        missed(tmp_path, "Where is it?")
        (gap,) = (await olga.get("gaps"))["items"]
        made = await olga.post(f"gaps/{gap['id']}/answer", {**answer, "knowledge_base": pay})
        assert made["knowledge_base_id"] == pay


async def test_no_other_site_signs_people_in_or_out_by_what_it_puts_into_an_address(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, browser(served) as eve:
        await set_up(served, eve, "eve")
        page = {
            "Origin": "https://evil.example",
            "Sec-Fetch-Site": "cross-site",
            "Content-Type": "text/plain",
        }
        form = json.dumps({"name": "eve", "password": PASSWORD})
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/") as victim:
            for query in ("", "?token=x", "?clientkey=x", "?TOKEN=x"):
                for path in ("login", "logout", "setup", "setup/look"):
                    got = await victim.post(f"{path}{query}", content=form, headers=page)
                    assert got.status_code == 403, (path, query)
                    assert "set-cookie" not in got.headers
            assert await state(victim) == "login"
        admin = served.token("anna", "admin")
        async with httpx.AsyncClient(base_url=f"{served.url}/admin/api/") as program:
            assert (await program.get("accounts", params={"token": admin})).status_code == 401
            headers = {"Authorization": f"Bearer {admin}"}
            assert (await program.get("accounts", headers=headers)).status_code == 200


async def test_a_token_of_the_playground_ends_with_its_admin(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, bots={"shop": OPEN_BOT}) as served,
        admin_of(served) as ann,
        browser(served) as client,
    ):
        await invite(ann.client, client, "bob", "admin")
        bob = SignedIn(client)
        given = (await bob.post("playground", {"bot": "shop", "user_id": "victim"}))["token"]
        chat = {"model": "shop", "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"Authorization": f"Bearer {given}"}
        async with (
            httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as program,
            wire(served.ws_url, given) as socket,
        ):
            id = await socket.start("shop")
            assert (await program.post("/v1/chat/completions", json=chat)).status_code == 200
            for change in ({"role": "operator"}, {"role": "admin", "disabled": True}):
                await ann.patch("accounts/bob", change)
                assert (await program.post("/v1/chat/completions", json=chat)).status_code == 401
            await ann.delete("accounts/bob")
            assert (await program.get("/api/v1/ai/chatbots")).status_code == 401
            await socket.send("message", conversation_id=id, content="Hello")
            assert (await socket.until("error"))["code"] == "AUTH_REQUIRED"


async def test_a_token_of_the_playground_ends_with_the_key_that_made_it(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, bots={"shop": OPEN_BOT}) as served,
        admin_of(served) as ann,
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        key = await ann.post("keys", {"type": "service"})
        made = await client.post(
            "/admin/api/playground",
            json={"bot": "shop", "user_id": "victim"},
            headers={"X-Service-Key": key["text"]},
        )
        assert made.status_code == 200, made.text
        given = made.json()["token"]
        chat = {"model": "shop", "store": True, "messages": [{"role": "user", "content": "Hello"}]}
        headers = {"Authorization": f"Bearer {given}"}
        async with wire(served.ws_url, given) as socket:
            id = await socket.start("shop")
            answer = await client.post("/v1/chat/completions", json=chat, headers=headers)
            assert answer.status_code == 200
            # It is for chatting, whoever made it, and what was said there is not the victim's.
            theirs = await client.get("/api/v1/ai/conversations", headers=headers)
            assert (theirs.status_code, "playground" in theirs.text) == (403, True)
            seen = await ann.get(f"conversations/{answer.headers['x-conversation-id']}")
            assert seen["conversation"]["source"] == "playground"
            assert (await ann.get("audit", actor=f"key:{key['key']['id']}"))["total"] >= 1
            await ann.delete(f"keys/{key['key']['id']}")
            assert (await client.post("/v1/chat/completions", json=chat, headers=headers)).status_code == 401
            await socket.send("message", conversation_id=id, content="Hello")
            assert (await socket.until("error"))["code"] == "AUTH_REQUIRED"


async def test_a_token_of_the_playground_is_good_no_longer_than_the_token_that_made_it(
    tmp_path: Path,
) -> None:
    async with (
        stack(tmp_path, bots={"shop": OPEN_BOT}) as served,
        httpx.AsyncClient(base_url=f"{served.url}/admin/api/") as client,
    ):
        for left_s, expected_s in ((600, 600), (7200, 3600)):
            claims = {"sub": "anna", "role": "admin", "exp": time.time() + left_s}
            headers = {"Authorization": f"Bearer {jwt.encode(claims, load_secret(served.data))}"}
            made = (await client.post("playground", json={"bot": "shop"}, headers=headers)).json()
            assert abs(made["expires_at"] - time.time() - expected_s) < 60
            told = jwt.decode(made["token"], load_secret(served.data), ["HS256"])
            assert abs(told["exp"] - made["expires_at"]) < 2
            headers = {"Authorization": f"Bearer {made['token']}"}
            got = await client.get(f"{served.url}/api/v1/ai/conversations", headers=headers)
            assert got.status_code == 403


async def test_a_token_of_the_playground_chats_and_reaches_nothing_of_whom_it_acts_for(
    tmp_path: Path,
) -> None:
    async with (
        stack(tmp_path, bots={"shop": OPEN_BOT}) as served,
        admin_of(served) as ann,
        httpx.AsyncClient(base_url=served.url, timeout=30) as client,
    ):
        victim = await person(client, **proof(secret_of(served), "victim"))
        await victim.say("My diagnosis is gout")
        theirs = (await victim.conversations())[0]["id"]
        given = (await ann.post("playground", {"bot": "shop", "user_id": "victim"}))["token"]
        headers = {"Authorization": f"Bearer {given}"}
        of_page = f"/api/v1/widget/conversations/{theirs}"
        for method, path in (
            ("GET", "/api/v1/widget/conversations"),
            ("GET", f"{of_page}/export"),
            ("DELETE", of_page),
            ("DELETE", "/api/v1/widget/me"),
            ("GET", "/api/v1/ai/conversations"),
            ("DELETE", f"/api/v1/ai/conversations/{theirs}"),
            ("POST", "/api/v1/ai/knowledge-bases"),
            ("POST", f"/api/chat/{theirs}/stop"),
        ):
            got = await client.request(method, path, headers=headers)
            assert got.status_code == 403, (path, got.text)
            assert "playground" in got.text
        async with wire(served.ws_url, given) as socket:
            mine = await socket.start("shop", conversation_id=theirs)
            assert mine != theirs
            await socket.ask(mine, "Hello")
        for path in ("/api/v1/ai/conversations/{}", "/api/v1/widget/conversations/{}/follow-ups"):
            assert (await client.get(path.format(theirs), headers=headers)).status_code == 404
            assert (await client.get(path.format(mine), headers=headers)).status_code == 200
        assert theirs in [one["id"] for one in await victim.conversations()]


async def test_only_who_sees_a_tenants_conversations_is_there_for_its_visitors(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("---\n", "---\nhandoff: true\n", 1)}
    async with (
        stack(tmp_path, bots=bots) as served,
        admin_of(served) as admin,
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        db = connect(database_path(tmp_path))
        with db:
            db.execute("INSERT INTO _tenants (name, created_at) VALUES ('acme', 0)")
        db.close()

        async def is_there(tenant: str) -> bool:
            headers = {"Authorization": f"Bearer {token(served, 'zoe', tenant=tenant)}"}
            told = (await client.get("/api/v1/widget/bots/shop", headers=headers)).json()
            return bool(told["operators"])

        assert [await is_there(tenant) for tenant in ("default", "acme")] == [False, False]
        async with listening(admin.client, "live"):
            assert [await is_there(tenant) for tenant in ("default", "acme")] == [True, False]


async def test_the_live_view_tells_nothing_of_other_tenants(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin, operator_of(served, admin) as olga:
        db = connect(database_path(served.data))
        with db:
            db.execute("INSERT INTO _tenants (name, created_at) VALUES ('acme', 0)")
        db.close()
        chat = {"model": "shop", "store": True, "messages": [{"role": "user", "content": "Hello"}]}
        async with listening(olga.client, "live") as lines, httpx.AsyncClient(timeout=30) as client:
            ids = []
            for tenant in ("acme", "default"):
                headers = {"Authorization": f"Bearer {token(served, 'zoe', tenant=tenant)}"}
                answer = await client.post(f"{served.url}/v1/chat/completions", json=chat, headers=headers)
                assert answer.status_code == 200
                ids.append(answer.headers["x-conversation-id"])
            with trio.fail_after(10):
                async for line in lines:
                    assert ids[0] not in line
                    if ids[1] in line:
                        break


async def test_an_open_stream_ends_when_its_account_gets_another_role(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as ann, browser(served) as bob:
        await invite(ann.client, bob, "bob", "admin")
        async with wire(served.ws_url, served.token()) as socket:
            id = await socket.start("shop")
            async with listening(bob, f"conversations/{id}/stream") as lines:
                await ann.patch("accounts/bob", {"role": "operator"})
                await socket.ask(id, "secret 4711")
                with trio.fail_after(10):
                    told = [line async for line in lines]
        assert told
        assert not any("4711" in line for line in told)


@asynccontextmanager
async def listening(client: httpx.AsyncClient, path: str) -> AsyncIterator[trio.MemoryReceiveChannel[str]]:
    """The lines of a stream as they come, once it is open."""
    send, lines = trio.open_memory_channel[str](1000)

    async def read(task_status: trio.TaskStatus[None]) -> None:
        async with client.stream("GET", path, timeout=None) as answer:
            task_status.started()
            with send:
                async for line in answer.aiter_lines():
                    send.send_nowait(line)

    async with trio.open_nursery() as nursery:
        await nursery.start(read)
        yield lines
        nursery.cancel_scope.cancel()
