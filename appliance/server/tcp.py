"""One connection: its socket, its deadlines and the application tasks behind it.

`Connection` is what Hypercorn's `TCPServer` and `TaskGroup` are, written anew because of what those do on
trio: they shield writes without a deadline, wait for a client that will never read, keep an idle task per
connection, and pay two scheduler rounds per frame sent.

    reader (one task)    socket -> Http1 -> AppTask.put      ends: peer left, fault, deadline, last answer
    application tasks    Quart -> Http1 -> Connection.write  ends: handler returned, or client gone
"""

from __future__ import annotations

import logging
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from math import inf
from typing import Any

import trio
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import ASGIReceiveEvent, ASGISendEvent, ConnectionState, Scope
from hypercorn.utils import parse_socket_addr
from quart import Quart

from appliance.server.guard import INBOX_MESSAGES, GuardConfig, Http1

logger = logging.getLogger("appliance.server")

RECEIVE_BYTES = 65_536
SENDS_PER_CHECKPOINT = 16
"""A send that the kernel takes at once costs no scheduler round; after so many, others get a turn."""
LINGER_S = 1.0
LINGER_BYTES = 1_048_576
"""How long, and how much of, what a refused client still sends is thrown away: a close with unread bytes
makes the kernel send a reset, which can destroy our last answer on its way."""
DEPARTED_S = 1.0
"""How long a handler may go on with what its client sent before it left; then it is cancelled."""
PINGS_UNANSWERED_MAX = 2

Send = Callable[[ASGISendEvent | None], Awaitable[None]]


