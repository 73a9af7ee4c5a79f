"""All or nothing into a database that may be in use: rows go to hidden tables, one commit shows them.

Rows are written to `_import_<random>` tables in short transactions, so that a server's writer beside us
never waits long; the last transaction renames them all. Whatever happens before it (an error, Ctrl-C, a
crash) leaves the team's tables as they were. What a crash leaves behind, the next import drops.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import apsw
import msgspec

from appliance.errors import InvalidInput, StoreError, StoreFull
from appliance.importer.definition import Definition, Index
from appliance.importer.names import quoted
from appliance.importer.source import Advance, Source

STAGING_PREFIX = "_import_"
LOCK_NAME = "import.lock"
FREE_BYTES_MIN = 64 * 1024 * 1024
"""Left to the server on the same disk; also what cleaning up behind a refused import needs."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """One table that is now there. `renamed` are (name in the file, name in the table).

    `misfits` are (column, value, line): why a column of numbers or dates became text.
    """

    table: str
    path: str
    rows: int
    columns: int
    renamed: list[tuple[str, str]]
    misfits: list[tuple[str, str, int]] = []


def import_sources(
    db: apsw.Connection,
    sources: Sequence[Source],
    *,
    replace: bool = False,
    advance: Advance = lambda _: None,
) -> list[Imported]:
    """Read all sources and make a table of each; none of them when anything fails.

    `db` is not in a transaction. Raises `InvalidInput` for a source that cannot be read or a table that
    is there already (unless `replace`), `StoreError` while another import runs, `StoreFull` before the
    disk is, `apsw.Error` when the database refuses.
    """
    # Foreign keys wait until all tables are there; views and other tables' foreign keys go on meaning a
    # name, whichever table has it.
    quiet = _pragmas(db, foreign_keys=0, legacy_alter_table=1)
    with _only_import(Path(db.filename).parent), quiet:
        _drop_staging(db)
        _check_targets(db, sources, replace=replace)
        try:
            staged = [_stage(db, source, advance) for source in sources]
            _show(db, staged, replace=replace)
        except BaseException:
            with suppress(apsw.Error):
                _drop_staging(db)
            raise
    return [imported for _, imported in staged]


@contextmanager
def _only_import(folder: Path) -> Iterator[None]:
    """One import at a time, so that leftovers can be told from another's work."""
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"Another import into {folder} is running; wait for it to end.") from error
    finally:
        os.close(descriptor)


def _drop_staging(db: apsw.Connection) -> None:
    rows = db.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND substr(name, 1, ?1) = ?2",
        (len(STAGING_PREFIX), STAGING_PREFIX),
    ).fetchall()
    for (name,) in rows:
        db.execute(f"DROP TABLE {quoted(str(name))}")


def _check_targets(db: apsw.Connection, sources: Sequence[Source], *, replace: bool) -> None:
    for source in sources:
        kind = db.execute("SELECT type FROM sqlite_schema WHERE name = ? COLLATE NOCASE", (source.table,)).get
        if kind == "table" and not replace:
            raise InvalidInput(
                f"There is a table {source.table} already. Add --replace to put the new rows in its "
                "place, or choose another name with --table NAME."
            )
        if kind not in {None, "table"}:
            raise InvalidInput(
                f"There is a {kind} {source.table} already. Choose another name with --table NAME."
            )


def _stage(db: apsw.Connection, source: Source, advance: Advance) -> tuple[str, Imported]:
    """Fill a hidden table; returns its name."""
    before = _fingerprint(source.path)
    definition = source.define(advance)
    staging = STAGING_PREFIX + secrets.token_hex(8)
    try:
        rows = _fill(db, staging, definition, source, advance)
    except apsw.ConstraintError:
        if not definition.key_guess:
            raise
        # Two rows have the same id, so it is a column like any other.
        db.execute(f"DROP TABLE {quoted(staging)}")
        definition = msgspec.structs.replace(definition, key_guess="")
        rows = _fill(db, staging, definition, source, lambda _: None)
    if _fingerprint(source.path) != before:
        raise InvalidInput(f"{source.path}: the file changed while it was imported; try again")
    return staging, Imported(
        table=source.table,
        path=str(source.path),
        rows=rows,
        columns=len(definition.columns),
        renamed=list(definition.renamed),
        misfits=list(definition.misfits),
    )


def _fill(db: apsw.Connection, staging: str, definition: Definition, source: Source, advance: Advance) -> int:
    """Make the table and its indexes, insert all rows; returns how many."""
    with _transaction(db):
        db.execute(definition.create_sql(staging))
        for index in definition.indexes:
            _create_index(db, staging, source.table, index)
    insert = definition.insert_sql(staging)
    count = 0
    # No fsync for each chunk: the last commit, which shows the table, syncs all before it.
    with _pragmas(db, synchronous=1):
        for rows in source.chunks(advance):
            _check_space(Path(db.filename).parent)
            with _transaction(db):
                db.executemany(insert, rows)
            count += len(rows)
    return count


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        raise StoreFull(
            f"The disk that holds {folder} is nearly full: {free // 2**20} MiB are free, and an import "
            f"leaves at least {FREE_BYTES_MIN // 2**20} MiB. Nothing was imported; free some space."
        )


def _create_index(db: apsw.Connection, staging: str, table: str, index: Index) -> None:
    """Under a free name: an index cannot be renamed, and the table to be replaced may have it."""
    unique = "UNIQUE" if index.unique else ""
    name = f"{table}_index_{secrets.token_hex(4)}"
    db.execute(f"CREATE {unique} INDEX {quoted(name)} ON {quoted(staging)} ({', '.join(index.columns)})")


def _show(db: apsw.Connection, staged: Sequence[tuple[str, Imported]], *, replace: bool) -> None:
    """The one durable commit: old tables go, hidden ones get their names."""
    with _transaction(db):
        for staging, imported in staged:
            if replace:
                db.execute(f"DROP TABLE IF EXISTS {quoted(imported.table)}")
            db.execute(f"ALTER TABLE {quoted(staging)} RENAME TO {quoted(imported.table)}")


@contextmanager
def _transaction(db: apsw.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with suppress(apsw.ConnectionClosedError):  # who ended the import closed it: that rolls back, too
            if db.in_transaction:  # SQLite has rolled back by itself after a full disk
                db.execute("ROLLBACK")
        raise


@contextmanager
def _pragmas(db: apsw.Connection, **values: int) -> Iterator[None]:
    before = {name: db.pragma(name) for name in values}
    try:
        for name, value in values.items():
            db.pragma(name, value)
        yield
    finally:
        for name, value in before.items():
            db.pragma(name, value)


def _fingerprint(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size
