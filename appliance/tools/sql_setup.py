"""Opens a connection for SQL of a model and switches off all of SQLite that a SELECT does not need."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

PARAMETERS_MAX = 2_000
"""Parameters of one statement: tools that insert many rows at once need one for each value."""

BUSY_TIMEOUT_MS = 2_000
"""How long to wait for a lock on the data file."""

CACHE_KIB = 4000
"""Pages of the data file that a connection keeps."""
CALLER_CACHE_KIB = 1500
"""Of all its files, when it serves one caller only: a worker keeps 40 such connections, and with more for
each it would grow too large and have to be replaced after some 20 callers who read a big table."""

LIMITS = {
    apsw.SQLITE_LIMIT_LENGTH: 200_000,  # trim() is quadratic in one step: 100 kB take 40 s
    apsw.SQLITE_LIMIT_SQL_LENGTH: 20_000,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 100,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 50,
    apsw.SQLITE_LIMIT_VDBE_OP: 50_000,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 100,  # matching is exponential in the pattern's %
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: PARAMETERS_MAX,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}


def attach(path: Path, name: str) -> apsw.Connection:
    """An empty database in memory with the file attached read-only under `name`; raises `apsw.Error`."""
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    # No cache: a statement of ours must never be found by a model's statement of the same text.
    db = apsw.Connection(":memory:", flags=flags, statementcachesize=0)
    try:
        # First of all: changing it later drops every TEMP view.
        db.pragma("temp_store", "memory")
        db.set_busy_timeout(BUSY_TIMEOUT_MS)
        attach_file(db, path, name, cache_kib=CACHE_KIB)
        # Views of the file must not be trusted with functions or tables that have effects.
        db.config(apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0)
        # "name" is a name and never falls back to being a string: a misspelt column is an error.
        db.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
        db.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
    except BaseException:
        db.close()
        raise
    return db


def attach_file(
    db: apsw.Connection, path: Path, name: str, *, cache_kib: int, immutable: bool = False
) -> None:
    """Attach one file read-only; raises `apsw.Error`. An `immutable` one is read without any lock."""
    mode = "mode=ro&immutable=1" if immutable else "mode=ro"
    db.execute(f"ATTACH ? AS {name}", (f"{path.absolute().as_uri()}?{mode}",))
    db.execute(f"PRAGMA {name}.cache_size = -{cache_kib}")
    # A mapped file turns an I/O error into a crash.
    db.execute(f"PRAGMA {name}.mmap_size = 0")


def cache_for_one_caller(db: apsw.Connection, names: Sequence[str]) -> None:
    """Let the attached files of these names share the small cache of a connection for one caller."""
    for name in names:
        db.execute(f"PRAGMA {name}.cache_size = -{CALLER_CACHE_KIB // len(names)}")


def harden(db: apsw.Connection, attached: int = 1) -> None:
    """The last step: nothing can be attached, created or written from here on."""
    for limit, value in LIMITS.items():
        db.limit(limit, value)
    db.limit(apsw.SQLITE_LIMIT_ATTACHED, attached)
    db.pragma("query_only", True)
    db.pragma("cell_size_check", True)
    db.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_TRIGGER, 0)
    db.config(apsw.SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0)
    db.drop_modules(["json_each", "json_tree"])
