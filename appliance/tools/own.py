"""A bot's own tools: the functions of the `tools.py` beside its bot file, each offered under its name.

Their code runs in worker processes (`own_pool.py`, `own_worker.py`), never here. Which of them a bot's
`mcp-tools` lists offer is not decided here.
"""

from __future__ import annotations

import logging
import signal
import subprocess
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import trio

from appliance.bot import Bot, Finding
from appliance.redact import Redactor
from appliance.tools.base import Tool, ToolContext, ToolError, ToolOutput
from appliance.tools.own_pool import OwnPool
from appliance.tools.own_process import (
    START_GRACE_S,
    Limits,
    command,
    environment,
    not_loaded,
    printable,
)
from appliance.tools.own_queries import CallQueries
from appliance.tools.own_wire import (
    EXIT_MEMORY,
    Call,
    Done,
    Loaded,
    Offered,
    Problem,
    parse_reply,
)
from appliance.workers.frame import HEADER
from appliance.workers.pipe import WorkerEnded

WAIT_S = 30.0
"""On top of a tool's deadline: a free process may have to be waited for, or started."""

logger = logging.getLogger("appliance.tools")


class Description(msgspec.Struct, frozen=True, kw_only=True):
    """What a tools file offers; an error among the problems means: nothing, a warning: not this function."""

    tools: list[Offered]
    problems: list[Finding]


def describe(
    path: str | Path, *, reserved: Collection[str] = (), limits: Limits | None = None
) -> Description:
    """Import the file in a process of its own and tell what it offers; needs no event loop, never raises.

    `reserved` are names of other tools, which a function may not take.
    """
    return _description(_load(str(Path(path).absolute()), limits or Limits()), reserved)


