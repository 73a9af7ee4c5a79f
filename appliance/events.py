"""The internal language: commands go in, events come out of a conversation's log.

**Sequence numbers.** Every event in a log has a position `seq`. A text delta advances the position by the
number of its characters (Unicode code points), any other event by `width`. So `seq` grows strictly, a merged
delta has the position of its last character, and a client that resumes in the middle of a merged delta, or
of a text rebuilt from the store, gets exactly the characters that it has not seen.

A turn's first event is `TurnStarted`; its last is exactly one of `TurnDone`, `TurnCancelled`,
`TurnFailed`; nothing follows.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from appliance.conversation import HandoffNote
from appliance.messages import Finish, PromptMessage, Source, ToolCall, ToolResult, Usage

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
    payload: dict[str, Any] | None = None
    """The message in its wire's own form, where that is more than text; kept and given back as it is."""
    metadata: dict[str, Any] = {}
    answered: bool = True
    """False for what the bot does not read, such as a picture: it is kept and told, and no turn follows."""
    extra: Extra | None = None
    runs_tools: bool = False
    """This client runs the bot's `client-tools`, so the model may ask for them."""
    polled: bool = False
    """The client may come back for the answer, so it is finished though nobody reads along."""
    opens: bool = False
    """The conversation was made for this message: when the message is refused, it goes again."""
    replaces: bool = False
    """What runs and what waits is stopped before: in this conversation there is one answer at a time."""


class Extra(msgspec.Struct, frozen=True, kw_only=True):
    """What a client that keeps the history itself brings along; the bot's own settings are the bounds.

    `history` stands in for the stored messages, `instructions` come behind the bot's own.
    """

    history: list[PromptMessage] | None = None
    instructions: str = ""
    temperature: float | None = None
    max_tokens: int | None = None


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Answer a message of the user anew, known by its id or its client's id; all that follows it is deleted.

    `content` replaces what it says.
    """

    conversation_id: str
    message_id: str
    content: str | None = None
    payload: dict[str, Any] | None = None
    """Comes with the new content, where that is more than text."""
    runs_tools: bool = False


class CarryOn(msgspec.Struct, frozen=True, kw_only=True):
    """Go on with the outputs of the tools that the client ran; the last answer asked for them."""

    conversation_id: str


class Decide(msgspec.Struct, frozen=True, kw_only=True):
    """The user's word on a proposed change. It is a message of theirs, with a turn that carries it out."""

    conversation_id: str
    change_id: str
    approve: bool
    client_id: str | None = None


class AskForPerson(msgspec.Struct, frozen=True, kw_only=True):
    """Whose conversation it is would like to talk to a person, or would not any more (`wanted` is False)."""

    conversation_id: str
    wanted: bool = True


class CancelTurn(msgspec.Struct, frozen=True, kw_only=True):
    """Stop the running turn and drop the queued messages."""

    conversation_id: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    """Read the conversation's log from behind position `after`; 0 is the very beginning."""

    conversation_id: str
    after: int = 0


Command: TypeAlias = StartChat | SendMessage | Retry | CarryOn | Decide | AskForPerson | CancelTurn | Resume

# -- events: what a log holds -------------------------------------------------------------------------

