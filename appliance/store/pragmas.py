"""How every connection to the database is set up: all pragmas in one place, each with its reason."""

from __future__ import annotations

import importlib.util
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Self

import apsw

from appliance.errors import StoreError, StoreFull

SQLITE_OLDEST = (3, 51, 3)
"""Older ones can corrupt a WAL database when it is reset while another process reads."""

BUSY_TIMEOUT_MS = 15_000
"""Commands write beside a running server; an import holds the lock for a fraction of this at a time."""


class Connection(apsw.Connection):
    """One whose `with` lets other threads run while it waits for the lock, and while it commits.

    That of apsw does not: beside a thread of the same process that is in a transaction both would stand still
    until the time-out.
    """

    def __init__(self, path: str, flags: int) -> None:
        super().__init__(path, flags=flags)
        self._outermost: list[bool] = []
        self.shared: dict[str, object] = {}
        """What is kept in memory of the file, by name; connections to one file may be given the same."""

    def __enter__(self) -> Self:
        outermost = not self.in_transaction
        if outermost:
            self.execute(f"BEGIN {self.transaction_mode}")
        else:
            super().__enter__()
        self._outermost.append(outermost)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if not self._outermost.pop():
            return super().__exit__(kind, error, trace)
        try:
            if error is None:
                self.execute("COMMIT")
        finally:
            if self.in_transaction:
                self.execute("ROLLBACK")
        return False


CACHE_KIB = 16_000
"""Of pages that a connection keeps in memory, at most."""


def open_connection(
    path: Path | str,
    *,
    read_only: bool = False,
    cache_kib: int = CACHE_KIB,
    shared: dict[str, object] | None = None,
) -> apsw.Connection:
    """Open `path` with our pragmas; raises `StoreError` when it is no usable database.

    `shared` is given to all connections that are to keep what they keep of this file together.
    """
    check_library()
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    try:
        db = Connection(str(path), flags)
        db.shared = {} if shared is None else shared
        db.set_busy_timeout(BUSY_TIMEOUT_MS)
        # Larger pages: twice the insert rate and half the vector-scan time of 4 KiB. Only acts on a new file.
        db.pragma("page_size", 16_384)
        # Readers never wait for the writer, and the writer appends instead of rewriting pages.
        db.pragma("journal_mode", "wal")
        # An acknowledged write survives loss of power, not only the death of the process.
        db.pragma("synchronous", "full")
        # A mapped file turns an I/O error into a crash of the process.
        db.pragma("mmap_size", 0)
        db.pragma("foreign_keys", True)
        db.pragma("cache_size", -cache_kib)
        # Temporary b-trees in memory: a read-only root file system has no place for them.
        db.pragma("temp_store", "memory")
        # The team's tables may have views and triggers; none of them may call what is unsafe.
        db.pragma("trusted_schema", False)
        load_vectors(db)
        if read_only:
            db.pragma("query_only", True)
    except apsw.Error as error:
        raise translate(error, path) from error
    return db


def load_vectors(db: apsw.Connection) -> None:
    """Give a connection the tables of vectors; raises `StoreError` without a sqlite-vec that fits."""
    library = _vectors_library()
    try:
        db.enable_load_extension(True)
        db.load_extension(library)
    except apsw.ExtensionLoadingError as error:
        raise StoreError(
            f"sqlite-vec cannot be loaded ({error}). "
            "Install it anew with: pip install --force-reinstall sqlite-vec"
        ) from error
    finally:
        db.enable_load_extension(False)


@lru_cache(1)
def _vectors_library() -> str:
    """Where the library is, without its suffix; the package itself is not imported: that would cost 0.4 s."""
    spec = importlib.util.find_spec("sqlite_vec")
    places = list(spec.submodule_search_locations or ()) if spec else []
    if not places:
        raise StoreError("The package sqlite-vec is missing; install it with: pip install sqlite-vec")
    return str(Path(places[0]) / "vec0")


def check_library() -> None:
    """Refuse a SQLite with a known corruption bug; raises `StoreError`."""
    found = tuple(int(part) for part in apsw.sqlite_lib_version().split(".")[:3])
    if found < SQLITE_OLDEST:
        needed = ".".join(map(str, SQLITE_OLDEST))
        raise StoreError(
            f"SQLite {apsw.sqlite_lib_version()} has a WAL corruption bug; at least {needed} is needed "
            "(upgrade with: pip install --upgrade apsw)"
        )


def translate(error: apsw.Error, path: Path | str = "the database") -> StoreError:
    """An error of SQLite as one of ours, with what to do about it."""
    match error:
        case apsw.FullError():
            return StoreFull(
                f"The disk that holds {path} is full. Nothing of this write was kept; free some space."
            )
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return StoreError(
                f"{path} cannot be opened for writing ({error}). Check that the folder is writable."
            )
        case apsw.NotADBError() | apsw.CorruptError():
            return StoreError(
                f"{path} is damaged or is not a SQLite database ({error}). "
                "Put a backup in place with: appliance restore FILE --data DIR"
            )
        case apsw.BusyError():
            return StoreError(
                f"{path} has been locked by another program for {BUSY_TIMEOUT_MS // 1000} s ({error})."
            )
        case apsw.IOError():
            return StoreError(f"Reading or writing {path} failed ({error}). Look at the disk.")
        case _:
            return StoreError(f"The database refused: {error}")
