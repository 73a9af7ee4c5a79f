"""A file of text, opened: compression and encoding found, bytes counted, bad bytes named by line."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from appliance.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

BUFFER_BYTES = 256 * 1024
BATCH_RECORDS = 250
"""Few enough to stay in the processor's cache (1,000 took a quarter longer), and 3 ms of writing: a server
beside us does not notice."""
BATCH_BYTES = 4 * 1024 * 1024
BATCH_FIRST = 10
"""Until the size of the records is known."""
_HEAD_BYTES = 4096
_GZIP = b"\x1f\x8b"


class Text:
    """An open file of text; `lines` keeps the line ends as they are in the file."""

    def __init__(self, path: Path, raw: io.RawIOBase) -> None:
        self._counted = _Counted(raw)
        data = _unpacked(io.BufferedReader(self._counted, BUFFER_BYTES))
        encoding = _encoding(path, data.peek(_HEAD_BYTES))
        self.lines = io.TextIOWrapper(data, encoding, errors="strict", newline="")

    @property
    def bytes_read(self) -> int:
        """How much of the file, as it is on the disk, has been read."""
        return self._counted.bytes_read


@contextmanager
def open_text(path: Path) -> Iterator[Text]:
    """Open UTF-8 (with or without BOM) or UTF-16 with BOM, gzip or plain.

    Raises `InvalidInput`, also while the block reads: a missing or unreadable file, a binary one, bytes
    that are not text (with line and column), a cut gzip file.
    """
    try:
        with path.open("rb", buffering=0) as raw:
            yield Text(path, raw)
    except UnicodeDecodeError as error:
        raise _bad_text(path, error) from error
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidInput(f"{path}: the gzip file is damaged or cut off ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error


def batches(records: Iterable[T], text: Text, advance: Callable[[int], None]) -> Iterator[list[T]]:
    """The records read from `text` in lists of bounded length; `advance` is told the bytes of each."""
    records = iter(records)
    size, done = BATCH_FIRST, 0
    while batch := list(islice(records, size)):
        read = text.bytes_read - done
        done += read
        advance(read)
        yield batch
        size = max(1, min(BATCH_RECORDS, size * BATCH_BYTES // max(1, read)))


def unreadable(path: Path, error: OSError) -> InvalidInput:
    """The operating system's refusal as a sentence."""
    return InvalidInput(f"{path}: cannot be read ({error.strerror or error})")


def head(path: Path) -> bytes:
    """The first bytes of the content (unpacked when gzip); raises `InvalidInput` as `open_text` does."""
    try:
        with path.open("rb") as raw:
            return _unpacked(raw).peek(_HEAD_BYTES)[:_HEAD_BYTES]
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise InvalidInput(f"{path}: the gzip file is damaged or cut off ({error})") from error
    except OSError as error:
        raise unreadable(path, error) from error


class _Counted(io.RawIOBase):
    """Counts what passes; asked for large pieces, so the counting costs nothing."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw = raw
        self.bytes_read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        count = self._raw.readinto(buffer) or 0
        self.bytes_read += count
        return count


def _unpacked(data: io.BufferedReader) -> io.BufferedReader:
    if data.peek(2)[:2] != _GZIP:
        return data
    return io.BufferedReader(gzip.GzipFile(fileobj=data), BUFFER_BYTES)


def _encoding(path: Path, start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    if start.startswith(b"PK\x03\x04"):
        raise InvalidInput(
            f"{path}: this is a ZIP or Excel file; unpack it, or save the sheet as CSV, and import that"
        )
    if b"\0" in start:
        raise InvalidInput(
            f"{path}: this is not a text file (it has zero bytes). If it is UTF-16 without a byte order "
            f"mark, convert it with: iconv -f UTF-16LE -t UTF-8 {path.name}"
        )
    return "utf-8-sig"


def _bad_text(path: Path, error: UnicodeDecodeError) -> InvalidInput:
    """Read again, line by line, to say where: the fast way only knows its own buffer."""
    if error.encoding.startswith("utf-16") or error.encoding.startswith("utf_16"):
        return InvalidInput(f"{path}: it begins as UTF-16 and has bytes that are not ({error.reason})")
    with path.open("rb") as raw:
        for number, line in enumerate(_unpacked(raw), 1):
            try:
                line.decode("utf-8")
            except UnicodeDecodeError as found:
                return _not_utf8(path, number, line, found)
    return InvalidInput(f"{path}: not UTF-8 ({error.reason})")


def _not_utf8(path: Path, number: int, line: bytes, error: UnicodeDecodeError) -> InvalidInput:
    column = len(line[: error.start].decode("utf-8")) + 1
    return InvalidInput(
        f"{path}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at column {column}); "
        f"convert it with: iconv -f WINDOWS-1252 -t UTF-8 {path.name} > utf8-{path.name}"
    )
