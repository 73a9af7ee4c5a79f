"""Copies of the whole database: one file made beside a running server, and one put back in its place.

Both go through SQLite's backup interface into a temporary file, which is checked and synced before one
rename shows it. So a copy that is there is whole, and a restore happened or did not.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw
import msgspec

from appliance.errors import DataFolderInUse, InvalidInput, StoreError
from appliance.store.database import database_path
from appliance.store.lock import hold
from appliance.store.migrate import APPLICATION_ID, applied, migrations
from appliance.store.pragmas import translate

STEP_PAGES = 1024
"""16 MiB at a time, so that Ctrl-C is heard."""

IN_USE_TIMEOUT_MS = 2000
SIDE_FILES = ("-wal", "-shm", "-journal")
"""What SQLite keeps beside a database; beside another database of the same name they would ruin it."""


class Copied(msgspec.Struct, frozen=True, kw_only=True):
    """A database file that was made: size in bytes, and the team's tables in it."""

    path: str
    bytes: int
    tables: list[str]


class Restored(Copied, frozen=True, kw_only=True):
    """The database that is now in place; `kept` is where the one before is, None when there was none."""

    kept: str | None


def back_up(db: apsw.Connection, target: Path, *, force: bool = False) -> Copied:
    """Copy the database as it is at this moment to `target`; readers and the writer go on meanwhile.

    Raises `InvalidInput` when `target` is there already (unless `force`) or cannot be a backup, and
    `StoreError` when it cannot be written or the database is damaged; then nothing is left behind.
    """
    _check_target(db, target, force=force)
    with _written(target) as temporary:
        _copy(db, temporary)
        tables = _check_sound(temporary, "quick_check")
    return Copied(path=str(target), bytes=target.stat().st_size, tables=tables)


def restore(source: Path, data: Path, now: float) -> Restored:
    """Put a copy of the backup `source` in place of the folder's database and keep the old one.

    Raises `InvalidInput` for a file that is damaged, is not ours or comes from a newer version,
    `DataFolderInUse` while a server or a command uses the database; then nothing has changed.
    `now` is Unix seconds, for the old one's name.
    """
    database = database_path(data)
    _check_source(source, database)
    with hold(data, f"a restore (process {os.getpid()})"), _written(database) as temporary:
        with _read_only(source) as db:
            _copy(db, temporary)
        try:
            tables = _check_ours(temporary)
        except StoreError as error:
            raise InvalidInput(f"{source}: {error.text} Nothing was changed.") from error
        _take_owner(temporary, like=database if database.exists() else data)
        _sync(temporary)
        kept = _set_aside(database, now)
    return Restored(
        path=str(database),
        bytes=database.stat().st_size,
        tables=tables,
        kept=None if kept is None else str(kept),
    )


def verify(source: Path) -> list[str]:
    """The team's tables in a backup that could be restored, after reading all of it.

    Raises `InvalidInput`, `StoreError` with what is wrong; the file stays as it is.
    """
    with _read_only(source) as db:
        _check_version(db)
        return _sound(db, "integrity_check")


def _check_target(db: apsw.Connection, target: Path, *, force: bool) -> None:
    if target.is_dir():
        raise InvalidInput(f"{target} is a folder; name the file to write, such as {target}/appliance.backup")
    if not target.parent.is_dir():
        raise InvalidInput(f"There is no folder {target.parent}; make it first.")
    if target.exists() and target.samefile(db.filename):
        raise InvalidInput(f"{target} is the database itself; name another file for the backup.")
    if target.exists() and not force:
        raise InvalidInput(f"{target} is there already; add --force to overwrite it, or choose another name.")
    if any(_side(target, suffix).exists() for suffix in SIDE_FILES):
        raise InvalidInput(
            f"{target} seems to be a database in use ({target.name}-wal or the like is beside it); "
            "choose another name."
        )


