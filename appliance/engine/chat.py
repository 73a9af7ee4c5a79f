"""A conversation in memory: its log, its queue of turns, and the one that runs."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import trio

from appliance.engine import replay
from appliance.engine.log import Cursor, Entry, Log, Wakeup, merge
from appliance.engine.question import Question
from appliance.engine.recorder import Recorder
from appliance.engine.services import Services
from appliance.engine.turn import CancelReason, Turn
from appliance.events import (
    TERMINAL_EVENTS,
    LogEvent,
    PersonLeft,
    Progress,
    SourcesFound,
    TextDelta,
    ToolCalled,
    ToolFinished,
)
from appliance.messages import Message
from appliance.store import handoff, message_rows

WITHIN_TURN = (Progress, TextDelta, ToolCalled, ToolFinished, SourcesFound)
"""What an answer is made of, between its beginning and its end."""

logger = logging.getLogger("appliance.engine")


class Chat:
    """Lives while somebody reads it or something runs in it; the store has all the rest.

    `on_idle` is called when nothing is left to keep it in memory for, `on_change` when it is another one to
    those who see all conversations: with True when there is more in it, else it was opened, closed, or ended.
    """

    def __init__(
        self,
        id: str,
        position: int,
        services: Services,
        slots: trio.CapacityLimiter,
        nursery: trio.Nursery,
        on_idle: Callable[[Chat], None],
        *,
        tenant: str,
        on_change: Callable[[str, bool], None],
    ) -> None:
        self.id = id
        self.tenant = tenant
        self.log = Log(position, self._noted)
        self._on_change = on_change
        self._watchers: set[Cursor] = set()
        """Readers that merely look over the shoulder of those who talk."""
        self.admission = trio.Lock()
        """Held while a message is admitted, so that messages queue in the order in which they are stored."""
        self._services = services
        self._slots = slots
        self._nursery = nursery
        self._on_idle = on_idle
        self._turns: deque[Turn] = deque()
        """The running turn and, behind it, those that wait."""
        self._working = False
        self._idle = trio.Event()
        self._pins = 0
        self._orphan_watch: trio.CancelScope | None = None

    @property
    def running(self) -> bool:
        """Is a turn running or waiting?"""
        return self._working

    @property
    def live(self) -> bool:
        """Does anybody read along who takes part, or is an answer being made?"""
        return self._working or self.log.readers > len(self._watchers)

    @property
    def waiting(self) -> int:
        """Turns behind the running one."""
        return max(0, len(self._turns) - 1)

    @property
    def current(self) -> Question | None:
        """The question whose turn runs now."""
        return self._turns[0].question if self._turns else None

    def decides(self, change_id: str) -> bool:
        """Does a turn that runs or waits carry out the user's word on this change?"""
        decisions = [turn.question.decision for turn in self._turns]
        return any(decision and decision.proposal.id == change_id for decision in decisions)

    @property
    def evictable(self) -> bool:
        """Nothing would be lost by forgetting it."""
        return not (self._working or self.log.readers or self._pins)

    @contextmanager
    def pinned(self) -> Iterator[None]:
        """Keep it in memory while somebody is about to read or to enqueue."""
        self._pins += 1
        try:
            yield
        finally:
            self._pins -= 1
            self._left()

    def enqueue(self, question: Question) -> None:
        """Take up the question as soon as the turns before it have ended."""
        self._turns.append(Turn(question, Recorder(self.log), self._services, self._slots))
        if not self._working:
            self._working = True
            self._idle = trio.Event()
            self._nursery.start_soon(self._work)

    def withhold(self) -> None:
        """Somebody is about to join: take out what was, and is being, found for one person alone."""
        self.log.withhold()
        for turn in self._turns:
            turn.withhold()

    async def wait_idle(self) -> None:
        """Sleep until no turn runs or waits."""
        if self._working:
            await self._idle.wait()

    async def cancel(self, reason: CancelReason, message_id: str = "") -> bool:
        """Stop the running turn and those that wait, or only that message's; returns when that is stored.

        False when the log tells of no cancelled turn: there was none, or it ended before.
        """
        stopped = [turn for turn in self._turns if not message_id or turn.question.message_id == message_id]
        for turn in stopped:
            turn.cancel(reason)
        for turn in stopped:
            await turn.ended.wait()
        return any(turn.was_cancelled for turn in stopped)

    # -- turns ---------------------------------------------------------------------------------------

    async def _work(self) -> None:
        """Run the turns one after another."""
        self._watch_orphan()
        while self._turns:
            turn = self._turns[0]
            try:
                await turn.run()
            except Exception:
                # A fault in one turn must not end the engine's nursery and with it the server.
                logger.exception("turn %s broke", turn.question.turn_id)
            finally:
                self._turns.popleft()
                turn.ended.set()
            self.log.forget_read()
            self._watch_orphan()
        self._working = False
        self._on_change(self.id, False)
        self._idle.set()
        self._stop_orphan_watch()
        self._left()

    def _noted(self, event: LogEvent) -> None:
        """Of a turn, its beginning and its end are news to those who see all conversations."""
        if not isinstance(event, WITHIN_TURN):
            self._on_change(self.id, True)

    # -- readers -------------------------------------------------------------------------------------

    async def open_reader(
        self, after: int, wakeup: Wakeup, *, leaves: str = "", watches: bool = False
    ) -> Reader:
        """Everything behind position `after`: what is stored first, then what happens from now on.

        It ends when `leaves`, whom it is for, takes part no more. Who `watches` does not take part.
        """
        start = self.log.start
        cursor = self.log.open_cursor(max(after, start), wakeup)
        if watches:
            self._watchers.add(cursor)
        self._on_change(self.id, False)
        self._stop_orphan_watch()
        backlog: list[Entry] = []
        try:
            if after < start:
                history: list[Message] = await self._services.store.read(
                    message_rows.history, self.id, after_seq=after, attached=True
                )
                notes = await self._services.store.read(handoff.notes, self.id, after_seq=after)
                unseen = [entry for entry in replay.entries(history, start, notes) if entry.seq > after]
                backlog = merge(unseen, after)
        except BaseException:
            self._watchers.discard(cursor)
            cursor.close()
            raise
        if backlog:
            wakeup.set()
        return Reader(self, cursor, backlog, leaves)

    def close_reader(self, cursor: Cursor) -> None:
        """A reader has gone; the last one's going starts the orphan grace."""
        cursor.close()
        self._watchers.discard(cursor)
        self._on_change(self.id, False)
        self._left()

    def _left(self) -> None:
        """A reader or the last turn has gone."""
        self.log.forget_read()
        self._watch_orphan()
        if self.evictable:
            self._on_idle(self)

    # -- orphans -------------------------------------------------------------------------------------

    def _watch_orphan(self) -> None:
        """With a turn running and nobody reading, give readers some time to come back.

        Clients that poll need not read along: their turns are finished.
        """
        polled = self.current is not None and self.current.polled
        if self._working and not polled and not self.log.readers and self._orphan_watch is None:
            self._orphan_watch = trio.CancelScope()
            self._nursery.start_soon(self._cancel_orphan, self._orphan_watch)

    def _stop_orphan_watch(self) -> None:
        if self._orphan_watch is not None:
            self._orphan_watch.cancel()
            self._orphan_watch = None

    async def _cancel_orphan(self, scope: trio.CancelScope) -> None:
        with scope:
            await trio.sleep(self._services.settings.orphan_grace_s)
        if not scope.cancelled_caught and not self.log.readers:
            self._orphan_watch = None
            if self.current is not None and not self.current.polled:
                await self.cancel("orphaned")


