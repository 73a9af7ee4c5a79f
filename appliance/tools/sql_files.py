"""The files behind a guarded connection: the data file and the attached ones, and whether they have changed.

An attached file that cannot be read closes its own schema and nothing else.
"""

from __future__ import annotations

import os
import re
import secrets
import stat
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import apsw
import msgspec

from appliance.sqlguard import PUBLIC, fold
from appliance.tools.sql_setup import BUSY_TIMEOUT_MS, attach_file

FILES_MAX = 10
"""Attached files; SQLite itself is built for ten unless told otherwise."""
CACHE_KIB = 2000
ATTACHED_BUSY_TIMEOUT_MS = 200
"""Ten files that others keep locked must not eat up a statement's time."""
RETRY_S = 5.0
"""A file that could not be read for another reason than itself (a lock, say) is tried again so often."""

_SCHEMA_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_TAKEN = frozenset({PUBLIC, "main", "temp"})

Stamp: TypeAlias = tuple[int, ...] | None
"""What tells one state of a file from another; None for a missing one."""


class DataFile(msgspec.Struct, frozen=True, kw_only=True):
    """One attached file. `schema` is the name that people know, `hidden` the one that SQLite knows.

    `whole_stamp` says that the file is read as if it never changed, so that any write to it must be noticed
    by its size and time.
    """

    schema: str
    path: Path
    hidden: str
    stamp: Stamp
    whole_stamp: bool = False

    @property
    def is_changed(self) -> bool:
        """Whether another file stands there now, or this one has been written to where that matters."""
        return _stamp(self.path, whole=self.whole_stamp) != self.stamp


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A file that cannot be attached; `reason` is for people and names no path."""

    schema: str
    path: Path
    reason: str
    stamp: Stamp
    retry_at: float

    @property
    def is_worth_a_try(self) -> bool:
        """Whether the file has changed, or enough time has passed."""
        return time.monotonic() >= self.retry_at or _stamp(self.path, whole=True) != self.stamp


def hidden_name() -> str:
    """A schema name that nobody can guess."""
    return "s" + secrets.token_hex(16)


def data_file(path: Path, hidden: str) -> DataFile:
    """The team's own file, attached under `hidden` already."""
    return DataFile(schema=PUBLIC, path=path, hidden=hidden, stamp=_stamp(path))


def attach_all(db: apsw.Connection, files: Mapping[str, str]) -> tuple[list[DataFile], list[Missing]]:
    """Attach each file read-only under a hidden name of its own; never raises for a bad one."""
    attached: list[DataFile] = []
    missing: list[Missing] = []
    with short_waits(db):
        for number, (schema, text) in enumerate(sorted(files.items())):
            path = Path(text)
            reason = _fault(schema, path, number)
            try:
                if not reason:
                    attached.append(_attach(db, schema, path))
                    continue
            except (apsw.Error, OSError, ValueError) as error:
                reason = _without_path(str(error), path)
            missing.append(lost(schema, path, reason))
    return attached, missing


def lost(schema: str, path: Path, reason: str) -> Missing:
    """A file that cannot be read as it is now."""
    stamp, retry_at = _stamp(path, whole=True), time.monotonic() + RETRY_S
    return Missing(schema=schema, path=path, reason=reason, stamp=stamp, retry_at=retry_at)


@contextmanager
def short_waits(db: apsw.Connection) -> Iterator[None]:
    """Wait less for locks within the block."""
    db.set_busy_timeout(ATTACHED_BUSY_TIMEOUT_MS)
    try:
        yield
    finally:
        db.set_busy_timeout(BUSY_TIMEOUT_MS)


def _fault(schema: str, path: Path, number: int) -> str:
    """Why not even to try; '' for no reason."""
    if not _SCHEMA_NAME.fullmatch(schema) or fold(schema) in _TAKEN:
        return "its schema name is taken, or is not made of letters, digits and _"
    if number >= FILES_MAX:
        return f"at most {FILES_MAX} files can be attached"
    if not path.is_absolute():
        return "its path is not absolute"
    try:
        # Opening a pipe would wait for somebody to write into it.
        return "" if stat.S_ISREG(os.stat(path).st_mode) else "it is no regular file"
    except (OSError, ValueError):
        return "the file is not there or cannot be reached"


def _attach(db: apsw.Connection, schema: str, path: Path) -> DataFile:
    hidden = hidden_name()
    stamp = _stamp(path)
    try:
        _attach_and_read(db, path, hidden)
    except (apsw.CantOpenError, apsw.ReadOnlyError):
        if _has_wal(path):
            raise
        # A file in WAL mode needs a -shm file beside it, which cannot be made in a read-only folder.
        hidden = hidden_name()
        stamp = _stamp(path, whole=True)
        _attach_and_read(db, path, hidden, immutable=True)
        return DataFile(schema=schema, path=path, hidden=hidden, stamp=stamp, whole_stamp=True)
    return DataFile(schema=schema, path=path, hidden=hidden, stamp=stamp)


def _attach_and_read(db: apsw.Connection, path: Path, hidden: str, *, immutable: bool = False) -> None:
    """Attach and read a little; a file that fails at the second is detached again."""
    attach_file(db, path, hidden, cache_kib=CACHE_KIB, immutable=immutable)
    try:
        db.execute(f"SELECT count(*) FROM {hidden}.sqlite_schema").fetchall()  # noqa: S608  # our own name
    except BaseException:
        db.execute(f"DETACH {hidden}")
        raise


def _has_wal(path: Path) -> bool:
    """Whether there are changes that stand in the -wal file alone."""
    try:
        return os.stat(f"{path}-wal").st_size > 0
    except OSError:
        return False


def _without_path(text: str, path: Path) -> str:
    return text.replace(path.absolute().as_uri(), "the file").replace(str(path), "the file")


def _stamp(path: Path, *, whole: bool = False) -> Stamp:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if whole:
        return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)
    return (found.st_dev, found.st_ino)
