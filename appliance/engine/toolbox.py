"""The tools of one turn: offered to the model, checked, run with a deadline; a failure is a result."""

from __future__ import annotations

import logging
from typing import Any, Literal

import msgspec
import trio

from appliance.bot import Bot
from appliance.engine.services import Services
from appliance.errors import StoreError
from appliance.identity import Caller
from appliance.messages import QueryOutcome, ToolCall, ToolResult
from appliance.providers.base import ToolSpec
from appliance.schema import Schema
from appliance.sqlguard import policy_for
from appliance.store import audit
from appliance.tools.base import Tool, ToolContext, ToolError

SQL_TOOL = "execute_sql"

logger = logging.getLogger("appliance.engine")

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}


class Toolbox:
    """What one turn's model may use, in the name of one caller."""

    def __init__(self, caller: Caller, bot: Bot, user_message: str, services: Services) -> None:
        self._bot = bot
        self._services = services
        self._policy = policy_for(bot, caller, services.settings)
        self._tools: dict[str, Tool] = {
            name: tool for name, tool in services.tools.items() if _offered(bot, name)
        }
        self._context = ToolContext(bot=bot, caller=caller, user_message=user_message, run_sql=self._run_sql)

    async def schema(self) -> Schema | None:
        """The tables that the bot may read; None when it has no SQL tool."""
        return await self._services.schema(self._policy) if SQL_TOOL in self._tools else None

    def specs(self) -> list[ToolSpec]:
        """The tools as the model sees them, with the bot file's own words where it has some."""
        return [self._spec(tool) for tool in self._tools.values()]

    def announce(self, call: ToolCall) -> tuple[Literal["querying", "executing"], str]:
        """A progress step and a label for people, made before the call is checked."""
        tool = self._tools.get(call.name)
        try:
            label = tool.label(_arguments(call)) if tool else f"Executing {call.name}..."
        except ToolError:
            label = f"Executing {call.name}..."
        return ("querying" if call.name == SQL_TOOL else "executing"), label

    async def run(self, call: ToolCall) -> ToolResult:
        """Run one call; whatever goes wrong becomes a result that the model can read."""
        tool = self._tools.get(call.name)
        try:
            if tool is None:
                available = ", ".join(self._tools) or "none"
                raise ToolError(f"There is no tool {call.name!r}. Available: {available}.")
            arguments = _arguments(call)
            _check(arguments, self._spec(tool).parameters)
            with trio.fail_after(tool.timeout_s):
                output = await tool.run(self._context, arguments)
        except ToolError as error:
            return _failure(call, str(error))
        except trio.TooSlowError:
            timeout_s = tool.timeout_s if tool else 0
            return _failure(call, f"{call.name} took longer than {timeout_s:g} s and was stopped.")
        except Exception:
            # A fault in one tool is not a reason to leave the user without an answer.
            logger.exception("tool %s failed", call.name)
            return _failure(call, f"{call.name} failed here; the reason is in the server's log.")
        return ToolResult(
            call_id=call.id, name=call.name, ok=output.ok, content=output.content, query=output.query
        )

    async def _run_sql(self, sql: str, description: str) -> QueryOutcome:
        outcome = await self._services.sql.query(sql, self._policy, description=description)
        if not self._bot.disable_execution_logs:
            await self._audit(outcome)
        return outcome

    async def _audit(self, outcome: QueryOutcome) -> None:
        """Who asked what of the data; a full disk must not keep them from the answer."""
        caller = self._context.caller
        try:
            await self._services.store.write(
                audit.record,
                at=self._services.clock(),
                tenant=caller.tenant,
                actor=caller.principal,
                action="sql.execute",
                target=f"bot:{self._bot.namespace}/{self._bot.name}",
                details={
                    "sql": outcome.sql,
                    "success": outcome.error is None,
                    "error": outcome.error,
                    "rows": outcome.row_count,
                    "duration_ms": round(outcome.duration_ms, 1),
                    "tables": outcome.tables,
                    "ip": caller.ip,
                },
            )
        except StoreError as error:
            logger.warning("a query could not be audited: %s", error.text)

    def _spec(self, tool: Tool) -> ToolSpec:
        override = self._bot.tool_overrides.get(tool.name)
        return ToolSpec(
            name=tool.name,
            description=(override and override.description) or tool.description,
            parameters=(override and override.parameters) or tool.parameters,
        )


def _offered(bot: Bot, name: str) -> bool:
    """Without `mcp-tools` a bot has the SQL tool; with it, exactly the listed ones."""
    return name in bot.mcp_tools if bot.mcp_tools else name == SQL_TOOL


def _failure(call: ToolCall, text: str) -> ToolResult:
    content = msgspec.json.encode({"error": text}).decode()
    query = None
    if call.name == SQL_TOOL:
        query = QueryOutcome(sql=_sql_text(call), summary=f"Query rejected: {text}", error=text)
    return ToolResult(call_id=call.id, name=call.name, ok=False, content=content, query=query)


def _sql_text(call: ToolCall) -> str:
    try:
        return str(_arguments(call).get("sql", ""))
    except ToolError:
        return ""


def _arguments(call: ToolCall) -> dict[str, Any]:
    try:
        return msgspec.json.decode(call.arguments or "{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise ToolError(f"The arguments of {call.name} are not a JSON object: {error}") from error


def _check(arguments: dict[str, Any], parameters: dict[str, Any]) -> None:
    """Required arguments are there and the given ones have the right type; the rest is the tool's."""
    missing = [name for name in parameters.get("required", []) if name not in arguments]
    if missing:
        raise ToolError(f"Missing arguments: {', '.join(missing)}.")
    for name, schema in parameters.get("properties", {}).items():
        expected = _JSON_TYPES.get(str(schema.get("type")), (object,))
        value = arguments.get(name)
        if name in arguments and (not isinstance(value, expected) or (expected == (int,) and value is True)):
            raise ToolError(f"Argument {name!r} must be of type {schema['type']}.")