class Reader:
    """One reader of a chat: `take` what is new, `close` when done."""

    def __init__(self, chat: Chat, cursor: Cursor, backlog: list[Entry], leaves: str) -> None:
        self._chat = chat
        self._cursor = cursor
        self._backlog = backlog
        self._leaves = leaves
        self.ended = False
        """Whom it is for has left the conversation, so there is nothing more to read."""

    @property
    def expects_more(self) -> bool:
        """Does a turn run or wait, or is there something that was not taken yet?"""
        waits = self._chat.running or bool(self._backlog) or not self._cursor.at_end
        return waits and not self.ended

    def take(self) -> list[Entry]:
        """Everything since the last call, in order, neighbouring text merged."""
        if self.ended:
            return []
        backlog, self._backlog = self._backlog, []
        entries = self._allowed([*backlog, *self._cursor.take()])
        if entries and isinstance(entries[-1].event, TERMINAL_EVENTS):
            self._chat.log.forget_read()
        return entries

    def _allowed(self, entries: list[Entry]) -> list[Entry]:
        """What comes up to and with the news that whom it is for has left; then no more."""
        for index, entry in enumerate(entries):
            if self._leaves and isinstance(entry.event, PersonLeft) and entry.event.person == self._leaves:
                self.ended = True
                self.close()
                return entries[: index + 1]
        return entries

    def close(self) -> None:
        """Stop reading."""
        self._chat.close_reader(self._cursor)
