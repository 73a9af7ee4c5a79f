"""SQLite files: every table of the user, with its keys, simple indexes and foreign keys.

The file is read on a connection of its own, so nothing in it (triggers, views, odd names) ever runs or
resolves beside our tables. Views, virtual tables, triggers, CHECKs and defaults stay behind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import groupby, islice
from pathlib import Path
from typing import NamedTuple

import apsw

from appliance.errors import InvalidInput
from appliance.importer.definition import Column, Definition, Index
from appliance.importer.names import given_table_name, quoted
from appliance.importer.source import Advance, Rows

MAGIC = b"SQLite format 3\0"
BATCH_ROWS = 250
BATCH_BYTES = 4 * 1024 * 1024

BUSY_TIMEOUT_MS = 5000

_USER_TABLES = (
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
    r"AND name NOT LIKE '\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name"
)
_VIEWS = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'view' ORDER BY name"
_TYPE = re.compile(r"[\w ]+(\( *[0-9]+ *(, *[0-9]+ *)?\))?")
_COLLATIONS = {"NOCASE", "RTRIM"}


class SqliteTable:
    """One table of a SQLite file. `names` maps each table that is imported to the name it gets."""

    def __init__(self, path: Path, original: str, names: Mapping[str, str], size: int) -> None:
        self.path = path
        self.table = names[original]
        self.size = size
        self._original = original
        self._names = names

    def define(self, advance: Advance) -> Definition:
        """Its columns, keys and indexes as declared; rows are read only once, by `chunks`."""
        with _opened(self.path) as db:
            columns = _columns(db, self._original)
            key = sorted((column for column in columns if column.pk), key=lambda column: column.pk)
            primary = [f"PRIMARY KEY ({_list(column.name for column in key)})"] if key else []
            return Definition(
                columns=[_defined(db, self._original, column) for column in columns],
                constraints=[*primary, *_foreign_keys(db, self._original, self._names)],
                options="WITHOUT ROWID" if _without_rowid(db, self._original) else "",
                indexes=_indexes(db, self._original),
            )

    def chunks(self, advance: Advance) -> Iterator[Rows]:
        """All rows, in one snapshot of the source."""
        table = quoted(self._original)
        with _opened(self.path) as db:
            db.execute("BEGIN")
            names = _list(column.name for column in _columns(db, self._original))
            count = max(1, db.execute(f"SELECT count(*) FROM {table}").get)  # noqa: S608 quoted
            batch = max(1, min(BATCH_ROWS, BATCH_BYTES * count // max(1, self.size)))
            cursor = db.execute(f"SELECT {names} FROM {table}")  # noqa: S608 quoted
            while rows := self._fetch(cursor, batch):
                advance(self.size * len(rows) // count)
                yield rows

    def _fetch(self, cursor: apsw.Cursor, count: int) -> Rows:
        try:
            return list(islice(cursor, count))
        except UnicodeDecodeError as error:
            raise InvalidInput(
                f"{self.path}, table {self._original}: a text is not UTF-8 "
                f"(byte 0x{error.object[error.start]:02x}); repair it, or store it as a BLOB"
            ) from error


def tables(path: Path, wanted: str | None) -> list[SqliteTable]:
    """The user's tables of a file; with `wanted` just that one, or the only one under that name.

    Raises `InvalidInput` when it is no SQLite file, is damaged, or has nothing to import.
    """
    with _opened(path) as db:
        found = [name for (name,) in db.execute(_USER_TABLES)]
    names = _chosen(path, found, wanted)
    size = path.stat().st_size // len(names)
    return [SqliteTable(path, original, names, size) for original in names]


def views(path: Path) -> list[str]:
    """Names of the views of a file, which stay behind; raises `InvalidInput` like `tables`."""
    with _opened(path) as db:
        return [str(name) for (name,) in db.execute(_VIEWS)]


def _chosen(path: Path, found: list[str], wanted: str | None) -> dict[str, str]:
    """Name in the file -> name to be."""
    if not found:
        raise InvalidInput(f"{path}: there are no tables in it (names that start with _ do not count)")
    if wanted is None:
        return {name: name for name in found}
    if len(found) == 1:
        return {found[0]: wanted if wanted == found[0] else given_table_name(wanted)}
    for name in found:
        if name.lower() == wanted.lower():
            return {name: name}
    raise InvalidInput(f"{path}: there is no table {wanted!r} in it; it has {', '.join(found)}")


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    """A read-only connection; SQLite's refusals come out as `InvalidInput`."""
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            db.set_busy_timeout(BUSY_TIMEOUT_MS)
            db.pragma("trusted_schema", False)
            yield db
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise InvalidInput(f"{path}: damaged, or not a SQLite database ({error})") from error
    except apsw.Error as error:
        raise InvalidInput(f"{path}: SQLite cannot read it ({error})") from error