def _load(tools_file: str, limits: Limits) -> Loaded:
    try:
        ended = subprocess.run(
            command(tools_file, limits),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=limits.load_timeout_s + START_GRACE_S,
            start_new_session=True,
            env=environment(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        return not_loaded("importing it took too long")
    except OSError as error:
        return not_loaded(f"its process cannot be started: {error}")
    try:
        loaded = parse_reply(ended.stdout[HEADER.size :])
    except msgspec.MsgspecError:
        return not_loaded(f"its process ended while it was imported (status {ended.returncode})")
    assert isinstance(loaded, Loaded)
    return loaded


def _description(loaded: Loaded, reserved: Collection[str]) -> Description:
    taken = [tool for tool in loaded.offered if tool.name in reserved]
    clashes = [
        Problem(line=tool.line, message=f"{tool.name} is not offered: a built-in tool has that name")
        for tool in taken
    ]
    severity = "error" if loaded.failed else "warning"
    problems = sorted([*loaded.problems, *clashes], key=lambda problem: problem.line)
    return Description(
        tools=[tool for tool in loaded.offered if tool not in taken],
        problems=[
            Finding(severity=severity, line=problem.line, message=printable(problem.message))  # type: ignore[arg-type]
            for problem in problems
        ],
    )


def _hidden_queries(bot: Bot, tools: list[Offered]) -> list[Finding]:
    """Saved queries whose place a function takes, as `appliance bots check` tells it."""
    queries = {query.name for query in bot.queries}
    return [
        Finding(
            severity="warning",
            line=tool.line,
            message=f"{tool.name} is offered instead of the saved query of that name; rename one of them",
        )
        for tool in tools
        if tool.name in queries and (not bot.mcp_tools or f"custom:{tool.name}" in bot.mcp_tools)
    ]


class OwnTools:
    """The own tools of all bots; inside `async with`, whose end ends all their processes."""

    opt_in = True

    def __init__(self, *, reserved: Collection[str] = (), limits: Limits | None = None) -> None:
        self._reserved = frozenset(reserved)
        self._limits = limits or Limits()
        self._pools: dict[str, OwnPool] = {}
        self._retired: list[OwnPool] = []
        self._reported: dict[str, list[Finding]] = {}
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
        for pool in [*self._pools.values(), *self._retired]:
            await pool.aclose()
        self._nursery.cancel_scope.cancel()
        await self._tasks.__aexit__(kind, error, traceback)

    async def tools(self, context: ToolContext) -> list[Tool]:
        """The functions of the bot's tools file; none, with a line in the log, when it cannot be imported."""
        bot = context.bot
        if not bot.tools_file:
            return []
        pool = await self._pool(bot)
        description = _description(await pool.loaded(), self._reserved)
        self._report(bot.tools_file, [*description.problems, *_hidden_queries(bot, description.tools)])
        return [OwnTool(offered, pool) for offered in description.tools]

    async def _pool(self, bot: Bot) -> OwnPool:
        """The pool of this version of the file; that of an older version is let go."""
        assert self._nursery is not None, "OwnTools is used inside `async with`"
        known = self._pools.get(bot.tools_file)
        if known is not None and known.mark == bot.tools_mark:
            return known
        pool = OwnPool(bot.tools_file, bot.tools_mark, self._limits, self._nursery)
        self._pools[bot.tools_file] = pool
        if known is not None:
            self._retired.append(known)
            await known.retire()
        return pool

    def _report(self, tools_file: str, problems: list[Finding]) -> None:
        """Say it once in the log, and again only when it is something else."""
        if self._reported.get(tools_file, []) == problems:
            return
        self._reported[tools_file] = problems
        for problem in problems:
            logger.warning("%s:%d: %s", tools_file, problem.line, problem.message)

    async def _end_idle(self) -> None:
        while True:
            await trio.sleep(self._limits.idle_s / 4)
            for pool in list(self._pools.values()):
                await pool.end_idle(trio.current_time() - self._limits.idle_s)
            self._retired = [pool for pool in self._retired if not pool.is_empty]


class OwnTool:
    """One function as a tool."""

    def __init__(self, offered: Offered, pool: OwnPool) -> None:
        self.name = offered.name
        self.description = offered.description
        self.parameters = offered.parameters
        self.timeout_s = offered.timeout_s + WAIT_S
        self._deadline_s = offered.timeout_s
        self._pool = pool

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return f"Executing {self.name}..."

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Run it in a worker process; whatever goes wrong there is an output that is not ok."""
        queries = CallQueries(context.run_sql, self.name)
        redactor = Redactor(context.values.secrets)
        try:
            text = msgspec.json.encode(arguments).decode()
        except (TypeError, ValueError, RecursionError) as error:
            raise ToolError(f"The arguments of {self.name} cannot be passed on: {error}") from error
        try:
            done = await self._pool.call(self._call(context, text), queries.answer, context.values.secrets)
        except trio.TooSlowError:
            done = _bad(f"{self.name} took longer than {self._deadline_s:g} s and was stopped.")
        except WorkerEnded as ended:
            done = _bad(self._ended(ended.status))
        except OSError as error:
            done = _bad(f"{self.name} cannot be run: {error}")
        if done.log:
            # The worker keeps the end of a long traceback.
            told = redactor.clean_cut(done.log, start=True)
            log = "\n".join(f"    {printable(line)}" for line in told.splitlines())
            logger.warning("%s of bot %s failed:\n%s", self.name, context.bot.name, log)
        return ToolOutput(content=_content(done, redactor), ok=done.ok, query=queries.shown())

    def _call(self, context: ToolContext, arguments: str) -> Call:
        return Call(
            name=self.name,
            arguments=arguments,
            timeout_s=self._deadline_s,
            caller=context.caller,
            bot=context.bot.name,
            namespace=context.bot.namespace,
            settings=context.values.all,
        )

    def _ended(self, status: int | None) -> str:
        match status:
            case None:
                return f"{self.name} was stopped."
            case status if status == -signal.SIGALRM:
                return f"{self.name} took longer than {self._deadline_s:g} s and was stopped."
            case status if status in (EXIT_MEMORY, -signal.SIGKILL):
                return f"{self.name} used too much memory and was stopped."
            case _:
                return f"{self.name} stopped working (its process ended with status {status})."


def _bad(reason: str) -> Done:
    return Done(ok=False, content=reason, log=reason)


def _content(done: Done, redactor: Redactor) -> str:
    """What the model reads, with no secret in it, also none that was cut through."""
    if not done.ok:
        return msgspec.json.encode({"error": redactor.clean_cut(done.content, end=True)}).decode()
    if not done.chars:
        return redactor.clean(done.content)
    note = f"\n[truncated: {len(done.content)} of {done.chars} characters are shown; ask for less]"
    return redactor.clean_cut(done.content, end=True) + note
