"""The JSON of Chatbase's API v2 as types, as far as answers go (2, 3). No decisions live here."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec
from msgspec import UNSET, UnsetType

FinishReason: TypeAlias = Literal["stop", "error", "tool-calls"]
Status: TypeAlias = Literal["ongoing", "ended", "taken_over", "paused"]
Feedback: TypeAlias = Literal["positive", "negative"]


class Shape(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Base of all: names on the wire are in camel case."""


# -- errors and pages ----------------------------------------------------------------------------------


class Problem(Shape, frozen=True, kw_only=True):
    """What is wrong: `details` tells of single fields (2)."""

    code: str
    message: str
    details: dict[str, str] | UnsetType = UNSET


class ErrorBody(Shape, frozen=True, kw_only=True):
    """Every refusal (2)."""

    error: Problem


class Pagination(Shape, frozen=True, kw_only=True):
    """`cursor` is null exactly when there is no more (2)."""

    cursor: str | None
    has_more: bool
    total: int


# -- agents and the like ---------------------------------------------------------------------------------


class Health(Shape, frozen=True, kw_only=True):
    """`GET /health`; Unix seconds (3.1)."""

    status: Literal["ok"] = "ok"
    timestamp: int


class Workspace(Shape, frozen=True, kw_only=True):
    """A tenant."""

    id: str
    name: str


class Credential(Shape, frozen=True, kw_only=True):
    """What was shown; `expires_at` is ISO 8601, `permissions` null for everything."""

    source: Literal["api_key", "token"]
    expires_at: str | None
    permissions: list[str] | None


class Me(Shape, frozen=True, kw_only=True):
    """`GET /me`, for the vendor's command line tool (3.2)."""

    workspace: Workspace
    plan: str
    credential: Credential


class IpRateLimits(Shape, frozen=True, kw_only=True):
    """How often one person may write within `timeframe` seconds; a `limit` of 0 is none."""

    limit: int
    timeframe: int
    message: str


class Agent(Shape, frozen=True, kw_only=True):
    """A bot with all 24 documented keys; null where there is nothing here (3.2). Times are ISO 8601."""

    id: str
    name: str
    instructions: str
    channel_instructions: dict[str, Any] | None = None
    model: str
    auto_retrain: bool
    temp: float
    visibility: Literal["public", "private"]
    allowed_domains: list[str] | None = None
    suggested_messages: list[str] | None
    initial_messages: list[str] = []
    credit_limit: int | None = None
    credits_used: int
    notifications_settings: None = None
    ip_rate_limits: IpRateLimits
    spam_settings: None = None
    blocked_countries: None = None
    voice_settings: None = None
    styles: None = None
    created_at: str
    last_message_at: str | None
    last_trained_at: str | None
    status: Literal["untrained", "training", "failed", "trained"]
    size: int


class Agents(Shape, frozen=True, kw_only=True):
    """`GET /agents`."""

    data: list[Agent]
    pagination: Pagination


# -- messages ----------------------------------------------------------------------------------------------


class TextPart(Shape, frozen=True, kw_only=True, tag_field="type", tag="text"):
    """A run of text."""

    text: str


class ToolCallPart(Shape, frozen=True, kw_only=True, tag_field="type", tag="tool-call"):
    """The model asked for a tool, ours or the client's."""

    tool_call_id: str
    tool_name: str
    input: Any


class ToolResultPart(Shape, frozen=True, kw_only=True, tag_field="type", tag="tool-result"):
    """What a tool gave, or what the client gave for one."""

    tool_call_id: str
    tool_name: str
    output: Any


Part: TypeAlias = TextPart | ToolCallPart | ToolResultPart


class Score(Shape, frozen=True, kw_only=True):
    """How sure the bot was of an answer: nothing here measures that. Who wrote in its place: ours."""

    score: float | None = None
    operator_name: str | UnsetType = UNSET


class Message(Shape, frozen=True, kw_only=True):
    """One message; `feedback` and `metadata` are on answers only (3.5). Unix seconds."""

    id: str
    role: Literal["user", "assistant"]
    parts: list[Part]
    created_at: int
    feedback: Feedback | UnsetType | None = UNSET
    metadata: Score | UnsetType = UNSET


class MessageBody(Shape, frozen=True, kw_only=True):
    """The message as it is now."""

    data: Message


class Messages(Shape, frozen=True, kw_only=True):
    """A page of messages, oldest first."""

    data: list[Message]
    pagination: Pagination


# -- answers ------------------------------------------------------------------------------------------------


class Cost(Shape, frozen=True, kw_only=True):
    """Credits, maybe a fraction (2)."""

    credits: float | int


class AnswerMetadata(Shape, frozen=True, kw_only=True):
    """What belongs to an answer; all five keys are required (3.3)."""

    user_message_id: str
    conversation_id: str
    user_id: str | None
    finish_reason: FinishReason
    usage: Cost


class Answer(Shape, frozen=True, kw_only=True):
    """An answer in one piece."""

    id: str
    role: Literal["assistant"] = "assistant"
    parts: list[Part]
    metadata: AnswerMetadata


class AnswerBody(Shape, frozen=True, kw_only=True):
    """The answer of chat and retry with `stream` false (3.3)."""

    data: Answer


# -- conversations ------------------------------------------------------------------------------------------


class Conversation(Shape, frozen=True, kw_only=True):
    """One conversation; Unix seconds (3.5)."""

    id: str
    title: str | None
    created_at: int
    updated_at: int
    user_id: str | None
    status: Status


class Conversations(Shape, frozen=True, kw_only=True):
    """A page of conversations."""

    data: list[Conversation]
    pagination: Pagination


class WholeConversation(Conversation, frozen=True, kw_only=True):
    """With its newest messages, oldest of them first."""

    messages: list[Message]


class ConversationBody(Shape, frozen=True, kw_only=True):
    """`pagination` tells of the messages."""

    data: WholeConversation
    pagination: Pagination


class Exported(Conversation, frozen=True, kw_only=True):
    """For the export: whence it came, and all its messages unless only summaries were asked for."""

    source: str
    messages: list[Message] | UnsetType = UNSET


class Export(Shape, frozen=True, kw_only=True):
    """A page of the export."""

    data: list[Exported]
    pagination: Pagination


class ConversationStatus(Shape, frozen=True, kw_only=True):
    """What became of a change."""

    id: str
    status: Literal["ongoing", "paused"]


class ConversationStatusBody(Shape, frozen=True, kw_only=True):
    """The answer to a conversation's change (3.6)."""

    data: ConversationStatus


class Success(Shape, frozen=True, kw_only=True):
    """It was done."""

    success: Literal[True] = True


class SuccessBody(Shape, frozen=True, kw_only=True):
    """The answer to a tool's result (3.6)."""

    data: Success
