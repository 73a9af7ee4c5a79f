"""A model server on loopback that plays a script over real sockets and notes what clients do.

In a test: `async with model_server([openai_text("Hi")]) as server:`, then look at `server.requests`.
As a process: `python -m tests.support.model_server --script FILE [--port P] [--repeat]`, FILE a JSON list of
`Reply`; it prints its address, and `GET /_requests` tells what was recorded.
"""

from __future__ import annotations

import argparse
import socket
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import msgspec
import trio

from tests.support.model_replies import Chunk, Reply, error

Script = Sequence[Reply] | Callable[["Recorded"], Reply]


class Recorded:
    """One request. `closed` is set when the client closed the connection before the reply was whole."""

    def __init__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.raw = body
        self.at = trio.current_time()
        self.connection = 0
        self.closed = trio.Event()
        self.closed_at: float | None = None
        self.sent_at: float | None = None
        """When the last chunk so far went out."""

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw) if self.raw else None

    def note_closed(self) -> None:
        if self.closed_at is None:
            self.closed_at = trio.current_time()
            self.closed.set()

    def summary(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "path": self.path,
            "headers": self.headers,
            "body": self.body,
            "at": self.at,
            "closed_at": self.closed_at,
            "sent_at": self.sent_at,
        }


class ModelServer:
    """The running server: `url` to give to a provider, `requests` in the order they came."""

    def __init__(self, script: Script, *, repeat: bool = False) -> None:
        self.script = script
        self.repeat = repeat
        self.requests: list[Recorded] = []
        self.connections = 0
        self.url = ""

    def next_reply(self, request: Recorded) -> Reply:
        """The scripted reply; past the script's end an error that no retry hides."""
        if callable(self.script):
            return self.script(request)
        number = len(self.requests) - 1
        if self.repeat and self.script:
            return self.script[number % len(self.script)]
        if number < len(self.script):
            return self.script[number]
        return error(418, f"the script has no reply number {number + 1}")

    async def serve(self, stream: trio.SocketStream) -> None:
        """Talk to one client until it or the script ends the connection."""
        self.connections += 1
        number = self.connections
        try:
            async with stream:
                connection = _Connection(stream)
                while (request := await connection.request()) is not None:
                    request.connection = number
                    if request.path == "/_requests":
                        reply = self._report()
                    else:
                        self.requests.append(request)
                        reply = self.next_reply(request)
                    if not await connection.answer(request, reply):
                        return
        except trio.BrokenResourceError:
            pass

    def _report(self) -> Reply:
        summaries = msgspec.json.encode([request.summary() for request in self.requests])
        return Reply(headers={"content-type": "application/json"}, chunks=[Chunk(data=summaries)])


class _Connection:
    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._buffer = b""

    async def request(self) -> Recorded | None:
        """The next request, None when the client has gone."""
        while b"\r\n\r\n" not in self._buffer:
            if not await self._more():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.strip().lower(): value.strip() for name, value in pairs}
        length = int(headers.get("content-length", 0))
        while len(self._buffer) < length:
            if not await self._more():
                return None
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return Recorded(method, path, headers, body)

    async def _more(self) -> bool:
        data = await self._stream.receive_some(65536)
        self._buffer += data
        return bool(data)

    async def answer(self, request: Recorded, reply: Reply) -> bool:
        """Play `reply`; True when the connection can take another request."""
        whole = False
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._watch, request, nursery.cancel_scope)
            try:
                await self._play(request, reply)
                whole = reply.then == "end" and reply.framing == "chunked"
            except trio.BrokenResourceError:
                request.note_closed()
            nursery.cancel_scope.cancel()
        if reply.then == "reset":
            linger = struct.pack("ii", 1, 0)
            self._stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        return whole and request.closed_at is None

    async def _watch(self, request: Recorded, answering: trio.CancelScope) -> None:
        """Note when the client goes in mid-answer, and stop answering."""
        try:
            while await self._more():
                pass
        except trio.BrokenResourceError:
            pass
        request.note_closed()
        answering.cancel()

    async def _play(self, request: Recorded, reply: Reply) -> None:
        await trio.sleep(reply.head_delay_s)
        if reply.framing != "raw":
            await self._stream.send_all(_head(reply))
        for chunk in reply.chunks:
            if chunk.delay_s:
                await trio.sleep(chunk.delay_s)
            if data := chunk.raw:
                framed = b"%x\r\n%b\r\n" % (len(data), data) if _is_chunked(reply) else data
                await self._stream.send_all(framed)
                request.sent_at = trio.current_time()
        if reply.then == "hang":
            await trio.sleep_forever()
        if reply.then == "end" and _is_chunked(reply):
            await self._stream.send_all(b"0\r\n\r\n")


def _is_chunked(reply: Reply) -> bool:
    return reply.framing == "chunked"


def _head(reply: Reply) -> bytes:
    headers = dict(reply.headers)
    if _is_chunked(reply):
        headers["transfer-encoding"] = "chunked"
    else:
        headers["connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{n}: {v}" for n, v in headers.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


@asynccontextmanager
async def model_server(script: Script, *, repeat: bool = False, port: int = 0) -> AsyncIterator[ModelServer]:
    """Serve `script` while the block runs."""
    server = ModelServer(script, repeat=repeat)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, server.serve, port, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        server.url = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        yield server
        nursery.cancel_scope.cancel()


def main() -> None:
    """Serve a script file until the process is ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--script", required=True, help="JSON file: a list of replies")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--repeat", action="store_true", help="start again after the last reply")
    arguments = parser.parse_args()
    with open(arguments.script, "rb") as file:
        script = msgspec.json.decode(file.read(), type=list[Reply])

    async def serve() -> None:
        async with model_server(script, repeat=arguments.repeat, port=arguments.port) as server:
            print(f"listening on {server.url}", flush=True)
            await trio.sleep_forever()

    trio.run(serve)


if __name__ == "__main__":
    main()
