"""Tools of MCP servers: what the servers of a bot's `mcp-servers` list, offered as `<server>_<tool>`.

The official SDK does the talking. It is imported at the first use by a bot that has such servers, and not at
all without one.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import tempfile
import weakref
from collections.abc import Collection
from types import TracebackType
from typing import Any, Self

import msgspec
import trio

from appliance.bot import Bot, Finding, McpServer
from appliance.tools.base import Tool, ToolContext, ToolError, ToolOutput
from appliance.tools.mcp_link import Link
from appliance.tools.mcp_offer import Listed, Offer, offers
from appliance.tools.mcp_rendered import NotUsable, Rendered, rendered
from appliance.tools.mcp_talk import CallCut, Deadlines, ServerFailed
from appliance.tools.own_process import printable

LINKS_MAX = 50
"""Servers at the same time; with secrets of users there is one for each of them."""
MISSING = "the MCP client is not installed: pip install 'chat-appliance[mcp]'"
_CLOSING_S = 5.0
_TOLD_MAX = 1000

logger = logging.getLogger("appliance.tools")


def is_installed() -> bool:
    """Whether the SDK is there; finds it without importing it."""
    return importlib.util.find_spec("mcp") is not None


def mcp_findings(bot: Bot) -> list[Finding]:
    """What `appliance bots check` says of a bot with `mcp-servers` where the SDK is missing."""
    if not bot.mcp_servers or is_installed():
        return []
    return [Finding(severity="warning", line=1, message=f"mcp-servers: {MISSING}")]


class McpTools:
    """The MCP servers of all bots; inside `async with`, whose end ends all their processes.

    `reserved` are names that no server's tool gets.
    """

    opt_in = False

    def __init__(self, *, reserved: Collection[str] = (), deadlines: Deadlines | None = None) -> None:
        self._reserved = frozenset(reserved)
        self._deadlines = deadlines or Deadlines()
        self._links: dict[bytes, Link] = {}
        # Also those that were let go, but that a turn under way may still use.
        self._all: weakref.WeakSet[Link] = weakref.WeakSet()
        self._told: set[tuple[str, ...]] = set()
        self._loading = trio.Lock()
        self._is_loaded: bool | None = None
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._tasks = trio.open_nursery()
        self._nursery: trio.Nursery | None = None

    async def __aenter__(self) -> Self:
        self._nursery = await self._tasks.__aenter__()
        self._nursery.start_soon(self._end_idle)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._nursery is not None
        with trio.CancelScope(shield=True, deadline=trio.current_time() + _CLOSING_S):
            links = list(self._all)
            for link in links:
                link.end()
            for link in links:
                await link.ended()
        self._nursery.cancel_scope.cancel()
        try:
            await self._tasks.__aexit__(kind, error, traceback)
        finally:
            if self._folder is not None:
                self._folder.cleanup()

    async def tools(self, context: ToolContext) -> list[Tool]:
        """The tools of the bot's servers; none, with a line in the log, of one that cannot be used now.

        Waits for servers that have to be started, all at the same time.
        """
        servers = context.bot.mcp_servers
        if not servers or not await self._load():
            return []
        asked: dict[str, _Asked] = {}
        async with trio.open_nursery() as nursery:
            for server in servers:
                nursery.start_soon(self._ask, server, context, asked)
        taken = {*self._reserved, *(query.name for query in context.bot.queries)}
        tools: list[Tool] = []
        for server in (server for server in servers if server.name in asked):
            answer = asked[server.name]
            redactor = answer.rendered.redactor
            chosen, problems = offers(server.name, answer.listed, server.tools, taken, redactor)
            self._tell(context.bot, server.name, problems)
            taken.update(offer.name for offer in chosen)
            tools += [McpTool(server.name, offer, answer.link, self._deadlines) for offer in chosen]
        return tools

    async def _ask(self, server: McpServer, context: ToolContext, asked: dict[str, _Asked]) -> None:
        try:
            ready = rendered(server, context)
            link = self._link(ready)
            asked[server.name] = _Asked(rendered=ready, link=link, listed=await link.listed())
        except NotUsable as problem:
            self._tell(context.bot, server.name, [str(problem)])
        except ServerFailed:
            pass  # the link has told it in the log

    def _link(self, server: Rendered) -> Link:
        """The way to this server; raises `NotUsable` when there are too many, all in use."""
        assert self._nursery is not None, "McpTools is used inside `async with`"
        if known := self._links.get(server.key):
            return known
        if len(self._links) >= LINKS_MAX:
            key, oldest = max(self._links.items(), key=lambda pair: pair[1].idle_s)
            if oldest.idle_s <= 0:
                raise NotUsable(f"{LINKS_MAX} servers are running already")
            oldest.end()
            del self._links[key]
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="appliance-mcp-")
        link = Link(server, self._folder.name, self._deadlines, self._nursery)
        self._links[server.key] = link
        self._all.add(link)
        return link

    async def _load(self) -> bool:
        """Import the SDK, in a thread since it takes seconds; False, with one line in the log, without it."""
        async with self._loading:
            if self._is_loaded is None:
                self._is_loaded = is_installed()
                if self._is_loaded:
                    await trio.to_thread.run_sync(importlib.import_module, "appliance.tools.mcp_session")
                else:
                    logger.warning("tools of mcp-servers are not offered: %s", MISSING)
            return self._is_loaded

    def _tell(self, bot: Bot, server: str, problems: list[str]) -> None:
        """Each problem once in the log."""
        for problem in problems:
            told = (*bot.key, server, problem)
            if told not in self._told and len(self._told) < _TOLD_MAX:
                self._told.add(told)
                logger.warning("bot %s/%s, MCP server %s: %s", *bot.key, server, printable(problem))

    async def _end_idle(self) -> None:
        while True:
            await trio.sleep(self._deadlines.idle_s / 4)
            for link in list(self._all):
                if link.idle_s > self._deadlines.idle_s:
                    link.end()
            for key, link in list(self._links.items()):
                if link.idle_s > self._deadlines.idle_s and link.is_forgettable:
                    del self._links[key]


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    rendered: Rendered
    link: Link
    listed: list[Listed]


class McpTool:
    """One tool of a server."""

    def __init__(self, server: str, offer: Offer, link: Link, deadlines: Deadlines) -> None:
        self.name = offer.name
        self.description = offer.description
        self.parameters = offer.parameters
        # The call has its own deadline; the rest is for a server that has to be started again.
        self.timeout_s = deadlines.call_s + deadlines.start_s + 5
        self._server = server
        self._remote_name = offer.remote_name
        self._link = link

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return f"Executing {self.name}..."

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Call it; what the server calls an error is an output that is not ok. Raises `ToolError`."""
        try:
            replied = await self._link.call(self._remote_name, arguments)
        except ServerFailed as failed:
            raise ToolError(f"{self.name} cannot be asked now: server {self._server}: {failed}.") from None
        except CallCut as cut:
            raise ToolError(
                f"{self.name} gave no result: server {self._server}: {cut}. "
                "Whether it did anything is not known."
            ) from None
        return ToolOutput(content=replied.text, ok=replied.ok, audit={"server": self._server})
