"""A conversation as it is listed and told; its messages are `messages`, its events `events`."""

from __future__ import annotations

import msgspec


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One row; times are Unix seconds. `reserved_seq` is beyond any position that was ever sent."""

    id: str
    tenant: str
    owner: str
    namespace: str
    bot: str
    persist: bool
    title: str | None
    turn_count: int
    last_seq: int
    reserved_seq: int
    prompt_tokens: int
    completion_tokens: int
    created_at: float
    updated_at: float
    last_message_at: float
    expires_at: float | None


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list of conversations; `preview` is the beginning of the first user message."""

    conversation: Conversation
    message_count: int
    preview: str
