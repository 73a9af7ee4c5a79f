"""What people do around turns, as readers of the log see it: live, later, after a restart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import trio

from tests.protocols.everybody import ENCRYPTION_KEY, Person, person
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

PICTURE = {"type": "image", "imageUrl": "https://example.com/cat.png"}
WITH_TOOL = OPEN_BOT.replace(
    "rate-limit",
    "client-tools:\n  - name: where_am_i\n    description: Where the user is.\n"
    "    parameters: {type: object, properties: {exact: {type: boolean}}, required: [exact]}\nrate-limit",
    1,
)


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"])


async def post_picture(who: Person, id: str) -> str:
    answer = await who.http.post(
        f"{who.url}/botpress/shop/messages",
        json={"conversationId": id, "payload": PICTURE},
        headers={"x-user-key": who.user_key},
    )
    assert answer.status_code == 200, answer.text
    return str(answer.json()["message"]["id"])


async def test_a_picture_between_two_turns_is_told_once_wherever_a_reader_comes_back(tmp_path: Path) -> None:
    whole: list[dict[str, Any]] = []
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
    ):
        await alice.join_botpress()
        id = await alice.start()
        async with wire(served.ws_url, alice.token) as tab:
            await tab.send("resume", conversation_id=id, after=0)
            await tab.until("resumed")
            await alice.say("fluxbase", id, "one")
            picture = await post_picture(alice, id)
            await alice.say("fluxbase", id, "two")
            while len([frame for frame in tab.frames if frame["type"] == "done"]) < 2:
                await tab.receive()
            whole = [frame for frame in tab.frames if frame["type"] != "resumed"]
        assert served.model is not None
        asked = [message["content"] for message in served.model.requests[-1].body["messages"][1:]]
    shown = [frame for frame in whole if frame["type"] != "progress"]  # progress is not stored
    assert [frame["content"] for frame in shown if frame["type"] == "user_message"] == [
        "one",
        "[image] https://example.com/cat.png",
        "two",
    ]
    assert asked[-2:] == ["[image] https://example.com/cat.png", "two"]
    assert [frame["message_id"] for frame in shown if frame["type"] == "user_message"][1] == picture
    # The same after a restart, from every position that a client can have seen.
    async with stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served:
        token = served.token("alice")
        for after in [0, *(frame["seq"] for frame in whole)]:
            rest = [frame for frame in shown if frame["seq"] > after]
            async with wire(served.ws_url, token) as socket:
                await socket.send("resume", conversation_id=id, after=after)
                while len(socket.frames) < len(_merged(rest)) + 1:
                    await socket.receive()
            told = [frame for frame in socket.frames if frame["type"] != "resumed"]
            assert _merged(told) == _merged(rest), after


def _merged(frames: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Type, text and end of each frame, neighbouring text joined: how it is cut does not matter."""
    merged: list[tuple[str, str, int]] = []
    for frame in frames:
        text = frame.get("delta") or frame.get("content") or ""
        if frame["type"] == "content" and merged and merged[-1][0] == "content":
            text = merged.pop()[1] + text
        merged.append((frame["type"], text, frame["seq"]))
    return merged


