"""A connection on which a model's SQL can reach nothing but its bot's tables: hidden names.

The data file is attached read-only under a schema name that nobody can guess, and a TEMP view shadows each of
its tables: allowed ones show their visible columns and the caller's rows, all others call a function that
does not exist, so that any mention fails before anything runs. TEMP wins name resolution, so no statement
can name a base table. Three more lines stand behind that, each enough for most attacks: the authorizer
(`sqlguard.decide`), the b-trees that the finished program would open (the authorizer is never asked about
tables joined by USING or NATURAL), and SQLite's own switches. Time and memory are bounded by the worker.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from appliance.sqlguard import ACTIONS, FUNCTION, FUNCTIONS, READ, Grant, SqlPolicy, decide, fold, is_reserved
from appliance.tools.sql_outcome import Rows
from appliance.tools.sql_setup import attach, harden
from appliance.tools.sql_text import caller_rule, quoted
from appliance.tools.sql_values import jsonable, size_of, unique

POISON = "table not allowed: "
"""Begins the name of the function that a shadow of a forbidden table calls; the table's name follows."""

PROGRESS_STEPS = 10_000
"""SQLite's steps between two looks at the clock: some 0.2 ms."""

_OPENING = frozenset({"OpenRead", "OpenWrite", "ReopenIdx"})


class SchemaChanged(Exception):
    """The data file has other tables than when this connection was made; make a new one."""


class Refused(Exception):
    """A refusal of ours rather than SQLite's; the text is for people."""


class Denied(Exception):
    """The program would open this table, which no view of ours does; the text is its name."""


