"""Binds, serves and stops: one Quart-Trio application on one address, guarded against its clients.

Stopping takes at most `grace_s` + 2 s, in these steps: stop accepting; close idle connections; let requests,
streams and WebSockets go on for `grace_s`; cancel their handlers; half a second later drop every socket
that is still open; end the application.
"""

from __future__ import annotations

import errno
import logging
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from math import inf
from typing import Any

import trio
from hypercorn.trio.worker_context import WorkerContext
from quart import Quart

from appliance.errors import InvalidInput
from appliance.server.guard import GuardConfig, even_out_websockets
from appliance.server.heads import error_body, plain_headers
from appliance.server.limits import ServerLimits
from appliance.server.tcp import LINGER_S, Connection

__all__ = ["ServerLimits", "serve"]

logger = logging.getLogger("appliance.server")

BACKLOG = 4096
"""With the usual 100, two thousand clients that come back at once wait seconds for their connection."""
LAST_WORDS_S = 0.5
"""Between cancelling the handlers and dropping their sockets: time for a last frame and a close."""
APP_STOP_S = 1.5
"""After the grace, how long the application's own end may take all in all."""
REFUSALS_MAX = 64
"""Clients over `sockets_max` that are told so at the same time; further ones are just closed."""
SPARE_FILES = 128
"""File descriptors beside the sockets: database, workers, model providers."""


