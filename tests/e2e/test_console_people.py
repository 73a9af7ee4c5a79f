"""The console's page of the team in headless Chromium: invited, changed, disabled, removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_somebody_is_invited_changed_disabled_and_removed(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "people", "Team")
            page.get_by_role("button", name="Invite somebody").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Account name").fill("ben")
            dialog.get_by_label("Shown as").fill("Ben Okri")
            dialog.get_by_role("button", name="Make the link").click()
            link = page.get_by_label("The invitation").locator("input").input_value()
            assert link.startswith(f"{served.url}/admin#setup=")
            dialog.get_by_role("button", name="Done").click()
            row = page.get_by_role("row", name="Ben Okri")
            expect(row).to_contain_text("invited")
            change(page, "Ben Okri")
            dialog.get_by_label("Role").select_option("admin")
            dialog.get_by_role("button", name="Save").click()
            expect(row).to_contain_text("Administrator")
            change(page, "Ben Okri")
            dialog.get_by_role("button", name="New invitation link").click()
            assert page.get_by_label("The link").locator("input").input_value() not in ("", link)
            dialog.get_by_role("button", name="Done").click()
            change(page, "Ben Okri")
            dialog.get_by_role("button", name="Disable").click()
            assert "signed out" in confirmed(page, "Disable")
            expect(row).to_contain_text("disabled")
            change(page, "Ben Okri")
            dialog.get_by_role("button", name="Remove").click()
            assert "password" in confirmed(page, "Remove")
            told(page, "was removed")
            expect(row).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)


def change(page: Page, name: str) -> None:
    page.get_by_role("button", name=f"Change {name}").click()


async def test_the_last_admin_stays_and_is_told_why(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "people", "Team")
            change(page, "Ana Silva")
            dialog = page.get_by_role("dialog")
            expect(dialog.get_by_role("button", name="Remove")).to_have_count(0)
            dialog.get_by_label("Role").select_option("operator")
            dialog.get_by_role("button", name="Save").click()
            expect(dialog.locator(".problem")).to_contain_text("admin")

        await drive(play, **state)
