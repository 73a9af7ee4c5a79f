"""The widget in few small files (`static/dist`), as long as they were made of the sources as they are.

`static/bundle.mjs` makes them (`make widget`). Who works on the widget needs none of it: once a source has
changed, the sources themselves are served.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

LOOK_EVERY_S = 1.0
MARK = "sources.sha256"
FOLDER = "widget/"


class WidgetBundle:
    """Which file stands for which; `clock` gives seconds that never go back."""

    def __init__(self, static: Path, clock: Callable[[], float]) -> None:
        self._static = static
        self._clock = clock
        self._looked_at = float("-inf")
        self._stamps: list[tuple[str, int, int]] = []
        self._is_current = False

    def name_of(self, name: str) -> str:
        """Where the file of that name below `static` is best taken from."""
        if (name != "widget.js" and not name.startswith(FOLDER)) or ".." in name:
            return name
        made = "dist/" + name.removeprefix(FOLDER)
        return made if self._current() and (self._static / made).is_file() else name

    def _current(self) -> bool:
        now = self._clock()
        if now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            stamps = [(name, *_stamp(self._static / name)) for name in sources(self._static)]
            if stamps != self._stamps:
                self._stamps = stamps
                self._is_current = _kept_mark(self._static) == mark(self._static)
        return self._is_current


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


def _kept_mark(static: Path) -> str:
    try:
        return (static / "dist" / MARK).read_text().strip()
    except OSError:
        return ""
