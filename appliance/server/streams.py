"""One HTTP answer that goes on, over any codec: sleeps until the log grows, encodes, writes, goes on.

The conversation's log is the only buffer, so a slow client merely lags. When the client leaves, Quart leaves
the body, and the log has one reader less.
"""

from __future__ import annotations

from collections import deque
from math import inf
from types import TracebackType

import trio
from quart.wrappers.response import ResponseBody

from appliance.engine.chat import Reader
from appliance.engine.engine import Engine
from appliance.engine.log import Wakeup
from appliance.events import Resume
from appliance.protocols.base import Stream, StreamCodec
from appliance.server.exchange import Lasting
from appliance.server.places import Place

MERGE_S = 0.01
"""Between two batches of events, as for sockets: what comes meanwhile shares a write."""


class StreamBody(ResponseBody):
    """The body of one `Stream`.

    Made by `open`, so that a stream that cannot begin is refused with a status.
    """

    def __init__(
        self,
        codec: StreamCodec,
        reader: Reader,
        wakeup: Wakeup,
        bodies: set[Lasting],
        place: Place,
        ends_at: float,
    ) -> None:
        self._codec = codec
        self._place = place
        self._ends_at = ends_at
        self._reader = reader
        self._wakeup = wakeup
        self._pieces: deque[str] = deque(codec.begin())
        self._hold_s = codec.hold_s
        self._next_batch_at = 0.0
        self._sent_at = trio.current_time()
        self._stopping = False
        self._bodies = bodies
        bodies.add(self)

    @classmethod
    async def open(cls, stream: Stream, engine: Engine, bodies: set[Lasting], place: Place) -> StreamBody:
        """Start to read; while it lives it is among `bodies` and has `place`.

        Raises `ConversationNotFound`.
        """
        wakeup = Wakeup()
        ask = Resume(conversation_id=stream.conversation_id, after=stream.after)
        left_s = inf if stream.until is None else stream.until - engine.services.clock()
        try:
            reader = (await engine.read(ask, stream.caller, wakeup)).reader
        except BaseException:
            place.leave()
            raise
        return cls(stream.codec, reader, wakeup, bodies, place, trio.current_time() + left_s)

    def stop(self) -> None:
        """Tell what there is, then end."""
        self._stopping = True
        self._wakeup.set()

    def close(self) -> None:
        """Stop reading; closing twice is fine."""
        self._reader.close()
        self._place.leave()
        self._bodies.discard(self)

    async def __aenter__(self) -> StreamBody:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> StreamBody:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()  # a send to a client that has gone may not have one
        while not self._pieces:
            if self._codec.ended or trio.current_time() >= self._ends_at:
                raise StopAsyncIteration
            self._take()
            if not self._pieces and not self._codec.ended:
                if self._stopping:
                    raise StopAsyncIteration
                await self._wait()
        self._sent_at = trio.current_time()
        return self._next_piece().encode()

    def _take(self) -> None:
        if self._hold_s:  # nothing but what came at once goes out before the hold is over
            return
        for entry in self._reader.take():
            self._pieces.extend(self._codec.encode(entry))
            if self._codec.ended:
                return
        if self._reader.ended:
            self._stopping = True

    async def _wait(self) -> None:
        if self._hold_s:
            await trio.sleep(self._hold_s)
            self._hold_s = 0.0
            return
        # Counted from the last piece: events that a codec does not tell, as of a long text, are silence, too.
        quiet_until = self._sent_at + self._codec.heartbeat_s
        with trio.move_on_at(min(quiet_until, self._ends_at)) as silence:
            await self._wakeup.wait()
        if trio.current_time() >= self._ends_at:
            return
        if silence.cancelled_caught:
            self._pieces.extend(self._codec.heartbeat())
        else:
            await trio.sleep_until(self._next_batch_at)  # what comes meanwhile is merged
            self._next_batch_at = trio.current_time() + MERGE_S

    def _next_piece(self) -> str:
        if self._codec.apart:
            return self._pieces.popleft()
        whole = "".join(self._pieces)
        self._pieces.clear()
        return whole
