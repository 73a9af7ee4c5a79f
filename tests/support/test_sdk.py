"""The copy of the SDK against a server with a script: the acceptance tests stand on these behaviours."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import httpx
import pytest
import trio
import trio.testing
import trio_websocket
from quart import request
from quart_trio import QuartTrio

from tests.support.sdk import AIChat, ApiError, Client, Ear, create_client

Accept = Callable[[trio_websocket.WebSocketRequest], Awaitable[None]]


@asynccontextmanager
async def serve(accept: Accept) -> AsyncIterator[str]:
    """A WebSocket server on a free port; yields its HTTP address."""
    async with trio.open_nursery() as nursery:
        server = await nursery.start(partial(trio_websocket.serve_websocket, accept, "127.0.0.1", 0, None))
        yield f"http://127.0.0.1:{server.port}"
        nursery.cancel_scope.cancel()


async def echo_script(asked: trio_websocket.WebSocketRequest) -> None:
    """Sends back the frames that a client's message holds as a JSON list; answers `start_chat`."""
    socket = await asked.accept()
    try:
        while True:
            frame = json.loads(await socket.get_message())
            if frame["type"] == "start_chat":
                started = {"type": "chat_started", "conversation_id": frame["chatbot"]}
                await socket.send_message(json.dumps(started))
            elif frame["type"] == "message":
                for line in json.loads(frame["content"]):
                    await socket.send_message(line if isinstance(line, str) else json.dumps(line))
            else:
                await socket.aclose()
    except trio_websocket.ConnectionClosed:
        return


async def say(chat: AIChat, *frames: Any) -> None:
    await chat.send_message("c", json.dumps([*frames, {"type": "end"}]))


async def test_complete_frames_are_told_and_incomplete_ones_are_dropped() -> None:
    ear = Ear()
    async with serve(echo_script) as url, create_client(url, "key") as client:
        chat = client.ai.create_chat(**ear.callbacks)
        await chat.connect()
        await say(
            chat,
            {"type": "content", "conversation_id": "c", "delta": "a"},
            {"type": "content", "conversation_id": "c", "delta": ""},
            {"type": "content", "delta": "lost"},
            {"type": "content", "conversation_id": "c", "delta": "b", "seq": 3},
            {"type": "progress", "conversation_id": "c", "step": "thinking"},
            {"type": "progress", "conversation_id": "c", "step": "thinking", "message": "m"},
            {"type": "query_result", "conversation_id": "c"},
            {"type": "tool_result", "conversation_id": "c", "data": [{}]},
            {"type": "tool_result", "conversation_id": "c", "data": [{}], "query": "q"},
            {"type": "done"},
            {"type": "done", "conversation_id": "c", "usage": {"total_tokens": 1}},
            "no json",
        )
        (end,) = await ear.until_events("end")
        assert ear.content == [("a", "c"), ("b", "c")]
        assert chat.get_accumulated_content("c") == "ab"
        assert ear.progress == [("thinking", "m", "c")]
        assert ear.query_results == [("", "", 0, [], "c"), ("q", "", 0, [{}], "c")]
        assert ear.done == [({"total_tokens": 1}, "c")]
        assert len(ear.of_type("content")) == 4
        assert "seq" not in end
        await say(chat, {"type": "content", "conversation_id": "c", "delta": "new"})
        await ear.until_events("end", 2)
        assert chat.get_accumulated_content("c") == "new"
        assert chat.unreadable == ["no json"]


async def test_there_is_one_slot_for_start_chat_and_any_error_rejects_it() -> None:
    got: list[tuple[str, str]] = []

    async def start(chat: AIChat, name: str) -> None:
        try:
            got.append((name, await chat.start_chat(name, "default")))
        except ApiError as error:
            got.append((name, error.message))

    async with serve(echo_script) as url, create_client(url, "key") as client:
        chat = client.ai.create_chat()
        await chat.connect()
        assert await chat.start_chat("one", "default") == "one"
        async with trio.open_nursery() as nursery:
            chat._send = _nowhere  # type: ignore[method-assign]
            for name in ("first", "second"):
                nursery.start_soon(start, chat, name)
                await trio.testing.wait_all_tasks_blocked()
            chat._take({"type": "chat_started", "conversation_id": "answer to the first"})
            await trio.testing.wait_all_tasks_blocked()
            assert got == [("second", "answer to the first")]
            nursery.start_soon(start, chat, "third")
            await trio.testing.wait_all_tasks_blocked()
            chat._take({"type": "error", "error": "of another", "conversation_id": "x"})
            await trio.testing.wait_all_tasks_blocked()
            assert got[1:] == [("third", "of another")]
            nursery.cancel_scope.cancel()


