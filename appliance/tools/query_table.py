"""The tool `query_table`: rows of one table, picked by a filter, without any SQL of the model."""

from __future__ import annotations

from typing import Any

from appliance.messages import QueryOutcome
from appliance.tools.argument_names import refuse_unknown
from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.bound import Bound
from appliance.tools.chart_hint import CHART_PARAMETER, with_chart
from appliance.tools.column_lists import column_names, order_list, plain_table, select_list, table_name
from appliance.tools.filters import HELP, where
from appliance.tools.for_model import fitting, json_text
from appliance.tools.vector_argument import LIMIT as NEAREST
from appliance.tools.vector_argument import PARAMETER as VECTOR_PARAMETER
from appliance.tools.vector_argument import vector_search

LIMIT = 100
LIMIT_MAX = 1000
OFFSET_MAX = 2**53

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "table": {"type": "string", "description": "The table: name or schema.name."},
        "select": {
            "type": "string",
            "description": 'Columns, comma-separated: id,name,"first name". * for all (default).',
        },
        "filter": {"type": "object", "description": HELP},
        "order": {
            "type": "string",
            "description": "Like total.desc.nullslast,id: columns with .asc or .desc.",
        },
        "limit": {
            "type": "integer",
            "description": f"Rows at most: {LIMIT} by default, up to {LIMIT_MAX}.",
        },
        "offset": {"type": "integer", "description": "Rows to leave out first, with an order."},
        "vector_search": VECTOR_PARAMETER,
        "chart": CHART_PARAMETER,
    },
    "required": ["table"],
}


class QueryTable:
    """Reads from one table under the bot's policy."""

    name = "query_table"
    description = (
        "Read rows of one table, filtered, ordered and limited. Gives a JSON array of rows. "
        "For sums, counts, groups and joins use SQL if you can."
    )
    timeout_s = 60.0
    parameters = PARAMETERS

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return f"Reading {plain_table(str(arguments.get('table') or 'a table'))}"

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Read; a refused query is an output that is not ok, with the reason for the model."""
        if arguments.get("vector_search") is not None:
            outcome = await _nearest(context, arguments)
        else:
            sql, parameters = statement(arguments)
            outcome = await context.run_sql(sql, self.label(arguments), parameters)
        outcome = with_chart(outcome, arguments)
        return ToolOutput(content=_rows_text(outcome), ok=outcome.error is None, query=outcome)


def statement(arguments: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The SELECT for the arguments and its parameters; raises `ToolError`."""
    refuse_unknown(arguments, PARAMETERS["properties"])
    bound = Bound()
    table = table_name(argument(arguments, "table", str, ""))
    columns = select_list(argument(arguments, "select", str, "*"))
    conditions = where(argument(arguments, "filter", dict, {}), bound)
    order = order_list(argument(arguments, "order", str, ""))
    limit = _whole(arguments, "limit", LIMIT, 1, LIMIT_MAX)
    offset = _whole(arguments, "offset", 0, 0, OFFSET_MAX)
    sql = f"SELECT {columns} FROM {table}"  # noqa: S608  # quoted names only
    sql += f" WHERE {conditions}" if conditions else ""
    sql += f" ORDER BY {order}" if order else ""
    sql += f" LIMIT {bound.add(limit)}"
    sql += f" OFFSET {bound.add(offset)}" if offset else ""
    return sql, bound.values


async def _nearest(context: ToolContext, arguments: dict[str, Any]) -> QueryOutcome:
    """The rows that are nearest in meaning; raises `ToolError`."""
    refuse_unknown(arguments, PARAMETERS["properties"])
    asked = vector_search(arguments["vector_search"])
    if context.find_rows is None:
        raise ToolError(
            "Tables cannot be searched by meaning here; search by filter, for example with ilike."
        )
    if argument(arguments, "order", str, "").strip():
        raise ToolError("order: with vector_search the nearest rows come first; leave order out.")
    select = argument(arguments, "select", str, "*").strip()
    limit = _whole(arguments, "limit", NEAREST, 1, LIMIT_MAX)
    return await context.find_rows(
        asked.query,
        table=argument(arguments, "table", str, ""),
        column=asked.column,
        columns=() if select in ("", "*") else column_names(select, "select"),
        filter=argument(arguments, "filter", dict, {}),
        threshold=asked.threshold,
        limit=_whole({"limit": asked.limit}, "limit", limit, 1, LIMIT_MAX),
        offset=_whole(arguments, "offset", 0, 0, OFFSET_MAX),
    )


def argument(arguments: dict[str, Any], name: str, kind: type, default: Any) -> Any:
    """An argument of the right type, or the default for one that is missing or null; raises `ToolError`."""
    value = arguments.get(name)
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {str: "text", dict: "an object", int: "a whole number"}
        raise ToolError(f"Argument {name!r} must be {words[kind]}.")
    return value


def _whole(arguments: dict[str, Any], name: str, default: int, least: int, most: int) -> int:
    value = argument(arguments, name, int, default)
    if not least <= value <= most:
        raise ToolError(f"Argument {name!r} must be between {least} and {most}.")
    return int(value)


def _rows_text(outcome: QueryOutcome) -> str:
    """A JSON array of rows; where some had to be left out, an object that says so beside them."""
    if outcome.error is not None:
        return json_text({"error": outcome.error})
    rows = [dict(zip(outcome.columns, row, strict=True)) for row in outcome.rows]
    shown = fitting(rows)
    if len(shown) == len(rows) and not outcome.truncated:
        return json_text(shown)
    note = (
        f"Only the first {len(shown)} rows fit here: select fewer columns, filter more, or go on with offset."
    )
    return json_text({"rows": shown, "truncated": True, "note": note})


TOOL = QueryTable()
