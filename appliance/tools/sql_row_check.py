"""Judges rows that a statement would write by the row rules of their table, before anything is written.

Each row is put into a TEMP copy of its table, with the same columns, types, collations, defaults and
generated columns, so that a rule sees exactly what it would see when the row is read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import apsw

from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.sql_connection import Refused

_CREATE = re.compile(
    r"""CREATE\s+TABLE\s+(?:"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|'(?:[^']|'')*'|[^\s(]+)""", re.IGNORECASE
)
"""How SQLite keeps the beginning of a table's definition, up to the end of the name."""

Asked = Callable[[str], list[tuple[str, str]]]
"""Prepares a statement; gives the (table, column) pairs of TEMP tables that it reads."""


class RowCheck:
    """Judges rows of one table; all SQL in here is ours, the file's and the operator's, and runs trusted.

    `rule` is the WHERE clause of `sqltext.where_all`; `visible` are the columns that texts may name; `rowid`
    is the name of the table's rowid, '' for a table without one.
    """

    def __init__(
        self,
        db: apsw.Connection,
        definition: str,
        *,
        table: str,
        scratch: str,
        rule: str,
        visible: list[str],
        rowid: str,
    ) -> None:
        self._db = db
        self._table = table
        self._scratch = scratch
        self._visible = {fold(column): column for column in visible}
        self._rowid = rowid
        self._question = f"SELECT 1 FROM temp.{scratch} AS {quoted(table)}{rule}"  # noqa: S608  # see `rule`
        db.execute(_CREATE.sub(lambda _: f"CREATE TEMP TABLE {scratch}", definition, count=1))
        # They are told when the change is applied, by the table itself.
        db.pragma("ignore_check_constraints", True)
        db.pragma("foreign_keys", False)

    def learn(self, asked: Asked) -> None:
        """Find out what the rule looks at: `reads`, the folded names of the table's columns, and the rowid's.

        And whether one of them is the number that SQLite gives to a new row when it writes it.
        """
        self._automatic = ""
        self.reads = {fold(column) for table, column in asked(self._question) if table == self._scratch}
        if self._rowid:
            own = [column for _, column in asked(f"SELECT {self._rowid} FROM temp.{self._scratch}")]  # noqa: S608  # fixed names
            self._automatic = own[0] if own and fold(own[0]) in self.reads else ""

    def new(self, row: Mapping[str, Any]) -> None:
        """Judge a new row with these columns; the others get their defaults. Raises `Refused`."""
        given = {fold(column): value for column, value in row.items()}
        if self._automatic and given.get(fold(self._automatic)) is None:
            name = self._visible.get(fold(self._automatic))
            hint = f": give a value for {name}" if name else ""
            raise Refused(f"The row rule of {self._table} looks at the number that a new row gets{hint}")
        self._judge(row)

    def changed(self, row: Mapping[str, Any], rowid: int | None) -> None:
        """Judge a whole row as it would be. Raises `Refused`."""
        if fold(self._automatic) == "rowid" and rowid is not None:
            row = {**row, self._rowid: rowid}
        self._judge(row)

    def _judge(self, row: Mapping[str, Any]) -> None:
        names = ", ".join(map(quoted, row))
        places = ", ".join("?" * len(row))
        values = f"({names}) VALUES ({places})" if row else "DEFAULT VALUES"
        try:
            self._db.execute(
                f"INSERT OR ABORT INTO temp.{self._scratch} {values}", list(row.values())
            )  # quoted names
        except (apsw.ConstraintError, apsw.MismatchError) as error:
            raise Refused(self._unfit(str(error))) from error
        passes = self._db.execute(self._question).fetchone()
        self._db.execute(f"DELETE FROM temp.{self._scratch}")  # noqa: S608  # our own name
        if not passes:
            raise Refused(f"A row would not be yours: the row rule of {self._table} does not allow it")

    def _unfit(self, text: str) -> str:
        """The file would refuse it as well; names only what may be seen."""
        found = re.fullmatch(r"NOT NULL constraint failed: [^.]+\.(.*)", text, re.DOTALL)
        name = self._visible.get(fold(found[1])) if found else None
        if name:
            return f"{name} of {self._table} must have a value (NOT NULL)"
        return f"A row would not fit the columns of {self._table}"
