"""One session with one MCP server, in a task of its own; calls come from the tasks of turns.

Nothing is declared that a server could ask of us: no sampling, no elicitation, no roots.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx2
import trio
from mcp import ClientSession, types
from mcp.client.session import IncomingMessage
from mcp.shared.exceptions import MCPError
from pydantic import BaseModel, ValidationError

from appliance.tools.mcp_dispatch import ListingDispatcher
from appliance.tools.mcp_http import Answers, address
from appliance.tools.mcp_offer import Listed
from appliance.tools.mcp_rendered import Rendered
from appliance.tools.mcp_result import result_text
from appliance.tools.mcp_stdio import ServerGone, program
from appliance.tools.mcp_talk import CallCut, Deadlines, Replied, ServerFailed
from appliance.tools.own_process import printable

LISTED_MAX = 2000
"""Tools that are read of one server; far more than are offered, so that a bot can pick."""
LIST_AGE_S = 300.0
"""Listings are read again after this time: not every server tells of changes."""
TIMEOUTS_MAX = 2
"""Calls in a row without an answer, after which the session is given up."""
_CLOSING_S = 3.0
_TERMINATED = "Session terminated"
_CLIENT = types.Implementation(name="chat-appliance", version="1")
_WRONG_TOOL = "it is not described as the protocol wants it"
_CHATTY = ("mcp", "client", "httpx2", "httpcore2")

ResultT = TypeVar("ResultT", bound=BaseModel)

for _name in _CHATTY:  # the SDK logs what servers say, and a server may say a secret
    logging.getLogger(_name).setLevel(logging.CRITICAL + 1)


class Session:
    """Open once `run` has started it, until the server breaks off or `end`."""

    def __init__(self, server: Rendered, cwd: str, deadlines: Deadlines) -> None:
        self._server = server
        self._cwd = cwd
        self._deadlines = deadlines
        self._redactor = server.redactor
        self._answers = Answers()
        self._scope = trio.CancelScope()
        self._end = trio.Event()
        self._session: ClientSession | None = None
        self._dispatcher: ListingDispatcher | None = None
        self._listed: tuple[list[Listed], float] | None = None
        self._listing = trio.Lock()
        self._changes = 0
        self._timeouts = 0
        self._busy = 0
        self._used_at = trio.current_time()
        self.failure = ""
        self.broke = False
        self.has_started = False
        self.opened = trio.Event()
        """Calls can be made, or never will be."""
        self.ended = trio.Event()

    @property
    def has_ended(self) -> bool:
        """Whether no more calls can be made."""
        return self._end.is_set()

    def idle_s(self) -> float:
        """Seconds since it was of use; 0 while a call runs."""
        return 0.0 if self._busy else trio.current_time() - self._used_at

    def end(self, reason: str = "") -> None:
        """No more calls; `run` takes leave and ends. A `reason` says that something broke."""
        if not self._end.is_set():
            self.failure = reason
            self.broke = bool(reason)
            self._end.set()

    async def run(self) -> None:
        """Start, set `opened`, stay until the end; how it failed is told by `failure`, never raised."""
        try:
            with self._scope:
                self._scope.deadline = trio.current_time() + self._deadlines.start_s
                await self._stay()
            if not self.has_started:
                self.end(f"it did not start within {self._deadlines.start_s:g} s")
        except* Exception as errors:
            self.end(self._reason(errors))
        finally:
            self.end()
            self._session = None
            self.opened.set()
            self.ended.set()

    async def _stay(self) -> None:
        async with AsyncExitStack() as stack:
            if self._server.command:
                ours = await stack.enter_async_context(program(self._server, self._cwd))
                self._dispatcher = ListingDispatcher(*ours)
            else:
                far = await stack.enter_async_context(address(self._server, self._answers))
                self._dispatcher = ListingDispatcher(*far)
            session = ClientSession(
                dispatcher=self._dispatcher, message_handler=self._on_message, client_info=_CLIENT
            )
            await stack.enter_async_context(session)
            await _negotiate(session)
            self._scope.deadline = math.inf
            self._session = session
            self.has_started = True
            self.opened.set()
            await self._end.wait()
            self._scope.deadline = trio.current_time() + _CLOSING_S

    async def _on_message(self, message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            self._changes += 1
            self._listed = None

    async def listed(self) -> list[Listed]:
        """The server's tools, from memory while nothing says that they changed; raises `ServerFailed`."""
        async with self._listing:
            if self._listed is not None and trio.current_time() < self._listed[1] + LIST_AGE_S:
                self._used_at = trio.current_time()
                return self._listed[0]
            changes = self._changes
            try:
                with trio.fail_after(self._deadlines.list_s):
                    listed = await self._list()
            except trio.TooSlowError:
                raise ServerFailed(f"it did not list its tools within {self._deadlines.list_s:g} s") from None
            except CallCut as cut:
                raise ServerFailed(str(cut)) from None
            if changes == self._changes:
                self._listed = listed, trio.current_time()
            return listed

    async def _list(self) -> list[Listed]:
        found: list[Listed] = []
        cursors: set[str] = set()
        cursor: str | None = None
        while len(found) < LISTED_MAX:
            params = types.PaginatedRequestParams(cursor=cursor)
            request = types.ListToolsRequest(params=params if cursor else None)
            page = await self._request(request, types.ListToolsResult)
            found += [
                Listed(name=tool.name, description=tool.description or "", schema=tool.input_schema)
                for tool in page.tools
            ]
            assert self._dispatcher is not None
            found += [Listed(name=name, problem=_WRONG_TOOL) for name in self._dispatcher.left_out]
            cursor = page.next_cursor
            if not cursor or cursor in cursors:
                break
            cursors.add(cursor)
        return found[:LISTED_MAX]

    async def call(self, tool: str, arguments: dict[str, Any]) -> Replied:
        """Call a tool. Raises `CallCut` when there is no answer, `ServerFailed` when none was asked for.

        A cancel tells the server that nobody waits any more.
        """
        params = types.CallToolRequestParams(name=tool, arguments=arguments)
        try:
            with trio.fail_after(self._deadlines.call_s):
                result = await self._request(types.CallToolRequest(params=params), types.CallToolResult)
        except trio.TooSlowError:
            self._timeouts += 1
            if self._timeouts >= TIMEOUTS_MAX:
                self.end("it stopped answering")
            raise CallCut(f"it did not answer within {self._deadlines.call_s:g} s") from None
        self._timeouts = 0
        return Replied(text=result_text(result, self._redactor), ok=not result.is_error)

    async def _request(self, request: types.ClientRequest, kind: type[ResultT]) -> ResultT:
        # Not the SDK's `call_tool`: it runs schemas of the server, which could take for ever, on the results.
        session = self._session
        if session is None or self.has_ended:
            raise ServerFailed(self.failure or "it is not running")
        self._busy += 1
        try:
            return await session.send_request(request, kind)
        except MCPError as error:
            if error.error.code == types.CONNECTION_CLOSED:
                with trio.move_on_after(_CLOSING_S):  # how it ended is told by who reads
                    await self.ended.wait()
                self.end("it closed the connection")
                raise CallCut(f"it broke off: {self.failure}") from None
            if self._server.url and error.error.message == _TERMINATED:
                self.end("it forgot the session")
                raise ServerFailed("it forgot the session") from None
            raise CallCut(self._reason(error)) from None
        except ValidationError:
            raise CallCut("its answer is not as the protocol wants it") from None
        finally:
            self._busy -= 1
            self._used_at = trio.current_time()

    def _reason(self, error: BaseException) -> str:
        """Why it failed, in words that may stand in a log."""
        for one in _leaves(error):
            match one:
                case ServerGone():
                    return str(one)
                case FileNotFoundError() | PermissionError() if self._server.command:
                    return f"the program {self._server.command[0]!r} cannot be started: {one.strerror}"
                case OSError():
                    return f"it cannot be reached or started: {one.strerror or type(one).__name__}"
                case httpx2.HTTPError():
                    return f"it cannot be asked: {self._shown(_words(one))}"
                case MCPError():
                    status = self._answers.bad_status
                    said = f" (HTTP status {status})" if status else ""
                    return f"it answered with an error{said}: {self._shown(one.error.message)}"
                case ValidationError():
                    return "its answer is not as the protocol wants it"
        return f"it failed ({type(error).__name__})"

    def _shown(self, text: str) -> str:
        return printable(self._redactor.clean(text[:3000])[:300])


async def _negotiate(session: ClientSession) -> None:
    """The handshake that servers have had from the start; one that only knows the newer way is asked so."""
    try:
        await session.initialize()
    except MCPError as error:
        if error.error.code not in (types.UNSUPPORTED_PROTOCOL_VERSION, types.METHOD_NOT_FOUND):
            raise
        await session.discover()


def _words(error: BaseException) -> str:
    """What the error says, or the first of its causes that says something."""
    cause: BaseException | None = error
    while cause is not None:
        if str(cause):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    return type(error).__name__


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The errors of a group, one by one."""
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _leaves(one)
    else:
        yield error
