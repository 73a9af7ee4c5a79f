"""The console's page of keys in headless Chromium: shown once, used, revoked."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_a_key_is_shown_once_works_and_works_no_more_when_it_is_revoked(tmp_path: Path) -> None:
    made: list[str] = []
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def allowed() -> int:
            headers = {"Authorization": f"Bearer {made[0]}"}
            return httpx.get(f"{served.url}/api/v1/admin/ai/chatbots", headers=headers).status_code

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "keys", "Keys")
            expect(page.get_by_text("No keys yet")).to_be_visible()
            page.get_by_role("button", name="New key").first.click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Name", exact=True).fill("the shop's backend")
            dialog.get_by_label("Type").select_option("service")
            dialog.get_by_role("button", name="Make the key").click()
            made.append(page.get_by_label("Your new key").locator("input").input_value())
            assert allowed() == 200
            dialog.get_by_role("button", name="Done").click()
            row = page.get_by_role("row", name="the shop's backend")
            expect(row).to_contain_text("service")
            assert made[0] not in page.content()
            row.get_by_role("button", name="Revoke the shop's backend").click()
            assert "refused at once" in confirmed(page, "Revoke")
            told(page, "The key was revoked")
            expect(row).to_contain_text("revoked")
            assert allowed() == 401
            assert complaints.texts == []

        await drive(play, **state)
