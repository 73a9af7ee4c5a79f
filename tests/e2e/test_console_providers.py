"""The console's page of model providers in headless Chromium: secrets go in and never come out."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told
from tests.support.model_replies import error, openai_text
from tests.support.stack import stack

pytestmark = pytest.mark.browser

SECRET = "sk-never-to-be-seen-again-0123456789"


async def test_a_provider_is_added_tested_changed_and_deleted(tmp_path: Path) -> None:
    replies = [error(401, "Incorrect API key provided"), openai_text("ready")]
    async with stack(tmp_path, replies) as served:
        assert served.model is not None
        address = f"{served.model.url}/v1"
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "providers", "Models")
            page.get_by_role("button", name="Add a provider").first.click()
            page.get_by_role("button", name="Next").click()
            dialog = page.get_by_role("dialog")
            dialog.get_by_label("Name", exact=True).fill("vendor")
            dialog.get_by_label("Address").fill(address)
            dialog.get_by_label("Model", exact=True).fill("scripted")
            dialog.get_by_label("Key", exact=True).fill(SECRET)
            dialog.get_by_role("button", name="Save").click()
            told(page, "Saved")
            card = page.locator(".provider", has_text="vendor")
            card.get_by_role("button", name="Test").click()
            expect(card.locator(".problem")).to_contain_text("ms)")
            card.get_by_role("button", name="Test").click()
            expect(card.locator(".notice.good")).to_contain_text("ready")
            expect(card.locator(".badge.good")).to_have_text("default")
            card.get_by_role("button", name="Edit").click()
            expect(dialog.get_by_label("Key", exact=True)).to_have_value("")
            dialog.get_by_label("Shown as").fill("The vendor")
            dialog.get_by_role("button", name="Save").click()
            renamed = page.locator(".provider", has_text="The vendor")
            assert SECRET not in page.content()
            renamed.get_by_role("button", name="Test").click()
            expect(renamed.locator(".notice, .problem")).to_be_visible()
            renamed.get_by_role("button", name="Delete").click()
            assert "address and key" in confirmed(page, "Delete")
            expect(renamed).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)
        keys = [request.headers.get("authorization") for request in served.model.requests]
        assert keys[:2] == [f"Bearer {SECRET}"] * 2
