"""Our conversations and messages as Chatbase tells them: ids, parts, credits, statuses (2, 3)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec
from msgspec import UNSET

from appliance.bot import Bot
from appliance.conversation import Conversation
from appliance.events import TurnCancelled, TurnDone, TurnFailed
from appliance.messages import Message, Part, TextPart, ToolCallPart, ToolResultPart, Usage
from appliance.protocols.chatbase import shapes
from appliance.protocols.chunks import THINK
from appliance.protocols.credits import credits_of
from appliance.protocols.message_ids import message_id
from appliance.protocols.tool_values import input_of, output_of

SOURCES = {
    "chatbase": "API",
    "fluxbase": "Fluxbase",
    "ai-sdk": "AI SDK",
    "botpress": "Botpress",
    "lexicon": "Lexicon",
    "openai": "OpenAI",
}
"""Whence conversations come, as the export names it (3.5)."""


# -- conversations -------------------------------------------------------------------------------------------


def status_of(conversation: Conversation, bot: Bot) -> shapes.Status:
    """A conversation that has had all the messages which its bot allows has ended."""
    if conversation.handoff == "joined":
        return "taken_over"
    if conversation.paused:
        return "paused"
    return "ended" if 0 < bot.max_turns <= conversation.turn_count else "ongoing"


def heading(conversation: Conversation, bot: Bot) -> dict[str, Any]:
    """The fields that all shapes of a conversation have (3.5)."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created_at": int(conversation.created_at),
        "updated_at": int(conversation.updated_at),
        "user_id": conversation.user_id,
        "status": status_of(conversation, bot),
    }


def is_told(message: Message) -> bool:
    """Is it whole, and for people? An answer that is still being made is told when it is stored."""
    being_made = message.role == "assistant" and message.status in ("queued", "running")
    return message.is_shown and not being_made


# -- messages ------------------------------------------------------------------------------------------------


def message(told: Message) -> shapes.Message:
    """One message (3.5)."""
    if told.role == "user":
        return shapes.Message(
            id=message_id(told.id),
            role="user",
            parts=[shapes.TextPart(text=told.content)] if told.content else [],
            created_at=int(told.created_at),
        )
    return shapes.Message(
        id=message_id(told.id),
        role="assistant",
        parts=parts(told.parts),
        created_at=int(told.created_at),
        feedback=told.feedback,
        metadata=shapes.Score(operator_name=told.operator_name or UNSET),
    )


def parts(told: Iterable[Part]) -> list[shapes.Part]:
    """Text and tools in order; what the model only thinks is not told."""
    thoughts: set[str] = set()
    shown: list[shapes.Part] = []
    for part in told:
        match part:
            case TextPart(text=text):
                shown.append(shapes.TextPart(text=text))
            case ToolCallPart(call=call) if call.name == THINK:
                thoughts.add(call.id)
            case ToolCallPart(call=call):
                shown.append(
                    shapes.ToolCallPart(tool_call_id=call.id, tool_name=call.name, input=input_of(call))
                )
            case ToolResultPart(result=result) if result.call_id not in thoughts:
                shown.append(
                    shapes.ToolResultPart(
                        tool_call_id=result.call_id, tool_name=result.name, output=output_of(result)
                    )
                )
    return shown


# -- answers -------------------------------------------------------------------------------------------------


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """Where an answer belongs, and how its cost is told (`answer` or `tokens`)."""

    conversation_id: str
    user_message_id: str
    user_id: str | None
    answer_id: str
    credits: str

    def started(self) -> dict[str, Any]:
        """The metadata on `start`: enough to find the conversation again (4, rule 4)."""
        return {
            "conversationId": self.conversation_id,
            "userMessageId": self.user_message_id,
            "userId": self.user_id,
        }

    def metadata(
        self, reason: shapes.FinishReason, usage: Usage | None, *, whole: bool
    ) -> shapes.AnswerMetadata:
        """The five keys that every answer has (3.3)."""
        return shapes.AnswerMetadata(
            user_message_id=self.user_message_id,
            conversation_id=self.conversation_id,
            user_id=self.user_id,
            finish_reason=reason,
            usage=shapes.Cost(credits=credits_of(usage, self.credits, whole=whole)),
        )

    def finished(self, event: TurnDone | TurnCancelled | TurnFailed) -> Mapping[str, Any]:
        """The metadata on `finish` (4)."""
        whole = isinstance(event, TurnDone)
        return self.finish_metadata(self.metadata(reason_of(event), event.usage, whole=whole))

    def finish_metadata(self, metadata: shapes.AnswerMetadata) -> dict[str, Any]:
        """The same five with the answer's id."""
        told: dict[str, Any] = msgspec.to_builtins(metadata)
        return {"messageId": self.answer_id, **told}


def reason_of(event: TurnDone | TurnCancelled | TurnFailed) -> shapes.FinishReason:
    """Chatbase has three words: an answer as long as it may be has stopped, too (4, rule 6)."""
    if not isinstance(event, TurnDone):
        return "error"
    return "tool-calls" if event.finish == "tool_calls" else "stop"


def reason_of_stored(answer: Message) -> Literal["stop", "tool-calls"]:
    """The same for an answer that did not fail."""
    waits = any(isinstance(part, ToolCallPart) and part.by_client for part in answer.parts)
    return "tool-calls" if waits and answer.status == "done" else "stop"
