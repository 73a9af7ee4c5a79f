"""The stream of one conversation (10): its log -> signals as Server-Sent Events.

An answer becomes one signal at its end, equal to what the REST API gives. Nothing is told that was there
before somebody listened: clients refill by listing. What keeps a quiet stream alive is 1, rules 5 and 6.
"""

from __future__ import annotations

from typing import Any, assert_never

import msgspec

from appliance import sse
from appliance.engine.log import Entry
from appliance.engine.people import CustomEvent
from appliance.events import (
    ConversationDeleted,
    EventPosted,
    HandoffChanged,
    LogEvent,
    MessageDeleted,
    MessagePosted,
    OperatorMessage,
    PersonJoined,
    PersonLeft,
    Progress,
    SourcesFound,
    TextDelta,
    ToolCalled,
    ToolFinished,
    TurnCancelled,
    TurnDone,
    TurnFailed,
    TurnStarted,
)
from appliance.messages import Source
from appliance.protocols.botpress import shapes, telling
from appliance.protocols.botpress.telling import Room

HEARTBEAT_S = 2.5
"""Of silence: sockets that Node reuses are destroyed after 4 to 5 quiet seconds."""
PING_EVERY = 9
"""Of so many heartbeats in a row one is an event: the watchdogs of clients do not count comments."""
HOLD_S = 0.1
"""Clients lose what comes along with the headers or within some milliseconds behind them."""
COMMENT = ":\n\n"
PING = "event: message\ndata: ping\n\n"
HEADERS = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}


class ListenCodec:
    """Signals for one listener, `me`, who has been told everything up to log position `told`."""

    heartbeat_s = HEARTBEAT_S
    hold_s = HOLD_S
    ended = False
    apart = False

    def __init__(self, room: Room, me: str, told: int) -> None:
        self._room = room
        self._me = me
        self._told = told
        self._text: list[str] = []
        self._sources: list[Source] = []
        """Of the answer that is being written."""
        self._beats = 0

    def begin(self) -> list[str]:
        """Something that proxies pass on and clients pass over."""
        return [COMMENT]

    def heartbeat(self) -> list[str]:
        """A comment; now and then an event that says nothing."""
        self._beats = (self._beats + 1) % PING_EVERY
        return [COMMENT] if self._beats else [PING]

    def encode(self, entry: Entry) -> list[str]:
        """At most one signal; text only adds up."""
        signal = self._signal(entry.event)
        if entry.seq <= self._told:
            return []
        self.ended = self.ended or self._ends(entry.event)
        if signal is None or self.ended:
            return []
        type, data = signal
        if self._room.old and type != "message_created":
            return []
        self._beats = 0
        return [sse.encode(msgspec.json.encode({"type": type, "data": data}), event="message").decode()]

    def _signal(self, event: LogEvent) -> tuple[str, Any] | None:
        """Its type and data (10.3)."""
        match event:
            case MessagePosted():
                return self._posted(event)
            case OperatorMessage():
                return self._by_operator(event)
            case PersonJoined() | PersonLeft() | HandoffChanged():
                return self._came_or_went(event)
            case MessageDeleted(message_id=id, author=author):
                return "message_deleted", self._at_room(id=id, userId=self._author(author))
            case EventPosted():
                return self._event(event)
            case TextDelta(text=text):
                self._text.append(text)
                return None
            case SourcesFound(sources=sources):
                self._sources += sources
                return None
            case TurnStarted():
                self._text, self._sources = [], []
                return None
            case TurnDone() | TurnCancelled() | TurnFailed():
                return self._answered(event)
            case Progress() | ToolCalled() | ToolFinished() | ConversationDeleted():
                return None
            case _:
                assert_never(event)

    def _ends(self, event: LogEvent) -> bool:
        """Is there nothing more for this listener?"""
        left = isinstance(event, PersonLeft) and event.person == self._me
        return left or isinstance(event, ConversationDeleted)

    def _posted(self, event: MessagePosted) -> tuple[str, Any]:
        message = telling.said(
            self._room,
            id=event.message_id,
            author=event.author,
            at=event.at,
            content=event.content,
            payload=event.payload,
            metadata=event.metadata,
            client_id=event.client_id,
        )
        return "message_created", _with_is_bot(message, is_bot=False)

    def _by_operator(self, event: OperatorMessage) -> tuple[str, Any]:
        """Of the bot's side, by a user of its own."""
        message = telling.by_operator(
            self._room,
            id=event.message_id,
            author=event.author,
            name=event.name,
            at=event.at,
            text=event.content,
        )
        return "message_created", _with_is_bot(message, is_bot=True)

    def _came_or_went(self, event: PersonJoined | PersonLeft | HandoffChanged) -> tuple[str, Any] | None:
        """Who takes part from now on, or no more: a person of the team, too."""
        if isinstance(event, HandoffChanged):
            person, came = event.author, event.state == "joined"
        else:
            person, came = event.person, isinstance(event, PersonJoined)
        if not person:
            return None
        type = "participant_added" if came else "participant_removed"
        return type, self._at_room(participantId=telling.user_id(person))

    def _answered(self, event: TurnDone | TurnCancelled | TurnFailed) -> tuple[str, Any] | None:
        text, self._text = "".join(self._text), []
        error = event.message if isinstance(event, TurnFailed) else ""
        message = telling.answered(
            self._room, id=event.message_id, at=event.at, text=text, error=error, sources=self._sources
        )
        return ("message_created", _with_is_bot(message, is_bot=True)) if message else None

    def _event(self, event: EventPosted) -> tuple[str, Any]:
        found = CustomEvent(
            id=event.event_id,
            conversation_id="",
            author=event.author,
            payload=event.payload,
            created_at=event.at,
        )
        return "event_created", _with_is_bot(telling.event(found, self._room), is_bot=False)

    def _at_room(self, **data: str) -> dict[str, str]:
        return {"conversationId": self._room.id, **data}

    def _author(self, owner: str) -> str:
        return telling.user_id(owner) if owner else self._room.bot_user_id


def _with_is_bot(told: shapes.Message | shapes.Event, *, is_bot: bool) -> dict[str, Any]:
    """The REST object and what only signals have (1, rule 9)."""
    return {**msgspec.to_builtins(told), "isBot": is_bot}