def _check_source(source: Path, database: Path) -> None:
    if not source.is_file():
        raise InvalidInput(f"There is no backup file {source}.")
    if database.exists() and source.samefile(database):
        raise InvalidInput(f"{source} is the database itself, not a backup of it.")


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    """A new file for the block to fill, which then becomes `target` at once; gone if the block fails."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
        os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error.strerror}).") from error
    temporary = Path(name)
    try:
        yield temporary
        _sync(temporary)
        os.replace(temporary, target)
        _sync(target.parent)
    except apsw.Error as error:
        raise translate(error, target) from error
    except OSError as error:
        raise StoreError(f"{target} cannot be written ({error.strerror}).") from error
    finally:
        for suffix in ("", *SIDE_FILES):
            _side(temporary, suffix).unlink(missing_ok=True)


def _copy(db: apsw.Connection, target: Path) -> None:
    """All pages of one moment; the copy keeps no WAL, so it is one file wherever it is opened."""
    with closing(apsw.Connection(str(target))) as copy:
        # The file is synced when it is whole and thrown away when it is not.
        copy.pragma("synchronous", "off")
        copy.pragma("journal_mode", "off")
        with _snapshot(db), copy.backup("main", db, "main") as job:
            while not job.done:
                job.step(STEP_PAGES)
        copy.pragma("journal_mode", "delete")


@contextmanager
def _snapshot(db: apsw.Connection) -> Iterator[None]:
    """Without one, each write of another process would make the copy begin again."""
    db.execute("BEGIN DEFERRED")
    try:
        _ = db.execute("SELECT count(*) FROM sqlite_schema").get
        yield
    finally:
        db.execute("ROLLBACK")


@contextmanager
def _read_only(path: Path) -> Iterator[apsw.Connection]:
    """A foreign file, read only; SQLite's refusals come out as `InvalidInput`."""
    try:
        with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            _ = db.execute("SELECT count(*) FROM sqlite_schema").get
            yield db
    except (apsw.NotADBError, apsw.CorruptError, apsw.CantOpenError) as error:
        raise InvalidInput(f"{path} is damaged or is no backup ({error}). Nothing was changed.") from error


def _check_ours(path: Path) -> list[str]:
    """The team's tables in it; raises `StoreError` for a file that this program must not serve."""
    with closing(apsw.Connection(str(path))) as db:
        _check_version(db)
    return _check_sound(path, "integrity_check")


def _check_version(db: apsw.Connection) -> None:
    ours = db.pragma("application_id") == APPLICATION_ID
    found, newest = (applied(db) if ours else 0), migrations()[-1].number
    if not found:
        raise StoreError("this is a SQLite database, but not a backup of the appliance.")
    if found > newest:
        raise StoreError(
            f"this backup comes from a newer version (migration {found}, known here: {newest}); "
            "install that version first."
        )


def _check_sound(path: Path, check: str) -> list[str]:
    """The team's tables in it; raises `StoreError` when SQLite finds the file damaged."""
    try:
        with closing(apsw.Connection(str(path))) as db:
            return _sound(db, check)
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise StoreError(f"the database is damaged ({error}).") from error


def _sound(db: apsw.Connection, check: str) -> list[str]:
    problems = [str(row[0]) for row in db.execute(f"PRAGMA {check}(1)")]
    if problems != ["ok"]:
        raise StoreError(f"the database is damaged ({problems[0].strip()}).")
    rows = db.execute(
        "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' "
        r"AND name NOT LIKE '\_%' ESCAPE '\' AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name"
    )
    return [str(name) for (name,) in rows]


def _set_aside(database: Path, now: float) -> Path | None:
    """Give the old database a second name with all it has; the first name stays until the rename."""
    if not database.exists():
        for suffix in SIDE_FILES:  # left by somebody who deleted the database alone
            _side(database, suffix).unlink(missing_ok=True)
        return None
    _fold(database)
    kept = _free(database, time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now)))
    try:
        os.link(database, kept)
    except OSError:  # a file system without hard links: for a moment there is no database
        os.rename(database, kept)
    for suffix in SIDE_FILES:  # only there when the old file is so damaged that it could not be folded
        with suppress(FileNotFoundError):
            os.rename(_side(database, suffix), _side(kept, suffix))
    return kept


def _fold(database: Path) -> None:
    """Bring the WAL into the file and remove it; raises `DataFolderInUse` when somebody has it open."""
    try:
        with closing(apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READWRITE)) as db:
            db.set_busy_timeout(IN_USE_TIMEOUT_MS)
            db.pragma("journal_mode", "delete")
    except apsw.BusyError as error:
        raise DataFolderInUse(
            f"{database} is open in another command; wait for it to end and try again."
        ) from error
    except (apsw.CorruptError, apsw.NotADBError):
        return  # likely the very reason for the restore; it is kept as it is, with its WAL


def _free(database: Path, stamp: str) -> Path:
    kept = database.with_name(f"{database.name}.before-restore-{stamp}")
    number = 1
    while kept.exists():
        number += 1
        kept = database.with_name(f"{database.name}.before-restore-{stamp}-{number}")
    return kept


def _take_owner(path: Path, *, like: Path) -> None:
    """A restore by root must not lock the server's own user out."""
    status = like.stat()
    if like.is_file():
        path.chmod(status.st_mode & 0o777)
    with suppress(PermissionError):
        os.chown(path, status.st_uid, status.st_gid)


def _side(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
