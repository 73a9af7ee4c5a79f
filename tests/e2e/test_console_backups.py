"""The console's page of backups in headless Chromium: made, checked, downloaded, deleted."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_a_backup_is_made_checked_downloaded_and_deleted(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "backups", "Backups")
            page.get_by_role("button", name="Make a backup").click()
            expect(page.locator(".notice.good")).to_contain_text("was made")
            page.get_by_role("button", name="Verify").click()
            expect(page.locator("tbody tr")).to_contain_text("whole")
            with page.expect_download() as saved:
                page.get_by_role("link", name="Download").click()
            assert saved.value.path().read_bytes().startswith(b"SQLite format 3\0")
            page.get_by_role("button", name="Delete").click()
            assert "your only backup here" in confirmed(page, "Delete")
            told(page, "The backup was deleted")
            expect(page.get_by_text("No backup yet")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state, accept_downloads=True)
