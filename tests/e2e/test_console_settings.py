"""The console's settings in headless Chromium: values, prices, the identity secret, the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from appliance.store import budget
from appliance.store.database import connect, database_path
from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told
from tests.support.stack import stack

pytestmark = pytest.mark.browser


async def test_values_are_kept_and_secrets_never_shown_again(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "settings", "Settings")
            add(page, "SHOP_KEY", "very-secret-value", secret=True)
            add(page, "SHOP_NAME", "Second Cup", secret=False)
            expect(page.get_by_role("row", name="SHOP_NAME")).to_contain_text("Second Cup")
            expect(page.get_by_role("row", name="SHOP_KEY")).to_contain_text("secret")
            assert "very-secret-value" not in page.content()
            page.get_by_role("button", name="Delete SHOP_NAME").click()
            assert "nobody can read it" in confirmed(page, "Delete")
            expect(page.get_by_role("row", name="SHOP_NAME")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)


def add(page: Page, key: str, value: str, *, secret: bool) -> None:
    page.get_by_role("button", name="Add a value").first.click()
    page.get_by_label("Key", exact=True).fill(key)
    page.get_by_label("Value", exact=True).fill(value)
    page.get_by_label("Secret", exact=True).set_checked(secret)
    page.get_by_role("dialog").get_by_role("button", name="Save").click()
    expect(page.get_by_role("row", name=key)).to_be_visible()


async def test_prices_the_identity_secret_and_the_environment(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)
        db = connect(database_path(tmp_path))

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "settings", "Settings")
            page.get_by_role("tab", name="Prices and budget").click()
            page.get_by_label("Currency").fill("chf")
            page.get_by_label("Budget of a month").fill("120.5")
            page.get_by_role("button", name="Add a model").click()
            page.get_by_label("Model", exact=True).fill("scripted")
            page.get_by_label("Price of what is read").fill("0.15")
            page.get_by_label("Price of what is written").fill("0.6")
            page.get_by_role("button", name="Save").click()
            told(page, "Prices and budget were saved")
            assert budget.get(db).stop is False
            page.get_by_label("Stop when the budget is used up").check()
            page.get_by_role("button", name="Save").click()
            expect(page.locator("#toasts .toast")).to_have_count(2)
            assert budget.get(db).stop is True
            opened(page, served, "settings?tab=prices", "Settings")
            expect(page.get_by_label("Price of what is written")).to_have_value("0.6")
            expect(page.get_by_label("Currency")).to_have_value("CHF")
            page.get_by_label("Budget of a month").fill("121")
            page.get_by_role("button", name="Save").click()
            told(page, "Prices and budget were saved")
            assert (budget.get(db).month_budget, budget.get(db).stop) == (121.0, True)
            page.get_by_role("tab", name="Widget").click()
            page.get_by_role("button", name="Make the secret").click()
            first = shown_once(page)
            page.get_by_role("button", name="Make a new secret").click()
            assert "refused after a day" in confirmed(page, "Make a new one", "rotate")
            assert shown_once(page) != first
            expect(page.get_by_text("The one before is accepted until")).to_be_visible()
            assert first not in page.content()
            page.get_by_role("tab", name="Environment").click()
            page.get_by_label("Only what was set").check()
            expect(page.get_by_role("row", name="APPLIANCE_PORT")).to_contain_text("set")
            assert complaints.texts == []

        await drive(play, **state)
        db.close()


def shown_once(page: Page) -> str:
    secret = page.get_by_label("The identity secret").locator("input").input_value()
    page.get_by_role("button", name="Done").click()
    assert len(secret) >= 32
    return secret
