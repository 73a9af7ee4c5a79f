"""Frames per CPU-second: this server against the stock one, both measured in the same run.

    python -m bench.streams [--frames 40000]

Each server runs in a process of its own and sends frames of 50 bytes of JSON, one send per frame, to clients
that only drain. What counts is the CPU time of the server process (user and system), so the clients' own
cost and the speed of the disk do not matter; the ratio travels between machines, the figures do not.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import hypercorn.trio
import trio
from hypercorn.config import Config
from quart import Response, request, websocket
from quart.wrappers.response import IterableBody
from quart_trio import QuartTrio

from appliance.server.run import ServerLimits, serve

FRAME = '{"type":"content","delta":"a token ","seq":123456}'
UPGRADE = (
    "GET /ws?n={n} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
EVENTS = "GET /sse?n={n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
MEASURES = {
    "WebSocket, 1 client": (UPGRADE, 1),
    "WebSocket, 50 clients": (UPGRADE, 50),
    "SSE, 1 client": (EVENTS, 1),
    "SSE, 50 clients": (EVENTS, 50),
}


def make_app() -> QuartTrio:
    app = QuartTrio(__name__)

    @app.websocket("/ws")
    async def ws() -> None:
        await websocket.accept()
        for _ in range(websocket.args.get("n", 0, int)):
            await websocket.send(FRAME)

    @app.get("/sse")
    async def sse() -> Response:
        count = request.args.get("n", 0, int)

        async def body():
            for _ in range(count):
                yield f"data: {FRAME}\n\n"

        return Response(IterableBody(body()), content_type="text/event-stream")

    return app


async def run_server(kind: str) -> None:
    """Serve on a free port until killed; prints the port."""
    if kind == "stock":
        config = Config()
        config.bind = ["127.0.0.1:0"]
        start = partial(hypercorn.trio.serve, make_app(), config)
    else:
        start = partial(
            serve,
            make_app(),
            host="127.0.0.1",
            port=0,
            limits=ServerLimits(),
            shutdown=trio.Event(),
        )
    async with trio.open_nursery() as nursery:
        urls = await nursery.start(start)
        print(urls[0].rpartition(":")[2], flush=True)


@contextmanager
def server(kind: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a server of that kind."""
    command = [sys.executable, "-m", "bench.streams", "--serve", kind]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process.pid
    finally:
        process.kill()
        process.wait()


def drain(port: int, head: str, count: int) -> None:
    """Ask for `count` frames and read until all have come."""
    received = 0
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(head.format(n=count).encode())
        while received < count * len(FRAME) and (data := client.recv(1 << 20)):
            received += len(data)


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def frames_per_cpu_s(port: int, pid: int, head: str, clients: int, frames: int) -> float:
    before = cpu_s(pid)
    each = frames // clients
    threads = [threading.Thread(target=drain, args=(port, head, each)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return each * clients / (cpu_s(pid) - before)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--frames", type=int, default=40_000)
    parser.add_argument("--serve", choices=["stock", "guard"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        trio.run(run_server, options.serve)
        return
    print(f"{'frames per CPU-second':24}{'stock':>10}{'guard':>10}{'ratio':>8}")
    for name, (head, clients) in MEASURES.items():
        found = []
        for kind in ("stock", "guard"):
            with server(kind) as (port, pid):
                drain(port, head, 1000)  # warm
                found.append(frames_per_cpu_s(port, pid, head, clients, options.frames))
        print(f"{name:24}{found[0]:10,.0f}{found[1]:10,.0f}{found[1] / found[0]:8.2f}", flush=True)


if __name__ == "__main__":
    main()
