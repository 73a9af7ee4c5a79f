"""A person in the bot's place, seen over every wire: asks, joins, answers, leaves, and the bot goes on."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.client import AIChat, ChatEvent, Usage
from tests.console.desk import Desk, desk, listening
from tests.protocols.everybody import ENCRYPTION_KEY, Person, Refused, lexicon_until, person
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import text_of, wire

HELPFUL = OPEN_BOT.replace("---\n", "---\nhandoff: true\n", 1)
BY_ANNA = "(anna of the team wrote this:) "


def echo(asked: Recorded) -> Any:
    return openai_text("You said: ", asked.body["messages"][-1]["content"])


@asynccontextmanager
async def scene(tmp_path: Path, replies: Any = echo) -> AsyncIterator[tuple[Stack, Person, Desk]]:
    """A bot with people behind it, a visitor with a client of each wire, and somebody at the console."""
    bots = {"shop": HELPFUL}
    async with (
        stack(tmp_path, replies, bots=bots, botpress_encryption_key=ENCRYPTION_KEY) as served,
        person(served) as alice,
        desk(served) as anna,
    ):
        yield served, alice, anna


def said_to_model(served: Stack) -> list[tuple[str, str]]:
    """What the model was sent last, without the system prompt."""
    assert served.model is not None
    messages = served.model.requests[-1].body["messages"]
    return [(message["role"], message["content"]) for message in messages[1:]]


GOES_ON = [
    ("user", "Where is my parcel?"),
    ("assistant", "You said: Where is my parcel?"),
    ("user", "Are you a person?"),
    ("assistant", f"{BY_ANNA}Yes. It comes tomorrow."),
    ("user", "And the invoice?"),
]


async def test_a_plain_fluxbase_client_reads_a_persons_words_as_an_answer(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.ask(id, "Where is my parcel?")
        joined = await anna.join(id)
        assert (joined["handoff"], joined["operator_name"]) == ("joined", "anna")
        frames = await socket.ask(id, "Are you a person?")
        assert [frame["type"] for frame in frames] == ["done"]
        assert frames[0]["paused"] is True
        await anna.say(id, "Yes. It comes tomorrow.")
        content, done = await socket.until("content"), await socket.until("done")
        assert content["delta"] == "Yes. It comes tomorrow."
        assert done["usage"]["total_tokens"] == 0
        assert content["seq"] == done["seq"] - 1
        left = await anna.leave(id)
        assert left["handoff"] == ""
        assert text_of(await socket.ask(id, "And the invoice?")) == "You said: And the invoice?"
        assert said_to_model(served) == GOES_ON
        assert {"handoff", "message"}.isdisjoint(frame["type"] for frame in socket.frames)


async def test_a_full_fluxbase_reader_sees_who_is_there_and_a_reload_shows_it_in_place(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.ask(id, "Where is my parcel?")
        await socket.send("resume", conversation_id=id, after=socket.frames[-1]["seq"])
        assert (await socket.until("resumed"))["handoff"] == ""
        await socket.send("handoff", conversation_id=id, wanted=True)
        waiting = await socket.until("handoff")
        assert waiting["state"] == "waiting"
        assert "name" not in waiting
        assert text_of(await socket.ask(id, "Still there?")) == "You said: Still there?"

        await anna.join(id)
        joined = await socket.until("handoff")
        assert (joined["state"], joined["name"]) == ("joined", "anna")
        await socket.ask(id, "Are you a person?")
        said = await anna.say(id, "Yes.")
        message = await socket.until("message")
        assert (message["role"], message["name"], message["content"]) == ("operator", "anna", "Yes.")
        assert message["message_id"] == said["id"]
        assert message["at"] == said["created_at"]
        await anna.leave(id)
        assert (await socket.until("handoff"))["state"] == "left"
        live = [frame for frame in socket.frames if frame["type"] in ("handoff", "message", "user_message")]

        async with wire(served.ws_url, alice.token) as second:
            await second.send("resume", conversation_id=id, after=0)
            resumed = await second.until("resumed")
            assert (resumed["handoff"], resumed["operator_name"], resumed["paused"]) == ("", "", False)
            replayed = []
            while not replayed or replayed[-1].get("state") != "left":
                replayed.append(await second.receive())
            told = [frame for frame in replayed if frame["type"] in ("handoff", "message", "user_message")]
            assert told[1:] == live  # the first question was sent before the first client read in full
            assert [frame["seq"] for frame in replayed] == sorted(frame["seq"] for frame in replayed)


async def test_a_restart_keeps_who_is_there_and_what_was_said(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.ask(id, "Where is my parcel?")
        await anna.join(id)
        await anna.say(id, "I am looking.")
    async with scene(tmp_path) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        await socket.send("resume", conversation_id=id, after=0)
        resumed = await socket.until("resumed")
        assert (resumed["handoff"], resumed["operator_name"], resumed["paused"]) == ("joined", "anna", True)
        assert (await socket.until("handoff"))["state"] == "joined"
        assert (await socket.until("message"))["content"] == "I am looking."
        await socket.ask(id, "Are you a person?")
        await anna.say(id, "Yes. It comes tomorrow.")
        await anna.leave(id)
        await socket.until("handoff")
        await socket.ask(id, "And the invoice?")
        assert said_to_model(served)[-3:] == GOES_ON[-3:]


async def test_who_joins_cuts_a_running_answer_off_and_the_question_stays_in_the_bots_memory(
    tmp_path: Path,
) -> None:
    def slow(asked: Recorded) -> Any:
        words = asked.body["messages"][-1]["content"]
        if words == "Tell me everything":
            return openai_text("One ", *(["more "] * 2000), delay_s=0.05)
        return openai_text("You said: ", words)

    async with scene(tmp_path, slow) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.say(id, "Tell me everything")
        await socket.until("content")
        await socket.say(id, "This waits")
        await anna.join(id)
        done = await socket.until("done")
        assert done["interrupted"] is True
        await anna.say(id, "I will.")
        await anna.leave(id)
        with trio.fail_after(10):
            while text_of(socket.frames[-3:]) != "I will.":
                await socket.receive()
        await socket.until("done")
        await socket.ask(id, "Go on")
        told = said_to_model(served)
        assert told[0] == ("user", "Tell me everything")
        assert told[1][1].startswith("One ")
        assert told[2:] == [
            ("user", "This waits"),
            ("assistant", f"{BY_ANNA}I will."),
            ("user", "Go on"),
        ]


async def test_a_page_of_the_ai_sdk_reads_a_persons_words_in_an_open_stream(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna):
        id = await alice.start()
        assert await alice.say("ai-sdk", id, "Where is my parcel?")
        await anna.join(id)
        heard: list[str] = []

        async def ask() -> None:
            heard.append(await alice.say("ai-sdk", id, "Are you a person?"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            with trio.fail_after(10):
                while ("user", "Are you a person?") not in await anna.lines(id):
                    pass
            await anna.say(id, "Yes. It comes tomorrow.")
        assert heard == ["Yes. It comes tomorrow."]

        headers = {"Authorization": f"Bearer {alice.token}"}
        resume = f"{served.url}/api/chat/shop/{id}/stream"
        async with listening(alice.http, resume, headers) as told:
            assert (await told.next())[2]["type"] == "start"
            assert (await told.next())[2]["data"] == {"state": "joined", "name": "anna"}
            await anna.leave(id)
            assert (await told.next())[2]["data"]["state"] == "left"
            assert (await told.next())[2]["type"] == "finish"
        assert (await alice.http.get(resume, headers=headers)).status_code == 204
        assert await alice.say("ai-sdk", id, "And the invoice?") == "You said: And the invoice?"
        assert said_to_model(served) == GOES_ON


async def test_a_botpress_client_is_told_of_a_person_as_of_a_participant(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna):
        await alice.join_botpress()
        id = await alice.start()
        await alice.say("botpress", id, "Where is my parcel?")
        url = f"{served.url}/botpress/shop/conversations/{id}/listen"
        headers = {"x-user-key": alice.user_key}
        async with listening(alice.http, url, headers) as told:
            await anna.join(id)
            who = (await told.until(type="participant_added"))["data"]["participantId"]
            body = {"conversationId": id, "payload": {"type": "text", "text": "Are you a person?"}}
            await alice.http.post(f"{served.url}/botpress/shop/messages", json=body, headers=headers)
            assert (await told.until(type="message_created"))["data"]["isBot"] is False
            await anna.say(id, "Yes. It comes tomorrow.")
            words = (await told.until(type="message_created"))["data"]
            assert (words["userId"], words["isBot"]) == (who, True)
            assert words["payload"]["text"] == "Yes. It comes tomorrow."
            assert words["metadata"] == {"operator_name": "anna"}
            await anna.leave(id)
            assert (await told.until(type="participant_removed"))["data"]["participantId"] == who
        listed = (await alice.botpress_messages(id))[-1]
        assert {**words, "isBot": None} == {**listed, "isBot": None}
        assert await alice.say("botpress", id, "And the invoice?") == "You said: And the invoice?"
        assert said_to_model(served) == GOES_ON


async def test_a_lexicon_client_reads_a_persons_words_as_the_agents(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna):
        id = await alice.start()
        async with alice.lexicon_socket(id) as socket:
            await socket.send_message(json.dumps({"content": "Where is my parcel?"}))
            await lexicon_until(socket, "message_stream_ended")
            await anna.join(id)
            await socket.send_message(json.dumps({"content": "Are you a person?"}))
            assert (await lexicon_until(socket, "message_stream_ended"))["content"] == ""
            said = await anna.say(id, "Yes. It comes tomorrow.")
            await lexicon_until(socket, "message_stream_started")
            assert (await lexicon_until(socket, "message_stream_token"))["token"] == "Yes. It comes tomorrow."
            ended = await lexicon_until(socket, "message_stream_ended")
            assert ended["message_id"] == said["id"]
            assert ended["metadata"] == {"operator_name": "anna"}
            url = f"{served.url}/api/v1/chats/{id}/messages"
            listed = (await alice.http.get(url, headers={"X-API-Key": alice.key})).json()["messages"][-1]
            assert (listed["id"], listed["metadata"]["operator_name"]) == (said["id"], "anna")
            await anna.leave(id)
            await socket.send_message(json.dumps({"content": "And the invoice?"}))
            ended = await lexicon_until(socket, "message_stream_ended")
            assert ended["content"] == "You said: And the invoice?"
        assert said_to_model(served) == GOES_ON


async def test_chatbase_calls_it_taken_over_and_lists_a_persons_words(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna):
        id = await alice.start()
        await alice.say("chatbase", id, "Where is my parcel?")
        await anna.join(id)
        headers = {"Authorization": f"Bearer {alice.token}"}
        url = f"{served.url}/api/v2/agents/shop/conversations/{id}"
        found = (await alice.http.get(url, headers=headers)).json()["data"]
        assert found["status"] == "taken_over"
        with pytest.raises(Refused) as refused:
            await alice.say("chatbase", id, "Are you a person?")
        assert (refused.value.status, refused.value.word) == (400, "CHAT_CONVERSATION_NOT_ONGOING")
        await anna.say(id, "It comes tomorrow.")
        messages = (await alice.http.get(f"{url}/messages", headers=headers)).json()["data"]
        assert messages[-1]["role"] == "assistant"
        assert messages[-1]["parts"] == [{"type": "text", "text": "It comes tomorrow."}]
        assert messages[-1]["metadata"] == {"score": None, "operatorName": "anna"}
        await anna.leave(id)
        assert await alice.say("chatbase", id, "And the invoice?") == "You said: And the invoice?"
        assert said_to_model(served)[2] == ("assistant", f"{BY_ANNA}It comes tomorrow.")


async def test_an_openai_client_is_told_that_nobody_answers_and_its_message_is_kept(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna):
        id = await alice.start()
        await alice.say("openai", id, "Where is my parcel?")
        await anna.join(id)
        with pytest.raises(Refused) as refused:
            await alice.say("openai", id, "Are you a person?")
        assert refused.value.status == 429
        await anna.say(id, "Yes. It comes tomorrow.")
        await anna.leave(id)
        assert await alice.say("openai", id, "And the invoice?") == "You said: And the invoice?"
        assert ("assistant", f"{BY_ANNA}Yes. It comes tomorrow.") in said_to_model(served)


async def test_the_bot_asks_for_a_person_by_its_tool_and_goes_on_until_one_comes(tmp_path: Path) -> None:
    replies = [
        openai_tool_calls(("talk_to_person", {"reason": "A broken lamp"})),
        openai_text("Somebody will come."),
        openai_tool_calls(("talk_to_person", {})),
        openai_text("They know."),
    ]
    async with scene(tmp_path, replies) as (served, alice, anna), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.send("resume", conversation_id=id, after=0)
        await socket.until("resumed")
        frames = await socket.ask(id, "My lamp is broken, get me a person")
        assert [frame["state"] for frame in frames if frame["type"] == "handoff"] == ["waiting"]
        assert text_of(frames) == "Somebody will come."
        assert served.model is not None
        offered = [tool["function"]["name"] for tool in served.model.requests[0].body["tools"]]
        assert "talk_to_person" in offered
        told = served.model.requests[1].body["messages"][-1]["content"]
        assert "nobody is at their desk" in told
        waiting = await anna.good("GET", "/conversations", handoff="waiting")
        assert [item["id"] for item in waiting["items"]] == [id]
        assert ("note", "waiting") in await anna.lines(id)
        frames = await socket.ask(id, "Are they coming?")
        assert [frame for frame in frames if frame["type"] == "handoff"] == []

        async with wire(served.ws_url, alice.token) as second:
            await second.send("resume", conversation_id=id, after=0)
            again = [await second.receive()]
            while [frame["type"] for frame in again].count("done") < 2:
                again.append(await second.receive())
        steps = [frame for frame in socket.frames if frame["type"] not in ("progress", "chat_started")]
        assert text_of(again) == text_of(steps)
        states = [frame for frame in again if frame["type"] == "handoff"]
        assert states == [frame for frame in steps if frame["type"] == "handoff"]


async def test_only_bots_with_people_offer_them_and_a_visitor_may_call_it_off(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "desk": HELPFUL}
    async with (
        stack(tmp_path, echo, bots=bots) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        alone = await socket.start("shop")
        await socket.send("handoff", conversation_id=alone, wanted=True)
        assert (await socket.until("error"))["code"] == "FORBIDDEN"
        id = await socket.start("desk")
        await socket.send("resume", conversation_id=id, after=0)
        await socket.until("resumed")
        for wanted, state in ((True, "waiting"), (False, "ended"), (True, "waiting")):
            await socket.send("handoff", conversation_id=id, wanted=wanted)
            assert (await socket.until("handoff"))["state"] == state
        resolved = await anna.good("POST", f"/conversations/{id}/resolve")
        assert resolved["handoff"] == ""
        assert (await socket.until("handoff"))["state"] == "ended"
        await socket.send("handoff", conversation_id="of-somebody-else", wanted=True)
        assert (await socket.until("error"))["code"] == "NO_SESSION"
        for _ in range(20):
            await socket.send("handoff", conversation_id=id, wanted=True)
            await socket.send("handoff", conversation_id=id, wanted=False)
        assert "very often" in (await socket.until("error"))["error"]


async def test_a_message_is_answered_anew_over_the_socket_with_what_followed_taken_away(
    tmp_path: Path,
) -> None:
    async with scene(tmp_path) as (served, alice, _), wire(served.ws_url, alice.token) as socket:
        id = await socket.start()
        await socket.send("resume", conversation_id=id, after=0)
        await socket.until("resumed")
        await socket.ask(id, "Where?", message_id="m1")
        question = next(frame for frame in socket.frames if frame["type"] == "user_message")
        answer = socket.frames[-1]
        assert (question["client_message_id"], answer["type"]) == ("m1", "done")
        assert answer["at"] >= question["at"] > 1e9
        begin = len(socket.frames)
        await socket.send("retry", conversation_id=id, message_id="m1", content="When?")
        await socket.until("done")
        frames = socket.frames[begin:]
        deleted, asked = frames[:2]
        assert (deleted["type"], deleted["message_id"]) == ("message_deleted", answer["message_id"])
        assert (asked["type"], asked["content"], asked["message_id"]) == (
            "user_message",
            "When?",
            question["message_id"],
        )
        assert text_of(frames) == "You said: When?"
        assert said_to_model(served) == [("user", "When?")]
        await socket.send("retry", conversation_id=id, message_id="none")
        refused = await socket.until("error")
        assert refused["conversation_id"] == id
        await socket.send("message", conversation_id=id, content="x", files=["f"] * 21)
        assert (await socket.until("error"))["code"] == "INVALID_MESSAGE"


async def test_the_python_client_talks_to_a_person_and_asks_anew(tmp_path: Path) -> None:
    told: list[tuple[object, ...]] = []
    async with scene(tmp_path) as (served, alice, anna):
        chat = AIChat(
            served.ws_url,
            alice.token,
            on_message=lambda *said: told.append(said),
            on_handoff=lambda *state: told.append(state),
        )
        async with chat:
            id = await chat.start_chat("shop")
            events = chat.events(id)

            async def until(type: str) -> ChatEvent:
                with trio.fail_after(20):
                    while (event := await anext(events)).type != type:
                        pass
                return event

            mine = chat.send_message(id, "Where?")
            await until("done")
            chat.retry(id, mine, "When?")
            assert (await until("message_deleted")).message_id
            assert (await until("user_message")).content == "When?"
            await until("done")
            chat.talk_to_person(id)
            assert (await until("handoff")).state == "waiting"
            await anna.join(id)
            await anna.say(id, "Tomorrow.")
            assert (await until("message")).at is not None
            chat.send_message(id, "Thanks")
            assert (await until("done")).paused
            assert (await chat.resume(id)).operator_name == "anna"
    assert told[:3] == [("waiting", "", id), ("joined", "anna", id), ("anna", "Tomorrow.", id)]


async def test_a_program_of_the_python_client_that_knows_of_no_people_reads_their_words_as_an_answer(
    tmp_path: Path,
) -> None:
    told: list[object] = []
    ended = trio.Event()

    def done(usage: Usage | None, _: str) -> None:
        told.append(usage and usage.total_tokens)
        ended.set()

    async with scene(tmp_path) as (served, alice, anna):
        chat = AIChat(served.ws_url, alice.token, on_content=lambda text, _: told.append(text), on_done=done)
        async with chat:
            id = await chat.start_chat("shop")
            await anna.join(id)
            await anna.say(id, "Tomorrow.")
            with trio.fail_after(20):
                await ended.wait()
    assert told == ["Tomorrow.", 0]


async def test_of_two_who_join_at_once_one_wins_and_the_other_reads_the_name(tmp_path: Path) -> None:
    async with scene(tmp_path) as (served, alice, anna), desk(served, "bert") as bert:
        id = await alice.start()
        answers: dict[str, httpx.Response] = {}

        async def join(name: str, who: Desk) -> None:
            answers[name] = await who.ask("POST", f"/conversations/{id}/join")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(join, "anna", anna)
            nursery.start_soon(join, "bert", bert)
        assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
        winner = next(name for name, answer in answers.items() if answer.status_code == 200)
        loser = bert if winner == "anna" else anna
        refused = next(answer for answer in answers.values() if answer.status_code == 409).json()
        assert winner in refused["error"]
        assert refused["details"]["operator_name"] == winner
        path = f"/conversations/{id}/messages"
        assert "Take over" in (await loser.refused(409, "POST", path, {"content": "Hi"}))["error"]
        await loser.refused(409, "POST", f"/conversations/{id}/leave")
        taken = await loser.join(id, force=True)
        assert taken["operator_name"] != winner
        await loser.say(id, "Now it is me.")
        await (anna if loser is bert else bert).refused(409, "POST", path, {"content": "Hi"})


async def test_a_persons_message_sent_twice_is_one_and_the_visitors_limits_count_meanwhile(
    tmp_path: Path,
) -> None:
    bots = {"shop": HELPFUL.replace("rate-limit: 1000", "rate-limit: 3")}
    async with (
        stack(tmp_path, echo, bots=bots) as served,
        desk(served) as anna,
        wire(served.ws_url, served.token()) as socket,
    ):
        id = await socket.start()
        await anna.join(id)
        first = await anna.say(id, "Hello", client_id="c1")
        assert await anna.say(id, "Hello", client_id="c1") == first
        lines = await anna.lines(id)
        assert lines == [("note", "joined"), ("operator", "Hello")]
        await socket.until("done")
        for number in range(3):
            await socket.ask(id, f"message {number}")
        await socket.ask(id, "one too many")
        assert socket.frames[-1]["code"] == "RATE_LIMIT"
        for bad in ({"content": "  "}, {"content": "x" * 20_001}, {"content": 1}, {}):
            await anna.refused(400, "POST", f"/conversations/{id}/messages", bad)
        assert len(await anna.lines(id)) == 5
