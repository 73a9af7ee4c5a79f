"""The tools `insert_record`, `update_record` and `delete_record`: changes without any SQL of the model.

Whether a bot may change anything, which rows its caller may reach and whether somebody has to agree first is
all decided behind `run_sql`; here a statement of quoted names and bound values is put together, and what
became of it is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from appliance.messages import Change, QueryOutcome
from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.argument_names import refuse_unknown
from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.bound import Bound, checked_integer
from appliance.tools.column_lists import checked_name, column_names, plain_table, table_name
from appliance.tools.filters import HELP, where
from appliance.tools.for_model import change_facts, changed_rows, fitting, json_text
from appliance.tools.query_table import argument

ROWS_MAX = 100
"""Rows of one insert."""
VALUES_MAX = 1500
"""Values of all rows together; a statement has room for some more, as its filter needs them."""

TABLE = {"type": "string", "description": "The table: name or schema.name."}
RETURNING = {"type": "string", "description": "Columns to give back, comma-separated; * for all (default)."}
FILTER = {"type": "object", "description": f"Which rows; must not be empty. {HELP}"}
DATA = {"type": "object", "description": "The values by column; objects and lists are kept as JSON text."}
ROW_OR_ROWS = {
    "type": ["object", "array"],
    "description": f"The values by column, or a list of at most {ROWS_MAX} such objects with equal keys; "
    "objects and lists within are kept as JSON text.",
}

Statement = Callable[[dict[str, Any], Bound], str]


class RecordTool:
    """One kind of change to one table, under the bot's policy."""

    timeout_s = 60.0

    def __init__(
        self, name: str, verb: str, description: str, properties: dict[str, Any], statement: Statement
    ) -> None:
        self.name = name
        self.description = description
        self.parameters: dict[str, Any] = {
            "type": "object",
            "properties": properties | {"returning": RETURNING},
            "required": list(properties),
        }
        self._verb = verb
        self._statement = statement

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return f"{self._verb} {plain_table(str(arguments.get('table') or 'a table'))}"

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Change the data, or propose to; a refusal is an output that is not ok, with the reason."""
        refuse_unknown(arguments, self.parameters["properties"])
        returning = _returning(arguments)  # before anything is done
        bound = Bound()
        sql = self._statement(arguments, bound)
        outcome = await context.run_sql(sql, self.label(arguments), bound.values)
        single = isinstance(arguments.get("data"), dict) and self.name == "insert_record"
        content = json_text(_told(outcome, returning, single=single))
        return ToolOutput(content=content, ok=outcome.error is None, query=outcome)


def _insert(arguments: dict[str, Any], bound: Bound) -> str:
    rows = _rows(arguments.get("data"))
    columns = _columns(rows[0])
    if strange := next((row for row in rows if row.keys() != rows[0].keys()), None):
        names = ", ".join(map(repr, list(rows[0].keys() ^ strange.keys())[:5]))
        raise ToolError(f"All objects of data must have the same keys; not all have {names}.")
    tuples = [", ".join(bound.add(_value(name, row[name])) for name in rows[0]) for row in rows]
    values = ", ".join(f"({one})" for one in tuples)
    return f"INSERT INTO {_table(arguments)} ({', '.join(columns)}) VALUES {values}"  # noqa: S608  # quoted names only


def _update(arguments: dict[str, Any], bound: Bound) -> str:
    data = _rows(argument(arguments, "data", dict, {}))[0]
    values = [bound.add(_value(name, value)) for name, value in data.items()]
    settings = ", ".join(f"{column} = {value}" for column, value in zip(_columns(data), values, strict=True))
    return f"UPDATE {_table(arguments)} SET {settings} WHERE {_filter(arguments, bound, 'change')}"  # noqa: S608  # quoted names only


def _delete(arguments: dict[str, Any], bound: Bound) -> str:
    return f"DELETE FROM {_table(arguments)} WHERE {_filter(arguments, bound, 'delete')}"  # noqa: S608  # quoted names only


def _table(arguments: dict[str, Any]) -> str:
    return table_name(argument(arguments, "table", str, ""))


def _filter(arguments: dict[str, Any], bound: Bound, verb: str) -> str:
    conditions = where(argument(arguments, "filter", dict, {}), bound)
    if not conditions:
        raise ToolError(f'An empty filter would {verb} every row. Say which rows, like {{"id": "eq.7"}}.')
    return conditions


def _rows(data: Any) -> list[dict[str, Any]]:
    rows = data if isinstance(data, list) else [data]
    if not rows or not all(isinstance(row, dict) for row in rows):
        raise ToolError("Argument 'data' must be an object, or a list of objects with equal keys.")
    if len(rows) > ROWS_MAX or sum(map(len, rows)) > VALUES_MAX:
        raise ToolError(
            f"{len(rows)} rows at once are too many; {ROWS_MAX} rows with {VALUES_MAX} values are allowed."
        )
    return rows


def _columns(data: dict[str, Any]) -> list[str]:
    if not data:
        raise ToolError('Argument \'data\' is empty; give values by column, like {"name": "Ada"}.')
    folded = {fold(name): name for name in data}
    if len(folded) < len(data):
        twice = next(name for name in data if folded[fold(name)] != name)
        raise ToolError(f"Column {checked_name(twice)!r} is named twice; capitals make no difference.")
    return [quoted(checked_name(name)) for name in data]


def _value(name: str, value: Any) -> str | int | float | None:
    """A JSON value as SQLite keeps it: truths as 1 and 0, what has parts as JSON text."""
    match value:
        case bool():
            return int(value)
        case int():
            return checked_integer(value, f"data: {name[:60]!r}")
        case None | str() | float():
            return value
        case _:
            try:
                return msgspec.json.encode(value).decode()
            except RecursionError:
                raise ToolError(f"data: {name[:60]!r} is nested too deeply.") from None


def _returning(arguments: dict[str, Any]) -> list[str]:
    """The columns to give back; empty for all."""
    text = argument(arguments, "returning", str, "*")
    return [] if text.strip() in ("", "*") else column_names(text, "returning")


def _told(outcome: QueryOutcome, returning: list[str], *, single: bool) -> Any:
    """The row or rows as they are now; anything else than a plain success as an object that says so."""
    change = outcome.change
    if outcome.error is not None:
        return {"error": outcome.error}
    if change is None or change.status != "applied":
        rows = fitting(changed_rows(change.rows)) if change else []
        return (change_facts(change) if change else {}) | {"rows": rows, "summary": outcome.summary}
    rows = [_picked(row.after or row.before or {}, returning) for row in change.rows]
    notes = [_unknown(returning, change), "" if rows else outcome.summary]
    shown = fitting(rows)
    if len(shown) < len(rows):
        notes.append(f"{len(rows)} rows; only the first {len(shown)} are shown.")
    if note := " ".join(filter(None, notes)):
        return {"rows": shown, "row_count": len(rows), "note": note}
    return shown[0] if single and len(shown) == 1 else shown


def _picked(row: dict[str, Any], returning: list[str]) -> dict[str, Any]:
    wanted = {fold(name) for name in returning}
    return {name: value for name, value in row.items() if not wanted or fold(name) in wanted}


def _unknown(returning: list[str], change: Change) -> str:
    """The change is made by now: a column that cannot be returned is no error any more."""
    known = {fold(name) for row in change.rows for name in row.after or row.before or {}}
    unknown = [name for name in returning if known and fold(name) not in known]
    return f"The change is done. There is no column {', '.join(unknown)} to return." if unknown else ""


INSERT = RecordTool(
    "insert_record",
    "Inserting into",
    "Insert one row, or several, into a table. Gives the new row or rows.",
    {"table": TABLE, "data": ROW_OR_ROWS},
    _insert,
)
UPDATE = RecordTool(
    "update_record",
    "Changing",
    "Change the rows of a table that a filter finds. Gives the rows as they are afterwards.",
    {"table": TABLE, "data": DATA, "filter": FILTER},
    _update,
)
DELETE = RecordTool(
    "delete_record",
    "Deleting from",
    "Delete the rows of a table that a filter finds. Gives the deleted rows.",
    {"table": TABLE, "filter": FILTER},
    _delete,
)
TOOLS = (INSERT, UPDATE, DELETE)
