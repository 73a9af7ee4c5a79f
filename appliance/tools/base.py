"""What a tool is: a name and schema for the model, and an async `run` that gets validated arguments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

import msgspec

from appliance.bot import Bot
from appliance.botsettings import SettingValues
from appliance.graphrules_kinds import Direction, Entity, Related, Relationship
from appliance.identity import Caller
from appliance.knowledge import EVERY_DOCUMENT, DocumentFilter, Passage
from appliance.messages import QueryOutcome


class RunSql(Protocol):
    """Runs one statement as the caller may, through the guard; never raises for a bad one, the outcome tells.

    `parameters` are the values of `:name`s in the statement. A writing statement is applied, or proposed
    where the bot wants people to agree first; the outcome's `change` says which.
    """

    async def __call__(
        self, sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        """The outcome of one statement."""
        ...


class LookUp(Protocol):
    """Searches the bot's knowledge bases as the caller may; what is found can be cited."""

    async def __call__(
        self,
        query: str,
        *,
        bases: Sequence[str] = (),
        limit: int = 5,
        threshold: float | None = None,
        filter: DocumentFilter = EVERY_DOCUMENT,
    ) -> list[tuple[int, Passage]]:
        """The best passages with the numbers that they are cited by; raises `ToolError`."""
        ...


class Graph(Protocol):
    """The knowledge graphs of the bases that the bot answers from, as the caller may see them.

    `base` is a base's name or id, `id` an entity's; all raise `ToolError` when there is no such thing here.
    """

    async def entities(
        self, base: str, *, types: Sequence[str] = (), text: str = "", limit: int = 10
    ) -> list[Entity]:
        """Those of some types with `text` in a name, the most prominent first."""
        ...

    async def entity(self, base: str, id_or_name: str) -> Entity:
        """One entity."""
        ...

    async def relationships(
        self, base: str, *, of: Sequence[str], direction: Direction = "both", limit: int = 10
    ) -> list[Relationship]:
        """Those that begin or end at these entities (ids), the surest first."""
        ...

    async def related(
        self, base: str, id: str, *, depth: int, types: Sequence[str] = (), limit: int = 10
    ) -> list[Related]:
        """Entities that are reached from one in so many steps, the nearest first."""
        ...


class FindRows(Protocol):
    """Finds rows of the team's tables by meaning, as the caller may, through the guard."""

    async def __call__(
        self,
        query: str,
        *,
        table: str,
        column: str,
        columns: Sequence[str] = (),
        filter: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> QueryOutcome:
        """The nearest rows and, in the last column, their distances; raises `ToolError`.

        `columns` are those to give, all but the vectors' without any; `threshold` is the least cosine.
        """
        ...


CallPerson: TypeAlias = Callable[[str], Awaitable[Literal["coming", "nobody", "already"]]]
"""Asks somebody of the team to join, for a reason; tells whether anybody is there, or was asked already."""


class ToolContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine hands to a tool: who asks, for which bot, and just the functions it needs.

    `values` are what `{{key}}`s stand for, secret ones too: those must not get into results.
    """

    bot: Bot
    caller: Caller
    user_message: str
    run_sql: RunSql
    values: SettingValues = SettingValues()
    look_up: LookUp | None = None
    """None when the bot has no knowledge base."""
    graph: Graph | None = None
    """None when the bot has no knowledge base."""
    call_person: CallPerson | None = None
    """None when the bot answers alone."""
    find_rows: FindRows | None = None
    """None where nobody searches tables by meaning."""


class ToolOutput(msgspec.Struct, frozen=True, kw_only=True):
    """What a tool returns: text for the model, and the query outcome for people where there is one.

    `thought` is what `think` wrote down, for people who want to see it. `audit` are facts for the audit trail
    beside the tool's name, where there is something that is worth them.
    """

    content: str
    ok: bool = True
    query: QueryOutcome | None = None
    thought: str = ""
    audit: dict[str, Any] = {}


class Tool(Protocol):
    """One thing that a model can ask for."""

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


class ToolSource(Protocol):
    """Tools that differ from bot to bot: saved queries, a bot's own functions, those of MCP servers.

    With `opt_in`, a bot that lists `mcp-tools` gets those that stand there as `custom:<name>`.
    """

    opt_in: bool

    async def tools(self, context: ToolContext) -> list[Tool]:
        """What this bot offers to this caller now. Logs what cannot be offered; never raises for it."""
        ...


class ToolError(Exception):
    """The tool could not do it; the text goes to the model."""
