"""What a person of the team says, for a page of the AI SDK: its wire knows answers only, so it is one.

A page that posts while a person is there gets a stream that waits for that person's next words, and so does
one that resumes; with the words, or after a minute without any, the stream ends and the page may post again.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from appliance.engine.log import Entry
from appliance.events import (
    ConversationDeleted,
    HandoffChanged,
    LogEvent,
    OperatorMessage,
    TurnStarted,
)
from appliance.protocols.chunk_frames import DONE, SSE_HEARTBEAT, Chunk, finish, frame, start
from appliance.protocols.chunks import handoff_chunks
from appliance.protocols.message_ids import message_id

HEARTBEAT_S = 15.0
HEARTBEATS_MAX = 4
"""A page shows "thinking" as long as its stream is open, and keeps people from writing on."""


class OperatorCodec:
    """The `StreamCodec` of a person's next words; `started` and `finished` are the metadata of both ends."""

    heartbeat_s = HEARTBEAT_S
    hold_s = 0.0
    apart = False

    def __init__(self, *, started: Mapping[str, Any], finished: Mapping[str, Any]) -> None:
        self._started = started
        self._finished = finished
        self._beats = 0
        self.ended = False

    def begin(self) -> list[str]:
        """`start`, without an id: whose words come next has not been said."""
        return [frame(start(None, self._started), lines=False)]

    def encode(self, entry: Entry) -> list[str]:
        """The person's words and the end; also the end when they leave, or the bot goes on."""
        if self.ended:
            return []
        return [frame(chunk, lines=False) for chunk in self._chunks(entry.event)] + (
            [DONE] if self.ended else []
        )

    def heartbeat(self) -> list[str]:
        """A comment; after a minute, the end."""
        self._beats += 1
        if self._beats < HEARTBEATS_MAX:
            return [SSE_HEARTBEAT]
        return [*(frame(chunk, lines=False) for chunk in self._end()), DONE]

    def _chunks(self, event: LogEvent) -> list[Chunk]:
        if isinstance(event, OperatorMessage):
            return [*said_chunks(event), *self._end()]
        if isinstance(event, HandoffChanged):
            gone = event.state in ("left", "ended")
            return [*handoff_chunks(event), *(self._end() if gone else [])]
        return self._end() if isinstance(event, TurnStarted | ConversationDeleted) else []

    def _end(self) -> list[Chunk]:
        self.ended = True
        return [finish("stop", self._finished)]


def said_chunks(event: OperatorMessage) -> list[Chunk]:
    """A text block, and a part of ours that names the person."""
    id = message_id(event.message_id)
    return [
        {"type": "start-step"},
        {"type": "data-operator", "data": {"name": event.name, "messageId": id, "at": event.at}},
        {"type": "text-start", "id": id},
        {"type": "text-delta", "id": id, "delta": event.content},
        {"type": "text-end", "id": id},
        {"type": "finish-step"},
    ]
