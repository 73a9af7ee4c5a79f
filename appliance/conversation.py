"""A conversation as it is listed and told; its messages are `messages`, its events `events`."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

Handoff: TypeAlias = Literal["", "waiting", "joined"]
"""Does the bot answer alone, is a person waited for, or is one there?"""

HandoffNote: TypeAlias = Literal["waiting", "joined", "left", "ended"]
"""What happened to that."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """One row; times are Unix seconds. `reserved_seq` is beyond any position that was ever sent.

    `source` is the wire that made it: fluxbase, chatbase, ai-sdk, botpress, lexicon, openai. `external_id` is
    what its maker calls it, where that is not `id`. In a `paused` one the bot does not answer: somebody
    paused it, or a person has `joined` it in the bot's place. `operator` is that person's account,
    `operator_name` what visitors read.
    """

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
    source: str = "fluxbase"
    external_id: str | None = None
    metadata: dict[str, Any] = {}
    paused: bool = False
    handoff: Handoff = ""
    operator: str = ""
    operator_name: str = ""

    @property
    def public_id(self) -> str:
        """What its maker knows it by."""
        return self.external_id or self.id

    @property
    def user_id(self) -> str | None:
        """The user whose it is; None when it is nobody's in particular."""
        return self.owner.removeprefix("user:") if self.owner.startswith("user:") else None


class External(msgspec.Struct, frozen=True, kw_only=True):
    """A maker's own id for a conversation; unique in its tenant and `scope`."""

    scope: str
    id: str


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of a list of conversations; `preview` is the beginning of the first user message."""

    conversation: Conversation
    message_count: int
    preview: str


class ConversationFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which of a tenant's conversations are wanted; what is None does not matter.

    `owner` and `person` are as `Caller.owner`; a person owns or takes part. `start` and `end` bound the
    moment it was made, in Unix seconds, the end not included. No `sources` means all.
    """

    tenant: str
    namespace: str | None = None
    bot: str | None = None
    owner: str | None = None
    person: str | None = None
    sources: tuple[str, ...] = ()
    start: float | None = None
    end: float | None = None
