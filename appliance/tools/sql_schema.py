"""Reads what a model may know of the team's data: tables, columns, keys, comments, a few sample values.

This is our own SQL on a connection that no model reaches. It costs a bounded number of rows per table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec

from appliance.schema import Column, ForeignKey, Schema, Table
from appliance.sqlguard import PUBLIC, SqlPolicy, fold
from appliance.sqltext import quoted
from appliance.tools.sql_comments import comments
from appliance.tools.sql_generated import telling
from appliance.tools.sql_keys import Evidence, infer
from appliance.tools.sql_ranges import Ranges, holds_range

SAMPLE_ROWS = 1000
"""Rows looked at for sample values."""
SAMPLE_COLUMNS_MAX = 40
SAMPLE_BYTES_MAX = 60
"""Longer values are prose, not something to filter by."""
FEW_VALUES = 30
"""A column with more distinct values among the sample rows shows none."""
SAMPLES = 5
KEY_ROWS = 10_000
COUNTED_ROWS_MAX = 20_000
"""Up to here rows are counted (some 3 ms); beyond, the span of the rowids is the estimate."""
PLAUSIBLE_ROWS = 100_000_000
"""A wider span says that the keys are no counters."""


def open_read_only(path: Path) -> apsw.Connection:
    """A connection for `read_schema` beside a server that writes; raises `apsw.Error`."""
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
    db = apsw.Connection(f"{path.absolute().as_uri()}?mode=ro", flags=flags)
    db.set_busy_timeout(2_000)
    db.pragma("temp_store", "memory")
    db.pragma("trusted_schema", False)
    return db


@contextmanager
def open_attached(files: Mapping[str, str]) -> Iterator[dict[str, apsw.Connection]]:
    """Read-only connections to attached files, by schema name, without those that cannot be opened."""
    with ExitStack() as stack:
        opened = {}
        for schema, path in files.items():
            with suppress(apsw.Error):
                opened[schema] = stack.enter_context(closing(open_read_only(Path(path))))
        yield opened


def read_schema(
    files: Mapping[str, apsw.Connection],
    policy: SqlPolicy,
    catalogue: Mapping[str, list[str]] | None = None,
) -> Schema:
    """The tables and visible columns that `policy` allows: of the data file, then of each attached one.

    `files` maps a schema name to its file; that of the data file is `public`, and the version is that file's.
    `catalogue` narrows all to what a guarded connection really shows: `table`, or `schema.table` for an
    attached file, to columns. Tables with a row rule give no samples, ranges and row count, since those would
    be of other people's rows. An attached file that cannot be read is left out; for the data file,
    `apsw.Error` is raised.
    """
    version = int(
        files[PUBLIC].pragma("schema_version")
    )  # before the rest: what changes now is seen next time
    reading = _Reading(policy, catalogue)
    tables = reading.tables(PUBLIC, files[PUBLIC])
    for schema in sorted(files.keys() - {PUBLIC}, key=fold):
        with suppress(apsw.Error, UnicodeDecodeError):
            tables += reading.tables(schema, files[schema])
    return Schema(tables=tables, version=version)


class _Reading:
    """One reading of all files: what it may show, and how much it may still cost."""

    def __init__(self, policy: SqlPolicy, catalogue: Mapping[str, list[str]] | None) -> None:
        self.policy = policy
        self.catalogue = catalogue
        self.ranges = Ranges()

    def tables(self, schema: str, db: apsw.Connection) -> list[Table]:
        """Those of one file, by name, with the keys between them."""
        with db:
            drafts = [
                _Draft(self, schema, db, name, kind)
                for name, kind in sorted(_listed(db), key=lambda entry: fold(entry[0]))
                if self._is_shown(schema, name, kind)
            ]
            drafts = [draft for draft in drafts if draft.columns]
            evidence = [draft.evidence() for draft in drafts]
            tables = []
            for draft, proof in zip(drafts, evidence, strict=True):
                declared = draft.declared_keys(drafts)
                inferred = infer(proof, evidence, {key.column for key in declared})
                tables.append(draft.table(declared + inferred))
        return tables

    def shown_columns(self, schema: str, table: str) -> list[str] | None:
        """What a guarded connection shows of a table; None when there is none to ask."""
        if self.catalogue is None:
            return None
        return self.catalogue.get(table if schema == PUBLIC else f"{schema}.{table}", [])

    def _is_shown(self, schema: str, name: str, kind: str) -> bool:
        shown = self.shown_columns(schema, name)
        return kind in ("table", "view") and shown != [] and self.policy.allows(name, schema)


def _listed(db: apsw.Connection) -> list[tuple[str, str]]:
    """Every table and view of the file, with its kind."""
    return [
        (name, kind) for schema, name, kind, *_ in db.execute("PRAGMA main.table_list") if schema == "main"
    ]


class _Draft:
    """One table while its schema is read."""

    def __init__(self, reading: _Reading, schema: str, db: apsw.Connection, name: str, kind: str) -> None:
        self._reading = reading
        self._schema = schema
        self._db = db
        self.name = name
        self._is_table = kind == "table"
        self._is_restricted = bool(reading.policy.row_rules(name, schema))
        self._is_open = self._is_table and not self._is_restricted
        self.columns = self._read_columns(reading.policy.hidden(name, schema))
        shown = reading.shown_columns(schema, name)
        if shown is not None:
            self.columns = [column for column in self.columns if column.name in shown]
        self._values = self._read_values() if self._is_open else {}

    def _read_columns(self, hidden: frozenset[str]) -> list[Column]:
        try:
            rows = list(self._db.execute(f"PRAGMA main.table_xinfo({quoted(self.name)})"))
        except apsw.SQLError:
            return []  # a view over something that is gone
        generated = [name for _, name, *_, special in rows if special in (2, 3)]
        hidden |= telling(self._create(), generated, hidden) if hidden else frozenset()
        return [
            Column(name=name, type=kind, nullable=not (required or key), primary_key=bool(key))
            for _, name, kind, required, _, key, special in rows
            if special != 1 and fold(name) not in hidden
        ]

    def _create(self) -> str:
        """The statement that made it."""
        create = self._db.execute(
            "SELECT sql FROM main.sqlite_schema WHERE name = ? AND type IN ('table', 'view')", (self.name,)
        ).get
        return create or ""

    def _read_values(self) -> dict[str, Counter[str]]:
        """Short texts of the first rows and how often each occurs, per text column."""
        columns = [column.name for column in self.columns if _is_text(column.type)][:SAMPLE_COLUMNS_MAX]
        if not columns:
            return {}
        # Sizes come from the row's header: a long text is not even read.
        terms = ", ".join(
            f"CASE WHEN typeof({c}) = 'text' AND octet_length({c}) <= {SAMPLE_BYTES_MAX} THEN {c} END"
            for c in map(quoted, columns)
        )
        counters: dict[str, Counter[str]] = {name: Counter() for name in columns}
        with suppress(UnicodeDecodeError):
            for row in self._db.execute(f"SELECT {terms} FROM main.{quoted(self.name)} LIMIT {SAMPLE_ROWS}"):  # noqa: S608  # the file's own names
                for name, value in zip(columns, row, strict=True):
                    if value is not None:
                        counters[name][value] += 1
        return counters

    def table(self, keys: list[ForeignKey]) -> Table:
        """All that is known, together."""
        about, notes = comments(self._create(), [column.name for column in self.columns])
        row_count = self._row_count() if self._is_open else None
        ranges = self._ranges(keys, row_count)
        columns = [
            msgspec.structs.replace(
                column,
                comment=notes.get(column.name, ""),
                samples=self._samples(column.name),
                low=ranges[column.name][0] if column.name in ranges else "",
                high=ranges[column.name][1] if column.name in ranges else "",
            )
            for column in self.columns
        ]
        return Table(
            name=self.name,
            schema=self._schema,
            columns=columns,
            foreign_keys=keys,
            comment=about if self._is_table else "",
            row_count=row_count,
            restricted=self._is_restricted,
        )

    def _ranges(self, keys: list[ForeignKey], rows: int | None) -> dict[str, tuple[str, str]]:
        """The least and the greatest value of columns whose values are not just keys."""
        if not self._is_open:
            return {}
        pointing = {key.column for key in keys}
        wanted = [
            column
            for column in self.columns
            if column.name not in pointing
            and not column.primary_key
            and holds_range(column, self._values.get(column.name, ()))
        ]
        return self._reading.ranges.read(self._db, self.name, wanted, rows)

    def _samples(self, column: str) -> list[str]:
        counter = self._values.get(column, Counter())
        if len(counter) > FEW_VALUES:
            return []
        return sorted(counter, key=lambda value: (-counter[value], value))[:SAMPLES]

    def _row_count(self) -> int | None:
        table = f"main.{quoted(self.name)}"
        count = self._number(f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {COUNTED_ROWS_MAX + 1})")  # noqa: S608  # the file's own names
        if count is None or count <= COUNTED_ROWS_MAX:
            return count
        try:
            # Two statements: only alone is each of them one step along the tree.
            last = self._number(f"SELECT max(rowid) FROM {table}")  # noqa: S608  # the same
            first = self._number(f"SELECT min(rowid) FROM {table}")  # noqa: S608  # the same
        except apsw.SQLError:
            return None  # WITHOUT ROWID
        span = (last or 0) - (first or 0) + 1
        return span if span <= PLAUSIBLE_ROWS else None

    def _number(self, sql: str) -> int | None:
        value: Any = self._db.execute(sql).get
        return value if isinstance(value, int) else None

    def declared_keys(self, drafts: list[_Draft]) -> list[ForeignKey]:
        """Foreign keys of the CREATE statement whose both ends are visible."""
        if not self._is_table:
            return []
        targets = {fold(draft.name): draft for draft in drafts}
        keys = []
        for row in self._db.execute(f"PRAGMA main.foreign_key_list({quoted(self.name)})"):
            target = targets.get(fold(row[2]))
            source = _find(self.columns, row[3])
            goal = target and _find(target.columns, row[4] or target.primary_key())
            if target and source and goal:
                keys.append(ForeignKey(column=source, target_table=target.name, target_column=goal))
        return keys

    def primary_key(self) -> str:
        """The one column of the declared primary key; '' when there is none, or several."""
        names = [column.name for column in self.columns if column.primary_key]
        return names[0] if len(names) == 1 else ""

    def evidence(self) -> Evidence:
        """What speaks for keys of and to this table."""
        key = self.primary_key() or self._unique_column()
        declared = bool(key)
        if not key and self._is_open:
            key = self._first_if_unique()
        return Evidence(
            table=self.name,
            columns=[column.name for column in self.columns],
            values={name: frozenset(counter) for name, counter in self._values.items()},
            key=key,
            key_is_declared=declared,
            key_values=self._key_values(key) if key in self._values else frozenset(),
        )

    def _unique_column(self) -> str:
        """A column with a whole unique index of its own."""
        if not self._is_table:
            return ""
        for _, name, unique, _, partial in self._db.execute(f"PRAGMA main.index_list({quoted(self.name)})"):
            columns = [row[2] for row in self._db.execute(f"PRAGMA main.index_info({quoted(name)})")]
            if unique and not partial and len(columns) == 1 and columns[0]:
                return _find(self.columns, columns[0]) or ""
        return ""

    def _first_if_unique(self) -> str:
        """The first column, when its values in the first rows are all there and all different."""
        name = self.columns[0].name
        column, table = quoted(name), f"main.{quoted(self.name)}"
        rows, present, different = next(
            self._db.execute(
                f"SELECT count(*), count({column}), count(DISTINCT {column}) "  # noqa: S608  # the file's own names
                f"FROM (SELECT {column} FROM {table} LIMIT {KEY_ROWS})"
            )
        )
        return name if rows == present == different != 0 else ""

    def _key_values(self, key: str) -> frozenset[str]:
        column, table = quoted(key), f"main.{quoted(self.name)}"
        with suppress(UnicodeDecodeError):
            rows = self._db.execute(
                f"SELECT {column} FROM {table} "  # noqa: S608  # the file's own names
                f"WHERE octet_length({column}) <= {SAMPLE_BYTES_MAX} LIMIT {KEY_ROWS}"
            )
            return frozenset(value for (value,) in rows if isinstance(value, str))
        return frozenset()


def _is_text(declared: str) -> bool:
    """SQLite's own rule for text affinity, and columns without a type."""
    return not declared or any(word in declared.upper() for word in ("CHAR", "CLOB", "TEXT"))


def _find(columns: list[Column], name: str) -> str | None:
    """A column's name in the table's own spelling."""
    return next((column.name for column in columns if fold(column.name) == fold(name)), None)
