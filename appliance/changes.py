"""A planned change of the team's data: which rows, from what, to what. Pure data.

SQL of a model never runs on the connection that writes. The guarded worker works out which rows a statement
would change (`tools/sql_changes.py`); a person may have to agree; then exactly these rows are changed, if
they still are what they were (`store/changes.py`).
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import msgspec

from appliance.messages import Change, RowChange
from appliance.sqlguard import fold

Value: TypeAlias = int | float | str | bytes | None
"""What SQLite keeps, exactly."""

Operation: TypeAlias = Literal["INSERT", "UPDATE", "DELETE"]


class PlannedRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `key` are the values of the plan's `key_columns`, empty for a new row.

    `before` holds all visible columns (empty for INSERT), `after` the columns that get a new value (empty for
    DELETE): for INSERT those that the statement names, for UPDATE those whose value differs.
    """

    key: list[Any] = []
    before: dict[str, Any] = {}
    after: dict[str, Any] = {}


class ChangePlan(msgspec.Struct, frozen=True, kw_only=True):
    """All that one statement would change in one table of the data file, and nothing else.

    `key_columns` identify a row: `rowid` (or another name of it, where a column is called so), or the primary
    key of a table without rowids. `columns` are the visible ones in their order. `judged` are the folded
    names of the columns that the table's row rules look at, None when any column may matter to them.
    """

    sql: str
    operation: Operation
    table: str
    columns: list[str]
    key_columns: list[str]
    rows: list[PlannedRow]
    description: str = ""
    parameters: dict[str, Any] = {}
    duration_ms: float = 0.0
    judged: list[str] | None = None


ProposalStatus: TypeAlias = Literal["proposed", "applied", "declined", "failed", "expired"]


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that waits for its user's word, or what became of it. Times are Unix seconds."""

    id: str
    tenant: str
    owner: str
    conversation_id: str
    namespace: str
    bot: str
    plan: ChangePlan
    created_at: float
    expires_at: float
    status: ProposalStatus = "proposed"
    decided_at: float | None = None


def still_allows(stored: ChangePlan, again: ChangePlan) -> bool:
    """Whether `again`, the same statement planned anew, shows that its user may still do what is `stored`.

    It has to reach the same rows, as they were, and to write the same columns of them. New values may differ,
    since a person agreed to the stored ones and the statement may ask for the time or for chance; but not
    those that the row rules of now look at: of these only the ones in `again` have been judged.
    """
    return _essence(stored, again.judged) == _essence(again, again.judged)


def _essence(plan: ChangePlan, judged: list[str] | None) -> tuple[Any, ...]:
    # As bytes, since Python takes 1, 1.0 and True for equal. A scan may give the rows in another order.
    rows = sorted(msgspec.msgpack.encode(_judged(row, judged), order="sorted") for row in plan.rows)
    return (plan.operation, plan.table, plan.columns, plan.key_columns, rows)


def _judged(row: PlannedRow, judged: list[str] | None) -> tuple[Any, ...]:
    values = {name: value for name, value in row.after.items() if judged is None or fold(name) in judged}
    return (row.key, row.before, sorted(row.after), values)


def to_change(
    plan: ChangePlan,
    *,
    id: str = "",
    status: Literal["applied", "proposed", "declined", "failed"],
    expires_at: float | None = None,
) -> Change:
    """The plan for people: whole rows before and after, with JSON-able values."""
    return Change(
        id=id,
        operation=plan.operation,
        table=plan.table,
        status=status,
        rows=preview(plan),
        expires_at=expires_at,
    )


def preview(plan: ChangePlan) -> list[RowChange]:
    """What the plan would do, row by row; for a new row only what is known of it yet."""
    return [
        RowChange(
            before=None if plan.operation == "INSERT" else shown(row.before),
            after=None if plan.operation == "DELETE" else shown(row.before | row.after),
        )
        for row in plan.rows
    ]


def summary_of(plan: ChangePlan) -> str:
    """A few words for people, for example `change 3 rows of orders`."""
    verb = {"INSERT": "insert", "UPDATE": "change", "DELETE": "delete"}[plan.operation]
    count = len(plan.rows)
    return f"{verb} {count} {'row' if count == 1 else 'rows'} of {plan.table}"


EXACT_MAX = 2**53 - 1
"""Integers beyond it lose digits where JSON's numbers are read as floats."""


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: blobs as `x'0aff'`, huge integers as text, what JSON cannot write as None."""
    return {column: _shown(value) for column, value in row.items()}


def _shown(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, int) and abs(value) > EXACT_MAX:
        return str(value)
    return value
