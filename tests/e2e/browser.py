"""Headless Chromium for a test that runs in trio: the browser is driven from a thread of its own."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import trio
from playwright.sync_api import Page, sync_playwright

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
PATIENCE_MS = 15_000


class Complaints:
    """What the page wrote to the console as errors, and its uncaught exceptions."""

    def __init__(self, page: Page) -> None:
        self.texts: list[str] = []
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.texts.append(str(error)))

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.texts.append(text)


@contextmanager
def new_page(**context: Any) -> Iterator[tuple[Page, Complaints]]:
    """A page in a fresh browser; `context` are options of Playwright's `new_context`."""
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium")
        browser = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        try:
            page = browser.new_context(**context).new_page()
            page.set_default_timeout(PATIENCE_MS)
            yield page, Complaints(page)
        finally:
            browser.close()


async def drive(play: Callable[[Page, Complaints], None], **context: Any) -> None:
    """Run `play` with a fresh page in a thread; trio goes on meanwhile."""

    def run() -> None:
        with new_page(**context) as (page, complaints):
            play(page, complaints)

    await trio.to_thread.run_sync(run)