class _Link(NamedTuple):
    """A row of `foreign_key_list`: one column of a foreign key."""

    id: int
    parent: str
    column: str
    target: str | None


class _Info(NamedTuple):
    """A row of `table_xinfo`."""

    cid: int
    name: str
    type: str
    not_null: int
    default: str | None
    pk: int
    hidden: int


def _columns(db: apsw.Connection, table: str) -> list[_Info]:
    rows = db.execute("SELECT * FROM pragma_table_xinfo(?)", (table,))
    return [_Info(*row) for row in rows]


def _defined(db: apsw.Connection, table: str, info: _Info) -> Column:
    # ANY would mean NUMERIC outside of a STRICT table, and turn the text 007 into 7.
    keep = _TYPE.fullmatch(info.type) and info.type.upper() != "ANY"
    collation = db.column_metadata("main", table, info.name)[1]
    extra = ["NOT NULL"] if info.not_null else []
    if collation in _COLLATIONS:
        extra.append(f"COLLATE {collation}")
    return Column(name=info.name, type=info.type if keep else "", extra=" ".join(extra))


def _without_rowid(db: apsw.Connection, table: str) -> bool:
    found = db.execute("SELECT wr FROM pragma_table_list(?) WHERE schema = 'main'", (table,)).get
    return bool(found)


def _foreign_keys(db: apsw.Connection, table: str, names: Mapping[str, str]) -> Iterator[str]:
    """Those to tables that are imported too; SQLite ignores case in their names."""
    parents = {original.lower(): name for original, name in names.items()}
    rows = db.execute(
        'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?) ORDER BY id, seq', (table,)
    )
    links = [_Link(*row) for row in rows]
    for _, group in groupby(links, key=lambda link: link.id):
        key = list(group)
        parent = parents.get(key[0].parent.lower())
        if parent is not None:
            columns = _list(link.column for link in key)
            # Without a name it is the parent's primary key.
            target = _list(link.target for link in key if link.target)
            yield f"FOREIGN KEY ({columns}) REFERENCES {quoted(parent)} {target and f'({target})'}"


def _indexes(db: apsw.Connection, table: str) -> list[Index]:
    """UNIQUE constraints and whole indexes over plain columns."""
    rows = db.execute(
        "SELECT name, \"unique\" FROM pragma_index_list(?) WHERE origin IN ('c', 'u') AND NOT partial",
        (table,),
    ).fetchall()
    found = [(_index_columns(db, str(name)), bool(unique)) for name, unique in rows]
    return [Index(columns=columns, unique=unique) for columns, unique in found if columns]


def _index_columns(db: apsw.Connection, index: str) -> list[str]:
    """In order; none when the index is over an expression."""
    rows = db.execute(
        'SELECT name, "desc" FROM pragma_index_xinfo(?) WHERE "key" ORDER BY seqno', (index,)
    ).fetchall()
    if any(name is None for name, _ in rows):
        return []
    return [quoted(str(name)) + (" DESC" if desc else "") for name, desc in rows]


def _list(names: Iterable[str]) -> str:
    return ", ".join(map(quoted, names))
