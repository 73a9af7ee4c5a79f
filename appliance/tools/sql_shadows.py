"""Shadows every table of every file behind a connection, so that SQL can name none of them: hidden names.

Each file is attached read-only under a schema name that nobody can guess, and a TEMP view shadows each of its
tables: allowed ones show their visible columns and the caller's rows, all others call a function that does
not exist, so that any mention fails before anything runs. TEMP wins name resolution, so no statement can
name a base table. Tables of attached files go by `schema.table`, one name with a dot in it; their bare names
are shadowed, too. Everything here is SQL of our own, run before any statement of a model.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw
import msgspec

from appliance.sqlguard import FUNCTION, FUNCTIONS, PUBLIC, READ, Grant, SqlPolicy, decide, fold, is_reserved
from appliance.sqltext import fault_of_rule, filled, names_tenant, neutral_blobs, quoted, where_all
from appliance.tools.sql_files import DataFile, attach_all, data_file, hidden_name, lost
from appliance.tools.sql_generated import telling
from appliance.tools.sql_names import localize
from appliance.tools.sql_setup import attach, cache_for_one_caller, harden

POISON = "table not allowed: "
"""Begins the name of the function that a shadow of a forbidden table calls; the table's name follows."""

_OPENING = frozenset({"OpenRead", "OpenWrite", "ReopenIdx"})

Tree = tuple[str, str]
"""A base table: its hidden schema, and its name, folded."""


class Refused(Exception):
    """A refusal of ours rather than SQLite's; the text is for people."""


class Source(msgspec.Struct, frozen=True):
    """What a shadow stands before: a table or view of one of the files."""

    file: DataFile
    table: str
    kind: str


