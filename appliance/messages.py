"""Messages as they are kept and as models see them; pure values, identity belongs to the store."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one or more model calls. `estimated` when any part was not told by the provider."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        """Prompt and completion together."""
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
            estimated=self.estimated or other.estimated,
        )


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """One changed row with JSON-able values: `before` is None for a new row, `after` for a deleted one."""

    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What a writing statement did, or would do when somebody agrees.

    A `proposed` change waits under its `id` until it is decided or `expires_at` (Unix seconds).
    """

    id: str = ""
    operation: Literal["INSERT", "UPDATE", "DELETE"]
    table: str
    status: Literal["applied", "proposed", "declined", "failed"]
    rows: list[RowChange] = []
    expires_at: float | None = None


class QueryOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one SQL statement, for people (client frames), for the model and for history.

    `rows` hold JSON-able values in the order of `columns`, at most the row cap; `row_count` is their
    number; `truncated` tells that there were more. `types` names what each column holds: `integer`, `number`,
    `decimal`, `text`, `date`, `datetime`, `boolean`, `blob` or `mixed` (see docs/data.md). `error` is None
    for a good query; a rejected one has no rows and says why in both `summary` and `error`. `against_rules`
    marks one that a rule of the bot file refused (intent rules, required columns). `change` tells of a write;
    its `rows` are the rows as they are afterwards. `result_id` is where all rows are kept.
    """

    sql: str
    description: str = ""
    columns: list[str] = []
    rows: list[list[Any]] = []
    row_count: int = 0
    truncated: bool = False
    summary: str = ""
    error: str | None = None
    duration_ms: float = 0.0
    tables: list[str] = []
    types: list[str] = []
    against_rules: bool = False
    change: Change | None = None
    result_id: str = ""
    chart: str = ""
    """`bar` or `line` where the rows were asked for as a picture."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """The model asks for a tool. `arguments` is the raw JSON text exactly as the model wrote it."""

    id: str
    name: str
    arguments: str


class ToolResult(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's answer: `content` is what the model reads, `query` what people see of a SQL call."""

    call_id: str
    name: str
    ok: bool
    content: str
    query: QueryOutcome | None = None


class TextPart(msgspec.Struct, frozen=True, kw_only=True, tag="text"):
    """A run of answer text; `seq` is the log position before its first character (see `events`)."""

    seq: int
    text: str


class ToolCallPart(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """One call the model made, for us to run or for the client; `seq` is its log position."""

    seq: int
    call: ToolCall
    by_client: bool = False


class ToolResultPart(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """One tool's answer; `seq` is its log position."""

    seq: int
    result: ToolResult


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that an answer can cite as `[number]`; `content` is `text[start:end]` of its document.

    `similarity` is between 0 and 1. `url` is where the document came from, where that is an address.
    """

    number: int
    document_id: str
    chunk_id: str
    title: str
    knowledge_base: str
    similarity: float
    content: str
    start: int = 0
    end: int = 0
    page: int | None = None
    headings: list[str] = []
    url: str = ""
    mime_type: str = ""
    private: bool = False
    """Found for who asked alone: it is of a document that others do not see."""


class SourcesPart(msgspec.Struct, frozen=True, kw_only=True, tag="sources"):
    """Passages that were found for the answer; `seq` is their log position."""

    seq: int
    sources: list[Source]


Part: TypeAlias = TextPart | ToolCallPart | ToolResultPart | SourcesPart
"""What an assistant message is made of, in order."""

Finish: TypeAlias = Literal["stop", "length", "tool_calls"]
"""Why an answer ends: it is whole, as long as it may be, or waits for tools that the client runs."""

OPERATOR = "operator:"
"""Begins the `author` of what a person of the team wrote; the account's name follows."""

MessageStatus: TypeAlias = Literal["queued", "running", "done", "cancelled", "failed", "interrupted"]


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message. User messages have `content`, assistant messages have `parts`.

    An answer whose first parts are results begins with the outputs of tools that the one before it asked the
    client for; it goes on there, unless a user's message is of the same turn. `author` is `Caller.owner` of
    who wrote it, empty for the bot; what a person of the team wrote has `operator:<account>` there, is of no
    turn, and has their name in `metadata`. `payload` is a message in the own form of its wire.

    `first_seq` and `last_seq` bound its events in the conversation's log. Times are Unix seconds.
    """

    id: str
    conversation_id: str
    turn_id: str
    role: Literal["user", "assistant"]
    status: MessageStatus
    content: str = ""
    parts: list[Part] = []
    usage: Usage | None = None
    error_code: str = ""
    error_text: str = ""
    client_id: str = ""
    first_seq: int = 0
    last_seq: int = 0
    created_at: float = 0.0
    author: str = ""
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    feedback: Literal["positive", "negative"] | None = None
    feedback_comment: str = ""
    """What the user says to that."""
    finish: Finish = "stop"
    position: int = 0
    """Orders the messages of a conversation, and keeps its place when others come and go."""

    @property
    def is_shown(self) -> bool:
        """Is it for people: somebody's words, or an answer that has begun?"""
        return self.role == "user" or bool(self.parts)

    @property
    def is_by_operator(self) -> bool:
        """Did a person of the team write it in place of the bot?"""
        return self.role == "assistant" and self.author.startswith(OPERATOR)

    @property
    def operator_name(self) -> str:
        """What visitors know that person by; empty for all other messages."""
        return str(self.metadata.get("operator_name", "")) if self.is_by_operator else ""

    @property
    def continues(self) -> bool:
        """Does it begin with the outputs of tools that the client ran?"""
        return self.role == "assistant" and bool(self.parts) and isinstance(self.parts[0], ToolResultPart)

    @property
    def text(self) -> str:
        """All text of the message joined."""
        if self.role == "user":
            return self.content
        return "".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def sources(self) -> list[Source]:
        """The passages that the answer could cite, each once."""
        parts = [part for part in self.parts if isinstance(part, SourcesPart)]
        return [*{source.number: source for part in parts for source in part.sources}.values()]


class PromptMessage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One message of a model request, in the shape that all chat models share."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str = ""


TITLE_CHARS = 50
TITLE_CUT_FROM = 30
"""A longer title is cut at its last blank behind this character, so that no word is broken."""


def title_of(text: str) -> str:
    """A conversation's title from its first user message (Fluxbase's rule, in characters)."""
    title = " ".join(text.split())
    if len(title) <= TITLE_CHARS:
        return title or "New conversation"
    blank = title.rfind(" ", TITLE_CUT_FROM, TITLE_CHARS + 1)
    return title[: blank if blank > 0 else TITLE_CHARS] + "..."


def estimate_tokens(text: str) -> int:
    """Tokens that `text` costs, about: four characters each, as for English with most vocabularies."""
    return (len(text) + 3) // 4
