"""Why SQLite refused a change of the team's data, told without anything that the bot may not see."""

from __future__ import annotations

import re

import apsw

from appliance.changes import ChangePlan
from appliance.errors import ChangeRefused
from appliance.sqlguard import fold

_ANSWERS = (apsw.ConstraintError, apsw.AuthError, apsw.MismatchError, apsw.TooBigError, apsw.SQLError)
"""What the statement or the table is to blame for; all others mean that the file is in trouble."""

_COLUMNS = re.compile(r"(NOT NULL|UNIQUE) constraint failed: (.+)", re.DOTALL)


def refusal(error: apsw.Error, plan: ChangePlan) -> Exception:
    """The `ChangeRefused` for an error of SQLite, or the error itself when it is no answer to the change."""
    if not isinstance(error, _ANSWERS):
        return error
    return ChangeRefused(f"Nothing was changed: {_reason(error, plan)}.")


def _reason(error: apsw.Error, plan: ChangePlan) -> str:
    text = str(error)
    table = plan.table
    match error:
        case apsw.AuthError():
            return f"a trigger or foreign key of {table} would write into a reserved table"
        case apsw.TooBigError():
            return "a value is too long"
        case apsw.MismatchError():
            return f"a value does not have the type that its column of {table} needs"
        case apsw.ConstraintError():
            return _constraint(error, text, plan)
    return f"a trigger of {table} failed"


def _constraint(error: apsw.ConstraintError, text: str, plan: ChangePlan) -> str:
    code = getattr(error, "extendedresult", 0)
    if code == apsw.SQLITE_CONSTRAINT_TRIGGER:
        return f"a trigger of {plan.table} refused: {text}"
    if code == apsw.SQLITE_CONSTRAINT_FOREIGNKEY:
        return f"a foreign key of {plan.table} or to it would point to a row that does not exist"
    if code == apsw.SQLITE_CONSTRAINT_CHECK:
        # Its text is the condition, which may mention a hidden column.
        return f"a CHECK rule of {plan.table} does not allow these values"
    if code == apsw.SQLITE_CONSTRAINT_DATATYPE:
        return f"a value does not have the type that its column of {plan.table} needs"
    if (found := _COLUMNS.fullmatch(text)) and (names := _visible(found[2], plan)):
        if found[1] == "NOT NULL":
            return f"{names} of {plan.table} must have a value (NOT NULL)"
        return f"another row of {plan.table} has the same {names} already (UNIQUE)"
    if _COLUMNS.fullmatch(text):
        return f"a column that cannot be set here must have another value (table {plan.table})"
    return f"a rule of the table {plan.table} does not allow these values"


def _visible(text: str, plan: ChangePlan) -> str:
    """The columns of `table.column, table.column`, or '' when any of them is not one of the plan's."""
    visible = {fold(f"{plan.table}.{column}"): column for column in plan.columns}
    names = [visible.get(fold(name)) for name in text.split(", ")]
    return "" if None in names else ", ".join(name for name in names if name)
