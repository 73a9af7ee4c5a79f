"""The tool `execute_sql`: the model writes a statement, the guard runs it, rows come back."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.messages import QueryOutcome
from appliance.tools.base import ToolContext, ToolError, ToolOutput

MODEL_ROWS_MAX = 100
"""Rows that the model reads; people see all rows of the outcome."""
MODEL_CHARS_MAX = 20_000
"""Some 5,000 tokens; wide rows are left out beyond it."""


PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "sql": {"type": "string", "description": "One SQL statement, without parameters."},
        "description": {
            "type": "string",
            "description": "What the statement finds out, in a few words for the user.",
        },
    },
    "required": ["sql", "description"],
}


class ExecuteSql:
    """Runs one statement under the bot's policy."""

    name = "execute_sql"
    description = (
        "Run one read-only SQL statement (SQLite dialect) on the tables of the database schema. "
        "Use it for every question about data. Aggregate and LIMIT in SQL instead of fetching many rows."
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
        return ToolOutput(content=_for_model(outcome), ok=outcome.error is None, query=outcome)


def _for_model(outcome: QueryOutcome) -> str:
    """The outcome as JSON text: `success`, `summary`, and `error` or the rows as far as there is room."""
    if outcome.error is not None:
        return _json({"success": False, "error": outcome.error, "summary": outcome.summary})
    rows = _fitting(outcome.rows)
    return _json(
        {
            "success": True,
            "row_count": outcome.row_count,
            "truncated": outcome.truncated or len(rows) < outcome.row_count,
            "columns": outcome.columns,
            "rows": rows,
            "summary": outcome.summary,
            "tables": outcome.tables,
            "duration_ms": outcome.duration_ms,
        }
    )


def _fitting(rows: list[list[Any]]) -> list[list[Any]]:
    room = MODEL_CHARS_MAX
    for index, row in enumerate(rows[:MODEL_ROWS_MAX]):
        room -= len(_json(row))
        if room < 0:
            return rows[:index]
    return rows[:MODEL_ROWS_MAX]


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


TOOL = ExecuteSql()
