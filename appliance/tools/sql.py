"""The tool `execute_sql`: the model writes a statement, the guard runs it, rows come back."""

from __future__ import annotations

from typing import Any

from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.chart_hint import CHART_PARAMETER, with_chart
from appliance.tools.for_model import outcome_text

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sql": {"type": "string", "description": "One SQL statement, without parameters."},
        "description": {
            "type": "string",
            "description": "What the statement finds out, in a few words for the user.",
        },
        "chart": CHART_PARAMETER,
    },
    "required": ["sql", "description"],
}


class ExecuteSql:
    """Runs one statement under the bot's policy."""

    name = "execute_sql"
    description = (
        "Run one SQL statement (SQLite dialect) on the tables of the database schema: SELECT, or another of "
        "the allowed operations. Use it for every question about data. "
        "Aggregate and LIMIT in SQL instead of fetching many rows."
    )
    timeout_s = 60.0  # waiting for a free worker included; the statement itself has its own deadline

    parameters = PARAMETERS

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return f"Executing: {arguments.get('description') or 'a query'}"

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Run it; a refused statement is an output that is not ok, with the reason for the model."""
        sql = arguments.get("sql")
        if not isinstance(sql, str):  # a bot file may have told the model other parameters
            raise ToolError("Missing arguments: sql.")
        outcome = await context.run_sql(sql, str(arguments.get("description") or ""))
        outcome = with_chart(outcome, arguments)
        return ToolOutput(content=outcome_text(outcome), ok=outcome.error is None, query=outcome)


TOOL = ExecuteSql()
