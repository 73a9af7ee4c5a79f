"""Frames of the Lexicon socket <-> commands and events (4); keeps what an answer's end has to repeat."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, assert_never

import msgspec

from appliance.engine.chats import Resumed
from appliance.engine.engine import Opened
from appliance.engine.log import Entry
from appliance.errors import ApplianceError
from appliance.events import (
    Command,
    ConversationDeleted,
    EventPosted,
    HandoffChanged,
    MessageDeleted,
    MessagePosted,
    OperatorMessage,
    PersonJoined,
    PersonLeft,
    Progress,
    SendMessage,
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
from appliance.protocols import client_json
from appliance.protocols.base import Answer
from appliance.protocols.client_json import mended
from appliance.protocols.lexicon.words import InvalidMessage, MessageTooLong, iso, told, word_of
from appliance.protocols.source_data import cited

CONTENT_CHARS_MAX = 32_000
CHAT_GONE = (1008, "The chat was deleted.")

_ENCODER = msgspec.json.Encoder()


class ChatCodec:
    """The codec of one connection, which is for one chat.

    `user_id` is the chat's user, `clock` gives the `timestamp` of events in Unix seconds.
    """

    reads_binary = False

    def __init__(self, *, chat_id: str, user_id: str, clock: Callable[[], float]) -> None:
        self.closing: tuple[int, str] | None = None
        self._chat_id = chat_id
        self._user_id = user_id
        self._clock = clock
        self._texts: list[str] = []
        self._sources: list[Source] = []
        """Of the answer that is being told."""
        self._answering = False
        self._unanswered: list[str] = []
        """Messages to a bot that is paused; their ends may not stand within an answer (rule 3)."""

    # -- what clients send ----------------------------------------------------------------------------

    def decode(self, frame: str) -> Command | Answer:
        """`{"content": string, "metadata"?: object}`, or `{"type": "ping"}`."""
        try:
            said = msgspec.json.decode(mended(frame.encode()))
        except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
            raise InvalidMessage(f"The message is not JSON: {error}.") from error
        if not isinstance(said, dict):
            raise InvalidMessage("The message must be a JSON object.")
        if said.get("type") == "ping" and "content" not in said:
            return Answer([self._event("pong")])
        return SendMessage(
            conversation_id=self._chat_id, content=_content(said), metadata=_metadata(said), polled=True
        )

    def conversation_in(self, frame: str) -> str | None:
        """Frames name none: the connection is for one."""
        return self._chat_id

    # -- what is sent besides events of the log -----------------------------------------------------

    def greeting(self, *, user_id: str, tenant: str, created: bool) -> list[str]:
        """The first events: the good handshake, and whether it made the user."""
        frames = [
            self._event("connection_established", user_id=user_id, chat_id=self._chat_id, tenant_id=tenant)
        ]
        if created:
            frames.append(self._event("user_created", user_id=user_id))
        return frames

    def refused(
        self, error: ApplianceError, command: Command | None, conversation_id: str | None
    ) -> list[str]:
        """`error`, to the sender only; the connection stays."""
        return [error_event(error, self._clock())]

    def opened(self, opened: Opened) -> list[str]:
        """No frame asks for it."""
        return []

    def resumed(self, resumed: Resumed) -> list[str]:
        """No frame asks for it."""
        return []

    def nothing_to_cancel(self, conversation_id: str) -> list[str]:
        """No frame asks for it."""
        return []

    # -- events of the log ---------------------------------------------------------------------------

    def encode(self, conversation_id: str, entry: Entry, *, full: bool, after: int) -> list[str]:
        """The events of 4 for one of ours, the same for every connection of the chat."""
        match entry.event:
            case MessagePosted():
                return self._posted(entry.event)
            case TurnStarted():
                return [self._started()]
            case TextDelta(text=text):
                self._texts.append(text)
                return [self._event("message_stream_token", chat_id=self._chat_id, token=text)]
            case TurnDone(message_id=message_id) | TurnCancelled(message_id=message_id):
                return self._at_end([self._ended(message_id)])
            case TurnFailed():
                return self._at_end([self._failed(entry.event)])
            case ConversationDeleted():
                self.closing = CHAT_GONE
                return []
            case SourcesFound(sources=sources):
                self._sources += sources
                return []
            case Progress() | ToolCalled() | ToolFinished():
                return []
            case OperatorMessage(message_id=message_id, content=content, name=name):
                return self._by_operator(message_id, content, name)
            case MessageDeleted() | HandoffChanged() | PersonJoined() | PersonLeft() | EventPosted():
                return []
            case _:
                assert_never(entry.event)

    def _posted(self, event: MessagePosted) -> list[str]:
        received = self._event(
            "message_received",
            message_id=event.message_id,
            chat_id=self._chat_id,
            user_id=self._user_id,
            content=event.content,
        )
        if event.paused:
            self._unanswered.append(event.message_id)
        return [received] if self._answering else [received, *self._unanswered_ends()]

    def _by_operator(self, message_id: str, content: str, name: str) -> list[str]:
        """Clients know the agent alone, so a person's words are an answer; `metadata` has the name: ours."""
        frames = [self._started(), self._event("message_stream_token", chat_id=self._chat_id, token=content)]
        self._answering = False
        ended = self._event(
            "message_stream_ended",
            message_id=message_id,
            chat_id=self._chat_id,
            user_id=self._user_id,
            content=content,
            metadata={"operator_name": name},
        )
        return [*frames, ended]

    def _started(self) -> str:
        self._answering = True
        self._texts.clear()
        self._sources.clear()
        return self._event("message_stream_started", chat_id=self._chat_id, user_id=self._user_id)

    def _ended(self, message_id: str) -> str:
        """With what the answer cites in `metadata`, as REST has it (3): ours, and only where it does."""
        content = "".join(self._texts)
        sources = cited(content, self._sources)
        return self._event(
            "message_stream_ended",
            message_id=message_id,
            chat_id=self._chat_id,
            user_id=self._user_id,
            content=content,
            **({"metadata": {"sources": sources}} if sources else {}),
        )

    def _failed(self, event: TurnFailed) -> str:
        code, fix = word_of(event.code)
        return self._event("error", error_code=code, error_message=event.message, details={"fix": fix})

    def _at_end(self, frames: list[str]) -> list[str]:
        self._answering = False
        self._texts.clear()
        return [*frames, *self._unanswered_ends()]

    def _unanswered_ends(self) -> list[str]:
        """An answer with no text for each: who shows "thinking" until the end needs one (rule 4)."""
        frames: list[str] = []
        for message_id in self._unanswered:
            # No message is behind this id, but clients keep what they show by it.
            no_answer = str(uuid.uuid5(uuid.NAMESPACE_OID, f"no answer to {message_id}"))
            frames += [self._started(), self._ended(no_answer)]
            self._answering = False
        self._unanswered.clear()
        return frames

    def _event(self, event_type: str, **fields: Any) -> str:
        return event_frame(event_type, self._clock(), **fields)


def event_frame(event_type: str, at: float, **fields: Any) -> str:
    """One event; `event_type` and `timestamp` are in every one."""
    return _ENCODER.encode({"event_type": event_type, "timestamp": iso(at), **fields}).decode()


def error_event(error: ApplianceError, at: float) -> str:
    """The `error` event that tells this one."""
    one = told(error, event=True)
    details = {"fix": one.fix}
    return event_frame(
        "error", at, error_code=one.error_code, error_message=one.error_message, details=details
    )


def _content(said: dict[str, Any]) -> str:
    content = said.get("content")
    if not isinstance(content, str) or not content.strip():
        raise InvalidMessage("`content` must be a text that is not blank.")
    if len(content) > CONTENT_CHARS_MAX:
        raise MessageTooLong(
            f"The message has {len(content)} characters; at most {CONTENT_CHARS_MAX} are allowed."
        )
    return content


def _metadata(said: dict[str, Any]) -> dict[str, Any]:
    given = said.get("metadata", {})
    if not isinstance(given, dict):
        raise InvalidMessage("`metadata` must be a JSON object.")
    return client_json.metadata(given)