Step: TypeAlias = Literal["thinking", "retrieving", "generating", "querying", "executing", "reasoning"]


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Base of everything that a log can hold."""


class MessagePosted(Event, frozen=True, kw_only=True, tag="message_posted"):
    """Somebody's message is stored, before and whether or not the bot takes it up.

    `turn_id` is empty when no turn follows: the bot does not read it, or the conversation is `paused`.
    `author` is `Caller.owner` of who wrote it, `at` Unix seconds. Only messages without a turn are replayed:
    those with one are told again by their `TurnStarted`.
    """

    message_id: str
    turn_id: str
    content: str
    author: str
    at: float
    client_id: str = ""
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    paused: bool = False


class MessageDeleted(Event, frozen=True, kw_only=True, tag="message_deleted"):
    """A message is gone for everybody; not replayed."""

    message_id: str
    author: str
    """`Caller.owner` of who wrote it; empty for the bot."""


class PersonJoined(Event, frozen=True, kw_only=True, tag="person_joined"):
    """Somebody takes part in the conversation from now on; not replayed."""

    person: str


class PersonLeft(Event, frozen=True, kw_only=True, tag="person_left"):
    """Somebody takes part no more and may read nothing that follows; not replayed."""

    person: str


class OperatorMessage(Event, frozen=True, kw_only=True, tag="operator_message"):
    """What a person of the team says in place of the bot; it is stored, and belongs to no turn.

    `author` is `operator:<account>`, `name` what visitors read, `at` Unix seconds.
    """

    message_id: str
    content: str
    author: str
    name: str
    at: float
    client_id: str = ""


class HandoffChanged(Event, frozen=True, kw_only=True, tag="handoff_changed"):
    """Who answers here has changed, or may soon; stored as a note, and replayed.

    `waiting`: a person was asked for. `joined`: the person `name` is there and the bot is silent. `left`: the
    bot goes on. `ended`: nobody is waited for any more, or the matter is settled. `message_id` is the note's
    id; `author` is `operator:<account>`, empty where the visitor or the bot made the change.
    """

    state: HandoffNote
    name: str
    at: float
    message_id: str = ""
    author: str = ""


class EventPosted(Event, frozen=True, kw_only=True, tag="event_posted"):
    """Somebody told something that is no message; not replayed."""

    event_id: str
    author: str
    payload: dict[str, Any]
    at: float


class ConversationDeleted(Event, frozen=True, kw_only=True, tag="conversation_deleted"):
    """There is nothing more to read here."""


class TurnStarted(Event, frozen=True, kw_only=True, tag="turn_started"):
    """A user's message was taken up; its text is in the event so that every reader can show it.

    `answer_id` is what the answer will be stored as. A turn that `continues` goes on with the outputs of
    tools that the client ran: it has no text, and `message_id` is that of the user's last message.
    """

    turn_id: str
    message_id: str
    content: str
    client_id: str = ""
    answer_id: str = ""
    author: str = ""
    at: float = 0.0
    continues: bool = False


class Progress(Event, frozen=True, kw_only=True, tag="progress"):
    """What is going on, for people; not stored."""

    step: Step
    message: str


class TextDelta(Event, frozen=True, kw_only=True, tag="text_delta"):
    """A piece of the answer, never empty; the turn's text is all its deltas joined."""

    text: str


class ToolCalled(Event, frozen=True, kw_only=True, tag="tool_called"):
    """The model asked for a tool and it is about to run; here, or by the client."""

    call: ToolCall
    by_client: bool = False


class ToolFinished(Event, frozen=True, kw_only=True, tag="tool_finished"):
    """A tool answered or failed; the failure is in the result and goes to the model."""

    result: ToolResult


class SourcesFound(Event, frozen=True, kw_only=True, tag="sources_found"):
    """Passages that the model reads and may cite as `[number]`; numbers go on within an answer."""

    sources: list[Source]


class TurnDone(Event, frozen=True, kw_only=True, tag="turn_done"):
    """The answer is complete and stored as `message_id`; `at` is when, in Unix seconds."""

    turn_id: str
    message_id: str
    usage: Usage
    note: Literal["", "token_budget"] = ""
    finish: Finish = "stop"
    at: float = 0.0
    feedback: Literal["positive", "negative"] | None = None
    """What the user thinks of it; only told anew, for at first nobody can have read it."""
    feedback_comment: str = ""


class TurnCancelled(Event, frozen=True, kw_only=True, tag="turn_cancelled"):
    """Somebody stopped it, or nobody was left to read; what there was is stored as `message_id`."""

    turn_id: str
    message_id: str
    usage: Usage
    reason: Literal["user", "orphaned", "shutdown", "deleted", "handoff"] = "user"
    waited: bool = False
    """It was cancelled while it waited for its turn, so nothing of it was ever told."""
    at: float = 0.0


class TurnFailed(Event, frozen=True, kw_only=True, tag="turn_failed"):
    """It could not be finished; `code` is one of `appliance.errors`, or `internal`, `interrupted`."""

    turn_id: str
    message_id: str
    usage: Usage
    code: str
    message: str
    at: float = 0.0


TurnEvent: TypeAlias = (
    TurnStarted
    | Progress
    | TextDelta
    | ToolCalled
    | ToolFinished
    | SourcesFound
    | TurnDone
    | TurnCancelled
    | TurnFailed
)
"""What one turn tells."""

LogEvent: TypeAlias = (
    TurnEvent
    | MessagePosted
    | MessageDeleted
    | OperatorMessage
    | HandoffChanged
    | PersonJoined
    | PersonLeft
    | EventPosted
    | ConversationDeleted
)
"""What a conversation's log holds: turns, and what people do around them."""

TERMINAL_EVENTS = (TurnDone, TurnCancelled, TurnFailed)


def width(event: LogEvent) -> int:
    """How far `event` moves the log's position.

    A cancelled turn, one that a tool loop ended, and an operator's message take two: some wires tell them in
    two frames, and each frame needs a position.
    """
    if isinstance(event, TextDelta):
        return len(event.text)
    twofold = isinstance(event, TurnCancelled | OperatorMessage) or (
        isinstance(event, TurnFailed) and event.code == "tool_loop"
    )
    return 2 if twofold else 1
