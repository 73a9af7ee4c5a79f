"""What a person of the team says, for a page of the AI SDK: its wire knows answers only, so it is one.

A page that posts while a person is there gets a stream that waits for that person's next words, and so does
one that resumes; with the words, or after a minute without any, the stream ends and the page may post again.
What the person said meanwhile comes first (`unheard`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from appliance.engine.log import Entry
from appliance.events import (
    ConversationDeleted,
    HandoffChanged,
    LogEvent,
    OperatorMessage,
    TurnStarted,
)
from appliance.protocols.chunk_frames import (
    DONE,
    HEADERS,
    SSE_HEARTBEAT,
    SSE_TYPE,
    Chunk,
    finish,
    frame,
    start,
)
from appliance.protocols.chunks import handoff_chunks
from appliance.protocols.message_ids import message_id
from appliance.wire import Reply

HEARTBEAT_S = 15.0
HEARTBEATS_MAX = 4
"""A page shows "thinking" as long as its stream is open, and keeps people from writing on."""


class OperatorCodec:
    """The `StreamCodec` of the next words of the person `name`.

    `started` and `finished` are the metadata of both ends, `unheard` what was said before.
    """

    heartbeat_s = HEARTBEAT_S
    hold_s = 0.0
    apart = False

    def __init__(
        self,
        *,
        name: str,
        started: Mapping[str, Any],
        finished: Mapping[str, Any],
        unheard: Sequence[OperatorMessage] = (),
    ) -> None:
        here = {"type": "data-handoff", "data": {"state": "joined", "name": name}, "transient": True}
        self._begin = [start(None, started), here, *_all_said(unheard)]
        self._finished = finished
        self._beats = 0
        self.ended = False

    def begin(self) -> list[str]:
        """`start`, without an id: whose words come next has not been said. Then who is there."""
        return _frames(self._begin)

    def encode(self, entry: Entry) -> list[str]:
        """The person's words and the end; also the end when they leave, or the bot goes on."""
        if self.ended:
            return []
        return [*_frames(self._chunks(entry.event)), *([DONE] if self.ended else [])]

    def heartbeat(self) -> list[str]:
        """A comment; after a minute, the end."""
        self._beats += 1
        if self._beats < HEARTBEATS_MAX:
            return [SSE_HEARTBEAT]
        return [*_frames(self._end()), DONE]

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


def said_meanwhile(unheard: Sequence[OperatorMessage], about: Mapping[str, Any]) -> Reply:
    """A whole stream of what was said before, which waits for nothing more."""
    chunks = [start(None, about), *_all_said(unheard), finish("stop", {**about, "finishReason": "stop"})]
    return Reply(body="".join([*_frames(chunks), DONE]), content_type=SSE_TYPE, headers=HEADERS)


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


def _all_said(unheard: Sequence[OperatorMessage]) -> list[Chunk]:
    return [chunk for event in unheard for chunk in said_chunks(event)]


def _frames(chunks: Sequence[Chunk]) -> list[str]:
    return [frame(chunk, lines=False) for chunk in chunks]
