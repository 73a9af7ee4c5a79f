"""Numbered migrations: each file of `migrations/` once, in order, each whole or not at all."""

from __future__ import annotations

import time
from contextlib import nullcontext
from importlib import resources
from pathlib import Path

import apsw
import msgspec

from appliance.errors import StoreError

APPLICATION_ID = 0x43484154
"""ASCII `CHAT` in the file's header: tells our databases from other SQLite files."""


class Migration(msgspec.Struct, frozen=True, kw_only=True):
    """One numbered file."""

    number: int
    name: str
    sql: str


def migrations() -> list[Migration]:
    """All known ones, by number."""
    folder = resources.files("appliance.store") / "migrations"
    files = sorted(entry for entry in (e.name for e in folder.iterdir()) if entry.endswith(".sql"))
    return [
        Migration(number=int(name[:4]), name=name[:-4], sql=(folder / name).read_text("utf-8"))
        for name in files
    ]


def applied(db: apsw.Connection) -> int:
    """The number of the newest migration in the file, 0 for a new file."""
    # Asked of the file: `table_exists` reads the connection's cached schema, and another process may have
    # just migrated.
    if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = '_migrations'").fetchone():
        return 0
    return int(db.execute("SELECT coalesce(max(number), 0) FROM _migrations").get)


def migrate(db: apsw.Connection, *, snapshot: Path | None = None) -> int:
    """Bring the file up to date and return its number.

    Before the first pending migration of a file that has been used, a copy is made at `snapshot`. Raises
    `StoreError` for a file that a newer version has written. Two processes may race: the second one finds
    the work done.
    """
    known = migrations()
    newest = known[-1].number
    found = applied(db)
    if found > newest:
        raise StoreError(
            f"This database was written by a newer version (migration {found}, known here: {newest}). "
            "Install that version, or restore a backup made before the upgrade."
        )
    if 0 < found < newest and snapshot is not None and not snapshot.exists():
        db.execute("VACUUM INTO ?", (str(snapshot),))
    db.transaction_mode = "IMMEDIATE"
    # Nobody has used a new file: its migrations are one transaction, so that the disk is waited for once.
    with db if not found else nullcontext():
        for migration in known:
            if migration.number > found:
                _apply(db, migration)
    return newest


def _apply(db: apsw.Connection, migration: Migration) -> None:
    with db:
        if applied(db) >= migration.number:
            return
        db.execute(
            "CREATE TABLE IF NOT EXISTS _migrations "
            "(number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL) STRICT"
        )
        db.pragma("application_id", APPLICATION_ID)
        for _ in db.execute(migration.sql):
            pass
        db.execute(
            "INSERT INTO _migrations (number, name, applied_at) VALUES (?, ?, ?)",
            (migration.number, migration.name, time.time()),
        )
