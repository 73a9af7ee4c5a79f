"""What the widget costs a visitor in bytes, as a browser gets it, and all of it together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from bench.widget import CEILING_BYTES, sizes
from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.support.host_pages import host_pages
from tests.support.stage import stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
OPEN_BYTES_MAX = 15_000
"""15 kB until the open, empty chat is there."""


class Files:
    """Bytes of the bodies of the widget's own files, each once, as they went over the wire."""

    def __init__(self, page: Page, server: str) -> None:
        self.bytes: dict[str, int] = {}
        self._server = server
        self._urls: dict[str, tuple[str, int]] = {}
        self._client = page.context.new_cdp_session(page)
        self._client.send("Network.enable")
        self._client.on("Network.responseReceived", self._received)
        self._client.on("Network.loadingFinished", self._finished)

    def _received(self, event: dict[str, Any]) -> None:
        answer = event["response"]
        if answer["url"].startswith((f"{self._server}/static/", f"{self._server}/widget.js")):
            path = answer["url"].removeprefix(self._server).partition("?")[0]
            self._urls[event["requestId"]] = path, int(answer["encodedDataLength"])

    def _finished(self, event: dict[str, Any]) -> None:
        path, head = self._urls.get(event["requestId"], ("", 0))
        if path:
            self.bytes[path] = int(event["encodedDataLength"]) - head


async def test_the_launcher_and_the_empty_chat_come_in_few_bytes(tmp_path: Path) -> None:
    launcher: dict[str, int] = {}
    opened: dict[str, int] = {}

    def play(page: Page, complaints: Complaints) -> None:
        files = Files(page, served.url)
        page.goto(f"{pages}/plain")
        button = page.get_by_role("button", name="the chat")
        expect(button).to_be_visible()
        launcher.update(files.bytes)
        button.click()
        expect(page.get_by_label("Your question")).to_be_focused()
        opened.update(files.bytes)
        assert complaints.texts == []

    async with stage(tmp_path) as served, host_pages(served.url) as pages:
        await drive(play)
    assert {"/widget.js", "/static/widget/element.js"} <= set(launcher)
    assert set(opened) == set(launcher)
    assert "/static/widget/talk.js" not in opened
    assert all(opened.values())
    assert sum(opened.values()) <= OPEN_BYTES_MAX, opened


def test_everything_together_does_not_grow() -> None:
    found = sizes()
    assert sum(found.values()) <= CEILING_BYTES, found