class GuardedConnection:
    """One policy's view of one data file; raises `apsw.Error` when the file cannot be opened.

    After any error of `run` it can go on being used, except after `SchemaChanged`.
    """

    def __init__(self, path: Path, policy: SqlPolicy) -> None:
        self._policy = policy
        self.hidden_name = "s" + secrets.token_hex(16)
        self.catalogue: dict[str, list[str]] = {}
        """Allowed tables and their visible columns, in the file's spelling."""
        self.broken: dict[str, str] = {}
        """Folded names of allowed tables that cannot be shown, and why."""
        self.denied: tuple[int, str, str] | None = None
        """The first thing that the authorizer refused in the last statement: action, table, column."""
        self._trusted = True
        self._asked: list[tuple[int, str, str, str | None, str]] = []
        self._db = attach(path, self.hidden_name)
        try:
            self._db.authorizer = self._authorize
            self._build()
            harden(self._db)
        except BaseException:
            self._db.close()
            raise
        self._trusted = False

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def run(self, sql: str, policy: SqlPolicy) -> Rows:
        """Run one SELECT within the policy's caps; a policy of equal `sight` to the one given before.

        Raises `SchemaChanged`, `Refused`, `Denied`, `apsw.Error`, `UnicodeDecodeError` or `ValueError`.
        """
        deadline = time.monotonic() + policy.timeout_s
        self._db.set_progress_handler(lambda: time.monotonic() > deadline, PROGRESS_STEPS)
        try:
            with self._snapshot():
                self._judge(sql)
                return self._fetch(sql, policy)
        finally:
            self._db.set_progress_handler(None)

    # Building: everything here is our own SQL and is trusted.

    def _build(self) -> None:
        """Shadow every table of the file, within one snapshot of it."""
        self._db.execute("BEGIN")
        self.schema_version = self._read_version()
        tables = list(self._db.execute(f"PRAGMA {self.hidden_name}.table_list"))
        self._trees = {
            int(page): fold(table)
            for page, table in self._db.execute(
                f"SELECT rootpage, tbl_name FROM {self.hidden_name}.sqlite_schema WHERE rootpage > 0"  # noqa: S608  # our own name
            )
        }
        self._index = next(
            seq for seq, name, _ in self._db.execute("PRAGMA database_list") if name == self.hidden_name
        )
        kinds = {
            name: kind
            for schema, name, kind, *_ in tables
            if schema == self.hidden_name and not fold(name).startswith("sqlite_")
        }
        for name, kind in kinds.items():
            self._shadow(name, kind)
        # Only now: a row rule may mention any table, and must find its shadow.
        self._grant = self._learn_all(kinds)
        self._db.execute("COMMIT")
        self._shadows = self._temp_schema()

    def _shadow(self, name: str, kind: str) -> None:
        if not self._policy.allows(name) or kind not in ("table", "view"):
            return self._poison(name)
        try:
            columns = self._visible(name)
            self._create(name, columns, barrier=bool(self._policy.row_rule(name)))
        except (apsw.Error, Refused) as error:
            return self._break(name, error)
        self.catalogue[name] = columns
        return None

    def _create(self, name: str, columns: list[str], *, barrier: bool) -> None:
        """Make the view of an allowed table; a barrier keeps quiet about the rows it leaves out.

        Without it SQLite may test a statement's own conditions before the view's, and a condition that
        raises an error, or takes its time, for one value tells that the value is there. LIMIT -1 limits
        nothing, but SQLite does not look through it.
        """
        rule = caller_rule(self._policy.row_rule(name), self._policy.user_id, self._policy.role)
        select = f"SELECT {', '.join(map(quoted, columns))} FROM {self.hidden_name}.{quoted(name)}{rule}"  # noqa: S608  # the file's own names
        limit = " LIMIT -1" if barrier else ""
        self._db.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
        self._db.execute(f"CREATE TEMP VIEW {quoted(name)} AS {select}{limit}")

    def _learn_all(self, kinds: dict[str, str]) -> Grant:
        """Prepare each shadow once to see what it reads; one that may not do so is poisoned."""
        grants: dict[str, set[str]] = {}
        for name in list(self.catalogue):
            try:
                reads = self._learn(name, kinds[name])
                if not all(map(self._policy.allows, reads)):
                    self._create(name, self.catalogue[name], barrier=True)
            except (apsw.Error, Refused) as error:
                del self.catalogue[name]
                self._break(name, error)
                continue
            for table, columns in reads.items():
                grants.setdefault(table, set()).update(columns)
        return Grant(
            schema=self.hidden_name,
            columns={table: frozenset(columns) for table, columns in grants.items()},
            views=frozenset(map(fold, self.catalogue)),
        )

    def _break(self, name: str, error: Exception) -> None:
        """An allowed table that cannot be shown: refused like any other, with the reason kept."""
        self.broken[fold(name)] = str(error).replace(f"{self.hidden_name}.", "")
        self._db.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
        self._poison(name)

    def _poison(self, name: str) -> None:
        self._db.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {quoted(POISON + name)}()")

    def _visible(self, name: str) -> list[str]:
        rows = self._db.execute(f"PRAGMA {self.hidden_name}.table_xinfo({quoted(name)})")
        hidden = self._policy.hidden(name)
        columns = [row[1] for row in rows if row[6] != 1 and fold(row[1]) not in hidden]
        if not columns:
            raise Refused("it has no visible columns")
        return columns

    def _learn(self, name: str, kind: str) -> dict[str, set[str]]:
        """The base tables and columns that a shadow reads; raises `Refused` when it may not read them."""
        self._asked.clear()
        opened = self._opened(f"SELECT * FROM temp.{quoted(name)}")  # noqa: S608  # the file's own name
        reads: dict[str, set[str]] = {table: set() for table in opened}
        for action, first, second, schema, _ in self._asked:
            if action == FUNCTION and fold(second) not in FUNCTIONS:
                raise Refused(f"it uses the function {second}, which is not available")
            if action == READ and schema == self.hidden_name:
                reads.setdefault(fold(first), set()).add(fold(second))
        for table in reads:
            if is_reserved(table):
                raise Refused("it reads a reserved table")
            if kind == "view" and self._policy.is_restricted(table) and not self._policy.is_restricted(name):
                raise Refused(f"it reads {table}, which is restricted, and has no rule of its own")
        return reads

    # Each statement.

    @contextmanager
    def _snapshot(self) -> Iterator[None]:
        """One state of the file from the check of its schema to the last row; nothing is ever committed."""
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
        """Raise `SchemaChanged` when a table of the file might stand there without its shadow."""
        with self._trust():
            if self._read_version() != self.schema_version or self._temp_schema() != self._shadows:
                raise SchemaChanged

    def _judge(self, sql: str) -> None:
        """Prepare all of `sql` without running it; raises what is wrong with it."""
        statements = 0

        def count(cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            nonlocal statements
            # A comment behind the last semicolon is a statement without columns; so is what the
            # authorizer has refused already.
            statements += bool(cursor.get_description())
            return True

        opened = self._opened(sql, count)
        if statements > 1:
            raise Refused(f"Only one statement at a time is allowed; {statements} were given")
        foreign = sorted(opened - self._grant.columns.keys())
        if foreign:
            raise Denied(foreign[0])

    def _fetch(self, sql: str, policy: SqlPolicy) -> Rows:
        columns: list[str] = []

        def inspect(cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            if cursor.is_explain:
                raise Refused("Operation not allowed: EXPLAIN. Allowed: SELECT")
            if not cursor.is_readonly:
                raise Refused("Permission denied: the statement would write")
            columns.extend(name for name, *_ in cursor.get_description())
            return True

        cursor = self._db.cursor()
        cursor.exec_trace = inspect
        rows: list[list[Any]] = []
        truncated, size = False, 0
        for row in cursor.execute(sql):
            size += size_of(row)
            truncated = len(rows) == policy.rows_max or size > policy.bytes_max
            if truncated:
                cursor.close(True)
                break
            rows.append(list(map(jsonable, row)))
        if not columns:
            raise Refused("There is no statement to run")
        return Rows(columns=unique(columns), rows=rows, truncated=truncated, tables=self._mentioned())

    def _opened(self, sql: str, trace: Any = None) -> set[str]:
        """The tables (folded) whose b-trees the program of `sql` opens, as `EXPLAIN` shows them."""
        cursor = self._db.cursor()
        cursor.exec_trace = trace
        opened = set()
        for _, opcode, _, page, database, *_ in cursor.execute(sql, explain=1):
            if opcode in _OPENING:
                opened.add(
                    self._trees.get(page, "sqlite_schema") if database == self._index else "sqlite_schema"
                )
        return opened

    def _mentioned(self) -> list[str]:
        """Allowed tables that the authorizer has heard of in this statement, in the file's spelling."""
        seen = {
            fold(first) for action, first, _, schema, _ in self._asked if action == READ and schema == "temp"
        }
        seen |= {fold(view) for *_, view in self._asked}
        return [name for name in self.catalogue if fold(name) in seen]

    def _authorize(
        self, action: int, first: str | None, second: str | None, schema: str | None, view: str | None
    ) -> int:
        self._asked.append((action, first or "", second or "", schema, view or ""))
        if self._trusted or decide(self._grant, action, first, second, schema):
            return apsw.SQLITE_OK
        self.denied = self.denied or (action, first or "", second or "")
        return apsw.SQLITE_DENY

    def _read_version(self) -> int:
        return int(self._db.execute(f"PRAGMA {self.hidden_name}.schema_version").get)

    def _temp_schema(self) -> frozenset[Any]:
        return frozenset(self._db.execute("SELECT name, sql FROM sqlite_temp_schema"))

    def operation_denied(self) -> str:
        """The operation that the authorizer refused in the last statement, or ''."""
        if self.denied is None:
            return ""
        action, table, _ = self.denied
        word = ACTIONS.get(action, "")
        # CREATE and DROP begin by writing into the schema's table.
        return "CREATE or DROP" if word and table.startswith("sqlite_") else word
