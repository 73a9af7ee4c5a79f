"""Streams in both dialects, read as the clients read them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from appliance.store.database import connect, database_path
from tests.protocols.chatbase.api import SHOP, Api, api, events_of, of, text_of
from tests.support.model_replies import error, openai_text, openai_tool_calls, stream, text

USUAL = ["start", "start-step", "text-start", "text-delta", "text-end", "finish-step", "finish"]


async def read_like_the_first_example(answer: httpx.Response) -> dict[str, Any]:
    """Cut each network piece at newlines, parse each line that is not blank, keep nothing between pieces."""
    seen: dict[str, Any] = {"text": ""}
    async for piece in answer.aiter_raw():
        for line in piece.decode().split("\n"):
            if not line.strip():
                continue
            event = json.loads(line)
            match event["type"]:
                case "start":
                    seen["id"] = event["messageId"]
                case "text-delta":
                    seen["text"] += event["delta"]
                case "finish":
                    metadata = event["metadata"]
                    seen |= {"conversation": metadata["conversationId"], "user": metadata["userId"]}
                    seen["credits"] = metadata["usage"]["credits"]
    return seen


async def read_lines(
    caller: Api, body: dict[str, Any], *, mount: str = "", accept: str = ""
) -> tuple[dict[str, Any], httpx.Headers]:
    headers = {"Authorization": f"Bearer {caller.key}", **({"Accept": accept} if accept else {})}
    url = f"{caller.served.url}{mount}/api/v2{SHOP}/chat"
    async with (
        httpx.AsyncClient() as client,
        client.stream("POST", url, json=body, headers=headers) as answer,
    ):
        return await read_like_the_first_example(answer), answer.headers


@pytest.mark.parametrize(
    ("options", "how"),
    [
        ({"stream_format": "ndjson"}, {}),
        ({}, {"mount": "/ndjson"}),
        ({}, {"accept": "application/x-ndjson"}),
        ({"stream_format": "sse"}, {"accept": "text/html, Application/JSONL; q=0.5"}),
        ({}, {"accept": "application/json-lines"}),
        ({}, {"accept": "application/ndjson"}),
    ],
)
async def test_the_first_published_example_reads_bare_lines(
    tmp_path: Path, options: dict[str, Any], how: dict[str, str]
) -> None:
    words = [f"Größe {number} 🌍\n" for number in range(300)]
    async with api(tmp_path, [openai_text(*words)]) as caller:
        asking = caller.with_key(**options)
        seen, headers = await read_lines(asking, {"message": "Explain", "userId": "user_abc123"}, **how)
        assert seen["text"] == "".join(words)
        assert (seen["user"], seen["credits"]) == ("user_abc123", 1)
        assert seen["id"].startswith("msg_")
        whole = await caller.good("GET", f"{SHOP}/conversations/{seen['conversation']}")
        assert whole["data"]["messages"][1]["id"] == seen["id"]
    assert headers["content-type"] == "application/x-ndjson; charset=utf-8"
    assert headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert headers["cache-control"] == "no-cache"
    assert headers["x-accel-buffering"] == "no"


async def test_one_burst_of_a_long_text_comes_in_lines_that_no_network_cuts(tmp_path: Path) -> None:
    long = "ä🌍x" * 20_000
    async with api(tmp_path, [openai_text(long)]) as caller:
        seen, _ = await read_lines(caller, {"message": "Explain"}, mount="/ndjson")
    assert seen["text"] == long


@pytest.mark.parametrize(
    ("options", "mount", "accept"),
    [
        ({}, "", ""),
        ({"stream_format": "sse"}, "/ndjson", ""),
        ({"stream_format": "ndjson"}, "/ndjson", "text/event-stream"),
        ({"stream_format": "ndjson"}, "", "application/x-ndjson, text/event-stream"),
        ({}, "", "*/*"),
    ],
)
async def test_server_sent_events_are_exactly_as_documented(
    tmp_path: Path, options: dict[str, Any], mount: str, accept: str
) -> None:
    async with api(tmp_path, [openai_text("Quantum")]) as caller:
        asking = caller.with_key(**options)
        answer = await asking.call("POST", f"{SHOP}/chat", {"message": "Explain"}, mount=mount, accept=accept)
    assert answer.headers["content-type"] == "text/event-stream"
    assert answer.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert answer.headers["x-request-id"].startswith("req_")
    assert "x-ratelimit-remaining" in answer.headers
    chunks = events_of(answer.text)
    assert [chunk["type"] for chunk in chunks] == USUAL
    start, finish = chunks[0], chunks[-1]
    told = start["messageMetadata"]
    assert set(told) == {"conversationId", "userMessageId", "userId"}
    assert finish == {
        "type": "finish",
        "finishReason": "stop",
        "messageMetadata": {
            **told,
            "messageId": start["messageId"],
            "finishReason": "stop",
            "usage": {"credits": 1},
        },
    }
    assert '"type":"finish"' in answer.text


async def test_tools_of_the_server_are_told_in_steps_without_parts_of_our_own(tmp_path: Path) -> None:
    call = openai_tool_calls(("execute_sql", {"sql": "SELECT 42 AS n", "description": "n"}))
    async with api(tmp_path, [call, openai_text("It is 42.")]) as caller:
        answer = await caller.call("POST", f"{SHOP}/chat", {"message": "How many?"})
        chunks = events_of(answer.text)
        path = f"{SHOP}/conversations/{chunks[-1]['messageMetadata']['conversationId']}"
        [_, stored] = (await caller.good("GET", path))["data"]["messages"]
    types = [chunk["type"] for chunk in chunks]
    assert not [one for one in types if one.startswith("data-")]
    assert types.count("start-step") == types.count("finish-step") == 2
    assert types.index("tool-output-available") < types.index("finish-step")
    call_part, result_part, text_part = stored["parts"]
    assert (call_part["type"], call_part["toolName"]) == ("tool-call", "execute_sql")
    assert call_part["input"]["sql"] == "SELECT 42 AS n"
    assert (result_part["type"], result_part["toolCallId"]) == ("tool-result", call_part["toolCallId"])
    assert "42" in json.dumps(result_part["output"])
    assert text_part == {"type": "text", "text": "It is 42."}


@pytest.mark.parametrize("lines", [False, True])
async def test_a_break_is_told_and_then_finished(tmp_path: Path, lines: bool) -> None:
    broken = stream(text("Half an ans"), then="reset")
    async with api(tmp_path, [broken]) as caller:
        accept = "application/x-ndjson" if lines else ""
        answer = await caller.call("POST", f"{SHOP}/chat", {"message": "go"}, accept=accept)
    chunks = [json.loads(line) for line in answer.text.splitlines()] if lines else events_of(answer.text)
    assert [chunk["type"] for chunk in chunks[-3:]] == ["text-end", "error", "finish"]
    finish = chunks[-1]
    told = finish["metadata"] if lines else finish["messageMetadata"]
    assert (finish["finishReason"], told["finishReason"]) == ("error", "error")
    assert told["usage"] == {"credits": 1}, "the model has worked for it"
    assert ("metadata" in finish) is lines


async def test_what_can_fail_before_the_stream_fails_with_a_status(tmp_path: Path) -> None:
    async with api(tmp_path) as caller:
        for body, wanted in (
            ({"message": "a", "conversationId": "none"}, (404, "RESOURCE_NOT_FOUND")),
            ({"message": ""}, (400, "VALIDATION_INVALID_BODY")),
        ):
            assert await caller.refused("POST", f"{SHOP}/chat", body) == wanted
        assert caller.served.model is not None
        assert caller.served.model.requests == []


async def test_a_refusing_model_is_an_error_in_the_stream_and_a_status_without_one(tmp_path: Path) -> None:
    refusal = error(400, "the model's own private words")
    async with api(tmp_path, [refusal, refusal]) as caller:
        told = events_of((await caller.call("POST", f"{SHOP}/chat", {"message": "go"})).text)
        assert [chunk["type"] for chunk in told] == ["start", "error", "finish"]
        assert told[-1]["messageMetadata"]["usage"] == {"credits": 0}, "it cost nothing"
        plain = await caller.call("POST", f"{SHOP}/chat", {"message": "go", "stream": False})
    assert (plain.status_code, plain.json()["error"]["code"]) == (500, "CHAT_STREAMING_ERROR")
    assert "private words" not in plain.text + json.dumps(told)


async def test_retry_streams_in_the_dialect_that_was_chosen(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one"), openai_text("two")]) as caller:
        first = await caller.ask("go")
        body = {"messageId": first["id"]}
        answer = await caller.call("POST", f"{of(first)}/retry", body, mount="/ndjson")
        chunks = [json.loads(line) for line in answer.text.splitlines()]
        assert "".join(chunk.get("delta", "") for chunk in chunks) == "two"
        assert chunks[-1]["metadata"]["userMessageId"] == first["metadata"]["userMessageId"]
        assert chunks[0]["messageId"] != first["id"]


async def test_a_paused_conversation_streams_an_empty_answer(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one")]) as caller:
        first = await caller.ask("go")
        await caller.good("PATCH", of(first), {"paused": True})
        body = {"message": "hello?", "conversationId": first["metadata"]["conversationId"]}
        sse = events_of((await caller.call("POST", f"{SHOP}/chat", body)).text)
        lines = (await caller.call("POST", f"{SHOP}/chat", body, mount="/ndjson")).text.splitlines()
    for chunks in (sse, [json.loads(line) for line in lines]):
        assert [chunk["type"] for chunk in chunks] == ["start", "finish"]
        assert chunks[-1]["finishReason"] == "stop"
        assert chunks[-1]["messageMetadata"]["usage"] == {"credits": 0}
        assert chunks[-1]["messageMetadata"]["messageId"] == chunks[0]["messageId"]


async def test_the_body_of_an_ai_sdk_client_always_gets_its_own_stream(tmp_path: Path) -> None:
    said = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "Hello"}]}
    body = {"id": "chat-of-the-page-1", "messages": [said], "trigger": "submit-message", "userId": 7}
    async with api(tmp_path, [openai_text("Hi there")]) as caller:
        asking = caller.with_key(stream_format="ndjson")
        answer = await asking.call(
            "POST", f"{SHOP}/chat", body, mount="/ndjson", accept="application/x-ndjson"
        )
        assert answer.headers["content-type"] == "text/event-stream"
        chunks = events_of(answer.text)
        assert (
            "".join(chunk.get("delta", "") for chunk in chunks if chunk["type"] == "text-delta") == "Hi there"
        )
        listed = await caller.good("GET", f"{SHOP}/conversations")
        assert listed["data"] == [], "it was not made by this API"
        [exported] = (await caller.good("GET", f"{SHOP}/conversations/export"))["data"]
        assert exported["source"] == "AI SDK"
        assert [text_of(message) for message in exported["messages"]] == ["Hello", "Hi there"]
        assert await caller.refused("POST", f"{SHOP}/chat", {"messages": []}) == (
            400,
            "VALIDATION_INVALID_BODY",
        )


async def test_an_ai_sdk_stream_names_messages_as_the_lists_do(tmp_path: Path) -> None:
    async with api(tmp_path, [openai_text("one"), openai_text("two"), openai_text("three")]) as caller:

        async def post(id: str, words: str) -> dict[str, Any]:
            said = {"id": id, "role": "user", "parts": [{"type": "text", "text": words}]}
            body = {"id": "chat-of-the-page-1", "messages": [said], "trigger": "submit-message"}
            start: dict[str, Any] = events_of((await caller.call("POST", f"{SHOP}/chat", body)).text)[0]
            return start

        first = await post("m1", "Hello")
        path = f"{SHOP}/conversations/{first['messageMetadata']['conversationId']}/messages"
        question, answer = (await caller.good("GET", path))["data"]
        assert question["id"] == first["messageMetadata"]["userMessageId"]
        assert answer["id"] == first["messageId"] == first["messageMetadata"]["messageId"]
        await post("m2", "More")
        await post(question["id"], "Hello again")
        after = (await caller.good("GET", path))["data"]
        assert [text_of(message) for message in after] == ["Hello again", "three"], "edited, not added"
        assert after[0]["id"] == question["id"]


async def test_two_messages_at_once_are_answered_one_after_the_other(tmp_path: Path) -> None:
    def reply(request: Any) -> Any:
        return openai_text("You said: ", request.body["messages"][-1]["content"])

    async with api(tmp_path, reply) as caller:
        first = await caller.ask("zero")
        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(caller.go_on, first, f"n{number}")
        messages = (await caller.good("GET", of(first)))["data"]["messages"]
    texts = [text_of(message) for message in messages]
    assert len(texts) == 10
    for question, answer in zip(texts[::2], texts[1::2], strict=True):
        assert answer == f"You said: {question}"


async def test_an_answer_that_is_being_made_is_not_read_and_can_be_retried(tmp_path: Path) -> None:
    half = stream(text("Well, "), then="hang")
    async with api(tmp_path, [openai_text("one"), half, openai_text("anew")]) as caller:
        first = await caller.ask("a")
        body = {"message": "b", "conversationId": first["metadata"]["conversationId"]}
        url, shown = f"{caller.served.url}/api/v2{SHOP}/chat", {"Authorization": f"Bearer {caller.key}"}
        async with (
            httpx.AsyncClient() as client,
            client.stream("POST", url, json=body, headers=shown) as answer,
        ):
            chunks, lines = [], answer.aiter_lines()
            async for line in lines:
                if line:
                    chunks.append(json.loads(line.removeprefix("data: ")))
                    if chunks[-1]["type"] == "text-delta":
                        break
            await until_half_is_stored(caller)
            messages = (await caller.good("GET", of(first)))["data"]["messages"]
            assert [text_of(message) for message in messages] == ["a", "one", "b"]
            [exported] = (await caller.good("GET", f"{SHOP}/conversations/export"))["data"]
            assert [text_of(message) for message in exported["messages"]] == ["a", "one", "b"]
            target = {"messageId": chunks[0]["messageId"], "stream": False}
            anew = await caller.good("POST", f"{of(first)}/retry", target)
            rest = [line async for line in lines if line]
        assert text_of(anew["data"]) == "anew"
        assert rest[-2:] == ['data: {"type":"abort"}', "data: [DONE]"]
        messages = (await caller.good("GET", of(first)))["data"]["messages"]
        assert [text_of(message) for message in messages] == ["a", "one", "b", "anew"]


async def until_half_is_stored(caller: Api) -> None:
    """Wait until the part of a running answer is in the database."""
    db = connect(database_path(caller.served.data))
    stored = "SELECT count(*) FROM _messages WHERE status = 'running' AND parts != x'5b5d'"
    with trio.fail_after(10):
        while not db.execute(stored).get:  # noqa: ASYNC110 # nobody is told
            await trio.sleep(0.02)
    db.close()
