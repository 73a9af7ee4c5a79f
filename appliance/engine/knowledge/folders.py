"""Files of the machine as a source: a folder with all that is below it, or one file."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import trio

from appliance.engine.knowledge.items import Content, Listing, Problem, Unread, title_of

FILES_MAX = 100_000
"""No knowledge base takes more; a folder of so many is most likely the wrong one."""
SKIPPED_FOLDERS = frozenset({"node_modules", "__pycache__", "__MACOSX"})


class Folder:
    """The files below `root` whose names end in one of `suffixes`; each is read up to `bytes_max`.

    Names that start with a dot are skipped. A symbolic link is followed to a file below `root` only.
    """

    def __init__(self, root: Path, suffixes: Sequence[str], bytes_max: int) -> None:
        self._root = root
        self._suffixes = tuple(suffix.lower() for suffix in suffixes)
        self._bytes_max = bytes_max

    async def listing(self) -> Listing:
        """All files by their path below the root, with `/` between the parts."""
        return await trio.to_thread.run_sync(self.look)

    def look(self) -> Listing:
        """`listing` for those who are in a thread already."""
        return _Walk(self._root, self._takes).done()

    async def read(self, path: str, known: object = None) -> Content:
        """The file as it is now."""
        data = await trio.to_thread.run_sync(read_file, _inside(self._root, path), self._bytes_max)
        return Content(data=data, file_name=path.rpartition("/")[2], title=title_of(path))

    def marks(self) -> dict[str, tuple[int, ...]]:
        """Each path with what changes when the file is written; blocking, without reading any."""
        marks: dict[str, tuple[int, ...]] = {}
        for path in self.look().paths:
            try:
                status = _inside(self._root, path).stat()
            except (OSError, Unread):
                continue
            marks[path] = (status.st_mtime_ns, status.st_size, status.st_ino)
        return marks

    def _takes(self, name: str) -> bool:
        return name.lower().endswith(self._suffixes)


class SingleFile:
    """One file, whatever it is called."""

    def __init__(self, path: Path, bytes_max: int) -> None:
        self._path = path
        self._bytes_max = bytes_max

    async def listing(self) -> Listing:
        """Its name; raises `Unread` when there is no such file."""
        if not self._path.is_file():
            raise Unread(f"There is no file {self._path}.")
        return Listing(paths=[_text(self._path.name)])

    async def read(self, path: str, known: object = None) -> Content:
        """The file as it is now."""
        data = await trio.to_thread.run_sync(read_file, self._path.resolve(), self._bytes_max)
        return Content(data=data, file_name=path, title=title_of(path))


def read_file(path: Path, bytes_max: int) -> bytes:
    """A plain file's bytes; raises `Unread`, also for what has no end such as a pipe."""
    try:
        # Without waiting: opening a pipe would hang until somebody writes into it.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise Unread("It is no plain file.")
            data = file.read(bytes_max + 1)
    except FileNotFoundError as error:
        raise Unread("It is not there any more.", gone=True) from error
    except OSError as error:
        raise Unread(f"It cannot be read: {error.strerror}.") from error
    if len(data) > bytes_max:
        raise Unread(f"It is larger than {bytes_max:,} bytes, the most that is taken.")
    return data


class _Walk:
    """One look at everything below a root."""

    def __init__(self, root: Path, takes: Callable[[str], bool]) -> None:
        self._root = root
        self._takes = takes
        self._paths: list[str] = []
        self._problems: list[Problem] = []
        self._skipped = 0
        self._whole = True

    def done(self) -> Listing:
        if not self._root.is_dir():
            raise Unread(f"There is no folder {self._root}.")
        folders = [""]
        while folders and self._whole_enough():
            folders += self._folder(folders.pop())
        return Listing(
            paths=sorted(self._paths), problems=self._problems, skipped=self._skipped, whole=self._whole
        )

    def _whole_enough(self) -> bool:
        if len(self._paths) <= FILES_MAX:
            return True
        self._paths = self._paths[:FILES_MAX]
        self._problem("", f"There are more than {FILES_MAX:,} files; the others are left out.", whole=False)
        return False

    def _folder(self, below: str) -> Iterator[str]:
        """Take the files of one folder; yields the folders in it."""
        try:
            with os.scandir(self._root / below) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            self._problem(_text(below), f"The folder cannot be read: {error.strerror}.", whole=False)
            return
        for entry in entries:
            path = f"{below}/{entry.name}" if below else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                if entry.name not in SKIPPED_FOLDERS:
                    yield path
            else:
                self._file(entry, path)

    def _file(self, entry: os.DirEntry[str], path: str) -> None:
        if entry.is_symlink():
            if not entry.is_file():
                return  # a folder is walked where it is, and what leads nowhere holds nothing
            if not Path(entry.path).resolve().is_relative_to(self._root.resolve()):
                self._problem(_text(path), "It is a symbolic link that leads out of the folder.")
                return
        if not entry.is_file() or not self._takes(entry.name):
            self._skipped += 1
            return
        try:
            path.encode()
        except UnicodeEncodeError:
            self._problem(_text(path), "Its name is not UTF-8; give it another one.")
            return
        self._paths.append(path)

    def _problem(self, path: str, reason: str, *, whole: bool = True) -> None:
        self._problems.append(Problem(path, reason))
        self._whole = self._whole and whole


def _inside(root: Path, path: str) -> Path:
    """Where a path of the listing leads now; raises `Unread` when that is not below the root any more."""
    full, top = (root / path).resolve(), root.resolve()
    if not full.is_relative_to(top):
        raise Unread("It leads out of the folder.")
    return full


def _text(name: str) -> str:
    """A name of the file system as text that can be stored and printed."""
    return name.encode(errors="backslashreplace").decode()
