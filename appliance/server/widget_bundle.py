"""The widget in few small files (`static/dist`), as long as they were made of the sources as they are.

`static/bundle.mjs` makes them (`make widget`). Who works on the widget needs none of it: once a source has
changed, the sources themselves are served.

Names and words are short in there, and mean nothing to files of another version. So each file asks for the
others by its version (`?v=`), and gets none after an upgrade: the page has to be loaded anew.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK_EVERY_S = 1.0
MARK = "sources.sha256"
FOLDER = "widget/"
ENTRIES = ("widget.js", "widget/element.js")
"""What pages ask for."""


class WidgetBundle:
    """Which file stands for which; `clock` gives seconds that never go back."""

    def __init__(self, static: Path, clock: Callable[[], float]) -> None:
        self._static = static
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamps: list[tuple[str, int, int]] = []
        self._version: str | None = None
        self._looking = threading.Lock()

    def name_of(self, name: str, version: str | None = None) -> str:
        """Where the file of that name below `static` is best taken from; `version` is what was asked for.

        Only files of the bundle name one. Who asks without is a page, or a source, which gets sources.
        """
        if ".." in name or not (name in ENTRIES or (version and name.startswith(FOLDER))):
            return name
        made = "dist/" + name.removeprefix(FOLDER)
        return made if self.version() and (self._static / made).is_file() else name

    def version(self) -> str | None:
        """Of the bundle; None while the sources are served.

        Requests are answered in threads: who comes while another one looks waits for what it sees, or a page
        would get files of both.
        """
        with self._looking:
            if self._clock() - self._looked_at >= LOOK_EVERY_S:
                self._look()
            return self._version

    def _look(self) -> None:
        stamps = [(name, *_stamp(self._static / name)) for name in sources(self._static)]
        if stamps != self._stamps:
            kept, version = _kept_mark(self._static)
            self._version = version if kept == mark(self._static) else None
            self._stamps = stamps
        self._looked_at = self._clock()


def mark(static: Path) -> str:
    """What tells one state of the sources from another; the same as `static/bundle.mjs` reckons."""
    whole = hashlib.sha256()
    for name in sources(static):
        whole.update(f"{name}\0".encode())
        whole.update(hashlib.sha256((static / name).read_bytes()).digest())
    return whole.hexdigest()


def sources(static: Path) -> list[str]:
    """Every file that goes into the bundle, by its path below `static`."""
    return sorted(path.relative_to(static).as_posix() for path in _files(static))


def _files(static: Path) -> Iterator[Path]:
    yield from (path for path in (static / "widget").rglob("*") if path.is_file())
    yield static / "client.js"
    yield static / "widget.js"


def _stamp(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_mtime_ns, stat.st_size


def _kept_mark(static: Path) -> tuple[str, str]:
    """What the bundle was made of, and its version."""
    try:
        kept, version = (static / "dist" / MARK).read_text().split()
    except (OSError, ValueError):
        return "", ""
    return kept, version
