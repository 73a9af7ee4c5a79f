"""Headless Chromium for tests that run in trio: one browser per test process, driven from one thread.

Every test gets a context of its own, which shares nothing with others: no cookie, no storage, no permission.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import trio
from playwright.sync_api import Browser, Page, Playwright, sync_playwright

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 30_000


class Complaints:
    """What the page wrote to the console as errors, and its uncaught exceptions."""

    def __init__(self, page: Page) -> None:
        self.texts: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.texts.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.texts.append(text)


class Driver:
    """A browser that starts when it is first wanted, and again if it is gone.

    Playwright's synchronous calls belong to the thread that started it, so all of them run in one.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "browser")
        self._playwright: Playwright | None = None
        self._browser: Browser | None = None

    async def drive(self, play: Callable[[Page, Complaints], None], **context: Any) -> None:
        """Run `play` with a page in a fresh context, in the browser's thread; trio goes on meanwhile.

        `context` are options of Playwright's `new_context`.
        """

        def run() -> None:
            with self._new_page(context) as (page, complaints):
                play(page, complaints)

        await trio.to_thread.run_sync(self._thread.submit(run).result)

    def close(self) -> None:
        """End the browser and its thread."""
        self._thread.submit(self._stop).result()
        self._thread.shutdown()

    @contextmanager
    def _new_page(self, options: dict[str, Any]) -> Iterator[tuple[Page, Complaints]]:
        context = self._started().new_context(**options)
        try:
            page = context.new_page()
            page.set_default_timeout(PATIENCE_MS)
            yield page, Complaints(page)
        finally:
            context.close()

    def _started(self) -> Browser:
        if self._browser is None or not self._browser.is_connected():
            self._playwright = self._playwright or sync_playwright().start()
            chromium = shutil.which("chromium")
            self._browser = self._playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        return self._browser

    def _stop(self) -> None:
        if self._browser is not None:
            self._browser.close()
        if self._playwright is not None:
            self._playwright.stop()


_driver: Driver | None = None


@contextmanager
def driver_running() -> Iterator[None]:
    """Inside the block `drive` works; the browser ends with the block."""
    global _driver
    _driver = Driver()
    try:
        yield
    finally:
        _driver.close()
        _driver = None


async def drive(play: Callable[[Page, Complaints], None], **context: Any) -> None:
    """Run `play` with a page in a fresh context; see `Driver.drive`."""
    assert _driver is not None, "the browser runs for tests in tests/e2e; see its conftest.py"
    await _driver.drive(play, **context)