async def test_an_answer_made_anew_replaces_the_old_one_for_every_reader(tmp_path: Path) -> None:
    replies = [openai_text("First try."), openai_text("Better.")]
    async with (
        stack(tmp_path, replies, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        wire(served.ws_url, alice.token) as tab,
    ):
        await alice.join_botpress()
        id = await alice.start()
        await tab.send("resume", conversation_id=id, after=0)
        await alice.say("fluxbase", id, "Tell me")
        bearer = {"Authorization": f"Bearer {alice.token}"}
        url = f"{served.url}/api/v2/agents/shop/conversations/{id}"
        messages = (await alice.http.get(f"{url}/messages", headers=bearer)).json()["data"]
        retried = await alice.http.post(
            f"{url}/retry", headers=bearer, json={"messageId": messages[-1]["id"], "stream": False}
        )
        assert retried.json()["data"]["metadata"]["userMessageId"] == messages[0]["id"]
        deleted = await tab.until("message_deleted")
        await tab.until("done")
        kept = [message["payload"]["text"] for message in await alice.botpress_messages(id)]
        assert served.model is not None
        asked = [message["content"] for message in served.model.requests[1].body["messages"][1:]]
    assert messages[-1]["id"].endswith(deleted["message_id"])  # there ids begin with msg_
    assert kept == ["Tell me", "Better."]
    assert asked == ["Tell me"]


async def test_a_tool_that_the_client_runs_is_one_turn_for_the_model_and_for_people(tmp_path: Path) -> None:
    replies = [openai_tool_calls(("where_am_i", {"exact": True})), openai_text("You are in Oslo.")]
    async with stack(tmp_path, replies, bots={"shop": WITH_TOOL}) as served, person(served) as alice:
        bearer = {"Authorization": f"Bearer {alice.token}"}
        url = f"{served.url}/api/v2/agents/shop"
        first = await alice.http.post(
            f"{url}/chat", headers=bearer, json={"message": "Where am I?", "stream": False}
        )
        data = first.json()["data"]
        id, call = data["metadata"]["conversationId"], data["parts"][-1]
        assert (data["metadata"]["finishReason"], call["type"]) == ("tool-calls", "tool-call")
        missing = await alice.http.post(
            f"{url}/chat", headers=bearer, json={"conversationId": id, "stream": False}
        )
        assert missing.status_code == 400
        given = await alice.http.post(
            f"{url}/conversations/{id}/tool-result",
            headers=bearer,
            json={"toolCallId": call["toolCallId"], "output": {"city": "Oslo"}},
        )
        assert given.json() == {"data": {"success": True}}
        rest = await alice.http.post(
            f"{url}/chat", headers=bearer, json={"conversationId": id, "stream": False}
        )
        assert rest.json()["data"]["parts"][-1] == {"type": "text", "text": "You are in Oslo."}
        assert served.model is not None
        asked = served.model.requests[1].body["messages"][1:]
        again = await alice.http.post(
            f"{url}/chat", headers=bearer, json={"conversationId": id, "stream": False}
        )
    assert [message["role"] for message in asked] == ["user", "assistant", "tool"]
    assert json.loads(asked[2]["content"]) == {"city": "Oslo"}
    assert again.status_code == 400


async def test_clients_that_run_no_tools_are_not_asked_to(tmp_path: Path) -> None:
    async with stack(tmp_path, echo, bots={"shop": WITH_TOOL}) as served, person(served) as alice:
        id = await alice.start()
        for over in ("fluxbase", "lexicon", "openai"):
            await alice.say(over, id, "Hello")
        await alice.say("chatbase", id, "Hello")
        assert served.model is not None
        offered = [
            {tool["function"]["name"] for tool in one.body.get("tools", ())} for one in served.model.requests
        ]
    assert offered == [{"execute_sql"}] * 3 + [{"execute_sql", "where_am_i"}]


async def test_in_a_paused_conversation_messages_are_kept_and_nobody_answers(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
    ):
        await alice.join_botpress()
        id = await alice.start()
        await alice.say("fluxbase", id, "Hello")
        bearer = {"Authorization": f"Bearer {alice.key}"}
        url = f"{served.url}/api/v2/agents/shop/conversations/{id}"
        paused = await alice.http.patch(url, headers=bearer, json={"paused": True})
        assert paused.json()["data"]["status"] == "paused"
        for over in ("fluxbase", "chatbase", "ai-sdk", "lexicon"):
            with trio.fail_after(10):
                assert await alice.say(over, id, f"over {over}") == "", over
        await alice.http.patch(url, headers=bearer, json={"paused": False})
        assert await alice.say("fluxbase", id, "Back?") == "You said: Back?"
        kept = [message["payload"]["text"] for message in await alice.botpress_messages(id)]
        assert served.model is not None
        assert len(served.model.requests) == 2
    waiting = [f"over {over}" for over in ("fluxbase", "chatbase", "ai-sdk", "lexicon")]
    assert kept == ["Hello", "You said: Hello", *waiting, "Back?", "You said: Back?"]


async def test_a_deleted_conversation_is_gone_over_every_wire_and_ends_its_listeners(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, echo, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
    ):
        await alice.join_botpress()
        id = await alice.start()
        await alice.say("fluxbase", id, "Hello")
        url = f"{served.url}/botpress/shop/conversations/{id}/listen"
        async with alice.http.stream("GET", url, headers={"x-user-key": alice.user_key}) as listener:
            headers = {"Authorization": f"Bearer {alice.token}"}
            gone = await alice.http.delete(f"{served.url}/api/v1/ai/conversations/{id}", headers=headers)
            assert gone.status_code == 200
            with trio.fail_after(10):
                async for _ in listener.aiter_bytes():
                    pass
        answers = [
            await alice.http.get(f"{served.url}/api/v2/agents/shop/conversations/{id}", headers=headers),
            await alice.http.get(f"{served.url}/api/v1/chats/{id}", headers={"X-API-Key": alice.key}),
            await alice.http.get(
                f"{served.url}/botpress/shop/conversations/{id}", headers={"x-user-key": alice.user_key}
            ),
        ]
    assert [answer.status_code for answer in answers] == [404, 404, 404]


async def test_strangers_may_not_pause_value_or_read_what_is_not_theirs(tmp_path: Path) -> None:
    async with stack(tmp_path, echo) as served, person(served) as alice, httpx.AsyncClient() as http:
        id = await alice.start()
        await alice.say("fluxbase", id, "Hello")
        db_free = {"Authorization": f"Bearer {served.token('bob')}"}
        url = f"{served.url}/api/v2/agents/shop/conversations/{id}"
        told = [
            (await http.patch(url, headers=db_free, json={"paused": True})).status_code,
            (await http.get(url, headers=db_free)).status_code,
            (await http.get(f"{url}/messages", headers=db_free)).status_code,
            (await http.patch(url, json={"paused": True})).status_code,
        ]
    assert told == [403, 404, 404, 401]
