"""A connection on which a model's SQL can reach nothing but its bot's tables.

The first line of defence is hidden names (`sql_shadows.py`). Three more stand behind that, each enough for
most attacks: the authorizer (`sqlguard.decide`), the b-trees that the finished program would open (the
authorizer is never asked about tables joined by USING or NATURAL), and SQLite's own switches. Time and memory
are bounded by the worker.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from appliance.sqlguard import ACTIONS, READ, Demands, SqlPolicy, fold
from appliance.tools.sql_demands import fault_of_demands
from appliance.tools.sql_files import short_waits
from appliance.tools.sql_outcome import Rows
from appliance.tools.sql_parameters import Bindings
from appliance.tools.sql_shadows import POISON, Refused, ShadowedFiles
from appliance.tools.sql_types import typed
from appliance.tools.sql_values import size_of, unique

__all__ = ["POISON", "AgainstRules", "Denied", "GuardedConnection", "Refused", "SchemaChanged"]

PROGRESS_STEPS = 10_000
"""SQLite's steps between two looks at the clock: some 0.2 ms."""
JUDGED_MAX = 256
"""Statements remembered as good, for those that are run again and again."""

NO_DEMANDS = Demands()


class SchemaChanged(Exception):
    """A file has other tables than when this connection was made, or is another; make a new connection."""


class AgainstRules(Exception):
    """The statement is allowed, but not what the bot's own rules ask for; the text is for people."""


class Denied(Exception):
    """The program would open this table, which no view of ours does; the text is its name."""


