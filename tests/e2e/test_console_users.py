"""The console's page of users in headless Chromium: found, given a token, erased with all of theirs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened
from tests.e2e.test_console_gaps import ask
from tests.support.model_replies import openai_text
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_a_user_is_found_gets_a_token_and_is_erased(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Good morning.")]) as served:
        state = await first_admin(served)
        served.token("bob")
        await ask(served, "Hello?")

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "users", "Users")
            page.get_by_label("Search users").fill("nobody of that name")
            expect(page.get_by_text("Nobody is called")).to_be_visible()
            page.get_by_label("Search users").fill("ali")
            expect(page.get_by_role("row", name="bob")).to_have_count(0)
            page.get_by_role("link", name="alice").click()
            expect(page.locator("main h1")).to_have_text("alice")
            page.get_by_role("button", name="Issue a token").click()
            page.get_by_role("button", name="Issue", exact=True).click()
            token = page.get_by_label("The token").locator("input").input_value()
            assert token.count(".") == 2
            page.get_by_role("button", name="Done").click()
            page.get_by_role("button", name="Erase everything").click()
            assert "1 conversation" in confirmed(page, "Erase everything", "alice")
            expect(page.get_by_role("dialog")).to_contain_text("conversations: 1")
            page.get_by_role("button", name="Done").click()
            expect(page.get_by_role("row", name="bob")).to_be_visible()
            expect(page.get_by_role("row", name="alice")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)