class ShadowedFiles:
    """One policy's shadows of one data file and the attached ones.

    Raises `apsw.Error` when the data file cannot be opened; an attached one that cannot closes its schema.
    """

    def __init__(self, path: Path, policy: SqlPolicy) -> None:
        self._policy = policy
        self.hidden_name = hidden_name()
        """The hidden schema of the data file."""
        self.catalogue: dict[str, list[str]] = {}
        """Allowed tables (`table`, or `schema.table` of an attached file) and their visible columns."""
        self.broken: dict[str, str] = {}
        """Folded names of allowed tables that cannot be shown, and why."""
        self.denied: tuple[int, str, str] | None = None
        """The first thing that the authorizer refused in the last statement: action, table, column."""
        self._trusted = True
        self._asked: list[tuple[int, str, str, str | None, str]] = []
        self._inner: dict[str, set[str]] = {}
        self._bare: dict[str, str] = {}
        self._db = attach(path, self.hidden_name)
        try:
            wanted = {schema: file for schema, file in policy.files.items() if policy.could_allow(schema)}
            others, self._missing = attach_all(self._db, wanted)
            self._files = [data_file(path, self.hidden_name), *others]
            if any(layer.row_rules for layer in policy.rules):
                cache_for_one_caller(self._db, [file.hidden for file in self._files])
            self._db.authorizer = self._authorize
            self._build()
            harden(self._db, attached=len(self._files))
        except BaseException:
            self._db.close()
            raise
        self._trusted = False

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    @property
    def schemas(self) -> tuple[str, ...]:
        """The names of attached schemas, also of those that cannot be read now."""
        return (*(file.schema for file in self._files[1:]), *(lost.schema for lost in self._missing))

    @property
    def unavailable(self) -> dict[str, str]:
        """Attached schemas (folded) that cannot be read now, and why."""
        return {fold(lost.schema): lost.reason for lost in self._missing}

    def disclosed(self, text: str) -> str:
        """The same text without hidden names."""
        for file in self._files:
            shown = "" if file.schema == PUBLIC else f"{file.schema}."
            text = text.replace(f"{file.hidden}.", shown).replace(file.hidden, file.schema)
        return text

    def full_name(self, name: str) -> str:
        """A shadow's name as the catalogue has it: a bare name may stand for a table of an attached file."""
        return self._bare.get(fold(name), name)

    # Building.

    def _build(self) -> None:
        """Shadow every table of every file, within one snapshot of them."""
        self._db.execute("BEGIN")
        while (unreadable := self._read_files()) is not None:
            # Its tables would stand there without shadows.
            self._db.execute("ROLLBACK")
            self._give_up(*unreadable)
            self._db.execute("BEGIN")
        for name in self._sources:
            self._shadow(name)
        self._shadow_bare_names()
        # Only now: a row rule may mention any table, and must find its shadow.
        self._grant = self._learn_all()
        self._after_build()
        self._db.execute("COMMIT")
        self._shadows = self._temp_schema()
        self._temp_version = self._version("temp")

    def _after_build(self) -> None:
        """For subclasses: more TEMP objects of their own, made in the same transaction as the shadows."""

    def _read_files(self) -> tuple[DataFile, apsw.Error] | None:
        """Learn what is in the files; gives the first attached one that cannot be read."""
        self._sources: dict[str, Source] = {}
        self._trees: dict[tuple[int, int], Tree] = {}
        self._versions: dict[str, int] = {}
        self._bare_names: set[str] = set()
        for file in self._files:
            try:
                self._read_file(file)
            except apsw.Error as error:
                if file.hidden == self.hidden_name:
                    raise
                return file, error
        self.schema_version = self._versions[self.hidden_name]
        return None

    def _read_file(self, file: DataFile) -> None:
        self._versions[file.hidden] = self._version(file.hidden)
        index = next(seq for seq, name, _ in self._db.execute("PRAGMA database_list") if name == file.hidden)
        for page, table in self._db.execute(
            f"SELECT rootpage, tbl_name FROM {file.hidden}.sqlite_schema WHERE rootpage > 0"  # noqa: S608  # our own name
        ):
            self._trees[index, int(page)] = (file.hidden, fold(table))
        known = {fold(name) for name in self._sources}
        for schema, table, kind, *_ in list(self._db.execute(f"PRAGMA {file.hidden}.table_list")):
            if schema != file.hidden or fold(table).startswith("sqlite_"):
                continue
            name = table if file.hidden == self.hidden_name else f"{file.schema}.{table}"
            if fold(name) not in known:  # else the data file has a table with such a dot in its name
                self._sources[name] = Source(file, table, kind)
            if file.hidden != self.hidden_name:
                self._bare_names.add(fold(table))

    def _give_up(self, file: DataFile, error: apsw.Error) -> None:
        self._files.remove(file)
        self._missing.append(lost(file.schema, file.path, self.disclosed(str(error))))
        self._db.execute(f"DETACH {file.hidden}")

    def _shadow(self, name: str) -> None:
        source = self._sources[name]
        allowed = self._policy.allows(source.table, source.file.schema)
        if not allowed or source.kind not in ("table", "view"):
            return self._poison(name)
        try:
            columns = self._visible(name)
            self._create(name, columns, barrier=bool(self._rules(name)))
        except (apsw.Error, Refused) as error:
            return self._break(name, error)
        self.catalogue[name] = columns
        return None

    def _shadow_bare_names(self) -> None:
        """No bare name may reach an attached file; one that only one allowed table has stands for that."""
        taken = {fold(name) for name in self._sources}
        claims: dict[str, list[str]] = {bare: [] for bare in sorted(self._bare_names - taken)}
        for name in self.catalogue:
            bare = fold(self._sources[name].table)
            if bare in claims:
                claims[bare].append(name)
        for bare, names in claims.items():
            if len(names) != 1:
                self._poison(bare)
                continue
            self._bare[bare] = names[0]
            columns = ", ".join(map(quoted, self.catalogue[names[0]]))
            select = f"SELECT {columns} FROM temp.{quoted(names[0])}"  # noqa: S608  # the file's own names
            self._make_view(bare, select)

    def _create(self, name: str, columns: list[str], *, barrier: bool) -> None:
        """Make the view of an allowed table; a barrier keeps quiet about the rows it leaves out.

        Without it SQLite may test a statement's own conditions before the view's, and a condition that
        raises an error, or takes its time, for one value tells that the value is there. LIMIT -1 limits
        nothing, but SQLite does not look through it.
        """
        source = self._sources[name]
        where = where_all(self._rules(name), self._policy.user_id)
        table = f"{source.file.hidden}.{quoted(source.table)}"
        select = f"SELECT {', '.join(map(quoted, columns))} FROM {table}{where}"  # noqa: S608  # the file's own names
        self._db.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
        self._make_view(name, select + (" LIMIT -1" if barrier else ""))

    def _make_view(self, name: str, select: str) -> None:
        statements = 0

        def only_one(_cursor: apsw.Cursor, _text: str, _bindings: object) -> bool:
            nonlocal statements
            statements += 1
            if statements > 1:
                raise Refused("its row rule is more than one expression")
            return True

        cursor = self._db.cursor()
        cursor.exec_trace = only_one
        cursor.execute(f"CREATE TEMP VIEW {quoted(name)} AS {select}")

    def _rules(self, name: str) -> list[str]:
        """A table's row rules with the caller filled in; raises `Refused` for a text that is not one."""
        source, policy = self._sources[name], self._policy
        rules = policy.row_rules(source.table, source.file.schema)
        for rule in rules:
            if fault := fault_of_rule(rule):
                raise Refused(fault)
        # User ids are a tenant's own: its alice is not the default tenant's.
        if rules and policy.is_foreign and not any(map(names_tenant, rules)):
            rules = [*rules, "0"]
        return [
            filled(self._localized(rule), policy.user_id, policy.role, policy.claims, policy.tenant)
            for rule in rules
        ]

    def _localized(self, rule: str) -> str:
        """The rule with our names for the tables that it mentions."""
        return localize("SELECT " + rule, self.schemas)[len("SELECT ") :]

    def _learn_all(self) -> Grant:
        """Prepare each shadow once to see what it reads; one that may not do so is poisoned."""
        grants: dict[str, dict[str, frozenset[str]]] = {file.hidden: {} for file in self._files}
        schemas = {file.hidden: file.schema for file in self._files}
        for name in list(self.catalogue):
            try:
                reads = self._learn(name)
                if any(self._leaves_out(table, schemas[hidden]) for hidden, table in reads):
                    self._create(name, self.catalogue[name], barrier=True)
            except (apsw.Error, Refused) as error:
                del self.catalogue[name]
                self._break(name, error)
                continue
            for (hidden, table), columns in reads.items():
                grants[hidden][table] = grants[hidden].get(table, frozenset()) | columns
        bare = {bare for bare, name in self._bare.items() if name in self.catalogue}
        return Grant(columns=grants, views=frozenset(map(fold, self.catalogue)) | bare)

    def _leaves_out(self, table: str, schema: str) -> bool:
        """Whether a view over the table may hold rows back that the caller must not learn of."""
        return not self._policy.allows(table, schema) or self._policy.is_restricted(table, schema)

    def _learn(self, name: str) -> dict[Tree, set[str]]:
        """The base tables and columns that a shadow reads; raises `Refused` when it may not read them."""
        source = self._sources[name]
        base = f"{source.file.hidden}.{quoted(source.table)}"
        for rule in self._rules(name):
            # With brackets of ours and without: so SQLite, too, finds one expression that they hold.
            self._reads(f"SELECT {rule}\nFROM {base}")
            self._reads(f"SELECT ({rule}\n) FROM {base}")  # noqa: S608  # the operator's rule
        if source.kind == "view":
            self._check_view(source, self._reads(f"SELECT * FROM {base}"))  # noqa: S608  # our own names
        reads = self._reads(f"SELECT * FROM temp.{quoted(name)}")  # noqa: S608  # the file's own names
        if any(is_reserved(table) for _, table in reads):
            raise Refused("it reads a reserved table")
        mentioned = {fold(first) for action, first, _, schema, _ in self._asked if schema == "temp"}
        self._inner[fold(name)] = mentioned - {fold(name)}
        return reads

    def _check_view(self, source: Source, reads: Iterable[Tree]) -> None:
        for _, table in reads:
            if is_reserved(table):
                raise Refused("it reads a reserved table")
            if not self._policy.view_may_read(source.table, table, source.file.schema):
                raise Refused(f"it reads {table}, which is restricted, and has no rule of its own")

    def _reads(self, sql: str) -> dict[Tree, set[str]]:
        """The base tables and columns that a statement of ours reads, by preparing it."""
        self._asked.clear()
        reads: dict[Tree, set[str]] = {tree: set() for tree in self._opened(sql)}
        hidden = {file.hidden for file in self._files}
        for action, first, second, schema, _ in self._asked:
            if action == FUNCTION and fold(second) not in FUNCTIONS:
                raise Refused(f"it uses the function {second}, which is not available")
            if action == READ and schema in hidden:
                reads.setdefault((schema or "", fold(first)), set()).add(fold(second))
        return reads

    def _break(self, name: str, error: Exception) -> None:
        """An allowed table that cannot be shown: refused like any other, with the reason kept."""
        text = self.disclosed(str(error))
        self.broken[fold(name)] = text.replace(
            f"no such function: {POISON}", "it needs a table that is refused: "
        )
        self._db.execute(f"DROP VIEW IF EXISTS temp.{quoted(name)}")
        self._poison(name)

    def _poison(self, name: str) -> None:
        self._db.execute(f"CREATE TEMP VIEW {quoted(name)} AS SELECT {quoted(POISON + name)}()")

    def _visible(self, name: str) -> list[str]:
        source = self._sources[name]
        rows = list(self._db.execute(f"PRAGMA {source.file.hidden}.table_xinfo({quoted(source.table)})"))
        named = self._policy.hidden_by_name(source.table, source.file.schema)
        if missing := sorted(named - {fold(row[1]) for row in rows}):
            # A slip of the pen must not leave a column open that somebody meant to hide.
            raise Refused(f"hidden-columns names columns that it does not have: {', '.join(missing)}")
        hidden = self._policy.hidden(source.table, source.file.schema)
        hidden |= self._telling(source, [row[1] for row in rows if row[6] in (2, 3)], hidden)
        columns = [row[1] for row in rows if row[6] != 1 and fold(row[1]) not in hidden]
        if not columns:
            raise Refused("it has no visible columns")
        return columns

    def _telling(self, source: Source, generated: list[str], hidden: frozenset[str]) -> frozenset[str]:
        """Generated columns that may show what is in hidden ones."""
        if not (generated and hidden):
            return frozenset()
        create = self._db.execute(
            f"SELECT sql FROM {source.file.hidden}.sqlite_schema WHERE type = 'table' AND name = ?",  # noqa: S608  # our own name
            (source.table,),
        ).get
        return telling(create or "", generated, hidden)

    # What SQLite tells of a statement.

    def _opened(self, sql: str, trace: Any = None, bindings: Any = None) -> set[Tree]:
        """The tables whose b-trees the program of `sql` opens, as `EXPLAIN` shows them."""
        cursor = self._db.cursor()
        cursor.exec_trace = trace
        opened = set()
        # It shows the bytes of blob literals as text; which bytes they are changes no table.
        readable = neutral_blobs(sql) if "x'" in sql.lower() else sql
        for _, opcode, _, page, database, *_ in cursor.execute(readable, bindings, explain=1):
            if opcode in _OPENING:
                opened.add(self._trees.get((database, page), ("", "sqlite_schema")))
        return opened

    def _authorize(
        self, action: int, first: str | None, second: str | None, schema: str | None, view: str | None
    ) -> int:
        self._asked.append((action, first or "", second or "", schema, view or ""))
        if self._trusted or self._may(action, first, second, schema, view):
            return apsw.SQLITE_OK
        self.denied = self.denied or (action, first or "", second or "")
        return apsw.SQLITE_DENY

    def _may(
        self, action: int, first: str | None, second: str | None, schema: str | None, _view: str | None
    ) -> bool:
        """Whether a statement may do this; subclasses may allow more."""
        return decide(self._grant, action, first, second, schema)

    def _version(self, schema: str) -> int:
        return int(self._db.execute(f"PRAGMA {schema}.schema_version").get)

    def _temp_schema(self) -> frozenset[Any]:
        return frozenset(self._db.execute("SELECT name, sql FROM sqlite_temp_schema"))
