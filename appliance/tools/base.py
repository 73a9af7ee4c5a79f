"""What a tool is: a name and schema for the model, and an async `run` that gets validated arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import msgspec

from appliance.bot import Bot
from appliance.identity import Caller
from appliance.messages import QueryOutcome


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine hands to a tool: who asks, for which bot, and just the functions it needs."""

    bot: Bot
    caller: Caller
    user_message: str
    run_sql: Callable[[str, str], Awaitable[QueryOutcome]]
    """`run_sql(sql, description)`: never raises for a bad query, the outcome tells."""


class ToolOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool returns: text for the model, and the query outcome for people where there is one."""

    content: str
    ok: bool = True
    query: QueryOutcome | None = None


class Tool(Protocol):
    """One file of the `tools/` folder exports one of these as `TOOL`."""

    name: str
    description: str
    parameters: dict[str, Any]
    """JSON schema of the arguments."""
    timeout_s: float

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        ...

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Do it. `ToolError` becomes a failed result that the model can read."""
        ...


class ToolError(Exception):
    """The tool could not do it; the text goes to the model."""
