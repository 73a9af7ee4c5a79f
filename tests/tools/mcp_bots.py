"""Bots with MCP servers for the tests of their tools."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import trio

from appliance.bot import Bot, McpServer
from appliance.botsettings import Setting, SettingValues
from appliance.identity import Caller
from appliance.tools.base import Tool, ToolContext, ToolOutput
from appliance.tools.mcp import McpTools
from tests.tools.own_bots import no_sql

PROGRAM = Path(__file__).with_name("mcp_program.py")
WEB = Path(__file__).with_name("mcp_web.py")
T = TypeVar("T")
COMMAND = [sys.executable, str(PROGRAM)]


def program(name: str = "shop", *, tools: list[str] | None = None, **env: str) -> McpServer:
    return McpServer(name=name, command=COMMAND, env=env, tools=tools or [])


def context(
    *servers: McpServer,
    user: str = "ada",
    system: Mapping[str, Setting] | None = None,
    own: Mapping[str, Setting] | None = None,
) -> ToolContext:
    return ToolContext(
        bot=Bot(name="helper", namespace="acme", mcp_servers=list(servers)),
        caller=Caller(user_id=user, role="authenticated"),
        user_message="",
        run_sql=no_sql,
        values=SettingValues(system=system or {}, user=own or {}),
    )


def secret(value: str) -> Setting:
    return Setting(value=value, secret=True)


async def tool_named(source: McpTools, about: ToolContext, name: str) -> Tool:
    [found] = [tool for tool in await source.tools(about) if tool.name == name]
    return found


async def call(source: McpTools, about: ToolContext, name: str, **arguments: Any) -> ToolOutput:
    return await (await tool_named(source, about, name)).run(about, arguments)


async def lines_with(path: Path, start: str, count: int = 1) -> list[str]:
    """Lines of the program's notes that begin so, as soon as there are enough."""
    return await seen(lambda: _lines(path, start) if len(_lines(path, start)) >= count else [])


def _lines(path: Path, start: str) -> list[str]:
    lines = path.read_text().splitlines() if path.exists() else []
    return [line for line in lines if line.startswith(start)]


async def is_gone(pid: int) -> bool:
    """Waits until no such process is there, or only as a zombie that nobody reads."""
    return await seen(lambda: _state(pid) in "ZX")


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


async def seen(look: Callable[[], T]) -> T:
    """What `look` finds as soon as it finds something: other processes tell nobody when they are done."""
    with trio.fail_after(20):
        while not (found := look()):  # noqa: ASYNC110
            await trio.sleep(0.02)
    return found


@asynccontextmanager
async def web_server(*arguments: str) -> AsyncIterator[str]:
    """The SDK's server in a process of its own; gives its URL."""
    process = await trio.lowlevel.open_process([sys.executable, str(WEB), *arguments], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        with trio.fail_after(60):
            port = int(await process.stdout.receive_some(20))
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        with trio.CancelScope(shield=True):
            process.kill()
            await process.wait()
            await process.stdout.aclose()