async def _nowhere(**_: Any) -> None:
    """A frame that nobody answers."""


async def test_a_refused_upgrade_is_tried_four_times_in_all() -> None:
    paths: list[str] = []

    async def refuse(asked: trio_websocket.WebSocketRequest) -> None:
        paths.append(asked.path)
        await asked.reject(401, body=b'{"error": "no"}')

    ear = Ear()
    async with serve(refuse) as url, create_client(f"{url}/", "key") as client:
        chat = client.ai.create_chat(reconnect_delay_s=0.01, token="a/b", **ear.callbacks)
        with pytest.raises(ConnectionError, match="WebSocket connection error"):
            await chat.connect()
        await ear.until_events("disconnected", 4)
        await trio.sleep(0.1)
    assert paths == ["//ai/ws?token=a%2Fb"] * 4
    assert chat.upgrades == 4


async def test_it_reconnects_after_each_loss_because_each_open_counts_anew() -> None:
    ear = Ear()
    async with serve(echo_script) as url, create_client(url, "key") as client:
        chat = client.ai.create_chat(reconnect_delay_s=0.01, **ear.callbacks)
        await chat.connect()
        for losses in range(1, 7):
            await chat.cancel("c")  # this server closes then
            await ear.until_events("connected", losses + 1)
        await chat.disconnect()  # even then
        await ear.until_events("connected", 8)
        assert chat.is_connected()


async def test_without_reconnects_a_disconnect_is_one() -> None:
    ear = Ear()
    async with serve(echo_script) as url, create_client(url, "key") as client:
        chat = client.ai.create_chat(reconnect_attempts=0, reconnect_delay_s=0.01, **ear.callbacks)
        await chat.connect()
        await chat.disconnect()
        await ear.until_events("disconnected")
        await trio.sleep(0.1)
        assert chat.upgrades == 1
        with pytest.raises(ConnectionError, match="Not connected"):
            await chat.send_message("c", "hello")


@pytest.fixture
async def rest() -> AsyncIterator[Client]:
    """A client whose calls are answered by a real application without a socket between."""
    app = QuartTrio(__name__)

    @app.get("/api/v1/ai/chatbots")
    async def headers() -> dict[str, Any]:
        names = ("apikey", "authorization", "content-type")
        return {"chatbots": [{name: request.headers[name] for name in names}]}

    @app.get("/api/v1/ai/chatbots/by-name/<name>")
    async def lookup(name: str) -> dict[str, Any]:
        found = {"two": {"ambiguous": True, "namespaces": ["a", "b"]}, "none": {"ambiguous": False}}
        return found.get(name, {"ambiguous": False, "chatbot": {"namespace": f"of {name}"}})

    @app.get("/api/v1/ai/chatbots/<id>")
    async def object_as_error(id: str) -> tuple[dict[str, Any], int]:
        return {"error": {"code": id}}, 404

    @app.get("/api/v1/ai/conversations/<id>")
    async def text(id: str) -> tuple[str, int]:
        return "gone", 410

    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport) as http, trio.open_nursery() as nursery:
        yield Client(http, nursery, "http://test/", "anon", {})
        nursery.cancel_scope.cancel()


async def test_after_sign_in_only_authorization_changes(rest: Client) -> None:
    kinds = {"apikey": "anon", "content-type": "application/json"}
    assert (await rest.ai.list_chatbots()).data == [{**kinds, "authorization": "Bearer anon"}]
    rest.set_auth_token("user")
    assert (await rest.ai.list_chatbots()).data == [{**kinds, "authorization": "Bearer user"}]
    rest.set_auth_token(None)
    assert (await rest.ai.list_chatbots()).data == [{**kinds, "authorization": "Bearer anon"}]


async def test_errors_are_what_javascript_makes_of_them(rest: Client) -> None:
    data, error = await rest.ai.get_chatbot("x")
    assert data is None
    assert error is not None
    assert (error.message, error.status, error.details) == ("[object Object]", 404, {"error": {"code": "x"}})
    _, error = await rest.ai.get_conversation("x")
    assert error is not None
    assert (error.message, error.details) == ("Gone", "gone")


async def test_start_chat_looks_the_namespace_up(rest: Client) -> None:
    chat = rest.ai.create_chat()
    assert await chat._namespace_of("a b") == "of a b"
    with pytest.raises(ApiError, match="a, b"):
        await chat._namespace_of("two")
    with pytest.raises(ApiError, match="not found"):
        await chat._namespace_of("none")
