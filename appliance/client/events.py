"""What a client sees: one struct for every frame, and the errors it may get."""

from __future__ import annotations

from typing import Any

import msgspec

TERMINAL = frozenset({"done", "error", "cancelled"})
"""Types of the events that end an answer."""


MESSAGE_CHARS_MAX = 100_000
"""Longest message that a server takes."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of one answer, over all its model calls."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    estimated: bool = False


class RowChange(msgspec.Struct, frozen=True, kw_only=True):
    """One changed row: `before` is None for a new row, `after` for a deleted one."""

    before: dict[str, Any] | None = None
    after: dict[str, Any] | None = None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change of the team's data.

    `status` is proposed, applied, declined or failed; a proposed one waits for `AIChat.confirm` until
    `expires_at`, an RFC 3339 time. `operation` is INSERT, UPDATE or DELETE. `id` is empty for a change that
    needed nobody's word.
    """

    id: str = ""
    status: str
    operation: str = ""
    table: str = ""
    rows: list[RowChange] = []
    expires_at: str | None = None


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that the answer can cite as `[number]`; `content` is `text[start:end]` of its document."""

    number: int
    document_id: str = ""
    chunk_id: str = ""
    title: str = ""
    knowledge_base: str = ""
    similarity: float = 0.0
    content: str = ""
    start: int = 0
    end: int = 0
    page: int | None = None
    headings: list[str] = []
    url: str = ""


class ChatEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One frame from the server; `type` says which of the other fields mean something.

    Types: chat_started, resumed, user_message, message_deleted, progress, sources, content, query_result,
    tool_result, done, cancelled, error; of people, message (what an operator says in the bot's place) and
    handoff (`state` is waiting, joined, left or ended); and two of the client's own, connected and
    disconnected.
    """

    type: str
    conversation_id: str | None = None
    seq: int | None = None
    chatbot: str = ""
    step: str = ""
    message: str = ""
    delta: str = ""
    query: str = ""
    summary: str = ""
    row_count: int = 0
    columns: list[str] = []
    types: list[str] = []
    data: list[dict[str, Any]] = []
    truncated: bool = False
    result_id: str = ""
    change: Change | None = None
    sources: list[Source] = []
    """Of a `sources` event, whose frame has them in `data`."""
    content: str = ""
    role: str = ""
    name: str = ""
    """Of the person who says it, joins or leaves."""
    state: str = ""
    at: float | None = None
    """When, in Unix seconds."""
    handoff: str = ""
    """Of `resumed`: empty, waiting or joined; then `operator_name` is who is there."""
    operator_name: str = ""
    paused: bool = False
    """The bot does not answer: of `resumed` and `done`."""
    interrupted: bool = False
    message_id: str = ""
    client_message_id: str = ""
    running: bool = False
    usage: Usage | None = None
    error: str = ""
    code: str = ""
    retry_after: float | None = None


class ChatError(Exception):
    """The server, or the way to it, refused. `code` is the contract, `text` is for people."""

    def __init__(self, code: str, text: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.retry_after_s = retry_after_s


class ConnectError(ChatError):
    """No connection. `status` is the HTTP status of a refused upgrade (401: bad token), else None."""

    def __init__(self, text: str, *, status: int | None = None) -> None:
        super().__init__("CONNECT_FAILED" if status is None else "CONNECT_REFUSED", text)
        self.status = status


def too_long() -> ChatError:
    """The refusal of a message over `MESSAGE_CHARS_MAX`, or over the server's limit of a frame."""
    return ChatError("INVALID_MESSAGE", "The message is too long.")


def chat_error(event: ChatEvent) -> ChatError:
    """The exception that tells an `error` event."""
    return ChatError(event.code or "ERROR", event.error, retry_after_s=event.retry_after)