class GuardedConnection(ShadowedFiles):
    """One policy's view of one data file and the attached ones; raises `apsw.Error` when it cannot be opened.

    After any error of `run` it can go on being used, except after `SchemaChanged`.
    """

    def __init__(self, path: Path, policy: SqlPolicy) -> None:
        super().__init__(path, policy)
        self._is_new = True
        self._judged: set[str] = set()

    def run(
        self,
        sql: str,
        policy: SqlPolicy,
        parameters: Mapping[str, Any] | None = None,
        demands: Demands = NO_DEMANDS,
    ) -> Rows:
        """Run one SELECT within the policy's caps; a policy of equal `sight` to the one given before.

        Raises `SchemaChanged`, `Refused`, `AgainstRules`, `Denied`, `apsw.Error`, `UnicodeDecodeError` or
        `ValueError`.
        """
        deadline = time.monotonic() + policy.timeout_s
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
        bindings = Bindings(parameters or {})
        try:
            with self._snapshot():
                self._judge(sql, bindings)
                return self._fetch(sql, policy, bindings, demands)
        finally:
            self._db.set_progress_handler(None)

    def touched(self) -> dict[str, set[str]]:
        """Allowed tables that the last statement mentions, as the catalogue spells them, and the columns that
        it reads of them (folded), as far as the authorizer has heard of them.
        """
        read: dict[str, set[str]] = {}
        around: set[str] = set()
        for action, first, second, schema, view in self._asked:
            context = self._shadow_name(view)
            around.add(context)
            if action == READ and schema == "temp" and self._shadow_name(first) not in self._within(context):
                read.setdefault(self._shadow_name(first), set()).add(fold(second))
        # A table joined by USING shows only as the view within which others are read.
        inner = {name for outer in (*read, *around) for name in self._within(outer)}
        for name in around - inner:
            read.setdefault(name, set())
        return {name: read[fold(name)] for name in self.catalogue if fold(name) in read}

    def operation_denied(self) -> str:
        """The operation that the authorizer refused in the last statement, or ''."""
        if self.denied is None:
            return ""
        action, table, _ = self.denied
        word = ACTIONS.get(action, "")
        # CREATE and DROP begin by writing into the schema's table.
        return "CREATE or DROP" if word and table.startswith("sqlite_") else word

    def _shadow_name(self, name: str) -> str:
        return fold(self.full_name(name))

    def _within(self, name: str) -> set[str]:
        """The shadows that a shadow's own row rule reads."""
        return self._inner.get(name, set())

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One state of the files from the check of their schemas to the last row; never committed."""
        self.denied = None
        self._own("BEGIN")
        try:
            self._check_shadows()
            self._asked.clear()
            yield
        finally:
            if self._db.in_transaction:
                self._own("ROLLBACK")

    def _own(self, sql: str) -> None:
        with self._trust():
            self._db.execute(sql)

    @contextmanager
    def _trust(self) -> Iterator[None]:
        self._trusted = True
        try:
            yield
        finally:
            self._trusted = False

    def _check_shadows(self) -> None:
        """Raise `SchemaChanged` when a table of a file might stand there without its shadow."""
        with self._trust():
            if self._version(self.hidden_name) != self.schema_version:
                raise SchemaChanged
            if len(self._files) > 1 and self._is_any_attached_changed():
                raise SchemaChanged
            self._check_temp()
        # A new connection serves one statement even beside files that change all the time.
        if not self._is_new and self._is_any_replaced():
            raise SchemaChanged
        self._is_new = False

    def _check_temp(self) -> None:
        version = self._version("temp")
        if version != self._temp_version:
            if self._temp_schema() != self._shadows:
                raise SchemaChanged
            self._temp_version = version

    def _is_any_replaced(self) -> bool:
        return any(f.is_changed for f in self._files) or any(f.is_worth_a_try for f in self._missing)

    def _is_any_attached_changed(self) -> bool:
        try:
            with short_waits(self._db):
                return any(self._version(f.hidden) != self._versions[f.hidden] for f in self._files[1:])
        except apsw.Error:
            # A new connection does without the file that cannot be read.
            return True

    def _judge(self, sql: str, bindings: Mapping[str, Any] | None = None) -> None:
        """Prepare all of `sql` without running it; raises what is wrong with it."""
        if sql in self._judged:
            return
        statements = 0

        def count(cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            nonlocal statements
            # A comment behind the last semicolon is a statement without columns; so is what the
            # authorizer has refused already.
            statements += bool(cursor.get_description())
            return True

        opened = self._opened(sql, count, bindings)
        if statements > 1:
            raise Refused(f"Only one statement at a time is allowed; {statements} were given")
        for hidden, table in sorted(opened):
            if table not in self._grant.columns.get(hidden, {}):
                raise Denied(table)
        if len(self._judged) >= JUDGED_MAX:
            self._judged.clear()
        self._judged.add(sql)

    def _fetch(self, sql: str, policy: SqlPolicy, bindings: Bindings, demands: Demands) -> Rows:
        columns: list[str] = []
        declared: list[str] = []

        def inspect(cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            if cursor.is_explain:
                raise Refused("Operation not allowed: EXPLAIN. Allowed: SELECT")
            if not cursor.is_readonly:
                raise Refused("Permission denied: the statement would write")
            if bindings.missing:
                raise Refused(bindings.fault)
            if fault := fault_of_demands(demands, self.touched, self.catalogue):
                raise AgainstRules(fault)
            for name, kind, *_ in cursor.description_full:
                columns.append(name)
                declared.append(kind or "")
            if sum(map(len, columns)) > policy.bytes_max:
                raise Refused("The names of the columns are too long; give them short ones with AS")
            return True

        cursor = self._db.cursor()
        cursor.exec_trace = inspect
        rows: list[tuple[Any, ...]] = []
        truncated, size = False, 0
        for row in cursor.execute(sql, bindings):
            size += size_of(row)
            truncated = len(rows) == policy.rows_max or size > policy.bytes_max
            if truncated:
                cursor.close(True)
                break
            rows.append(row)
        if not columns:
            raise Refused("There is no statement to run")
        types, values = typed(declared, rows)
        return Rows(
            columns=unique(columns),
            rows=values,
            truncated=truncated,
            tables=list(self.touched()),
            types=types,
        )
