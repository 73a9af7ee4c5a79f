"""Saved queries: statements of the bot's author, each a tool of its own. The model only fills in values."""

from __future__ import annotations

import logging
import re
from typing import Any

from appliance.bot import QueryParameter, SavedQuery
from appliance.tools.argument_names import refuse_unknown
from appliance.tools.base import Tool, ToolContext, ToolError, ToolOutput
from appliance.tools.bound import checked_integer
from appliance.tools.for_model import outcome_text

TOOL_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What providers accept as the name of a tool."""

logger = logging.getLogger("appliance.tools")


class SavedQueryTool:
    """One saved query. It may do what the bot may do: the statement takes the same way as any other."""

    timeout_s = 60.0

    def __init__(self, query: SavedQuery) -> None:
        self._query = query
        self.name = query.name
        self.description = query.description
        self.parameters: dict[str, Any] = {
            "type": "object",
            "properties": {one.name: _property(one) for one in query.parameters},
            "required": [one.name for one in query.parameters if one.required],
            "additionalProperties": False,
        }

    def label(self, arguments: dict[str, Any]) -> str:
        """The query's description."""
        return self.description or self.name

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Run it with these values; a refused statement is an output that is not ok, with the reason."""
        refuse_unknown(arguments, self.parameters["properties"])
        values = {one.name: _value(one, arguments.get(one.name)) for one in self._query.parameters}
        outcome = await context.run_sql(self._query.sql, self.label(arguments), values)
        return ToolOutput(content=outcome_text(outcome), ok=outcome.error is None, query=outcome)


class SavedQueries:
    """The saved queries of each bot as its tools."""

    opt_in = False

    async def tools(self, context: ToolContext) -> list[Tool]:
        """One tool per query; a repeated name, or one that no provider accepts, is logged and left out."""
        found: dict[str, Tool] = {}
        for query in context.bot.queries:
            if query.name in found or not TOOL_NAME.fullmatch(query.name):
                logger.warning("the query %r of bot %s/%s cannot be offered", query.name, *context.bot.key)
                continue
            found[query.name] = SavedQueryTool(query)
        return list(found.values())


def _property(parameter: QueryParameter) -> dict[str, Any]:
    described = {"description": parameter.description} if parameter.description else {}
    return {"type": parameter.type} | described


def _value(parameter: QueryParameter, value: Any) -> str | int | float | None:
    """The value as SQLite gets it: truths as 1 and 0, what is not given as NULL; raises `ToolError`."""
    if value is None:
        if parameter.required:
            raise ToolError(f"Missing arguments: {parameter.name}.")
        return None
    match parameter.type, value:
        case "boolean", bool():
            return int(value)
        case "string", str():
            return value
        case "integer" | "number", int() if not isinstance(value, bool):
            return checked_integer(value, parameter.name)
        case "integer", float() if value.is_integer():
            return checked_integer(int(value), parameter.name)
        case "number", float():
            return value
    raise ToolError(f"Argument {parameter.name!r} must be of type {parameter.type}.")
