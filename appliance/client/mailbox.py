"""Events that wait for a task to read them."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator

import msgspec
import trio

from appliance.client.events import ChatEvent, ConnectError


class Events:
    """An async iterator of `ChatEvent`s. Neighbouring `content` waiting in it is merged to one.

    It never holds up the connection, and its memory is bounded by the size of the answers.
    """

    def __init__(self, conversation_id: str | None = None) -> None:
        self.conversation_id = conversation_id
        self._waiting: deque[ChatEvent] = deque()
        self._wake = trio.Event()
        self._closed = False
        self._error: ConnectError | None = None

    def __aiter__(self) -> AsyncIterator[ChatEvent]:
        return self

    async def __anext__(self) -> ChatEvent:
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._waiting:
            if self._error is not None:
                raise self._error
            if self._closed:
                raise StopAsyncIteration
            self._wake = trio.Event()
            await self._wake.wait()
        return self._waiting.popleft()

    def put(self, event: ChatEvent) -> None:
        """Add `event` if it is of the conversation that this iterator is about."""
        if self.conversation_id not in {None, event.conversation_id}:
            return
        last = self._waiting[-1] if self._waiting else None
        if last and last.type == event.type == "content" and _same_place(last, event):
            event = msgspec.structs.replace(event, delta=last.delta + event.delta)
            self._waiting.pop()
        self._waiting.append(event)
        self._wake.set()

    def close(self, error: ConnectError | None) -> None:
        """Nothing follows; a waiting reader gets `error`, or the end."""
        self._closed = True
        self._error = error
        self._wake.set()


def _same_place(left: ChatEvent, right: ChatEvent) -> bool:
    return left.conversation_id == right.conversation_id
