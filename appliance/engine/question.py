"""An admitted message of the user, on its way to its turn."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.changes import Proposal
from appliance.events import Extra
from appliance.identity import Caller
from appliance.messages import ToolResult
from appliance.store import usage


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """An admitted user message that waits for its answer."""

    turn_id: str
    message_id: str
    answer_id: str
    conversation_id: str
    content: str
    client_id: str
    caller: Caller
    bot: Bot
    bucket: usage.Bucket
    ttl_s: float
    at: float
    decision: Decision | None = None
    payload: dict[str, Any] | None = None
    metadata: dict[str, Any] = {}
    extra: Extra = Extra()
    runs_tools: bool = False
    polled: bool = False
    outputs: list[ToolResult] | None = None
    """Of tools that the client ran: the answer goes on with them, and there is no new message."""
    brought: list[ToolResult] = []
    """The same, where a new message came instead of word to go on."""


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What the user says to a proposed change; carried out before the model is asked for its words on it."""

    proposal: Proposal
    approve: bool
