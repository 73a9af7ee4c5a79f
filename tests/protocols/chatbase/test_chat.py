"""Chat and retry in one piece: bodies, conversations, users, actions of the client, credits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from tests.protocols.chatbase.api import BOTS, SHOP, Api, api, events_of, make_key, of, text_of
from tests.support.model_replies import chunk, openai_text, openai_tool_calls, stream, text
from tests.support.stack import OPEN_BOT
from tests.support.wire import wire

PLACE = openai_tool_calls(("get_place", {"precise": True}))
INVALID = (400, "VALIDATION_INVALID_BODY")
NOT_THERE = (404, "RESOURCE_NOT_FOUND")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "message"),
        ({"stream": False}, "message"),
        ({"message": ""}, "message"),
        ({"message": " \n\t"}, "message"),
        ({"message": None}, "message"),
        ({"message": ["a"]}, "message"),
        ({"message": "x" * 100_001}, "message"),
        ({"message": "a", "stream": None}, "stream"),
        ({"message": "a", "stream": "false"}, "stream"),
        ({"message": "a", "stream": 0}, "stream"),
        ({"message": "a", "conversationId": None}, "conversationId"),
        ({"message": "a", "conversationId": 7}, "conversationId"),
        ({"message": "a", "userId": None}, "userId"),
        ({"message": "a", "userId": ""}, "userId"),
        ({"message": "a", "userId": "a b"}, "userId"),
        ({"message": "a", "userId": "ä"}, "userId"),
        ({"message": "a", "userId": "a\n"}, "userId"),
        ({"message": "a", "userId": "x" * 129}, "userId"),
        ({"message": "a", "userId": ["x"]}, "userId"),
        ([], "body"),
        ("text", "body"),
        (None, "message"),
        (b"null", "body"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_with_the_field(
    tmp_path: Path, body: Any, field: str
) -> None:
    async with api(tmp_path) as caller:
        assert await caller.refused("POST", f"{SHOP}/chat", body, field=field) == INVALID
        assert (await caller.good("GET", f"{SHOP}/conversations"))["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        b'{"message": "a',
        b"\xff\xfe",
        b'{"message": "\\ud800"}',
        b'{"message": "a", "deep": ' + b"[" * 100_000,
        b'{"message": "a"}x',
        b"\x00",
    ],
)
async def test_what_is_no_json_is_refused_as_such(tmp_path: Path, body: bytes) -> None:
    async with api(tmp_path) as caller:
        assert await caller.refused("POST", f"{SHOP}/chat", body) == (400, "VALIDATION_INVALID_JSON")


async def test_too_much_is_refused(tmp_path: Path) -> None:
    async with api(tmp_path, body_bytes_max=300_000) as caller:
        assert await caller.refused("POST", f"{SHOP}/chat", {"message": "x" * 100_001}) == INVALID
        huge = await caller.refused("POST", f"{SHOP}/chat", {"message": "x" * 300_001})
        assert huge == (413, "VALIDATION_INVALID_BODY")
        assert (await caller.good("GET", f"{SHOP}/conversations"))["data"] == []


async def test_an_answer_in_one_piece_has_all_documented_keys(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("Hi ", "there")]) as caller:
        answer = await caller.ask("Hello", unknown={"key": 1})
        stored = (await caller.good("GET", of(answer)))["data"]
    assert answer == {
        "id": stored["messages"][1]["id"],
        "role": "assistant",
        "parts": [{"type": "text", "text": "Hi there"}],
        "metadata": {
            "userMessageId": stored["messages"][0]["id"],
            "conversationId": stored["id"],
            "userId": None,
            "finishReason": "stop",
            "usage": {"credits": 1},
        },
    }


async def test_an_answer_that_is_cut_by_its_length_has_stopped(tmp_path: Path) -> None:
    cut = stream(text("As long as"), chunk({}, "length"), "data: [DONE]\n\n")
    async with api(tmp_path, [cut, cut]) as caller:
        assert (await caller.ask("go"))["metadata"]["finishReason"] == "stop"
        streamed = await caller.call("POST", f"{SHOP}/chat", {"message": "go"})
    assert '"finishReason":"stop"' in streamed.text
    assert "length" not in streamed.text


async def test_the_user_of_a_conversation_is_set_once(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 7) as caller:
        anns = await caller.ask("go", userId="ann-1.x_Y")
        for ignored in ("bob", "not a user id!", 7, None):
            body = {"conversationId": anns["metadata"]["conversationId"], "userId": ignored}
            assert (await caller.ask("go", **body))["metadata"]["userId"] == "ann-1.x_Y"
        nobodys = await caller.ask("go")
        same = {"conversationId": nobodys["metadata"]["conversationId"], "userId": "ann-1.x_Y"}
        assert (await caller.ask("go", **same))["metadata"]["userId"] is None
        assert (await caller.good("GET", of(nobodys)))["data"]["userId"] is None


async def test_every_key_of_the_workspace_goes_on_with_its_conversations(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 3) as caller:
        first = await caller.ask("go")
        for other in (caller.with_key(), caller.with_key("service")):
            again = await other.go_on(first, "more")
            assert again["metadata"]["conversationId"] == first["metadata"]["conversationId"]
        assert len((await caller.good("GET", of(first)))["data"]["messages"]) == 6


async def test_a_bot_for_members_answers_a_workspace_and_its_users(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")] * 3) as caller:
        body = {"message": "go", "stream": False}
        await caller.good("POST", "/agents/members/chat", body)
        await caller.good("POST", "/agents/members/chat", {**body, "userId": "ann"})
        visitor = caller.with_key("anon")
        forbidden = (403, "AUTH_INSUFFICIENT_PERMISSIONS")
        assert await visitor.refused("POST", "/agents/members/chat", body) == forbidden
        assert (await visitor.ask("go"))["parts"], "other bots are open to everybody"


async def test_a_conversation_that_is_not_there_or_another_agents(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")]) as caller:
        first = await caller.ask("go")
        id = first["metadata"]["conversationId"]
        body = {"message": "a", "conversationId": id}
        assert await caller.refused("POST", "/agents/members/chat", body) == (
            403,
            "CHAT_CONVERSATION_MISMATCH",
        )
        elsewhere = f"/agents/members/conversations/{id}"
        assert await caller.refused("GET", elsewhere) == NOT_THERE
        assert await caller.refused("POST", f"{elsewhere}/retry", {"messageId": first["id"]}) == NOT_THERE
        for unknown in ("", "no", "../..", "\x00", "x" * 5000):
            body = {"message": "a", "conversationId": unknown}
            assert await caller.refused("POST", f"{SHOP}/chat", body) == NOT_THERE
        other = caller.with_key(tenant="acme")
        assert (
            await other.refused("POST", f"{SHOP}/chat", {"message": "a", "conversationId": id}) == NOT_THERE
        )
        for agent in ("nobody", "off", "%00", "%F0%9F"):
            missing = await caller.refused("POST", f"/agents/{agent}/chat", {"message": "a"})
            assert missing == (404, "AGENT_NOT_FOUND")


# -- limits ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limit", "wanted"),
    [
        ("rate-limit: 1", (429, "RATE_LIMIT_TOO_MANY_REQUESTS")),
        ("daily-limit: 1", (402, "CHAT_CREDITS_EXHAUSTED")),
        ("token-budget: 1", (402, "CHAT_CREDITS_EXHAUSTED")),
    ],
)
async def test_a_bots_limit_is_refused_before_the_stream_and_leaves_nothing(
    tmp_path: Path, limit: str, wanted: tuple[int, str]
) -> None:
    name = limit.partition(":")[0]
    lines = [limit if line.startswith(f"{name}:") else line for line in OPEN_BOT.splitlines()]
    async with api(tmp_path, [openai_text("a")] * 2, bots={"shop": "\n".join(lines) + "\n"}) as caller:
        first = await caller.ask("go", userId="ann")
        for body in (
            {"message": "go", "userId": "ann"},
            {"message": "go", "conversationId": first["metadata"]["conversationId"]},
        ):
            answer = await caller.call("POST", f"{SHOP}/chat", body)
            assert (answer.status_code, answer.json()["error"]["code"]) == wanted
            assert ("retry-after" in answer.headers) is (wanted[0] == 429)
            if wanted[0] == 429:
                assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert (await caller.good("GET", f"{SHOP}/conversations"))["pagination"]["total"] == 1
        assert (await caller.ask("go", userId="bob"))["parts"], "limits are for each person"


async def test_a_conversation_with_all_its_turns_has_ended(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT.replace("rate-limit", "max-turns: 1\nrate-limit")}
    async with api(tmp_path, [openai_text("a")], bots=bots) as caller:
        first = await caller.ask("go")
        assert (await caller.good("GET", of(first)))["data"]["status"] == "ended"
        body = {"message": "more", "conversationId": first["metadata"]["conversationId"]}
        assert await caller.refused("POST", f"{SHOP}/chat", body) == (400, "CHAT_CONVERSATION_NOT_ONGOING")


# -- credits -----------------------------------------------------------------------------------------


def told(tokens: int) -> str:
    usage = {"prompt_tokens": tokens - 5, "completion_tokens": 5, "total_tokens": tokens}
    return chunk(usage=usage)


async def test_credits_may_be_thousands_of_tokens(tmp_path: Path) -> None:
    reply = stream(text("a"), chunk({}, "stop"), told(1234), "data: [DONE]\n\n")
    even = stream(text("a"), chunk({}, "stop"), told(2000), "data: [DONE]\n\n")
    async with api(tmp_path, [reply, even, reply], credits="tokens") as caller:
        assert (await caller.ask("go"))["metadata"]["usage"] == {"credits": 1.234}
        assert (await caller.ask("go"))["metadata"]["usage"] == {"credits": 2}
        answer = await caller.call("POST", f"{SHOP}/chat", {"message": "go"})
        assert (await caller.good("GET", SHOP))["creditsUsed"] == 4
    assert '"usage":{"credits":1.234}' in answer.text


async def test_a_broken_answer_costs_what_the_model_had_done(tmp_path: Path) -> None:
    broken = stream(text("Half an answer that was cut"), then="reset")
    async with api(tmp_path, [broken], credits="tokens") as caller:
        answer = await caller.call("POST", f"{SHOP}/chat", {"message": "go"})
        finish = events_of(answer.text)[-1]
    assert finish["finishReason"] == "error"
    assert finish["messageMetadata"]["usage"]["credits"] > 0


async def test_an_answer_that_somebody_stopped_is_told_as_far_as_it_came(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a"), stream(text("Well, "), then="hang")]) as caller:
        first = await caller.ask("go")
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await caller.go_on(first, "go"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            await until_asked(caller, 2)
            id = first["metadata"]["conversationId"]
            stop = f"{caller.served.url}/api/chat/{id}/stop"
            await caller.post(stop)
        [answer] = answers
    assert answer["metadata"]["finishReason"] == "stop"
    assert answer["metadata"]["usage"] == {"credits": 1}


async def until_asked(caller: Api, times: int) -> None:
    """Wait until the model has begun its answer to so many requests."""
    model = caller.served.model
    assert model is not None
    with trio.fail_after(10):
        while len(model.requests) < times or model.requests[-1].sent_at is None:  # noqa: ASYNC110 # no event
            await trio.sleep(0.01)


# -- retry -------------------------------------------------------------------------------------------


async def test_retry_cuts_at_the_target_and_answers_the_message_before(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text(word) for word in ("one", "two", "three", "four")]) as caller:
        first = await caller.ask("a")
        second = await caller.go_on(first, "b")
        anew = await caller.good("POST", f"{of(first)}/retry", {"messageId": second["id"], "stream": False})
        assert text_of(anew["data"]) == "three"
        assert anew["data"]["metadata"]["userMessageId"] == second["metadata"]["userMessageId"]
        assert anew["data"]["metadata"]["usage"] == {"credits": 1}
        messages = (await caller.good("GET", of(first)))["data"]["messages"]
        assert [text_of(message) for message in messages] == ["a", "one", "b", "three"]
        # A message of the user as the target goes, too, and the one before it is answered.
        user_target = {"messageId": second["metadata"]["userMessageId"], "stream": False}
        assert text_of((await caller.good("POST", f"{of(first)}/retry", user_target))["data"]) == "four"
        messages = (await caller.good("GET", of(first)))["data"]["messages"]
        assert [text_of(message) for message in messages] == ["a", "four"]


async def test_what_cannot_be_retried_changes_nothing(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one"), openai_text("two")]) as caller:
        first, other = await caller.ask("a"), await caller.ask("b")
        path = f"{of(first)}/retry"
        begin = {"messageId": first["metadata"]["userMessageId"]}
        assert await caller.refused("POST", path, begin) == (400, "CHAT_RETRY_NO_USER_MESSAGE")
        for id in ("msg_none", "", "msg_", other["id"], "\x00"):
            gone = await caller.refused("POST", path, {"messageId": id})
            assert gone == (404, "CHAT_RETRY_MESSAGE_NOT_FOUND")
        for body, field in (
            ({}, "messageId"),
            ({"messageId": None}, "messageId"),
            ({"messageId": first["id"], "stream": "no"}, "stream"),
        ):
            assert await caller.refused("POST", path, body, field=field) == INVALID
        stranger = caller.with_key(tenant="acme")
        assert await stranger.refused("POST", path, {"messageId": first["id"]}) == NOT_THERE
        await caller.good("PATCH", of(first), {"paused": True})
        paused = await caller.refused("POST", path, {"messageId": first["id"]})
        assert paused == (400, "CHAT_CONVERSATION_NOT_ONGOING")
        assert len((await caller.good("GET", of(first)))["data"]["messages"]) == 2


# -- actions of the client ---------------------------------------------------------------------------


async def test_an_action_goes_round_and_its_retry_voids_it(tmp_path: Path) -> None:
    replies = [PLACE, openai_text("In Lund."), PLACE, PLACE, openai_text("anew")]
    async with api(tmp_path, replies) as caller:
        asked = await caller.ask("where am I")
        assert asked["metadata"]["finishReason"] == "tool-calls"
        [call] = asked["parts"]
        assert (call["type"], call["toolName"], call["input"]) == (
            "tool-call",
            "get_place",
            {"precise": True},
        )
        go_on = {"conversationId": asked["metadata"]["conversationId"], "stream": False}
        assert await caller.refused("POST", f"{SHOP}/chat", go_on) == INVALID
        path, result = f"{of(asked)}/tool-result", {"toolCallId": call["toolCallId"], "output": "Lund"}
        assert await caller.good("POST", path, result) == {"data": {"success": True}}
        assert await caller.refused("POST", path, result) == (404, "RESOURCE_TOOL_CALL_NOT_FOUND")
        answer = (await caller.good("POST", f"{SHOP}/chat", go_on))["data"]
        assert text_of(answer) == "In Lund."
        assert answer["metadata"]["userMessageId"] == asked["metadata"]["userMessageId"]
        assert answer["metadata"]["usage"] == {"credits": 1}
        assert answer["parts"][0]["type"] == "tool-result"
        told_model = caller.served.model.requests[1].body["messages"][-1]  # type: ignore[union-attr]
        assert (told_model["role"], told_model["content"]) == ("tool", "Lund")
        again = await caller.good("POST", f"{of(asked)}/retry", {"messageId": answer["id"], "stream": False})
        [second_call] = again["data"]["parts"]
        third = await caller.good(
            "POST", f"{of(asked)}/retry", {"messageId": again["data"]["id"], "stream": False}
        )
        void = {"toolCallId": second_call["toolCallId"], "output": 1}
        if second_call["toolCallId"] != third["data"]["parts"][0]["toolCallId"]:
            assert await caller.refused("POST", path, void) == (404, "RESOURCE_TOOL_CALL_NOT_FOUND")


@pytest.mark.parametrize(
    ("output", "read"),
    [
        ("Lund", "Lund"),
        ({"city": "Lund"}, '{"city":"Lund"}'),
        (None, "null"),
        ([1, 2.5, "ü"], '[1,2.5,"ü"]'),
        ("0123", "0123"),
        ("123", '"123"'),
        ("null", '"null"'),
        ('{"city": "Lund"}', r'"{\"city\": \"Lund\"}"'),
    ],
)
async def test_a_model_reads_texts_as_they_are_and_all_else_as_json(
    tmp_path: Path, output: Any, read: str
) -> None:
    async with api(tmp_path, [PLACE, openai_text("fine")]) as caller:
        asked = await caller.ask("where am I")
        result = {"toolCallId": asked["parts"][0]["toolCallId"], "output": output}
        await caller.good("POST", f"{of(asked)}/tool-result", result)
        await caller.ask_to_go_on(asked)
        [answer] = (await caller.good("GET", of(asked)))["data"]["messages"][2:]
        assert answer["parts"][0]["output"] == output
        assert caller.served.model is not None
        assert caller.served.model.requests[1].body["messages"][-1]["content"] == read


async def test_a_message_may_come_with_the_results_and_the_model_reads_both(tmp_path: Path) -> None:
    replies = [PLACE, openai_text("Then by bus."), openai_text("Bye.")]
    async with api(tmp_path, replies) as caller:
        asked = await caller.ask("where am I")
        result = {"toolCallId": asked["parts"][0]["toolCallId"], "output": "Lund"}
        await caller.good("POST", f"{of(asked)}/tool-result", result)
        answer = await caller.go_on(asked, "and how do I get home?")
        assert [part["type"] for part in answer["parts"]] == ["tool-result", "text"]
        assert answer["metadata"]["userMessageId"] != asked["metadata"]["userMessageId"]
        await caller.go_on(asked, "thanks")
        assert caller.served.model is not None
        told = [read_by_model(request) for request in caller.served.model.requests]
        round_trip = [("user", "where am I"), ("assistant", ""), ("tool", "Lund")]
        assert told[1] == [*round_trip, ("user", "and how do I get home?")]
        assert told[2] == [*told[1], ("assistant", "Then by bus."), ("user", "thanks")]


def read_by_model(request: Any) -> list[tuple[str, str]]:
    return [(said["role"], said["content"] or "") for said in request.body["messages"][1:]]


async def test_a_message_that_came_with_results_is_told_to_those_who_read_later(tmp_path: Path) -> None:
    async with api(tmp_path, [PLACE, openai_text("Then by bus.")]) as caller:
        first = await caller.ask("where am I", userId="alice")
        result = {"toolCallId": first["parts"][0]["toolCallId"], "output": "Lund"}
        await caller.good("POST", f"{of(first)}/tool-result", result)
        await caller.go_on(first, "how do I get home?")
    async with (
        api(tmp_path, []) as caller,  # a server that was started anew knows only what is stored
        wire(caller.served.ws_url, caller.served.token()) as socket,
    ):
        await socket.send("resume", conversation_id=first["metadata"]["conversationId"], after=0)
        await socket.until("done")
        await socket.until("done")
        said = [frame["content"] for frame in socket.frames if frame["type"] == "user_message"]
        assert said == ["where am I", "how do I get home?"]


async def test_results_that_nobody_waits_for_are_refused(tmp_path: Path) -> None:
    async with api(tmp_path, [PLACE]) as caller:
        asked = await caller.ask("where am I")
        path, id = f"{of(asked)}/tool-result", asked["parts"][0]["toolCallId"]
        for body, field in (
            ({"output": 1}, "toolCallId"),
            ({"toolCallId": id}, "output"),
            ({"toolCallId": 7, "output": 1}, "toolCallId"),
        ):
            assert await caller.refused("POST", path, body, field=field) == INVALID
        none = (404, "RESOURCE_TOOL_CALL_NOT_FOUND")
        assert await caller.refused("POST", path, {"toolCallId": "call_none", "output": 1}) == none
        stranger = caller.with_key(tenant="acme")
        assert await stranger.refused("POST", path, {"toolCallId": id, "output": 1}) == NOT_THERE
        await caller.good("POST", path, {"toolCallId": id, "output": 1})


async def test_keys_with_nothing_in_common_see_nothing_of_each_other(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("a")], bots=BOTS) as caller:
        first = await caller.ask("go", userId="ann")
        other = caller.showing(make_key(caller.served, tenant="acme"))
        for method, path, body in (
            ("GET", of(first), None),
            ("GET", f"{of(first)}/messages", None),
            ("PATCH", of(first), {"paused": True}),
            ("PATCH", f"{of(first)}/messages/{first['id']}/feedback", {"feedback": "positive"}),
            ("POST", f"{of(first)}/tool-result", {"toolCallId": "x", "output": 1}),
        ):
            assert await other.refused(method, path, body) == NOT_THERE
        for path in (
            f"{SHOP}/conversations",
            f"{SHOP}/conversations/export",
            f"{SHOP}/users/ann/conversations",
        ):
            listed = await other.good("GET", path)
            assert (listed["data"], listed["pagination"]["total"]) == ([], 0)
