"""What this side knows of one conversation: the last position seen, and what is not acknowledged.

Pure: frames go in and come out, no socket and no clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from appliance.client.events import ChatEvent


class Conversation:
    """What this side knows of one conversation; pure."""

    def __init__(self, conversation_id: str, seq: int | None = None) -> None:
        self.id = conversation_id
        self.seq = seq
        """Position of the last frame seen; None when the server does not number its frames."""
        self.text = ""
        self.outbox: dict[str, dict[str, Any]] = {}
        """Message id -> frame of what the server has not acknowledged, oldest first."""
        self.cancelling = False
        self._resuming = False
        self._types_at_seq: set[str] = set()

    def rewind(self, after: int) -> None:
        """Count from `after`, so that what lies behind it is news again."""
        self.seq = after
        self._types_at_seq.clear()

    def take(self, event: ChatEvent) -> ChatEvent | None:
        """`event` without the part that was seen before, or None when all of it was."""
        if event.type == "resumed" or event.seq is None:
            self._resuming = self._resuming and event.type not in {"resumed", "error"}
            if event.seq is not None and self.seq is not None:
                # A server that was set back to a backup counts from there.
                self.seq = min(self.seq, event.seq)
        elif event.type != "chat_started":
            # What comes before `resumed` comes again after it, in its place.
            unseen = None if self._resuming else self._unseen(event, event.seq)
            if unseen is None:
                return None
            event = unseen
        self._note(event)
        return event

    def backlog(self) -> Iterator[dict[str, Any]]:
        """What a fresh connection has to send for this conversation."""
        if self.seq is not None:
            yield self.resume_frame()
        yield from self.outbox.values()
        if self.cancelling:
            yield self.cancel_frame()

    def post(self, type: str, message_id: str, **fields: Any) -> dict[str, Any]:
        """The frame of a new message or decision; it stays in the outbox until the server acknowledges it."""
        self.text = ""
        frame = {"type": type, "conversation_id": self.id, **fields, "message_id": message_id}
        self.outbox[message_id] = frame
        return frame

    def resume_frame(self) -> dict[str, Any]:
        """The frame that asks for everything behind `seq`."""
        self._resuming = True
        return {"type": "resume", "conversation_id": self.id, "after": self.seq or 0}

    def cancel_frame(self) -> dict[str, Any]:
        """The frame that stops the running answer."""
        return {"type": "cancel", "conversation_id": self.id}

    def _unseen(self, event: ChatEvent, seq: int) -> ChatEvent | None:
        last = -1 if self.seq is None else self.seq
        # One position may be told in several frames (`done` and `cancelled`), each once.
        if seq < last or (seq == last and event.type in self._types_at_seq):
            return None
        if seq == last:
            self._types_at_seq.add(event.type)
            return event
        self.seq, self._types_at_seq = seq, {event.type}
        new = seq - last
        if event.type == "content" and 0 < new < len(event.delta) and last >= 0:
            return msgspec.structs.replace(event, delta=event.delta[-new:])
        return event

    def _note(self, event: ChatEvent) -> None:
        match event.type:
            case "content":
                self.text += event.delta
            case "user_message":
                self.text = ""
                self.outbox.pop(event.client_message_id, None)
            case "error" if event.seq is None:
                self._forget(event.client_message_id or event.message_id)
            case "done" if event.seq is None:
                self._forget("")
            case "cancelled":
                self.cancelling = False

    def _forget(self, message_id: str) -> None:
        """The server refused a message; when it does not say which, it was the oldest one."""
        if message_id not in self.outbox:
            message_id = next(iter(self.outbox), "")
        self.outbox.pop(message_id, None)
