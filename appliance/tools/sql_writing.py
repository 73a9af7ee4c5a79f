"""Reads which table a writing statement is about, with a real parser; SQLite judges afterwards what it does.

What is read here only has to be right for the statement to work: whatever the parser makes of a text, SQLite
lets it write to one view of ours and to nothing else (`sql_changes.py`).
"""

from __future__ import annotations

import re

import msgspec
import sqlglot
from sqlglot import exp

from appliance.changes import Operation
from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.sql_connection import Refused
from appliance.tools.sql_names import statement_kind
from appliance.tools.sql_parsing import DIALECT

_OPERATIONS: dict[type[exp.Expression], Operation] = {
    exp.Insert: "INSERT",
    exp.Update: "UPDATE",
    exp.Delete: "DELETE",
}
_CONFLICT = re.compile(r"\b(?:INSERT|UPDATE)\s+OR\s+\w+", re.IGNORECASE)
_NO_CONFLICT_CLAUSE = (
    "Conflict clauses (INSERT OR …, UPDATE OR …, REPLACE INTO, ON CONFLICT) are not available. "
    "Look whether the row exists, then INSERT or UPDATE it"
)


class Writing(msgspec.Struct, frozen=True, kw_only=True):
    """A statement and where in it the name of its target stands, with its alias.

    `given` are the columns that an INSERT names: None when it names none and so gives all of them.
    """

    sql: str
    operation: Operation
    table: str
    given: list[str] | None
    start: int
    end: int
    alias: str = ""

    def aimed_at(self, view: str) -> str:
        """The same statement with another target. No alias stays: SQLite forgets those of views."""
        return f"{self.sql[: self.start]}{quoted(view)}{self.sql[self.end :]}"


def read_writing(sql: str) -> Writing:
    """Find the target of an INSERT, UPDATE or DELETE; raises `Refused`."""
    if statement_kind(sql) == "REPLACE":
        raise Refused(_NO_CONFLICT_CLAUSE)
    statement = _parsed(sql)
    operation = _OPERATIONS.get(type(statement))
    target, columns = statement.this, None
    if isinstance(target, exp.Schema):
        target, columns = target.this, [column.name for column in target.expressions]
    if operation is None or not isinstance(target, exp.Table):
        raise _unclear(sql)
    if statement.args.get("alternative") or statement.args.get("conflict"):
        raise Refused(_NO_CONFLICT_CLAUSE)
    if target.args.get("db"):
        raise Refused(f"Only tables of the data file can be changed, so not {target.sql(dialect=DIALECT)}")
    start, end = _place(sql, target)
    return Writing(
        sql=sql,
        operation=operation,
        table=target.name,
        given=[] if statement.args.get("default") else columns,
        start=start,
        end=end,
        alias=target.alias,
    )


def _parsed(sql: str) -> exp.Expression:
    try:
        found = [one for one in sqlglot.parse(sql, read=DIALECT) if one is not None]
    except MemoryError:
        raise
    except Exception as error:
        # Whatever it stumbles over: a text that it does not understand cannot be aimed anywhere.
        raise _unclear(sql) from error
    # A comment behind the last semicolon counts for a statement here.
    statements = [one for one in found if not isinstance(one, exp.Semicolon)]
    if len(statements) > 1:
        raise Refused(f"Only one statement at a time is allowed; {len(statements)} were given")
    if not statements or not isinstance(statements[0], exp.Expression):
        raise _unclear(sql)
    return statements[0]


def _unclear(sql: str) -> Refused:
    if _CONFLICT.search(sql):
        return Refused(_NO_CONFLICT_CLAUSE)
    return Refused(
        "The writing statement cannot be understood. Write one plain INSERT INTO table (columns) …, "
        "UPDATE table SET … WHERE … or DELETE FROM table WHERE … of SQLite"
    )


def _place(sql: str, target: exp.Table) -> tuple[int, int]:
    """Where the name begins and where it, or its alias, ends; only if they really stand there."""
    start, end = _place_of(sql, target.this)
    if target.alias:
        _, end = _place_of(sql, target.args["alias"].this)
    return start, end


def _place_of(sql: str, name: exp.Expression) -> tuple[int, int]:
    start, end = name.meta.get("start", 0), name.meta.get("end", -1) + 1
    if fold(sql[start:end].strip("\"`[]'")) != fold(name.name):
        raise _unclear(sql)
    return start, end
