"""Works out which rows a writing statement would change, without any connection that could change them.

The statement runs in the worker on a view that stands for its target (`sql_target.py`). What it would have
done there is judged by the row rules of the table (`sql_row_check.py`) and becomes a `ChangePlan`; carrying
that out is `store/changes.py`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import apsw
import msgspec

from appliance.changes import ChangePlan, PlannedRow
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy, fold
from appliance.sqltext import quoted
from appliance.tools import sql_outcome
from appliance.tools.sql_connection import (
    PROGRESS_STEPS,
    AgainstRules,
    Refused,
    SchemaChanged,
)
from appliance.tools.sql_demands import fault_of_demands
from appliance.tools.sql_errors import explain, operation_refused
from appliance.tools.sql_names import localize
from appliance.tools.sql_parameters import Bindings
from appliance.tools.sql_target import TargetedConnection, names
from appliance.tools.sql_values import size_of
from appliance.tools.sql_wire import Query
from appliance.tools.sql_writing import Writing, read_writing

PLAN_BYTES_MAX = 8 * 1024 * 1024
"""Nobody can look through more before saying yes."""
REBUILDS_MAX = 3


def plan_change(path: Path, policy: SqlPolicy, query: Query) -> ChangePlan | QueryOutcome:
    """The rows that the INSERT, UPDATE or DELETE of `query` would change, or the outcome that says why not.

    Raises only `MemoryError`; what the caller sees and may do is `policy`, which is checked here, too.
    """
    started = time.perf_counter()
    found = _plan(path, policy, query)
    duration_ms = round((time.perf_counter() - started) * 1000, 3)
    if isinstance(found, sql_outcome.Trouble):
        return sql_outcome.bad(query.sql, query.description, found, duration_ms)
    return msgspec.structs.replace(found, duration_ms=duration_ms)


def _plan(path: Path, policy: SqlPolicy, query: Query) -> ChangePlan | sql_outcome.Trouble:
    try:
        schemas = tuple(sorted(filter(policy.could_allow, policy.files)))
        writing = read_writing(localize(query.sql, schemas))
        if not policy.permits(writing.operation):
            raise Refused(operation_refused(writing.operation, policy))
        for _ in range(REBUILDS_MAX):
            try:
                return _attempt(path, policy, query, writing)
            except SchemaChanged:
                continue
    except Refused as refused:
        return sql_outcome.Trouble(str(refused))
    except apsw.Error as error:
        return sql_outcome.Trouble(f"The database cannot be read: {error}", rejected=False)
    return sql_outcome.Trouble("The database's tables change all the time; try again", rejected=False)


def _attempt(
    path: Path, policy: SqlPolicy, query: Query, writing: Writing
) -> ChangePlan | sql_outcome.Trouble:
    connection = PlanningConnection(path, policy, writing)
    try:
        return connection.plan(query)
    except (MemoryError, SchemaChanged):
        raise
    except Exception as error:
        return connection.trouble(error)
    finally:
        connection.close()


class PlanningConnection(TargetedConnection):
    """Runs one writing statement on its target view and reads from the record what it would change."""

    def plan(self, query: Query) -> ChangePlan:
        """Run the statement on the view; raises what `run` does, and leaves nothing behind."""
        if self._fault:
            raise self._fault
        deadline = time.monotonic() + self._policy.timeout_s
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
        sql, bindings = self._writing.aimed_at(self._view), Bindings(query.parameters)
        try:
            with self._snapshot():
                self._judge(sql, bindings)
                if fault := fault_of_demands(query.demands, self.touched, self.catalogue):
                    raise AgainstRules(fault)
                self._execute(sql, bindings)
                with self._trust():
                    rows = self._read_record()
                    self._check_rows(rows)
        finally:
            self._db.set_progress_handler(None)
        return ChangePlan(
            sql=query.sql,
            operation=self._writing.operation,
            table=self._table,
            columns=self._columns,
            key_columns=self._keys,
            rows=rows,
            description=query.description,
            parameters=query.parameters,
            judged=self._looked_at(),
        )

    def _looked_at(self) -> list[str] | None:
        """What the row rules look at; a generated column stands for columns that SQLite does not name."""
        if self._check is None:
            return []
        read = self._check.reads - {""}
        return sorted(read) if read <= set(map(fold, self._stored)) else None

    def trouble(self, error: Exception) -> sql_outcome.Trouble:
        """Why `plan` failed, in words that name nothing hidden."""
        if self._is_cap(error):
            return sql_outcome.Trouble(
                f"The statement would change more than {self._policy.changed_rows_max} rows; "
                "change fewer at a time with a narrower WHERE"
            )
        if column := self._unsettable():
            return sql_outcome.Trouble(f"The column {column} of {self._table} cannot be set")
        if isinstance(error, Refused):
            found = sql_outcome.Trouble(str(error))
        else:
            found = explain(error, self._writing.sql, self, self._policy)
        text = found.text
        for name in (self._new, self._record, self._trigger, self._scratch):
            text = text.replace(name, self._table)
        return msgspec.structs.replace(found, text=text)

    def touched(self) -> dict[str, set[str]]:
        """The same with the target, as if all of it were read: nobody has to read what he writes."""
        return super().touched() | {self._table: set(map(fold, self._columns))}

    def _is_cap(self, error: Exception) -> bool:
        return isinstance(error, apsw.ConstraintError) and str(error) == self._trigger

    def _unsettable(self) -> str:
        """The column that the authorizer did not let be set, or ''."""
        action, view, column = self.denied or (0, "", "")
        return column.lower() if action == apsw.SQLITE_UPDATE and fold(view) == fold(self._view) else ""

    def _execute(self, sql: str, bindings: Bindings) -> None:
        def inspect(cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            if cursor.is_explain:
                raise Refused("Operation not allowed: EXPLAIN")
            if bindings.missing:
                raise Refused(bindings.fault)
            return True

        cursor = self._db.cursor()
        cursor.exec_trace = inspect
        # What RETURNING gives is left: the rows are told when they are changed.
        for _ in cursor.execute(sql, bindings):
            pass

    def _read_record(self) -> list[PlannedRow]:
        rows: dict[Any, PlannedRow] = {}
        size = 0
        for number, values in enumerate(self._db.execute(f"SELECT * FROM {self._record} ORDER BY rowid")):  # noqa: S608  # our own name
            size += size_of(values)
            if size > PLAN_BYTES_MAX:
                raise Refused("The statement would change too much at once: more than 8 MiB of values")
            row = self._planned(list(values))
            # UPDATE … FROM with several partners for a row: like SQLite, one of them.
            rows[tuple(row.key) or number] = row
        return list(rows.values())

    def _planned(self, values: list[Any]) -> PlannedRow:
        if self._writing.operation == "INSERT":
            return PlannedRow(after=self._given(dict(zip(self._settable, values, strict=True))))
        keys, visible = len(self._keys), len(self._columns)
        before = dict(zip(self._columns, values[keys : keys + visible], strict=True))
        after = zip(self._settable, values[keys + visible :], strict=self._writing.operation == "UPDATE")
        changed = {name: value for name, value in after if not _same(value, before[name])}
        return PlannedRow(key=values[:keys], before=before, after=changed)

    def _given(self, row: dict[str, Any]) -> dict[str, Any]:
        """Only what the statement names; the rest is for the table's defaults."""
        if self._writing.given is None:
            return row
        named = set(map(fold, self._writing.given))
        if unknown := sorted(named - set(map(fold, row))):
            raise Refused(f"INSERT cannot set {', '.join(unknown)}: no column that can be given a value")
        if any(value is not None and fold(name) not in named for name, value in row.items()):
            raise Refused(
                "The columns of the INSERT cannot be understood. Write INSERT INTO table (columns) VALUES …"
            )
        return {name: value for name, value in row.items() if fold(name) in named}

    def _check_rows(self, rows: list[PlannedRow]) -> None:
        if self._check is None:
            return
        for row in rows:
            if self._writing.operation == "INSERT":
                self._check.new(row.after)
            else:
                self._check.changed(self._whole(row) | row.after, row.key[0] if self._rowid else None)

    def _whole(self, row: PlannedRow) -> dict[str, Any]:
        """All columns that the row stores now, hidden ones too."""
        where = " AND ".join(f"{quoted(key)} = ?" for key in self._keys)
        found: Any = self._db.execute(
            f"SELECT {names(self._stored)} FROM {self.hidden_name}.{quoted(self._table)} WHERE {where}",  # noqa: S608  # quoted names
            row.key,
        ).fetchone()
        return dict(zip(self._stored, found, strict=True))


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)
