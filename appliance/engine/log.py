"""A conversation's log: append-only typed events, and readers with cursors.

A turn appends and waits for nobody. A reader sleeps until its log has grown, takes everything behind its
cursor with neighbouring text merged, and goes on. So a slow reader merely lags and gets fewer, larger
pieces; memory is bounded by the length of the turns in memory, never by the number of readers; and a reader
that comes back with the position it has seen gets exactly the rest. Positions are defined in
`appliance.events`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable

import msgspec
import trio

from appliance import withholding
from appliance.events import TERMINAL_EVENTS, LogEvent, TextDelta, TurnStarted, width


class Entry(msgspec.Struct, frozen=True):
    """An event and the position it ends at."""

    seq: int
    event: LogEvent


class Wakeup:
    """Lets one task sleep until somebody calls `set`; a set before the wait is not lost."""

    def __init__(self) -> None:
        self._event = trio.Event()

    def set(self) -> None:
        """Wake the sleeper now, or let its next `wait` return at once."""
        self._event.set()

    @property
    def is_set(self) -> bool:
        """Would `wait` return at once?"""
        return self._event.is_set()

    async def wait(self) -> None:
        """Sleep until the next `set` since the last `wait` returned."""
        await self._event.wait()
        self._event = trio.Event()


class Log:
    """Events of one conversation from `start` on; what lies before is in the store."""

    def __init__(self, start: int, on_append: Callable[[LogEvent], None] = lambda _: None) -> None:
        self._on_append = on_append
        self.start = start
        """Position before the first event in memory."""
        self.position = start
        """Position of the newest event."""
        self._entries: list[Entry] = []
        self._ends: list[int] = []
        """`seq` of each entry, for the search of a cursor's place."""
        self._wakeups: dict[Cursor, Wakeup] = {}

    @property
    def readers(self) -> int:
        """How many cursors are open."""
        return len(self._wakeups)

    def append(self, event: LogEvent) -> int:
        """Add `event` and wake all readers; returns its position."""
        self.position += width(event)
        self._entries.append(Entry(self.position, event))
        self._ends.append(self.position)
        for wakeup in self._wakeups.values():
            wakeup.set()
        self._on_append(event)
        return self.position

    def withhold(self) -> None:
        """Take out of what is in memory what those who join later may not read; positions stay."""
        self._entries = [Entry(entry.seq, withholding.event(entry.event)) for entry in self._entries]

    def open_cursor(self, after: int, wakeup: Wakeup) -> Cursor:
        """A reader that has seen everything up to `after`; `wakeup` is set whenever there is more."""
        cursor = Cursor(self, max(after, self.start))
        self._wakeups[cursor] = wakeup
        if cursor.position < self.position:
            wakeup.set()
        return cursor

    def close_cursor(self, cursor: Cursor) -> None:
        """The reader has gone; closing twice is fine."""
        self._wakeups.pop(cursor, None)

    def forget_read(self) -> None:
        """Drop finished turns, and what lies between turns, once every open reader has seen it.

        The store has it.
        """
        seen = min((cursor.position for cursor in self._wakeups), default=self.position)
        keep_from, in_turn = 0, False
        for index, entry in enumerate(self._entries):
            if entry.seq > seen:
                break
            in_turn = isinstance(entry.event, TurnStarted) or (
                in_turn and not isinstance(entry.event, TERMINAL_EVENTS)
            )
            if not in_turn:
                keep_from = index + 1
        if keep_from:
            self.start = self._ends[keep_from - 1]
            del self._entries[:keep_from]
            del self._ends[:keep_from]

    def beginning_of(self, turn_id: str) -> int | None:
        """The position before that turn's first event; None when it is not in memory."""
        for entry in reversed(self._entries):
            if isinstance(entry.event, TurnStarted) and entry.event.turn_id == turn_id:
                return entry.seq - 1
        return None

    def after(self, position: int) -> list[Entry]:
        """All that ends behind `position`: text cut to what is new, neighbouring deltas merged."""
        waiting = self._entries[bisect_right(self._ends, position) :]
        return merge(waiting, position)


class Cursor:
    """One reader's place in a log."""

    __slots__ = ("_log", "position")

    def __init__(self, log: Log, position: int) -> None:
        self._log = log
        self.position = position

    @property
    def at_end(self) -> bool:
        """Has it taken all there is?"""
        return self.position >= self._log.position

    def take(self) -> list[Entry]:
        """Everything new since the last call, merged; empty when there is nothing."""
        if self.at_end:
            return []
        entries = self._log.after(self.position)
        self.position = self._log.position
        return entries

    def close(self) -> None:
        """Stop reading."""
        self._log.close_cursor(self)


def merge(entries: list[Entry], position: int) -> list[Entry]:
    """`entries` as a reader at `position` needs them: neighbouring text joined, the first text cut."""
    merged: list[Entry] = []
    texts: list[str] = []
    end = position
    for entry in entries:
        if isinstance(entry.event, TextDelta):
            text = entry.event.text
            unseen = entry.seq - max(position, entry.seq - len(text))
            texts.append(text[len(text) - unseen :])
            end = entry.seq
            continue
        if texts:
            merged.append(Entry(end, TextDelta(text="".join(texts))))
            texts = []
        merged.append(entry)
    if texts:
        merged.append(Entry(end, TextDelta(text="".join(texts))))
    return merged
