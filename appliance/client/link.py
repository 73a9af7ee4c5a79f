"""One `connect()`: the socket, its reader and writer, and the reconnects."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import msgspec
import trio
import trio_websocket

from appliance.client import opening
from appliance.client.events import ChatEvent, ConnectError

log = logging.getLogger(__name__)

RECONNECT_DELAY_MAX_S = 15.0
"""The delay doubles with each failed attempt up to this."""

CLOSE_TIMEOUT_S = 2.0
"""How long leaving waits for the server's side of the closing handshake."""


FRAME_TOO_LONG = 1009
"""WebSocket close code: a frame was over the server's limit."""


class Owner(Protocol):
    """What a link tells, and asks for."""

    def backlog(self) -> Iterator[dict[str, Any]]:
        """Frames that a fresh connection has to carry first, in order."""

    def received(self, raw: str | bytes) -> None:
        """A message came."""

    def tell(self, event: ChatEvent) -> None:
        """The connection opened or closed."""

    def frame_refused(self) -> None:
        """The server closed the connection because a frame was over its limit."""

    def ended(self, error: ConnectError | None) -> None:
        """The link is gone for good; `error` is None after `stop()`."""


class Link:
    """Keeps one connection up, from `run()` to `stop()` or to the last failed attempt."""

    def __init__(self, owner: Owner, url: str, attempts: int, delay_s: float) -> None:
        self.over = trio.Event()
        self._owner = owner
        self._url = url
        self._attempts = attempts
        self._delay_s = delay_s
        self._socket: trio_websocket.WebSocketConnection | None = None
        self._outgoing: deque[dict[str, Any]] = deque()
        self._wake = trio.Event()
        self._stopped = trio.Event()
        self._heard = False

    @property
    def is_open(self) -> bool:
        """True while frames can come and go."""
        return self._socket is not None and self._socket.closed is None

    @property
    def is_over(self) -> bool:
        """True when nothing will come any more."""
        return self._stopped.is_set() or self.over.is_set()

    def send(self, frame: dict[str, Any]) -> None:
        """Send when possible; without a connection the backlog of the next one carries it."""
        if self._socket is not None:
            self._outgoing.append(frame)
            self._wake.set()

    def stop(self) -> None:
        """Send what waits, hang up and do not come back."""
        self._stopped.set()
        self._wake.set()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Live; before the first connection a failure is raised, later ones are told to the owner."""
        error: ConnectError | None = None
        try:
            await self._open_and_converse(task_status.started)
            error = await self._reconnect()
        finally:
            self.over.set()
            self._owner.ended(None if self._stopped.is_set() else error)

    async def _reconnect(self) -> ConnectError:
        error = ConnectError("the connection was lost")
        failures = 0
        while failures < self._attempts and not await self._stopped_within(failures):
            try:
                heard = await self._open_and_converse(lambda: None)
                # Accepted and closed without a word is a failure too, or it would go on for ever.
                failures = 0 if heard else failures + 1
            except ConnectError as refusal:
                failures, error = failures + 1, refusal
                if refusal.status in {401, 403}:
                    break
        return error

    async def _stopped_within(self, failures: int) -> bool:
        """Wait before the next attempt; True when somebody hung up meanwhile."""
        longest = max(RECONNECT_DELAY_MAX_S, self._delay_s)
        with trio.move_on_after(min(self._delay_s * 2**failures, longest)):
            await self._stopped.wait()
        return self._stopped.is_set()

    async def _open_and_converse(self, opened: Callable[[], object]) -> bool:
        """One connection from opening to end; True if the server said anything on it.

        Raises `ConnectError` if it never opened.
        """
        was_open = self._heard = False
        try:
            # The stream is ours to close: trio-websocket leaves it open when the peer just vanishes.
            async with await opening.stream(self._url) as stream, trio.open_nursery() as nursery:
                self._socket = await opening.handshake(nursery, stream, self._url)
                was_open = True
                self._greet(opened)
                await self._converse(self._socket, nursery)
        except Exception as error:
            # Whatever breaks one connection is a lost connection: reconnecting is the answer.
            if not was_open:
                raise opening.refusal(self._url, error) from error
            log.debug("connection lost: %r", error)
        finally:
            self._socket = None
            if was_open:
                self._owner.tell(ChatEvent(type="disconnected"))
        return self._heard

    def _greet(self, opened: Callable[[], object]) -> None:
        self._outgoing = deque(self._owner.backlog())
        self._wake.set()
        self._owner.tell(ChatEvent(type="connected"))
        opened()

    async def _converse(self, socket: trio_websocket.WebSocketConnection, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._write, socket)
        try:
            while True:
                raw = await socket.get_message()
                self._heard = True
                self._owner.received(raw)
        except trio_websocket.ConnectionClosed as closed:
            if closed.reason is not None and closed.reason.code == FRAME_TOO_LONG:
                self._heard = True
                self._owner.frame_refused()
            # After `stop()` the writer still finishes the closing handshake.
            if not self._stopped.is_set():
                nursery.cancel_scope.cancel()

    async def _write(self, socket: trio_websocket.WebSocketConnection) -> None:
        try:
            while self._outgoing or not self._stopped.is_set():
                if not self._outgoing:
                    self._wake = trio.Event()
                    await self._wake.wait()
                    continue
                await socket.send_message(msgspec.json.encode(self._outgoing.popleft()).decode())
            with trio.move_on_after(CLOSE_TIMEOUT_S):
                await socket.aclose()
        except trio_websocket.ConnectionClosed:
            return  # the reader sees it too and ends the connection
