"""One conversation through all wires: one history, one ledger, one set of limits, one cancel."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.protocols.everybody import (
    ENCRYPTION_KEY,
    MISSING,
    WIRES,
    Refused,
    lexicon_until,
    person,
    signals,
)
from tests.support.model_replies import openai_text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

ONE_A_MINUTE = OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1")
ONE_A_DAY = OPEN_BOT.replace("daily-limit: 10000", "daily-limit: 1")
LOCKED = OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"], tokens=(10, 5))


async def test_a_conversation_goes_through_all_wires_and_everybody_sees_the_same(tmp_path: Path) -> None:
    listened: list[dict[str, Any]] = []
    watched: list[str] = []
    async with (
        stack(tmp_path, echo, bots={"shop": LOCKED}, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        trio.open_nursery() as nursery,
    ):
        await alice.join_botpress()
        id = await alice.start()

        async def listen(task_status: trio.TaskStatus[None]) -> None:
            url = f"{served.url}/botpress/shop/conversations/{id}/listen"
            async with alice.http.stream("GET", url, headers={"x-user-key": alice.user_key}) as response:
                assert response.status_code == 200
                task_status.started()
                async with aclosing(signals(response)) as told:
                    async for signal in told:
                        listened.append(signal)  # noqa: PERF401 - seen while it goes on

        async def watch(task_status: trio.TaskStatus[None]) -> None:
            async with wire(f"{alice.ws_url}/ai/ws", served.token("root", "admin")) as socket:
                await socket.send("resume", conversation_id=id, after=0)
                await socket.until("resumed")
                task_status.started()
                while True:
                    frame = await socket.receive(60)
                    if frame["type"] == "user_message":
                        watched.append(frame["content"])

        await nursery.start(listen)
        await nursery.start(watch)
        answers = [await alice.say(over, id, f"over {over}") for over in WIRES]
        assert answers == [f"You said: over {over}" for over in WIRES]

        told = [text for over in WIRES for text in (f"over {over}", f"You said: over {over}")]
        with trio.fail_after(10):
            while len(listened) < len(told) or len(watched) < len(WIRES):  # noqa: ASYNC110
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()

        # One history, whoever tells it.
        by_botpress = [message["payload"]["text"] for message in await alice.botpress_messages(id)]
        bearer = {"Authorization": f"Bearer {alice.token}"}
        detail = (await alice.http.get(f"{served.url}/api/v1/ai/conversations/{id}", headers=bearer)).json()
        by_chatbase = await alice.http.get(
            f"{served.url}/api/v2/agents/shop/conversations/{id}/messages", headers=bearer
        )
        by_lexicon = await alice.http.get(
            f"{served.url}/api/v1/chats/{id}/messages", headers={"X-API-Key": alice.key}
        )
        assert [message["content"] for message in detail["messages"]] == told
        assert by_botpress == told
        assert [message["parts"][0]["text"] for message in by_chatbase.json()["data"]] == told
        assert [message["content"] for message in by_lexicon.json()["messages"]] == told
        assert [signal["data"]["payload"]["text"] for signal in listened] == told
        assert [signal["data"]["isBot"] for signal in listened] == [False, True] * len(WIRES)
        assert watched == [f"over {over}" for over in WIRES]

        # The model was told all of it.
        assert served.model is not None
        last = served.model.requests[-1].body["messages"]
        assert [message["content"] for message in last[1:]] == told[:-1]
    # One ledger.
    db = connect(database_path(tmp_path))
    ledger = db.execute("SELECT bot, principal, requests, tokens, reserved_tokens FROM _usage").fetchall()
    turns = db.execute("SELECT count(*), count(DISTINCT conversation_id) FROM _turns").fetchall()
    db.close()
    assert ledger == [("shop", "user:alice", len(WIRES), 15 * len(WIRES), 0)]
    assert turns == [(len(WIRES), 1)]


@pytest.mark.parametrize(
    ("bot", "words"),
    [
        (
            ONE_A_MINUTE,
            {
                "fluxbase": (None, "RATE_LIMIT"),
                "chatbase": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
                "ai-sdk": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
                "botpress": (429, "RateLimited"),
                "lexicon": (None, "RATE_LIMIT_EXCEEDED"),
                "openai": (429, "rate_limit_exceeded"),
            },
        ),
        (
            ONE_A_DAY,
            {
                "fluxbase": (None, "DAILY_LIMIT"),
                "chatbase": (402, "CHAT_CREDITS_EXHAUSTED"),
                "ai-sdk": (402, "CHAT_CREDITS_EXHAUSTED"),
                "botpress": (403, "QuotaExceeded"),
                "lexicon": (None, "RATE_LIMIT_EXCEEDED"),
                "openai": (429, "insufficient_quota"),
            },
        ),
    ],
    ids=["rate", "daily"],
)
async def test_a_limit_used_up_over_one_wire_refuses_over_all(
    tmp_path: Path, bot: str, words: dict[str, tuple[int | None, str]]
) -> None:
    async with (
        stack(tmp_path, echo, bots={"shop": bot}, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
    ):
        await alice.join_botpress()
        id = await alice.start()
        assert await alice.say("lexicon", id, "the only one") == "You said: the only one"
        refused = {}
        for over in WIRES:
            with pytest.raises(Refused) as caught:
                await alice.say(over, id, "one more")
            refused[over] = (caught.value.status, caught.value.word)
        assert len(await alice.botpress_messages(id)) == 2
    assert refused == words


async def test_a_foreign_conversation_looks_like_a_missing_one_over_every_wire(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        person(served, "bob") as bob,
    ):
        await alice.join_botpress()
        await bob.join_botpress()
        hers = await alice.start()
        await alice.say("fluxbase", hers, "mine")
        for over in WIRES:
            if over == "ai-sdk":
                continue  # there an unknown id is a new chat of one's own; see below
            told = []
            for id in (hers, MISSING):
                with pytest.raises(Refused) as caught:
                    await bob.say(over, id, "let me in")
                told.append((caught.value.status, caught.value.word))
            assert told[0] == told[1], over
        assert await bob.say("ai-sdk", hers, "let me in") == "You said: let me in"
        assert [m["payload"]["text"] for m in await alice.botpress_messages(hers)] == [
            "mine",
            "You said: mine",
        ]


async def test_a_cancel_over_one_wire_is_seen_over_all(tmp_path: Path) -> None:
    slow = openai_text("Once ", *["upon "] * 500, delay_s=0.05)
    async with (
        stack(tmp_path, [slow], botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        wire(f"{served.ws_url}", alice.token) as flux,
        trio.open_nursery() as nursery,
    ):
        await alice.join_botpress()
        id = await flux.start()
        seen: dict[str, Any] = {}

        async def listen(task_status: trio.TaskStatus[None]) -> None:
            url = f"{served.url}/botpress/shop/conversations/{id}/listen"
            async with alice.http.stream("GET", url, headers={"x-user-key": alice.user_key}) as response:
                task_status.started()
                async with aclosing(signals(response)) as told:
                    async for signal in told:
                        if signal["data"].get("isBot"):
                            seen["botpress"] = signal["data"]["payload"]["text"]

        async def lexicon(task_status: trio.TaskStatus[None]) -> None:
            async with alice.lexicon_socket(id) as socket:
                task_status.started()
                seen["lexicon"] = (await lexicon_until(socket, "message_stream_ended"))["content"]

        async def aisdk(task_status: trio.TaskStatus[None]) -> None:
            headers = {"Authorization": f"Bearer {alice.token}"}
            url = f"{served.url}/api/chat/shop/{id}/stream"
            async with alice.http.stream("GET", url, headers=headers) as response:
                chunks = []
                async with aclosing(response.aiter_lines()) as lines:
                    async for line in lines:
                        if line.startswith("data: {"):
                            chunks.append(json.loads(line[6:]))
                        if chunks and chunks[-1]["type"] == "text-delta" and "ai-sdk" not in seen:
                            seen["ai-sdk"] = ""
                            task_status.started()
            seen["ai-sdk"] = "".join(c["delta"] for c in chunks if c["type"] == "text-delta")
            seen["ai-sdk ends"] = chunks[-1]["type"]

        with trio.fail_after(30):
            await nursery.start(listen)
            await nursery.start(lexicon)
            await flux.say(id, "Tell me a story")
            await flux.until("content")
            await nursery.start(aisdk)
            stopped = await alice.http.post(
                f"{served.url}/api/chat/shop/{id}/stop", headers={"Authorization": f"Bearer {alice.token}"}
            )
            assert stopped.json() == {"success": True}
            await flux.until("cancelled")
            assert served.model is not None
            await served.model.requests[0].closed.wait()
            while len(seen) < 4 or not seen["ai-sdk"]:  # noqa: ASYNC110
                await trio.sleep(0.02)
        kept = (await alice.botpress_messages(id))[-1]["payload"]["text"]
        nursery.cancel_scope.cancel()
    assert kept.startswith("Once")
    assert seen == {"botpress": kept, "lexicon": kept, "ai-sdk": kept, "ai-sdk ends": "abort"}


async def test_pages_of_other_origins_may_not_use_a_key_that_lists_its_own(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, httpx.AsyncClient() as http:
        db = connect(database_path(served.data))
        key = create_key(db, "tenant", "default", 0.0, origins=["https://shop.example"])[1]
        db.close()
        asks = [
            ("GET", "/api/v2/agents", {"Authorization": f"Bearer {key}"}),
            ("GET", "/v1/models", {"Authorization": f"Bearer {key}"}),
            ("GET", "/api/v1/chats/user/alice", {"X-API-Key": key}),
            ("GET", "/api/v1/ai/chatbots", {"apikey": key}),
        ]
        for method, path, headers in asks:
            url = served.url + path
            good = await http.request(method, url, headers={**headers, "Origin": "https://shop.example"})
            bad = await http.request(method, url, headers={**headers, "Origin": "https://evil.example"})
            none = await http.request(method, url, headers=headers)
            assert (good.status_code, bad.status_code, none.status_code) == (200, 403, 200), path
