"""What changes, told while it happens: all conversations, or one with everything in it."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec

from appliance import sse, withholding
from appliance.engine import console_accounts, handoff, oversight
from appliance.engine.chats import Resumed
from appliance.engine.engine import Engine
from appliance.engine.log import Entry, Wakeup
from appliance.identity import Caller
from appliance.protocols.base import Broadcast, Endpoint, Param, Stream
from appliance.protocols.console import conversation_shapes as shapes
from appliance.protocols.console.access import operator
from appliance.protocols.fluxbase.chat import ChatCodec
from appliance.wire import Request

HEARTBEAT_S = 15.0
HEARTBEAT = sse.comment("alive").decode()
LASTS_S = 900.0
"""Then browsers connect again by themselves, and show once more that they still may."""
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
POSITION_MAX = 2**53


class LiveFeed:
    """Counts, and each conversation that changes, as it is then; for one page."""

    heartbeat_s = HEARTBEAT_S

    def __init__(self, engine: Engine, caller: Caller, wakeup: Wakeup) -> None:
        self._engine = engine
        self._tenant = caller.tenant
        self._reader = oversight.watch(engine, caller.tenant, wakeup)
        self._counts: oversight.Counts | None = None
        self._caller = caller

    @property
    def ended(self) -> bool:
        """Has the session ended in which it was asked for?"""
        return not console_accounts.is_live(self._engine.services, self._caller)

    async def news(self) -> list[str]:
        """`counts` when they are others; `conversation` for each that changed, `deleted` when it is gone."""
        ids, missed = self._reader.take()
        pieces = [_event("missed", {})] if missed else []
        found = await oversight.some(self._engine, self._tenant, ids) if ids else []
        gone = {*ids} - {seen.conversation.id for seen in found}
        pieces += [_event("conversation", shapes.item(self._engine, seen)) for seen in found]
        pieces += [_event("deleted", {"id": id}) for id in ids if id in gone]
        counts = oversight.counts(self._engine, self._tenant)
        if counts != self._counts:
            self._counts = counts
            pieces.insert(0, _event("counts", counts))
        return pieces

    def heartbeat(self) -> list[str]:
        """A comment."""
        return [HEARTBEAT]

    def close(self) -> None:
        """Watch no more."""
        self._reader.close()


class WatchCodec:
    """One conversation's frames, as a full reader of Fluxbase's socket gets them, each an event with id."""

    heartbeat_s = HEARTBEAT_S
    hold_s = 0.0
    apart = False

    def __init__(self, engine: Engine, caller: Caller, resumed: Resumed, after: int) -> None:
        self._services = engine.services
        self._caller = caller
        self._codec = ChatCodec()
        self._resumed = resumed
        self._after = after
        self._private = caller.is_admin

    @property
    def ended(self) -> bool:
        """Has the session ended in which it was asked for?"""
        return not console_accounts.is_live(self._services, self._caller)

    def begin(self) -> list[str]:
        """`resumed`: who answers, and whether an answer is being made."""
        return [sse.encode(frame).decode() for frame in self._codec.resumed(self._resumed)]

    def encode(self, entry: Entry) -> list[str]:
        """The frames of one event; the last one is the place to go on from."""
        event = entry.event if self._private else withholding.event(entry.event)
        told = Entry(entry.seq, event)
        id = self._resumed.conversation.id
        frames = self._codec.encode(id, told, full=True, after=self._after)
        return [sse.encode(frame, id=str(entry.seq)).decode() for frame in frames]

    def heartbeat(self) -> list[str]:
        """A comment."""
        return [HEARTBEAT]


@operator
async def live(engine: Engine, request: Request) -> Broadcast:
    """All conversations."""
    return Broadcast(
        open=partial(LiveFeed, engine, request.caller),
        caller=request.caller,
        until=engine.services.clock() + LASTS_S,
        headers=HEADERS,
    )


@operator
async def stream(engine: Engine, request: Request) -> Stream:
    """One conversation from a position on; a browser that connects again goes on where it was."""
    caller = request.caller
    found = handoff.find(engine, request.path["id"], caller)
    after = request.whole_number("after", 0, 0, POSITION_MAX)
    seen = request.headers.get("last-event-id", "")
    if seen.isascii() and seen.isdecimal() and len(seen) < 17:
        after = max(after, int(seen))
    resumed = engine.chats.resumed(found)
    return Stream(
        codec=WatchCodec(engine, caller, resumed, after),
        conversation_id=found.id,
        caller=caller,
        after=after,
        until=engine.services.clock() + LASTS_S,
        headers=HEADERS,
    )


def _event(name: str, data: Any) -> str:
    return sse.encode(msgspec.json.encode(data), event=name).decode()


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path="/admin/api/live",
        handler=live,
        summary="What changes in all conversations, as server-sent events",
        answers={200: "text/event-stream"},
        errors=(401, 403, 429),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path="/admin/api/conversations/<id>/stream",
        handler=stream,
        summary="All that happens in one conversation, as server-sent events",
        params=(
            Param(
                name="after",
                description="The `seq` of the last frame, or of what was read; 0 is the beginning",
                schema={"type": "integer", "minimum": 0, "default": 0},
            ),
            Param(name="Last-Event-ID", description="The same, from a browser", where="header"),
        ),
        answers={200: "text/event-stream"},
        errors=(400, 401, 403, 404, 429),
        access="operator",
    ),
)
