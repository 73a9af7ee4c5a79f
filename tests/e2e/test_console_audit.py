"""The console's audit log in headless Chromium: filtered, opened, saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import console_client, first_admin, opened
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_what_was_done_is_found_opened_and_saved(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)
        async with console_client(served, state) as http:
            for key in ("FIRST", "SECOND"):
                assert (await http.put(f"/settings/{key}", json={"value": "x", "secret": True})).is_success

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "audit", "Audit log")
            page.get_by_label("Search").fill("SECOND")
            rows = page.locator("tbody tr")
            expect(rows).to_have_count(1)
            expect(rows).to_contain_text("admin:ana")
            rows.locator(".opener").click()
            expect(page.get_by_role("dialog")).to_contain_text("SECOND")
            page.keyboard.press("Escape")
            with page.expect_download() as saved:
                page.get_by_role("button", name="Save as CSV").click()
            lines = saved.value.path().read_text().splitlines()
            assert len(lines) == 2
            assert "SECOND" in lines[1]
            assert page.url.endswith("?q=SECOND")
            page.get_by_label("Search").fill("nothing like it")
            expect(page.get_by_text("Nothing fits")).to_be_visible()
            page.get_by_label("Search").fill("")
            page.get_by_label("Action").select_option("console.setup")
            expect(rows).to_have_count(1)
            assert complaints.texts == []

        await drive(play, **state, accept_downloads=True)
