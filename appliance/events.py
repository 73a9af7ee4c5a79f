"""The internal language: commands go in, events come out of a conversation's log.

**Sequence numbers.** Every event in a log has a position `seq`. A text delta advances the position by the
number of its characters (Unicode code points), any other event by `width`. So `seq` grows strictly, a merged
delta has the position of its last character, and a client that resumes in the middle of a merged delta, or
of a text rebuilt from the store, gets exactly the characters that it has not seen.

A turn's first event is `TurnStarted`; its last is exactly one of `TurnDone`, `TurnCancelled`,
`TurnFailed`; nothing follows.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from appliance.messages import ToolCall, ToolResult, Usage

# -- commands: what a client can ask of the engine ---------------------------------------------------


class StartChat(msgspec.Struct, frozen=True, kw_only=True):
    """Open a conversation with a bot, or resume one of the caller's own."""

    bot: str
    namespace: str = "default"
    conversation_id: str | None = None
    impersonate_user_id: str | None = None


class SendMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One user message. The same `client_id` twice in a conversation is one message and one model call."""

    conversation_id: str
    content: str
    client_id: str | None = None


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """The user's word on a proposed change. It is a message of theirs, with a turn that carries it out."""

    conversation_id: str
    change_id: str
    approve: bool
    client_id: str | None = None


class CancelTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Stop the running turn and drop the queued messages."""

    conversation_id: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Read the conversation's log from behind position `after`; 0 is the very beginning."""

    conversation_id: str
    after: int = 0


Command: TypeAlias = StartChat | SendMessage | Decide | CancelTurn | Resume

# -- events: what a log holds -------------------------------------------------------------------------

Step: TypeAlias = Literal["thinking", "generating", "querying", "executing", "reasoning"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that a log can hold."""


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn_started"):
    """A user's message was taken up; its text is in the event so that every reader can show it."""

    turn_id: str
    message_id: str
    content: str
    client_id: str = ""


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """What is going on, for people; not stored."""

    step: Step
    message: str


class TextDelta(Event, frozen=True, kw_only=True, tag="text_delta"):
    """A piece of the answer, never empty; the turn's text is all its deltas joined."""

    text: str


class ToolCalled(Event, frozen=True, kw_only=True, tag="tool_called"):
    """The model asked for a tool and it is about to run."""

    call: ToolCall


class ToolFinished(Event, frozen=True, kw_only=True, tag="tool_finished"):
    """A tool answered or failed; the failure is in the result and goes to the model."""

    result: ToolResult


class TurnDone(Event, frozen=True, kw_only=True, tag="turn_done"):
    """The answer is complete and stored as `message_id`."""

    turn_id: str
    message_id: str
    usage: Usage
    note: Literal["", "token_budget"] = ""


class TurnCancelled(Event, frozen=True, kw_only=True, tag="turn_cancelled"):
    """Somebody stopped it, or nobody was left to read; what there was is stored as `message_id`."""

    turn_id: str
    message_id: str
    usage: Usage
    reason: Literal["user", "orphaned", "shutdown", "deleted"] = "user"
    waited: bool = False
    """It was cancelled while it waited for its turn, so nothing of it was ever told."""


class TurnFailed(Event, frozen=True, kw_only=True, tag="turn_failed"):
    """It could not be finished; `code` is one of `appliance.errors`, or `internal`, `interrupted`."""

    turn_id: str
    message_id: str
    usage: Usage
    code: str
    message: str


TurnEvent: TypeAlias = (
    TurnStarted | Progress | TextDelta | ToolCalled | ToolFinished | TurnDone | TurnCancelled | TurnFailed
)

TERMINAL_EVENTS = (TurnDone, TurnCancelled, TurnFailed)


def width(event: TurnEvent) -> int:
    """How far `event` moves the log's position.

    A cancelled turn, and one that a tool loop ended, takes two: some wires tell it in two frames, and each
    frame needs a position.
    """
    if isinstance(event, TextDelta):
        return len(event.text)
    twofold = isinstance(event, TurnCancelled) or (
        isinstance(event, TurnFailed) and event.code == "tool_loop"
    )
    return 2 if twofold else 1
