"""The landing page in headless Chromium: which bots there are, by the words that people read."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import SIZES, overflow
from tests.support.stack import OPEN_BOT, stack

pytestmark = pytest.mark.browser

TITLED = OPEN_BOT.replace("---\n", "---\ntitle: Lamps & <b>Co</b>\n", 1)
HIDDEN = OPEN_BOT.replace("---\n", "---\npublic: false\ntitle: Nobody sees this\n", 1)
BOTS = {"shop": TITLED, "plain": OPEN_BOT, "hidden": HIDDEN}


@pytest.mark.parametrize("size", SIZES)
async def test_bots_are_shown_by_their_titles_and_embedded_by_their_names(tmp_path: Path, size: str) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(served.url)
            cards = page.locator("#bots a")
            expect(cards).to_have_count(2)
            expect(cards.locator("strong")).to_have_text(["plain", "Lamps & <b>Co</b>"])
            expect(cards.last).to_contain_text("Answers anybody about the shop.")
            assert cards.last.get_attribute("href") == f"{served.url}/chat/shop"
            choice = page.get_by_label("Bot", exact=True)
            expect(choice.locator("option")).to_have_text(["plain", "Lamps & <b>Co</b> (shop)"])
            choice.select_option("shop")
            expect(page.locator("#line")).to_contain_text('data-bot="shop"')
            assert overflow(page) == 0
            assert complaints.texts == []

        await drive(play, viewport=SIZES[size])
