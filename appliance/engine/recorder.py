"""Writes one turn's events to the log and keeps what will be stored of them as the answer's parts."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from appliance import withholding
from appliance.engine.log import Log
from appliance.events import HandoffChanged, SourcesFound, TextDelta, ToolCalled, ToolFinished, TurnEvent
from appliance.messages import Part, SourcesPart, TextPart, ToolCall, ToolCallPart, ToolResult, ToolResultPart

T = TypeVar("T")

ROWS_KEPT = 100
"""Rows of a result that stay with its message, so that history shows it again; `store/results.py` has all."""

BYTES_KEPT = 100_000
"""The same in bytes of JSON; wide rows are fewer."""


class Recorder:
    """One turn's view of its conversation's log."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._parts: list[Part] = []
        self._run: list[str] = []
        self._run_seq = 0
        self.first_seq = 0
        """Position of the turn's first event."""
        self.text_length = 0
        """Characters of the answer so far."""
        self._withholds = False

    @property
    def position(self) -> int:
        """Position of the newest event."""
        return self._log.position

    def append(self, event: TurnEvent | HandoffChanged) -> int:
        """Add an event to the log and to the answer's parts, if it belongs there; returns its position."""
        event = withholding.event(event) if self._withholds else event
        before = self._log.position
        position = self._log.append(event)
        self.first_seq = self.first_seq or position
        match event:
            case TextDelta(text=text):
                if not self._run:
                    self._run_seq = before
                self._run.append(text)
                self.text_length += len(text)
            case ToolCalled(call=call, by_client=by_client):
                self._close_run()
                self._parts.append(ToolCallPart(seq=position, call=call, by_client=by_client))
            case ToolFinished(result=result):
                self._close_run()
                self._parts.append(ToolResultPart(seq=position, result=_kept(result)))
            case SourcesFound(sources=sources):
                self._close_run()
                self._parts.append(SourcesPart(seq=position, sources=sources))
            case _:
                self._close_run()  # the event took a position, so the text behind it is another run
        return position

    def withhold(self) -> None:
        """From now on, and in the parts so far, leave out what is for the asker alone."""
        self._withholds = True
        self._parts = [withholding.part(part) for part in self._parts]

    async def around_tool(
        self, call: ToolCall, run: Callable[[ToolCall], Awaitable[ToolResult]]
    ) -> ToolResult:
        """Announce the call, run it, announce and return its result."""
        self.append(ToolCalled(call=call))
        result = await run(call)
        self.append(ToolFinished(result=result))
        return result

    @property
    def text(self) -> str:
        """The words of the answer so far."""
        return "".join(part.text for part in self.parts() if isinstance(part, TextPart))

    def parts(self) -> list[Part]:
        """The answer so far."""
        text = "".join(self._run)
        return [*self._parts, *([TextPart(seq=self._run_seq, text=text)] if text else [])]

    def _close_run(self) -> None:
        if self._run:
            self._parts.append(TextPart(seq=self._run_seq, text="".join(self._run)))
            self._run = []


def _kept(result: ToolResult) -> ToolResult:
    """The result as history keeps it: whole when it is small, else its first rows."""
    query = result.query
    if query is None:
        return result
    rows = _first(query.rows) if query.result_id else query.rows
    change = query.change and msgspec.structs.replace(query.change, rows=_first(query.change.rows))
    return msgspec.structs.replace(result, query=msgspec.structs.replace(query, rows=rows, change=change))


def _first(rows: list[T]) -> list[T]:
    """As many of the first rows as are worth keeping, at least one."""
    room = BYTES_KEPT
    for index, row in enumerate(rows[:ROWS_KEPT]):
        room -= len(msgspec.json.encode(row))
        if room < 0:
            return rows[: max(1, index)]
    return rows[:ROWS_KEPT]
