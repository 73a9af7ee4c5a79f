"""An MCP server that is a program: its process, and its lines of JSON as the SDK's streams.

The SDK's own transport keeps lines of any length, adds to the environment and needs a file for stderr.
"""

from __future__ import annotations

import logging
import math
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import anyio
import trio
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage, JSONRPCNotification, JSONRPCRequest, jsonrpc_message_adapter

from appliance.tools.mcp_rendered import Rendered
from appliance.tools.own_process import PrintedLines, printable
from appliance.workers.pipe import RECEIVE_BYTES

MESSAGE_BYTES_MAX = 10_000_000
EXIT_GRACE_S = 1.0
"""How long a server may take to end after its input was closed, and again after SIGTERM."""
REQUESTS_MAX = 100
"""Requests from the server within `REQUESTS_WINDOW_S`; each costs a task, and none but pings are of use."""
REQUESTS_WINDOW_S = 60.0
_GARBAGE_LINES_MAX = 20
_IN_A_THREAD_BYTES = 200_000
"""Reading longer messages takes long enough to be felt by everybody else."""
_CHANGED = "notifications/tools/list_changed"

ENVIRONMENT = (
    *("PATH", "LD_LIBRARY_PATH", "LANG", "LC_ALL", "TMPDIR", "HOME", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"),
)
"""All that a program inherits: it must not know the keys of providers, nor where our own packages are."""

logger = logging.getLogger("appliance.tools")


class ServerGone(Exception):
    """The program ended, or said something that ends the talk; the text tells which."""


@asynccontextmanager
async def program(
    server: Rendered, cwd: str
) -> AsyncGenerator[
    tuple[MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]]
]:
    """Run the program of `server` in `cwd` while the block runs; raises `OSError` and `ServerGone`.

    At the end its input is closed; a moment later it is killed with all that it started.
    """
    process = await _start(server, cwd)
    to_session, session_reads = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    session_writes, from_session = anyio.create_memory_object_stream[SessionMessage](0)
    try:
        async with to_session, session_reads, session_writes, from_session, trio.open_nursery() as nursery:
            nursery.start_soon(_log_output, process, server)
            nursery.start_soon(_read, process, to_session, server)
            nursery.start_soon(_write, process, from_session)
            try:
                yield session_reads, session_writes
            finally:
                nursery.cancel_scope.cancel()
    finally:
        await _end(process)


async def _start(server: Rendered, cwd: str) -> trio.Process:
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    with trio.CancelScope(shield=True):  # a cancel meanwhile must leave no process behind
        process = await trio.lowlevel.open_process(
            server.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Ctrl-C in a terminal is for the appliance alone; and what it starts can be ended with it.
            start_new_session=True,
            cwd=cwd,
            env=known | server.env,
        )
    return process  # noqa: RET504 - mypy takes a `with` for something that may swallow an error


async def _end(process: trio.Process) -> None:
    """Let it end by itself for a moment, then end its whole group; not held up by a cancel."""
    with trio.CancelScope(shield=True):
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        await process.stdin.aclose()
        with trio.move_on_after(EXIT_GRACE_S):
            await process.wait()
        if process.poll() is None:
            _signal(process, signal.SIGTERM)
            with trio.move_on_after(EXIT_GRACE_S):
                await process.wait()
        _signal(process, signal.SIGKILL)  # also what it started and left behind
        await process.wait()
        await process.stdout.aclose()
        await process.stderr.aclose()


def _signal(process: trio.Process, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


async def _log_output(process: trio.Process, server: Rendered) -> None:
    assert process.stderr is not None
    lines = PrintedLines(f"MCP server {server.name}", server.redactor.clean)
    with suppress(trio.ClosedResourceError, trio.BrokenResourceError):
        while received := await process.stderr.receive_some(RECEIVE_BYTES):
            lines.feed(bytes(received))
    lines.end()


async def _write(process: trio.Process, messages: MemoryObjectReceiveStream[SessionMessage]) -> None:
    assert process.stdin is not None
    async for message in messages:
        line = message.message.model_dump_json(by_alias=True, exclude_unset=True)
        try:
            await process.stdin.send_all(line.encode() + b"\n")
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # the reader tells how it ended


async def _read(
    process: trio.Process,
    messages: MemoryObjectSendStream[SessionMessage | Exception],
    server: Rendered,
) -> None:
    """Pass on what the program says until it ends; raises `ServerGone`."""
    gate = _Gate(server)
    unread = bytearray()
    assert process.stdout is not None
    while received := await process.stdout.receive_some(RECEIVE_BYTES):
        *lines, rest = bytes(received).split(b"\n")
        for line in lines:
            message = await gate.message(bytes(unread + line))
            unread.clear()
            if message is not None:
                await messages.send(SessionMessage(message))
        unread += rest
        if len(unread) > MESSAGE_BYTES_MAX:
            raise ServerGone(f"it sent a message of more than {MESSAGE_BYTES_MAX // 1_000_000} MB")
    with trio.move_on_after(EXIT_GRACE_S):
        await process.wait()
    status = process.poll()
    raise ServerGone("it closed its output" if status is None else f"its process ended with status {status}")


class _Gate:
    """Reads lines; keeps back what is no message, and what would only cost."""

    def __init__(self, server: Rendered) -> None:
        self._server = server
        self._garbage = 0
        self._requests = 0
        self._window_ends = -math.inf

    async def message(self, line: bytes) -> JSONRPCMessage | None:
        if len(line) > MESSAGE_BYTES_MAX:
            raise ServerGone(f"it sent a message of more than {MESSAGE_BYTES_MAX // 1_000_000} MB")
        if not line.strip():
            return None
        try:
            if len(line) > _IN_A_THREAD_BYTES:
                message = await trio.to_thread.run_sync(_parsed, line)
            else:
                message = _parsed(line)
        except ValueError:
            self._tell_garbage(line)
            return None
        if isinstance(message, JSONRPCNotification) and message.method != _CHANGED:
            return None  # progress and log messages have no reader here
        if isinstance(message, JSONRPCRequest) and not self._takes_request():
            return None
        return message

    def _takes_request(self) -> bool:
        now = trio.current_time()
        if now >= self._window_ends:
            self._window_ends, self._requests = now + REQUESTS_WINDOW_S, 0
        self._requests += 1
        return self._requests <= REQUESTS_MAX

    def _tell_garbage(self, line: bytes) -> None:
        self._garbage += 1
        if self._garbage <= _GARBAGE_LINES_MAX:
            shown = self._server.redactor.clean(line[:2000].decode(errors="replace"))[:200]
            logger.warning(
                "MCP server %s: a line of its output is no message: %s", self._server.name, printable(shown)
            )


def _parsed(line: bytes) -> JSONRPCMessage:
    return jsonrpc_message_adapter.validate_json(line, by_name=False)
