"""A ZIP archive as a source: its entries as documents, within bounds that no honest archive reaches.

Nothing is ever written to disk, so a hostile name can lead nowhere; it is refused all the same, because it
would be told to people as the document's.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath

import trio

from appliance.engine.knowledge.folders import SKIPPED_FOLDERS
from appliance.engine.knowledge.items import Content, Listing, Problem, Unread, title_of

ARCHIVE_BYTES_MAX = 2 * 1024**3
DIRECTORY_BYTES_MAX = 4 * 1024**2
"""Of the list of entries, which is read whole: some 40,000 names of 50 characters."""
ENTRIES_MAX = 10_000
UNPACKED_BYTES_MAX = 2 * 1024**3
"""Of all entries together, as the archive announces them; none is unpacked further than it announces."""
RATIO_MAX = 200
"""Text packs 3 to 20 times smaller; `deflate` cannot pack better than 1,032 times."""
RATIO_FROM_BYTES = 1024 * 1024
"""Small entries may be as repetitive as they like."""

_END = b"PK\x05\x06"
_END_BYTES = 22
_COMMENT_BYTES_MAX = 65_535
_ZIP64 = 0xFFFFFFFF
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
"""The others may ask for gigabytes of memory to unpack."""
_ENCRYPTED = 0x1
_UTF8 = 0x800

_BROKEN = (
    zipfile.BadZipFile, zlib.error, struct.error, OSError, EOFError, ValueError, RuntimeError,
    NotImplementedError, OverflowError,
)  # fmt: skip


class Archive:
    """The entries of a ZIP file whose names end in one of `suffixes`."""

    def __init__(self, path: Path, suffixes: Sequence[str], bytes_max: int) -> None:
        self._path = path
        self._suffixes = tuple(suffix.lower() for suffix in suffixes)
        self._bytes_max = bytes_max
        self._entries: dict[str, zipfile.ZipInfo] = {}

    async def listing(self) -> Listing:
        """All entries by their names; raises `Unread` for a file that is no usable archive."""
        return await trio.to_thread.run_sync(self._look)

    async def read(self, path: str, known: object = None) -> Content:
        """The entry, unpacked in memory."""
        data = await trio.to_thread.run_sync(self._unpack, path)
        return Content(data=data, file_name=path.rpartition("/")[2], title=title_of(path))

    def _look(self) -> Listing:
        self._entries, problems, skipped = {}, [], 0
        for entry in self._directory():
            name = _name(entry)
            if entry.is_dir() or _is_skipped(name):
                continue
            if reason := self._problem(name, entry):
                problems.append(Problem(_shown(name), reason))
            elif name.lower().endswith(self._suffixes):
                self._entries[name] = entry
            else:
                skipped += 1
        return Listing(paths=sorted(self._entries), problems=problems, skipped=skipped)

    def _directory(self) -> list[zipfile.ZipInfo]:
        try:
            if self._path.stat().st_size > ARCHIVE_BYTES_MAX:
                raise Unread(f"{self._path} is larger than {ARCHIVE_BYTES_MAX // 1024**2:,} MiB.")
            _check_directory(self._path)
            with zipfile.ZipFile(self._path) as archive:
                entries = archive.infolist()
        except FileNotFoundError as error:
            raise Unread(f"There is no file {self._path}.") from error
        except _BROKEN as error:
            raise Unread(f"{self._path} is no ZIP archive, or a broken one.") from error
        if len(entries) > ENTRIES_MAX:
            raise Unread(f"{self._path} has more than {ENTRIES_MAX:,} entries; split it.")
        if sum(entry.file_size for entry in entries) > UNPACKED_BYTES_MAX:
            raise Unread(f"{self._path} holds more than {UNPACKED_BYTES_MAX // 1024**2:,} MiB; split it.")
        return entries

    def _problem(self, name: str, entry: zipfile.ZipInfo) -> str:
        """Why this entry is not taken; empty for a good one."""
        if name in self._entries:
            return "There is another entry of that name; the first one counts."
        if bad := _name_problem(name):
            return bad
        if stat.S_ISLNK(entry.external_attr >> 16):
            return "It is a symbolic link."
        if entry.flag_bits & _ENCRYPTED:
            return "It is encrypted; pack it without a password."
        if entry.compress_type not in _PACKED:
            return "It is packed in a way that is not read here; pack it with deflate."
        if entry.file_size > self._bytes_max:
            return f"It is larger than {self._bytes_max:,} bytes, the most that is taken."
        if entry.file_size > max(RATIO_FROM_BYTES, RATIO_MAX * entry.compress_size):
            return "It unpacks to far more than any document would."
        return ""

    def _unpack(self, path: str) -> bytes:
        entry = self._entries[path]
        try:
            with zipfile.ZipFile(self._path) as archive, archive.open(entry) as packed:
                data = packed.read(self._bytes_max + 1)
        except _BROKEN as error:
            raise Unread("The archive is broken here.") from error
        if len(data) > self._bytes_max:
            raise Unread(f"It is larger than {self._bytes_max:,} bytes, the most that is taken.")
        return data


def _check_directory(path: Path) -> None:
    """Refuse an archive whose list of entries alone would fill the memory; raises `Unread`."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - _END_BYTES - _COMMENT_BYTES_MAX))
        tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + _END_BYTES > len(tail):
        raise zipfile.BadZipFile
    (directory,) = struct.unpack_from("<I", tail, at + 12)
    zip64 = tail.rfind(b"PK\x06\x06", 0, at)
    if directory == _ZIP64 and 0 <= zip64 <= len(tail) - 48:
        (directory,) = struct.unpack_from("<Q", tail, zip64 + 40)
    if directory > DIRECTORY_BYTES_MAX:
        raise Unread(f"{path} has too many entries (its list has {directory:,} bytes); split it.")


def _name(entry: zipfile.ZipInfo) -> str:
    """The name as it was meant: many programs write UTF-8 and do not say so."""
    name = entry.filename
    if not entry.flag_bits & _UTF8:
        with suppress(UnicodeError):
            name = name.encode("cp437").decode()
    return name.replace("\\", "/")


def _name_problem(name: str) -> str:
    parts = PurePosixPath(name).parts
    if name.startswith("/") or name[1:2] == ":" or ".." in parts:
        return "Its name leads out of the archive."
    if not name.isprintable() or len(name) > 1000:
        return "Its name has control characters or is too long."
    return ""


def _is_skipped(name: str) -> bool:
    return any(part in SKIPPED_FOLDERS or (part.startswith(".") and part != "..") for part in name.split("/"))


def _shown(name: str) -> str:
    return name[:200].encode(errors="backslashreplace").decode()
