"""Backups that the server makes of its own database, in the folder `backups` of its data."""

from __future__ import annotations

import re
import time
from pathlib import Path

import apsw
import msgspec
import trio

from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.errors import Busy, Conflict, InvalidInput, NotFound, StoreError
from appliance.identity import Caller
from appliance.store import backup as stored

FOLDER = "backups"
SUFFIX = ".backup"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.backup", re.ASCII)

_busy: set[Path] = set()
"""Folders into which a backup is being written now."""


class BackupFile(msgspec.Struct, frozen=True, kw_only=True):
    """One backup; `at` is when it was made, in Unix seconds."""

    name: str
    bytes: int
    at: float


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """Can it be restored? `detail` says what is in it, or what is wrong."""

    ok: bool
    detail: str


async def listed(engine: Engine) -> list[BackupFile]:
    """All of the folder, the newest first."""
    return await trio.to_thread.run_sync(_listed, _folder(engine))


async def newest_backup(engine: Engine) -> float | None:
    """When the newest one was made; None when there is none."""
    found = await listed(engine)
    return found[0].at if found else None


async def make(engine: Engine, caller: Caller) -> BackupFile:
    """Copy the database as it is now, while it is served; raises `Busy`, `StoreError`."""
    folder = _folder(engine)
    if folder in _busy:
        raise Busy("A backup is being made already. Wait until it is done.")
    _busy.add(folder)
    try:
        target = await trio.to_thread.run_sync(_new_name, folder, engine.services.clock())
        await engine.services.store.read(_copy, target)
    finally:
        _busy.discard(folder)
    made = await trio.to_thread.run_sync(_file, target)
    await witness.did(engine.services, caller, "backup.create", f"backup:{made.name}", {"bytes": made.bytes})
    return made


async def path_of(engine: Engine, name: str) -> Path:
    """Where a backup is; raises `NotFound`, also for whatever can be no backup's name."""
    path = _folder(engine) / name
    if not NAME.fullmatch(name) or not await trio.to_thread.run_sync(_is_backup, path):
        raise NotFound("There is no such backup.")
    return path


async def download(engine: Engine, name: str, caller: Caller) -> Path:
    """The same for somebody who takes it away, which is written down: everything is in it."""
    path = await path_of(engine, name)
    await witness.did(engine.services, caller, "backup.download", f"backup:{name}")
    return path


async def delete(engine: Engine, name: str, caller: Caller) -> None:
    """Remove the file; raises `NotFound`."""
    path = await path_of(engine, name)
    try:
        await trio.to_thread.run_sync(path.unlink)
    except FileNotFoundError:
        raise NotFound("There is no such backup.") from None
    except OSError as error:
        raise Conflict(f"The backup cannot be removed ({error.strerror}).") from error
    await witness.did(engine.services, caller, "backup.delete", f"backup:{name}")


async def verify(engine: Engine, name: str) -> Verdict:
    """Read all of it and say whether it could be restored; raises `NotFound`."""
    path = await path_of(engine, name)
    try:
        tables = await trio.to_thread.run_sync(stored.verify, path)
    except (InvalidInput, StoreError) as error:
        return Verdict(ok=False, detail=error.text.replace(str(path), name))
    named = f": {', '.join(tables)}" if tables else ""
    return Verdict(ok=True, detail=f"It is whole and can be restored. Tables of yours: {len(tables)}{named}.")


def _folder(engine: Engine) -> Path:
    return Path(engine.services.settings.data) / FOLDER


def _copy(db: apsw.Connection, target: Path) -> None:
    stored.back_up(db, target)


def _new_name(folder: Path, now: float) -> Path:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The folder {folder} cannot be made ({error.strerror}).") from error
    stem = time.strftime("appliance-%Y%m%dT%H%M%SZ", time.gmtime(now))
    names = [stem, *(f"{stem}-{number}" for number in range(2, 100))]
    for name in names:
        if not (path := folder / f"{name}{SUFFIX}").exists():
            return path
    raise Busy("A hundred backups were made within a second. Wait a moment.")


def _listed(folder: Path) -> list[BackupFile]:
    try:
        paths = [path for path in folder.iterdir() if NAME.fullmatch(path.name) and _is_backup(path)]
        return sorted(map(_file, paths), key=lambda one: (-one.at, one.name))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"The folder {folder} cannot be read ({error.strerror}).") from error


def _is_backup(path: Path) -> bool:
    """A plain file: a link could lead anywhere."""
    return path.is_file() and not path.is_symlink()


def _file(path: Path) -> BackupFile:
    status = path.stat()
    return BackupFile(name=path.name, bytes=status.st_size, at=status.st_mtime)
