"""What a careless or hostile client sends on the chat socket harms nobody else."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import trio
import trio_websocket

from tests.support.loopback import cli_server
from tests.support.model_replies import openai_text
from tests.support.raw_socket import frame, upgrade
from tests.support.stack import stack
from tests.support.wire import text_of, wire


async def test_thousands_of_starts_on_one_socket_are_each_answered_beside_others(
    tmp_path: Path,
) -> None:
    count = 3_000
    any_number = {"strangers_conversations_per_minute_max": 0}
    async with (
        stack(tmp_path, lambda _: openai_text("fine"), **any_number) as served,
        wire(served.ws_url) as flood,
    ):
        answers: dict[str, int] = {}

        async def send() -> None:
            for _ in range(count):
                await flood.send("start_chat", chatbot="shop", namespace="default")

        async def receive() -> None:
            for _ in range(count):
                answer = await flood.receive(60)
                key = answer.get("code", answer["type"])
                answers[key] = answers.get(key, 0) + 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(send)
            nursery.start_soon(receive)
            async with wire(served.ws_url) as other:
                assert text_of(await other.ask(await other.start())) == "fine"
        assert sum(answers.values()) == count
        assert set(answers) == {"chat_started", "BUSY"}
        assert answers["chat_started"] >= 200
        await trio.sleep(1)
        assert text_of(await flood.ask(await flood.start())) == "fine"


async def test_a_message_over_the_size_limit_ends_only_its_own_socket(tmp_path: Path) -> None:
    async with (
        stack(tmp_path, lambda _: openai_text("fine"), message_bytes_max=10_000) as served,
        wire(served.ws_url) as other,
    ):
        id = await other.start()
        async with wire(served.ws_url) as big:
            await big.send("message", conversation_id="x", content="x" * 20_000)
            with pytest.raises(trio_websocket.ConnectionClosed) as cut:
                await big.receive()
            assert cut.value.reason.code == 1009
        assert text_of(await other.ask(id)) == "fine"


async def test_a_long_message_below_the_socket_limit_is_refused_with_its_length(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, wire(served.ws_url) as client:
        id = await client.start()
        await client.say(id, "x" * 150_000)
        refused = await client.until("error")
        assert refused["code"] == "INVALID_MESSAGE"
        assert "100000" in refused["error"]


async def test_a_client_that_never_reads_does_not_hold_up_a_turn_or_another_reader(tmp_path: Path) -> None:
    words = ["word " * 2000] * 45  # more than the buffers of a socket with a small window
    async with (
        stack(tmp_path, [openai_text(*words)], write_timeout_s=1.0) as served,
        wire(served.ws_url) as reading,
    ):
        id = await reading.start()
        host, port = served.url.removeprefix("http://").split(":")
        sock = trio.socket.socket()
        sock.setsockopt(trio.socket.SOL_SOCKET, trio.socket.SO_RCVBUF, 4096)
        await sock.connect((host, int(port)))
        async with trio.SocketStream(sock) as deaf:
            await deaf.send_all(upgrade("/ai/ws"))
            await deaf.receive_some(4096)
            await deaf.send_all(
                frame(1, json.dumps({"type": "resume", "conversation_id": id, "after": 0}).encode())
            )
            assert text_of(await reading.ask(id)) == "".join(words)


async def test_many_sockets_of_one_caller_are_refused_over_the_limit(tmp_path: Path) -> None:
    async with stack(tmp_path, [], sockets_per_principal_max=2) as served:
        async with wire(served.ws_url), wire(served.ws_url), httpx.AsyncClient() as http:
            upgrade = {
                "Connection": "Upgrade",
                "Upgrade": "websocket",
                "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": "bKdPyn3u98cTfZJSh4TNeQ==",
            }
            refused = await http.get(f"{served.url}/ai/ws", headers=upgrade)
            assert refused.status_code == 429
            assert "at most 2" in refused.json()["error"]
        async with wire(served.ws_url) as client:
            assert await client.start()


def test_the_demo_server_stays_small(tmp_path: Path) -> None:
    """The promise is 80 MiB idle; half as much again catches a runaway without depending on the machine."""
    with cli_server("demo", "--data", str(tmp_path), "--port", "0") as server:
        assert server.rss_kib() < 120 * 1024
