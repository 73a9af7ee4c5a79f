"""Reads a file that people edit: whole, bounded, as text; and tells whether it has changed."""

from __future__ import annotations

import stat
from pathlib import Path

from appliance.errors import InvalidInput


def read_text(path: Path, bytes_max: int) -> str:
    """The text of a regular file; raises `InvalidInput` that continues "<path> …", or `OSError`."""
    if not stat.S_ISREG(path.stat().st_mode):
        raise InvalidInput("is not a file" if not path.is_dir() else "is a folder, not a file")
    with path.open("rb") as file:
        data = file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise InvalidInput(f"is larger than {bytes_max} bytes")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(f"is not UTF-8 text: byte {data[error.start]:#04x} on line {line}") from None


def file_mark(path: Path) -> tuple[int, ...]:
    """Differs whenever the file was written or replaced; empty when there is none, or it cannot be told."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return (status.st_mtime_ns, status.st_size, status.st_ino, status.st_dev)