async def serve(
    app: Quart,
    *,
    host: str,
    port: int,
    limits: ServerLimits,
    shutdown: trio.Event,
    task_status: trio.TaskStatus[list[str]] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `app` until `shutdown` is set; returns within `limits.grace_s` + 2 s after that.

    `task_status.started` gets the bound URLs (port 0 takes a free port) once requests are answered. Raises
    `InvalidInput` when the address cannot be used, and whatever the application's startup raises.
    """
    listeners = await bind(host, port)
    # Each request is bounded by the guard; this is for none of them to be less.
    app.config["MAX_CONTENT_LENGTH"] = max(limits.body_bytes_max, limits.upload_bytes_max)
    even_out_websockets(app)
    _allow_files(limits.sockets_max + SPARE_FILES)
    server = _Server(app, limits)
    try:
        async with _lifespan(app) as life:
            task_status.started([_url(listener) for listener in listeners])
            grace_end = await server.run(listeners, shutdown)
            life.deadline = grace_end + APP_STOP_S
    finally:
        for listener in listeners:
            listener.socket.close()


async def bind(host: str, port: int) -> list[trio.SocketListener]:
    """Listen on every address that `host` means; raises `InvalidInput` that says what to do instead."""
    if port not in range(65_536):  # getaddrinfo would silently cut it to 16 bits
        raise InvalidInput(f"Port {port} does not exist; choose one from 0 to 65535.")
    try:
        return await trio.open_tcp_listeners(port, host=host, backlog=BACKLOG)
    except OSError as error:
        raise InvalidInput(_bind_problem(error, host, port)) from error


def _bind_problem(error: OSError, host: str, port: int) -> str:
    if isinstance(error, socket.gaierror):
        return f"The host name {host!r} is not known; use an address such as 127.0.0.1 or 0.0.0.0."
    match error.errno:
        case errno.EADDRINUSE:
            return (
                f"Port {port} on {host} is already in use by another program; "
                "stop it or choose another port (--port, APPLIANCE_PORT)."
            )
        case errno.EACCES:
            return f"This user may not listen on port {port}; choose one above 1023."
        case errno.EADDRNOTAVAIL:
            return f"This machine has no address {host}; use 127.0.0.1, or 0.0.0.0 for all."
        case _:
            return f"Cannot listen on {host} port {port}: {error.strerror or error}."


def _url(listener: trio.SocketListener) -> str:
    address, port = listener.socket.getsockname()[:2]
    return f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}"


@asynccontextmanager
async def _lifespan(app: Quart) -> AsyncIterator[trio.CancelScope]:
    """Start `app`, run the block, stop `app` within the deadline that the block gave to the scope.

    Done without Hypercorn's ASGI messages, which reduce a failed startup to its text. Startup and shutdown
    run at the same depth of scopes, so that a nursery opened in one may be closed in the other.
    """
    failure: Exception | None = None
    with trio.CancelScope() as life:
        async with trio.open_nursery() as background:
            dynamic: Any = app
            dynamic.nursery = background  # where quart-trio runs the application's background tasks
            try:
                await app.startup()
            except Exception as error:
                failure = error
            else:
                try:
                    yield life
                finally:
                    failure = await _stop(app, life)
            background.cancel_scope.cancel()
    if life.cancelled_caught:
        logger.error("The application did not stop in time and was cancelled")
    if failure is not None:
        raise failure


async def _stop(app: Quart, life: trio.CancelScope) -> Exception | None:
    """End `app`, also when the server itself was cancelled; hand back what went wrong."""
    if life.deadline == inf:
        life.deadline = trio.current_time() + APP_STOP_S
    life.shield = True
    try:
        await app.shutdown()
    except Exception as error:
        return error
    return None


def _allow_files(count: int) -> None:
    """Raise the process's soft limit of open files, which is often 1,024, as far as needed and allowed."""
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = count if hard == resource.RLIM_INFINITY else min(count, hard)
        if soft != resource.RLIM_INFINITY and soft < allowed:
            resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


class _Server:
    """All connections of one running server."""

    def __init__(self, app: Quart, limits: ServerLimits) -> None:
        self._app = app
        self._limits = limits
        self._config = GuardConfig(limits)
        self._context = WorkerContext(None)
        self._connections: set[Connection] = set()
        self._refusals = 0

    async def run(self, listeners: list[trio.SocketListener], shutdown: trio.Event) -> float:
        """Serve until `shutdown`, then drain; returns the moment at which the grace ends or ended."""
        async with trio.open_nursery() as outer:
            ending = trio.CancelScope()
            outer.start_soon(self._drop_at_end, ending)
            async with trio.open_nursery() as connections:
                await self._accept_until(shutdown, listeners, connections)
                grace_end = trio.current_time() + self._limits.grace_s
                connections.cancel_scope.deadline = grace_end
                ending.deadline = grace_end + LAST_WORDS_S
                await self._context.terminated.set()  # makes each answer the last on its connection
                for connection in self._connections:
                    connection.close_if_idle()
            outer.cancel_scope.cancel()
        return grace_end

    async def _accept_until(
        self, shutdown: trio.Event, listeners: list[trio.SocketListener], connections: trio.Nursery
    ) -> None:
        async with trio.open_nursery() as accepting:
            accepting.start_soon(
                partial(trio.serve_listeners, self._serve_one, listeners, handler_nursery=connections)
            )
            if self._limits.ping_interval_s > 0:
                accepting.start_soon(self._heartbeat)
            await shutdown.wait()
            accepting.cancel_scope.cancel()

    async def _serve_one(self, stream: trio.SocketStream) -> None:
        """Serve one connection; whatever goes wrong with it stays with it."""
        try:
            if len(self._connections) < self._limits.sockets_max:
                await self._serve_connection(stream)
            elif self._refusals < REFUSALS_MAX:
                await self._turn_away(stream)
        except* (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the peer is gone
        except* Exception as failure:
            logger.error("A connection was closed after an unexpected error", exc_info=failure)
        finally:
            stream.socket.close()

    async def _serve_connection(self, stream: trio.SocketStream) -> None:
        connection = Connection(stream, self._app, self._config, self._context)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    async def _turn_away(self, stream: trio.SocketStream) -> None:
        """Answer 503 at once and give the client a moment to take it."""
        self._refusals += 1
        try:
            with trio.move_on_after(LINGER_S):
                await stream.send_all(_full_answer())
                await stream.send_eof()
                while await stream.receive_some():
                    pass
        finally:
            self._refusals -= 1

    async def _heartbeat(self) -> None:
        while True:
            await trio.sleep(self._limits.ping_interval_s)
            for connection in tuple(self._connections):
                try:
                    connection.beat()
                except Exception:
                    logger.exception("A connection was dropped after an unexpected error")
                    connection.abort()

    async def _drop_at_end(self, ending: trio.CancelScope) -> None:
        """Drop every socket when `ending` expires, or when the server itself is cancelled."""
        try:
            with ending:
                await trio.sleep_forever()
        finally:
            for connection in tuple(self._connections):
                connection.abort()


def _full_answer() -> bytes:
    body = error_body(503, "Too many connections; try again in a moment.")
    headers = b"".join(b"%b: %b\r\n" % header for header in plain_headers(503, body))
    return b"HTTP/1.1 503 Service Unavailable\r\n" + headers + b"\r\n" + body
