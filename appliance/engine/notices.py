"""Waits for changes below folders: by notices of the file system, or by looking again and again."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import trio

log = logging.getLogger("appliance.bots")

RESCAN_S = 5.0
"""How late a change is seen where the file system sends no notices (network and container mounts)."""
POLL_S = 1.0
"""The same where no watch could be set up at all."""
DEBOUNCE_MS = 200
STEP_MS = 50
"""Editors write a file in several steps: look after this much quiet, at most the debounce after the first."""


class Notices:
    """Wakes when something below the roots may have changed; needlessly at times, which costs little."""

    def __init__(self, roots: Sequence[Path]) -> None:
        # Imported here: it is needed only by a server, and late.
        from watchfiles._rust_notify import RustNotify, WatchfilesRustInternalError

        self._stop = threading.Event()
        self._watcher: RustNotify | None = None
        try:
            paths = [str(root) for root in roots]
            # Debug no, polling only if the system has nothing better, recursive, errors raised.
            self._watcher = RustNotify(paths, False, False, 1000, True, False)
        except (OSError, WatchfilesRustInternalError) as error:
            log.warning("bot files are polled every %g s, since no watch works: %s", POLL_S, error)

    async def wait(self) -> None:
        """Return after a change, or after the time in which an unseen one is looked for."""
        if self._watcher is None:
            await trio.sleep(POLL_S)
            return
        watch = self._watcher.watch
        rescan_ms = int(RESCAN_S * 1000)
        try:
            # The thread ends within a step of `stop`, so leaving it behind on a cancel is safe.
            await trio.to_thread.run_sync(
                watch, DEBOUNCE_MS, STEP_MS, rescan_ms, self._stop, abandon_on_cancel=True
            )
        except (OSError, RuntimeError) as error:
            log.warning("bot files are polled from now on, since the watch broke: %s", error)
            self._watcher = None

    def stop(self) -> None:
        """Let the waiting thread end."""
        self._stop.set()
