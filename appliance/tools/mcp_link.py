"""The way to one MCP server: its session, started at first use and again after it broke."""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

import trio

from appliance.tools.mcp_offer import Listed
from appliance.tools.mcp_rendered import Rendered
from appliance.tools.mcp_talk import Deadlines, Replied, ServerFailed

if TYPE_CHECKING:
    from appliance.tools.mcp_session import Session

logger = logging.getLogger("appliance.tools")


class Link:
    """Shared by all turns whose definition of the server is the same; sessions live in `nursery`."""

    def __init__(self, server: Rendered, cwd: str, deadlines: Deadlines, nursery: trio.Nursery) -> None:
        self._server = server
        self._cwd = cwd
        self._deadlines = deadlines
        self._nursery = nursery
        self._session: Session | None = None
        self._running = 0
        self._waiting = 0
        self._resting_until = 0.0
        self._why = ""

    async def listed(self) -> list[Listed]:
        """The server's tools; raises `ServerFailed`, at once while a failed server is left alone."""
        session = await self._opened()
        try:
            return await session.listed()
        except ServerFailed as failed:
            session.end(str(failed))
            self._rest(str(failed))
            raise

    async def call(self, tool: str, arguments: dict[str, Any]) -> Replied:
        """Call a tool; raises `CallCut` or `ServerFailed`.

        A call that the server cannot have seen is made once more, in a new session; others never are.
        """
        session = await self._opened()
        try:
            return await session.call(tool, arguments)
        except ServerFailed:
            return await (await self._opened()).call(tool, arguments)

    async def _opened(self) -> Session:
        if self._session is None or self._session.has_ended:
            if trio.current_time() < self._resting_until:
                raise ServerFailed(self._why)
            self._session = self._new_session()
            self._nursery.start_soon(self._run, self._session)
        session = self._session
        self._waiting += 1
        try:
            await session.opened.wait()
        finally:
            self._waiting -= 1
        if not session.has_started:
            raise ServerFailed(session.failure)
        return session

    def _new_session(self) -> Session:
        # Found by name: to import it takes the SDK, which nobody needs who has no such server.
        module = importlib.import_module("appliance.tools.mcp_session")
        session: Session = module.Session(self._server, self._cwd, self._deadlines)
        return session

    async def _run(self, session: Session) -> None:
        self._running += 1
        try:
            await session.run()
        finally:
            self._running -= 1
        if not session.has_started:
            self._rest(session.failure)
        elif session.broke:
            logger.warning("MCP server %s: %s", self._server.name, session.failure)

    def _rest(self, why: str) -> None:
        self._why = why
        self._resting_until = trio.current_time() + self._deadlines.retry_s
        logger.warning(
            "MCP server %s: %s; its tools are left out for %g s",
            *(self._server.name, why, self._deadlines.retry_s),
        )

    @property
    def idle_s(self) -> float:
        """Seconds since it was of use."""
        if self._waiting or self._session is None:
            return 0.0 if self._waiting else float("inf")
        return self._session.idle_s()

    @property
    def is_forgettable(self) -> bool:
        """Whether nothing would be lost with it."""
        return not self._running and not self._waiting and trio.current_time() >= self._resting_until

    def end(self) -> None:
        """End the session, if there is one; its task goes on for a moment."""
        if self._session is not None:
            self._session.end()

    async def ended(self) -> None:
        """Wait until its session has gone."""
        if self._session is not None:
            await self._session.ended.wait()