class Connection:
    """Serves one accepted TCP connection from `run` to its end; errors of the peer end it silently.

    Raises `OSError` when the peer has already gone. Anything else that leaves `run` is a bug, and the
    caller's to log.
    """

    def __init__(
        self, stream: trio.SocketStream, app: Quart, config: GuardConfig, context: WorkerContext
    ) -> None:
        sock = stream.socket
        self._limits = config.limits
        self._stream = stream
        self._socket = sock
        self._reader = trio.CancelScope(deadline=trio.current_time() + self._limits.head_timeout_s)
        self._nursery: trio.Nursery
        self._write_lock = trio.Lock()
        self._sends = 0
        self._running = False
        self._gone = False
        self._half_closed = False
        self._between_requests = True
        self._receiving = False
        self._pings_unanswered = 0
        _set_options(sock, self._limits.write_timeout_s)
        tasks: Any = self  # Hypercorn's TaskGroup, of which only the two spawn methods are called
        self._protocol = Http1(
            app,  # type: ignore[arg-type]  # handed back to spawn_app untouched
            config,
            context,
            tasks,
            ConnectionState({}),
            False,
            parse_socket_addr(sock.family, sock.getpeername()),
            parse_socket_addr(sock.family, sock.getsockname()),
            self._on_event,
        )

    async def run(self) -> None:
        """Serve until the peer leaves, a deadline passes or the last answer is sent; then close."""
        async with trio.open_nursery() as self._nursery:
            self._running = True
            try:
                with self._reader:
                    await self._read()
                await self._protocol.handle(Closed())
                await self._linger()
                self.close()
            finally:
                self._running = False

    def close(self) -> None:
        """Close the socket; what is already in the kernel's buffer is still delivered."""
        self._gone = True
        self._socket.close()
        self._reader.cancel()

    def abort(self) -> None:
        """Close at once and drop what the peer did not take; wakes every task that waits for it."""
        if not self._gone:
            linger = struct.pack("ii", 1, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close()

    def close_if_idle(self) -> None:
        """Close when no request is being served."""
        if self._protocol.idle:
            self._reader.cancel()

    def beat(self) -> None:
        """Ping an open WebSocket; one that gave no sign of life for two pings is cut.

        Any byte is a sign of life. While we ourselves do not read, because the application is behind, the
        peer's answers wait in the kernel and their absence means nothing. A peer that is behind with
        reading gets no ping: the write that waits for it has its own deadline.
        """
        websocket = self._protocol.websocket
        if websocket is None or self._gone or not self._running or self._write_lock.locked():
            return
        if self._pings_unanswered >= PINGS_UNANSWERED_MAX:
            self.abort()
            return
        if self._receiving:
            self._pings_unanswered += 1
        self._nursery.start_soon(self.write, websocket.ping())

    async def write(self, data: bytes) -> None:
        """Give `data` to the kernel, waiting up to `write_timeout_s` for room; then the peer is cut.

        Returns also when the peer has gone: its reader tells the application. Cancelling the caller never
        leaves half a frame behind.
        """
        if self._gone:
            await trio.lowlevel.checkpoint()
            return
        rest = data if self._write_lock.locked() else data[self._write_now(data) :]
        if rest:
            await self._write_patiently(rest)
            return
        self._sends += 1
        if self._sends >= SENDS_PER_CHECKPOINT:
            self._sends = 0
            await trio.lowlevel.checkpoint()

    def _write_now(self, data: bytes) -> int:
        """How many bytes the kernel took at once; all of them when nobody is there to take them."""
        try:
            # Not trio's send: that reschedules each time. The file number is -1 once the socket is closed.
            return os.write(self._socket.fileno(), data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError:
            self.abort()
            return len(data)

    async def _write_patiently(self, data: bytes) -> None:
        """Shielded, since a frame cut in the middle would spoil the stream; `abort` ends it at any time."""
        with trio.move_on_after(self._limits.write_timeout_s, shield=True) as patience:
            try:
                async with self._write_lock:
                    await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                self.abort()
        if patience.cancelled_caught:
            self.abort()

    async def _read(self) -> None:
        while data := await self._receive():
            self._pings_unanswered = 0
            if self._between_requests:
                self._between_requests = False
                self._expect_within(self._limits.head_timeout_s)
            await self._protocol.handle(RawData(data))

    async def _receive(self) -> bytes:
        """The next bytes; none when the peer has left. A half-closed peer counts as one that left."""
        self._receiving = True
        try:
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return b""
        finally:
            self._receiving = False

    async def _linger(self) -> None:
        if not self._half_closed:
            return
        left = LINGER_BYTES
        with trio.move_on_after(LINGER_S):
            while left > 0 and (data := await self._receive()):
                left -= len(data)

    def _expect_within(self, seconds: float) -> None:
        self._reader.deadline = min(self._reader.deadline, trio.current_time() + seconds)

    async def _on_event(self, event: Event) -> None:
        """Hypercorn's way of speaking to a connection."""
        if isinstance(event, RawData):
            await self.write(event.data)
        elif isinstance(event, Closed):
            self._half_close()
        elif isinstance(event, Updated):
            self._between_requests = event.idle
            self._reader.deadline = inf
            if event.idle:
                self._expect_within(self._limits.keep_alive_s)

    def _half_close(self) -> None:
        """Say that nothing more will come, and let the reader finish the connection."""
        if not self._gone and not self._half_closed:
            self._half_closed = True
            try:
                self._socket.shutdown(socket.SHUT_WR)
            except OSError:
                self.abort()
        self._reader.cancel()

    async def spawn_app(
        self, app: Quart, config: GuardConfig, scope: Scope, send: Send
    ) -> Callable[[ASGIReceiveEvent], Awaitable[None]]:
        """Start the application on one request or WebSocket; returns where its messages go."""
        task = AppTask()
        self._nursery.start_soon(task.run, app, scope, send)
        return task.put

    def spawn(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """Run `function` beside the reader until the connection ends."""
        self._nursery.start_soon(function, *args)


class AppTask:
    """The application at work on one request or WebSocket, with a bounded inbox.

    Its end never depends on the inbox: a handler that does not read is cancelled when its client leaves.
    """

    def __init__(self) -> None:
        self._scope = trio.CancelScope()
        self._inbox, self._outbox = trio.open_memory_channel[ASGIReceiveEvent](INBOX_MESSAGES)

    async def put(self, message: ASGIReceiveEvent) -> None:
        """Wait for room in the inbox; a disconnect never waits."""
        if message["type"] in {"http.disconnect", "websocket.disconnect"}:
            self._disconnect(message)
            return
        with suppress(trio.BrokenResourceError):  # the application ended without reading everything
            await self._inbox.send(message)

    def _disconnect(self, message: ASGIReceiveEvent) -> None:
        try:
            self._inbox.send_nowait(message)
        except trio.WouldBlock:
            self._scope.cancel()
        except trio.BrokenResourceError:
            pass
        else:
            self._scope.deadline = trio.current_time() + DEPARTED_S

    async def run(self, app: Quart, scope: Scope, send: Send) -> None:
        """Run `app` to its end; what it raises is logged and ends this one request."""
        try:
            with self._scope:
                await app(scope, self._outbox.receive, send)
        except* Exception as failure:
            logger.error("Unhandled error while serving %s", scope.get("path"), exc_info=failure)
        finally:
            self._outbox.close()
            await send(None)


def _set_options(sock: trio.socket.SocketType, write_timeout_s: float) -> None:
    """No delay for small frames; a peer that acknowledges nothing is dropped by the kernel, too."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if sys.platform == "linux" and sock.family in {socket.AF_INET, socket.AF_INET6}:
        milliseconds = max(1, int(write_timeout_s * 1000))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, milliseconds)
