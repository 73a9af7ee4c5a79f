"""One HTTP answer that goes on and follows no one conversation: sleeps until its feed has news."""

from __future__ import annotations

from math import inf
from types import TracebackType

import trio
from quart.wrappers.response import ResponseBody

from appliance.engine.engine import Engine
from appliance.engine.log import Wakeup
from appliance.protocols.base import Broadcast, Feed
from appliance.server.exchange import Lasting
from appliance.server.places import Place

MERGE_S = 0.25
"""Between two batches: people read these, and what comes meanwhile is told once."""


class BroadcastBody(ResponseBody):
    """The body of one `Broadcast`; while it lives it is among `bodies` and has `place`."""

    def __init__(self, broadcast: Broadcast, engine: Engine, bodies: set[Lasting], place: Place) -> None:
        self._wakeup = Wakeup()
        self._feed: Feed = broadcast.open(self._wakeup)
        self._place = place
        left_s = inf if broadcast.until is None else broadcast.until - engine.services.clock()
        self._ends_at = trio.current_time() + left_s
        self._next_batch_at = 0.0
        self._stopping = False
        self._bodies = bodies
        bodies.add(self)

    def stop(self) -> None:
        """Tell what there is, then end."""
        self._stopping = True
        self._wakeup.set()

    def close(self) -> None:
        """Read no more; closing twice is fine."""
        self._feed.close()
        self._place.leave()
        self._bodies.discard(self)

    async def __aenter__(self) -> BroadcastBody:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, tb: TracebackType | None
    ) -> None:
        self.close()

    def __aiter__(self) -> BroadcastBody:
        return self

    async def __anext__(self) -> bytes:
        await trio.sleep_until(min(self._next_batch_at, self._ends_at))  # a checkpoint in any case
        while True:
            if self._stopping or self._feed.ended or trio.current_time() >= self._ends_at:
                raise StopAsyncIteration
            pieces = await self._feed.news() or await self._wait()
            if pieces:
                self._next_batch_at = trio.current_time() + MERGE_S
                return "".join(pieces).encode()

    async def _wait(self) -> list[str]:
        """Sleep until there may be news; a heartbeat when there were none for long."""
        quiet_until = trio.current_time() + self._feed.heartbeat_s
        with trio.move_on_at(min(quiet_until, self._ends_at)) as silence:
            await self._wakeup.wait()
        is_over = trio.current_time() >= self._ends_at
        return self._feed.heartbeat() if silence.cancelled_caught and not is_over else []
