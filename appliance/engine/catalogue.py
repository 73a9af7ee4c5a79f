"""The bots that are served right now, kept in step with their files.

A saved file swaps in the new version; a bad one keeps the last good version and shows its errors; a
removed file removes the bot. A `Bot` is frozen, so a running turn keeps the one it started with.

Over the files lies what the database knows: see `engine/bot_entries.py` and `engine/bots.py`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import msgspec
import trio

from appliance.bot import Bot
from appliance.botfiles.folder import (
    FoundFile,
    LoadedFile,
    companions_of,
    find_bots,
    load_file,
    refuse_doubles,
)
from appliance.botfiles.text_file import file_mark
from appliance.engine.bot_entries import Changes, Entry, Overlay, changes_of, combined, entries_of
from appliance.engine.notices import Notices
from appliance.errors import InvalidInput
from appliance.store.bots import Key

log = logging.getLogger("appliance.bots")


class Lookup(msgspec.Struct, frozen=True, kw_only=True):
    """A bot found by name alone; with no entry, `namespaces` are those to choose from (maybe none)."""

    entry: Entry | None = None
    namespaces: list[str] = []

    @property
    def is_ambiguous(self) -> bool:
        """True when several namespaces have such a bot and none of them is `default`."""
        return self.entry is None and bool(self.namespaces)


class _Known(msgspec.Struct, frozen=True):
    """A file as it was read last; the mark tells whether it has changed since."""

    mark: tuple[int, ...] | None
    loaded: LoadedFile


class Catalogue:
    """Bots by key, read from one or several folders; of two files with one key the first counts."""

    def __init__(self, root: Path | Sequence[Path]) -> None:
        self.roots = [root] if isinstance(root, Path) else list(root)
        self._lock = threading.Lock()
        self._known: dict[Path, _Known] = {}
        self._files: dict[Key, Entry] = {}
        self._overlay = Overlay()
        self._entries: dict[Key, Entry] = {}
        self._problem = ""
        self.on_loaded: Callable[[], Awaitable[None]] | None = None
        """Awaited by `watch` after each look at the files."""
        self.on_looked: Callable[[], None] | None = None
        """Called by `watch` after that, for those who read what stands beside the files."""

    def load(self) -> Changes:
        """Read what is new or changed on disk; raises `InvalidInput` if a folder is missing.

        Blocking and safe to call from any thread; readers see either the old bots or the new ones.
        A missing folder changes nothing, so that a folder being replaced takes no bot away.
        """
        with self._lock:
            self._known, self._files = self._look()
            return self._swap()

    def lay_over(self, overlay: Overlay) -> Changes:
        """Put this over the files, in place of what lay there. Blocking and safe to call from any thread."""
        with self._lock:
            self._overlay = overlay
            return self._swap()

    def look(self) -> dict[Key, Entry]:
        """The entries of the files as they are on disk now, while the served bots stay as they are.

        Raises `InvalidInput` if a folder is missing.
        """
        with self._lock:
            return self._look()[1]

    def files(self) -> dict[Key, Entry]:
        """The entries of the files as they were read last, whatever lies over them."""
        return dict(self._files)

    def underneath(self, key: Key) -> Bot | None:
        """The bot of that key without what administrators chose for it; None when there is none."""
        entry = self._overlay.stored.get(key) or self._files.get(key)
        return entry.bot if entry else None

    @property
    def overlay(self) -> Overlay:
        """What lies over the files."""
        return self._overlay

    def _look(self) -> tuple[dict[Path, _Known], dict[Key, Entry]]:
        found = [file for root in self.roots for file in find_bots(root)]
        known = {file.path: self._read(file) for file in found}
        return known, entries_of(refuse_doubles(one.loaded for one in known.values()), self._files)

    def _swap(self) -> Changes:
        before, self._entries = self._entries, combined(self._files, self._overlay)
        _report(before, self._entries)
        return changes_of(before, self._entries)

    def _read(self, found: FoundFile) -> _Known:
        mark = _mark(found)
        known = self._known.get(found.path)
        if known and mark is not None and known.mark == mark:
            return known
        return _Known(mark, load_file(found))

    def get(self, namespace: str, name: str, *, enabled_only: bool = False) -> Bot | None:
        """The bot as it is now, or None; with `enabled_only` also None for a disabled one."""
        entry = self._entries.get((namespace, name))
        bot = entry.bot if entry else None
        return None if bot and enabled_only and not bot.enabled else bot

    def entry(self, id_or_key: str | Key) -> Entry | None:
        """The entry of an id or a key, also when its file has never been good."""
        if isinstance(id_or_key, tuple):
            return self._entries.get(id_or_key)
        return next((one for one in self._entries.values() if one.id == id_or_key), None)

    def all(self) -> list[Entry]:
        """Every bot and every bad file, by namespace and name."""
        return [self._entries[key] for key in sorted(self._entries)]

    def lookup(self, name: str) -> Lookup:
        """The enabled public bot of that name in whichever namespace (fluxbase.md 2.2)."""
        candidates = {
            entry.namespace: entry
            for entry in self.all()
            if entry.name == name and entry.bot and entry.bot.enabled and entry.bot.public
        }
        if len(candidates) == 1:
            return Lookup(entry=next(iter(candidates.values())))
        if "default" in candidates:
            return Lookup(entry=candidates["default"])
        return Lookup(namespaces=list(candidates))

    async def watch(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Reload whenever a file changes, until cancelled. Nothing that a file holds can end it."""
        notices = Notices(self.roots)
        try:
            task_status.started()
            while True:
                await notices.wait()
                await self._reload()
        finally:
            notices.stop()

    async def _reload(self) -> None:
        """Load; a failure is told once, however often the same one comes back."""
        problem = ""
        try:
            await trio.to_thread.run_sync(self.load)
            if self.on_loaded is not None:
                await self.on_loaded()
            if self.on_looked is not None:
                self.on_looked()
        except InvalidInput as error:
            problem = error.text
            if problem != self._problem:
                log.error("%s; the bots stay as they were", problem)
        except Exception as error:
            problem = repr(error)
            if problem != self._problem:
                log.exception("the bot files could not be read; the bots stay as they were")
        self._problem = problem


def _mark(found: FoundFile) -> tuple[int, ...] | None:
    """Differs whenever the file, or one that belongs to it, was written or replaced; None if not known."""
    if found.problem or not (own := file_mark(found.path)):
        return None
    return (*own, *(part for path in companions_of(found) for part in (-1, *file_mark(path))))


def _report(before: dict[Key, Entry], after: dict[Key, Entry]) -> None:
    """Tell the log what is new: bots that came, changed or went, and findings not told before."""
    changes = changes_of(before, after)
    for word, keys in (
        ("loaded", changes.added),
        ("reloaded", changes.updated),
        ("removed", changes.removed),
    ):
        for namespace, name in keys:
            log.info("bot %s/%s %s", namespace, name, word)
    for key, entry in after.items():
        told = before.get(key)
        for line in entry.errors:
            if told is None or line not in told.errors:
                kept = "; the last good version stays in use" if entry.bot else ""
                log.error("%s%s", line, kept)
        for line in entry.warnings:
            if told is None or line not in told.warnings:
                log.warning("%s", line)
