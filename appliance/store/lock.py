"""One server per data folder: a locked file that names its holder."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from appliance.errors import DataFolderInUse, StoreError

LOCK_NAME = "server.lock"


@contextmanager
def hold(data: Path, holder: str) -> Iterator[None]:
    """Keep the folder for this process; raises `DataFolderInUse` at once if another server has it.

    `holder` is a few words that tell the next one who has it, such as `process 17 at http://…`. The lock
    is the kernel's, so it goes with the process however that ends; the words may stay behind.
    """
    try:
        data.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(data / LOCK_NAME, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise StoreError(
            f"The data folder {data} cannot be used ({error.strerror}). Check its permissions."
        ) from error
    try:
        if not _try_lock(descriptor, fcntl.LOCK_EX):
            raise _in_use(data, _words(descriptor))
        with suppress(OSError):  # on a full disk the lock holds without its words
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def check(data: Path) -> None:
    """Raise `DataFolderInUse` if another server has the folder; does not keep it."""
    if words := holder(data):
        raise _in_use(data, words)


def holder(data: Path) -> str | None:
    """Who serves the folder right now, in words; None when nobody does."""
    try:
        descriptor = os.open(data / LOCK_NAME, os.O_RDWR)
    except OSError:
        return None
    try:
        return None if _try_lock(descriptor, fcntl.LOCK_SH) else _words(descriptor)
    finally:
        os.close(descriptor)


def _in_use(data: Path, words: str) -> DataFolderInUse:
    return DataFolderInUse(
        f"The data folder {data} is already served by {words}. Stop that server or choose another folder."
    )


def _try_lock(descriptor: int, mode: int) -> bool:
    """Tries for a tenth of a second: somebody who only asks who the holder is may have it just now."""
    for _ in range(5):
        try:
            fcntl.flock(descriptor, mode | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(0.02)
        else:
            return True
    return False


def _words(descriptor: int) -> str:
    return os.pread(descriptor, 500, 0).decode(errors="replace") or "another server"
