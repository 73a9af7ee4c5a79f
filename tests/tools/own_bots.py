"""Bots with a `tools.py` for the tests of own tools."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.botsettings import Setting, SettingValues
from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.tools.base import RunSql, Tool, ToolContext, ToolOutput
from appliance.tools.own import OwnTools

HEAD = "from appliance.botkit import AsyncContext, ChangeProposed, Context, QueryError, ToolError, tool\n"


def bot(folder: Path, source: str, *, mark: str = "1") -> Bot:
    """A bot whose `tools.py` is `source` behind the usual import."""
    path = folder / "tools.py"
    path.write_text(HEAD + textwrap.dedent(source), encoding="utf-8")
    return Bot(name="shop", namespace="acme", tools_file=str(path), tools_mark=mark)


async def no_sql(sql: str, description: str, parameters: Mapping[str, Any] | None = None) -> QueryOutcome:
    raise AssertionError("no query was expected")


def context(
    bot: Bot,
    *,
    run_sql: RunSql = no_sql,
    caller: Caller | None = None,
    settings: Mapping[str, str] | None = None,
) -> ToolContext:
    return ToolContext(
        bot=bot,
        caller=caller or Caller(user_id="ada", role="authenticated"),
        user_message="",
        run_sql=run_sql,
        values=SettingValues(system={key: Setting(value=value) for key, value in (settings or {}).items()}),
    )


async def tool_named(own: OwnTools, about: ToolContext, name: str) -> Tool:
    [found] = [tool for tool in await own.tools(about) if tool.name == name]
    return found


async def call(own: OwnTools, about: ToolContext, name: str, **arguments: Any) -> ToolOutput:
    return await (await tool_named(own, about, name)).run(about, arguments)


def error(output: ToolOutput) -> str:
    """The text of an output that is not ok."""
    assert not output.ok, output.content
    text = msgspec.json.decode(output.content)["error"]
    assert isinstance(text, str)
    return text


def pids(own: OwnTools) -> set[int]:
    return {
        process.pid
        for pool in [*own._pools.values(), *own._retired]
        for process in pool._all
        if process.is_alive
    }
