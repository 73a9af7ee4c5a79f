"""Tokens delivered per CPU-second of the server: one model stream, read by 1, 10 and 50 clients.

    python -m bench.fan_out [--tokens 1500] [--paced 200]

One client asks, the others have resumed the same conversation. Counted is the CPU time of the server from
the question to the last reader's `done`; readers only drain. The peer is the same server with the same
provider code, but does what is usual: a queue for each reader and a frame for each token, nothing stored.
Once the model sends as fast as it can, once 100 tokens a second, where hardly anything waits that could be
merged.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec
import trio
from quart import websocket
from quart_trio import QuartTrio

from appliance.messages import PromptMessage
from appliance.providers.base import ModelRequest, ModelText
from appliance.providers.http import new_client
from appliance.providers.openai import OpenAI
from appliance.server.run import ServerLimits, serve
from bench import rig
from tests.support.model_replies import openai_text
from tests.support.raw_socket import TEXT, RawSocket, frame

READERS = (1, 10, 50)
TIMEOUT_S = 60.0


# -- the peer: a frame for each token ------------------------------------------------------------------


def make_peer(provider: OpenAI) -> QuartTrio:
    """One conversation; whoever connects reads it."""
    app = QuartTrio("peer")
    queues: list[trio.MemorySendChannel[str]] = []

    def tell(type: str, **fields: Any) -> str:
        return msgspec.json.encode({"type": type, "conversation_id": "peer", **fields}).decode()

    async def answer() -> None:
        async with provider.stream(ModelRequest(messages=[PromptMessage(role="user")])) as events:
            position = 0
            async for event in events:
                if isinstance(event, ModelText):
                    position += len(event.text)
                    broadcast(tell("content", seq=position, delta=event.text))
        broadcast(tell("done", seq=position))

    def broadcast(text: str) -> None:
        for queue in queues:
            queue.send_nowait(text)

    async def write(queue: trio.MemoryReceiveChannel[str]) -> None:
        async for text in queue:
            await websocket.send(text)

    @app.websocket("/ai/ws")
    async def socket() -> None:
        await websocket.accept()
        mine, waiting = trio.open_memory_channel[str](math.inf)
        queues.append(mine)
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(write, waiting)
                while True:
                    asked = json.loads(await websocket.receive())["type"]
                    if asked == "message":
                        nursery.start_soon(answer)
                    else:
                        mine.send_nowait(tell("chat_started" if asked == "start_chat" else "resumed"))
        finally:
            queues.remove(mine)

    return app


async def run_peer(model_url: str) -> None:
    """Serve on a free port until killed; prints the address."""
    async with new_client(trust_env=False) as client, trio.open_nursery() as nursery:
        app = make_peer(OpenAI(client, base_url=f"{model_url}/v1", default_model="scripted"))
        limits, stop = ServerLimits(), trio.Event()
        urls = await nursery.start(
            partial(serve, app, host="127.0.0.1", port=0, limits=limits, shutdown=stop)
        )
        print(f"Serving {urls[0]}", flush=True)


@contextmanager
def peer(model_url: str) -> Iterator[rig.Served]:
    with rig.process(["-m", "bench.fan_out", "--serve", model_url], {}, "Serving ") as served:
        yield served


# -- the readers ---------------------------------------------------------------------------------------


class Found(NamedTuple):
    """What a stream cost: tokens that reached a reader per CPU-second and per frame."""

    per_cpu_s: float
    per_frame: float


def say(socket: RawSocket, type: str, **fields: Any) -> None:
    socket.send(frame(TEXT, json.dumps({"type": type, **fields}).encode()))


def hear(socket: RawSocket, type: str) -> dict[str, Any]:
    while (told := json.loads(socket.read_message().data))["type"] != type:
        pass
    return told


def drain(socket: RawSocket, frames: list[int]) -> None:
    """Read to the end of the answer as cheaply as can be."""
    received = bytearray(socket.buffer)
    while b'"type":"done"' not in received[-500:]:
        received += socket.sock.recv(1 << 20)
    frames.append(received.count(b'"type":"content"'))


def ask(server: rig.Served, readers: int, tokens: int) -> Found:
    """One question, its answer read by so many clients."""
    host, port = urlsplit(server.url).hostname, urlsplit(server.url).port
    assert host is not None
    assert port is not None
    frames: list[int] = []
    with ExitStack() as stack:
        sockets = [stack.enter_context(RawSocket(host, port, timeout_s=TIMEOUT_S)) for _ in range(readers)]
        for socket in sockets:
            socket.open_websocket("/ai/ws")
        say(sockets[0], "start_chat", chatbot="bench", namespace="default")
        conversation = hear(sockets[0], "chat_started")["conversation_id"]
        for socket in sockets[1:]:
            say(socket, "resume", conversation_id=conversation, after=0)
            hear(socket, "resumed")
        threads = [threading.Thread(target=drain, args=(socket, frames)) for socket in sockets]
        for thread in threads:
            thread.start()
        before = rig.cpu_s(server.pid)
        say(sockets[0], "message", conversation_id=conversation, content="Hello")
        for thread in threads:
            thread.join()
        cpu_s = rig.cpu_s(server.pid) - before
    assert len(frames) == readers, "a reader failed"
    return Found(tokens * readers / cpu_s, tokens * readers / sum(frames))


def compare(title: str, tokens: int, delay_s: float) -> None:
    """One table."""
    columns = f"{'frame/token':>13}{'appliance':>11}{'ratio':>7}{'tokens/frame':>14}"
    print(f"{title:34}{columns}")
    reply = openai_text(*(f"tok{n % 10} " for n in range(tokens)), delay_s=delay_s)
    with (
        rig.model(reply) as model,
        peer(model.url) as usual,
        rig.appliance(model.url, "mcp-tools: [think]") as ours,
    ):
        for server in (usual, ours):
            ask(server, 1, tokens)  # warm
        for readers in READERS:
            theirs, mine = ask(usual, readers, tokens), ask(ours, readers, tokens)
            label = f"{readers} reader{'s' * (readers > 1)}"
            rates = (
                f"{theirs.per_cpu_s:13,.0f}{mine.per_cpu_s:11,.0f}{mine.per_cpu_s / theirs.per_cpu_s:7.1f}"
            )
            print(f"{label:34}{rates}{mine.per_frame:14.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tokens", type=int, default=1500, help="of the fast stream")
    parser.add_argument("--paced", type=int, default=200, help="tokens of the stream of 100 a second")
    parser.add_argument("--serve", metavar="MODEL_URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        trio.run(run_peer, options.serve)
        return
    print(rig.load())
    compare("tokens per CPU-s, fast model", options.tokens, 0.0)
    compare("tokens per CPU-s, 100 a second", options.paced, 0.01)


if __name__ == "__main__":
    sys.exit(main())
