"""Puts a view of our own in the place of the table that a statement writes to, and records each row of it.

The view shows the rows that the caller sees. TEMP triggers on it record each row before and after, so SQLite
itself does all the work of the statement, while every file stays attached read-only.
"""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import apsw

from appliance.sqlguard import READ, Grant, SqlPolicy, fold, is_reserved
from appliance.sqltext import quoted, where_all
from appliance.tools.sql_connection import GuardedConnection, Refused
from appliance.tools.sql_row_check import RowCheck
from appliance.tools.sql_writing import Writing

_ACTIONS = {"INSERT": apsw.SQLITE_INSERT, "UPDATE": apsw.SQLITE_UPDATE, "DELETE": apsw.SQLITE_DELETE}
_ROWIDS = ("rowid", "_rowid_", "oid")


class TargetedConnection(GuardedConnection):
    """A guarded connection on which one statement may write to one view of ours, for nothing but the record.

    `query_only` is off here, since the record is a TEMP table; the files are attached read-only all the same,
    and the authorizer lets nothing be written but that.
    """

    def __init__(self, path: Path, policy: SqlPolicy, writing: Writing) -> None:
        self._writing = writing
        self._new, self._record, self._trigger, self._scratch = (
            prefix + secrets.token_hex(16) for prefix in "nrtc"
        )
        self._view = self._new
        self._table = writing.table
        self._columns: list[str] = []
        self._settable: list[str] = []
        self._stored: list[str] = []
        self._keys: list[str] = []
        self._rowid = ""
        self._check: RowCheck | None = None
        self._fault: Refused | None = None
        super().__init__(path, policy)
        self._trusted = True
        self._db.pragma("query_only", False)
        self._db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 1)
        self._trusted = False

    # Building; all of it is ours and trusted.

    def _after_build(self) -> None:
        try:
            self._aim()
        except Refused as refused:
            # Kept for `plan`: the names for a good text are known to a finished connection only.
            self._fault = refused

    def _aim(self) -> None:
        name = next((name for name in self.catalogue if fold(name) == fold(self._writing.table)), "")
        source = self._sources.get(name)
        if source is None:
            raise Refused(self._no_table())
        if source.file.hidden != self.hidden_name or source.kind != "table":
            raise Refused(f"Only tables of the data file can be changed, so not {name}")
        self._table = source.table
        info: list[Any] = self._db.execute(
            f"PRAGMA {self.hidden_name}.table_xinfo({quoted(name)})"
        ).fetchall()
        computed = {fold(row[1]) for row in info if row[6]}
        self._columns = self.catalogue[name]
        self._settable = [column for column in self._columns if fold(column) not in computed]
        self._stored = [row[1] for row in info if not row[6]]
        self._keys = self._key_columns(info)
        if self._writing.operation != "INSERT":
            self._check_keys(name)
            self._view = self._free_name()
        self._make_target()
        self._make_record()
        self._make_check(name)
        self._extend_grant()

    def _no_table(self) -> str:
        allowed = ", ".join(sorted(self.catalogue)) or "none"
        return f"Table not allowed: {self._writing.table}. Allowed: {allowed}"

    def _key_columns(self, info: list[Any]) -> list[str]:
        without_rowid = self._db.execute(
            "SELECT wr FROM pragma_table_list WHERE schema = ? AND name = ?", (self.hidden_name, self._table)
        ).get
        if without_rowid:
            return [row[1] for row in sorted(info, key=lambda row: row[5]) if row[5]]
        names = {fold(row[1]) for row in info}
        self._rowid = next((name for name in _ROWIDS if name not in names), "")
        if not self._rowid:
            raise Refused(
                f"The rows of {self._table} cannot be told apart: its columns take all names of the rowid"
            )
        return [self._rowid]

    def _check_keys(self, name: str) -> None:
        """Refuse a key that is not to be seen: `*` would show it, whatever its name."""
        keys = self._reads(f"SELECT {names(self._keys)} FROM {self.hidden_name}.{quoted(name)}")  # noqa: S608  # quoted names
        if any(columns & self._policy.hidden(name) for columns in keys.values()):
            raise Refused(f"The rows of {name} can only be added to: what identifies them is hidden")

    def _free_name(self) -> str:
        """What the statement calls its target: that name has to be the view's own."""
        alias = self._writing.alias
        taken = {*map(fold, self._sources), *self._bare} - {fold(self._table)}
        if fold(alias) in taken or is_reserved(alias):
            raise Refused(f"Give {self._table} another alias than {alias}: a table has that name")
        return alias or self._table

    def _make_target(self) -> None:
        """The view that the statement writes to, in place of the target's shadow or under its alias.

        Its keys have names that no statement can know.
        """
        table = f"{self.hidden_name}.{quoted(self._table)}"
        if self._writing.operation == "INSERT":
            if not self._settable:
                raise Refused(f"{self._table} has no column that can be set")
            select = f"SELECT {names(self._settable)} FROM {table} WHERE 0"  # noqa: S608  # the file's own names
        else:
            rules = self._rules(self._table)
            keys = ", ".join(f"{quoted(key)} AS {alias}" for key, alias in self._aliases())
            where = where_all(rules, self._policy.user_id) + (" LIMIT -1" if rules else "")
            # Rows are distinct; the word keeps UPDATE … FROM from leaving out columns that it does not need.
            select = f"SELECT DISTINCT {names(self._columns)}, {keys} FROM {table}{where}"  # noqa: S608  # see `_create`
        self._db.execute(f"DROP VIEW IF EXISTS temp.{quoted(self._view)}")
        self._make_view(self._view, select)

    def _aliases(self) -> list[tuple[str, str]]:
        return [(key, f"{self._trigger}k{index}") for index, key in enumerate(self._keys)]

    def _make_record(self) -> None:
        """The table that keeps every value as it is, and the trigger that fills it up to the cap."""
        operation = self._writing.operation
        old = [f"OLD.{alias}" for _, alias in self._aliases()] + [
            f"OLD.{quoted(name)}" for name in self._columns
        ]
        new = [f"NEW.{quoted(name)}" for name in self._settable]
        values = {"INSERT": new, "UPDATE": old + new, "DELETE": old}[operation]
        self._db.execute(
            f"CREATE TEMP TABLE {self._record} ({', '.join(f'c{i}' for i in range(len(values)))})"
        )
        when = f"WHEN {_differs(self._settable)}" if operation == "UPDATE" else ""
        event = f"INSTEAD OF {operation} ON temp.{quoted(self._view)} {when}"
        self._db.execute(
            f"CREATE TEMP TRIGGER {self._trigger} {event} BEGIN "  # noqa: S608  # our own names
            f"SELECT RAISE(ABORT, '{self._trigger}') "
            f"WHERE (SELECT max(rowid) FROM {self._record}) >= {int(self._policy.changed_rows_max)}; "
            f"INSERT INTO {self._record} VALUES ({', '.join(values)}); END"
        )
        page = self._db.execute("SELECT rootpage FROM sqlite_temp_schema WHERE name = ?", (self._record,)).get
        self._trees[1, int(page)] = (self._record, self._record)

    def _make_check(self, name: str) -> None:
        rules = self._rules(name)
        if not rules or self._writing.operation == "DELETE":
            return
        if not self._policy.user_id:
            raise Refused(
                f"Rows of {self._table} belong to users: somebody has to be signed in to write them"
            )
        definition = self._db.execute(
            f"SELECT sql FROM {self.hidden_name}.sqlite_schema WHERE type = 'table' AND name = ?",  # noqa: S608  # our own name
            (self._table,),
        ).get
        self._check = RowCheck(
            self._db,
            definition,
            table=self._table,
            scratch=self._scratch,
            rule=where_all(rules, self._policy.user_id),
            visible=self._columns,
            rowid=self._rowid,
        )
        self._check.learn(self._temp_reads)

    def _temp_reads(self, sql: str) -> list[tuple[str, str]]:
        self._asked.clear()
        self._opened(sql)
        return [
            (table, column)
            for action, table, column, schema, _ in self._asked
            if (action, schema) == (READ, "temp")
        ]

    def _extend_grant(self) -> None:
        """What the view of the target reads more than the shadows do: the keys."""
        columns = {schema: dict(tables) for schema, tables in self._grant.columns.items()}
        for (hidden, table), names in self._reads(f"SELECT * FROM temp.{quoted(self._view)}").items():  # noqa: S608  # our own name
            known = columns[hidden].get(table, frozenset())
            columns[hidden][table] = known | names
        columns[self._record] = {self._record: frozenset()}
        self._grant = Grant(columns=columns, views=self._grant.views | {fold(self._view)})

    def _may(
        self, action: int, first: str | None, second: str | None, schema: str | None, view: str | None
    ) -> bool:
        if schema == "temp" and first == self._record:
            return view == self._trigger and action in (READ, apsw.SQLITE_INSERT)
        if (
            action == _ACTIONS[self._writing.operation]
            and schema == "temp"
            and fold(first or "") == fold(self._view)
        ):
            return action != apsw.SQLITE_UPDATE or fold(second or "") in map(fold, self._settable)
        return super()._may(action, first, second, schema, view)


def names(columns: list[str]) -> str:
    """Columns as a list of identifiers."""
    return ", ".join(map(quoted, columns))


def _differs(columns: list[str]) -> str:
    """Whether any column gets another value or type; row values, since a long chain of OR is too deep."""
    old, new = (
        ", ".join(f"{row}.{quoted(name)} COLLATE BINARY" for name in columns) for row in ("OLD", "NEW")
    )
    old_types, new_types = (
        ", ".join(f"typeof({row}.{quoted(name)})" for name in columns) for row in ("OLD", "NEW")
    )
    return f"({old}) IS NOT ({new}) OR ({old_types}) IS NOT ({new_types})"
