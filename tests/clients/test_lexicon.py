"""The Lexicon Chat API with the sockets in use: npm `ws`, Node's own, a page's, Python `websockets`."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
import trio
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK
from websockets.sync.client import connect

from tests.clients.stage import BOT, ClientStage, client_stage
from tests.support.programs import run_node_tests


@pytest.mark.node
@pytest.mark.parametrize("socket", ["ws", "node", "page"])
async def test_the_api_from_javascript(tmp_path: Path, socket: str) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        environ = stage.environ | {"SOCKET": socket, "OTHER_KEY": stage.key("acme")}
        await run_node_tests("lexicon.test.mjs", **environ)


@pytest.mark.node
async def test_a_person_takes_over_a_socket_and_the_published_hook(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot="helped") as stage:
        await run_node_tests("lexicon_handoff.test.mjs", **stage.at_desk)
        assert "Are you a person?" not in stage.asked()


async def test_the_synchronous_python_client(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        await trio.to_thread.run_sync(_talk, stage)


def _talk(stage: ClientStage) -> None:
    key = stage.key()
    headers, chat = _new_chat(stage, key)
    with connect(f"{stage.ws_url}/ws/chat", additional_headers=headers) as socket:
        assert json.loads(socket.recv())["event_type"] == "connection_established"
        socket.send(json.dumps({"content": "hello"}))
        events = list(map(json.loads, _until_ended(socket)))
        assert "".join(event.get("token", "") for event in events) == events[-1]["content"]
        socket.send(b"\x00binary")
        assert json.loads(socket.recv())["error_code"] == "INVALID_MESSAGE"
        socket.send("[" * 100_000)
        assert json.loads(socket.recv())["error_code"] in {"INVALID_MESSAGE", "MESSAGE_TOO_LONG"}
        socket.ping().wait(10)
    with pytest.raises(ConnectionClosedOK):
        socket.recv()
    with connect(f"{stage.ws_url}/ws/chat", additional_headers=headers | {"X-Chat-ID": chat[:-1]}) as refused:
        assert json.loads(refused.recv())["error_code"] == "CHAT_NOT_FOUND"
        with pytest.raises(ConnectionClosedError) as closed:
            refused.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


def _until_ended(socket: Any) -> Any:
    for text in socket:
        yield text
        if '"message_stream_ended"' in text:
            return


async def test_the_51st_connection_of_a_tenant_is_refused(tmp_path: Path) -> None:
    async with client_stage(tmp_path, default_bot=BOT) as stage:
        await trio.to_thread.run_sync(lambda: asyncio.run(_crowd(stage)))


async def _crowd(stage: ClientStage) -> None:
    headers, _ = _new_chat(stage, stage.key())
    others, _ = _new_chat(stage, stage.key("acme"))
    address = f"{stage.ws_url}/ws/chat"

    async def enter(by: dict[str, str] = headers) -> tuple[Any, str]:
        socket = await connect_async(address, additional_headers=by)
        event = json.loads(await socket.recv())
        return socket, event.get("error_code", event["event_type"])

    crowd = await asyncio.gather(*(enter() for _ in range(50)))
    assert {told for _, told in crowd} == {"connection_established"}
    extra, told = await enter()
    assert told == "CONNECTION_LIMIT_EXCEEDED"
    await extra.wait_closed()
    assert extra.close_code == 1013
    other, told = await enter(others)
    assert told == "connection_established"
    await crowd[0][0].close()
    again, told = await _when_there_is_room(enter)
    assert told == "connection_established"
    await asyncio.gather(*(socket.close() for socket, _ in crowd[1:]), again.close(), other.close())


async def _when_there_is_room(enter: Any) -> tuple[Any, str]:
    """The server counts a connection out when it has seen its end, which may be a little later."""
    for _ in range(100):
        socket, told = await enter()
        if told != "CONNECTION_LIMIT_EXCEEDED":
            break
        await socket.wait_closed()
    return socket, told


def _new_chat(stage: ClientStage, key: str) -> tuple[dict[str, str], str]:
    user = str(uuid4())
    made = httpx.post(f"{stage.url}/api/v1/chats/", headers={"X-API-Key": key}, json={"user_id": user})
    chat = str(made.raise_for_status().json()["id"])
    return {"X-API-Key": key, "X-User-ID": user, "X-Chat-ID": chat}, chat
