"""The console's SQL page in headless Chromium: statements run by the keyboard, a thousand rows, no change."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened
from tests.support.stack import stack

pytestmark = pytest.mark.browser

NUMBERS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
    "SELECT i, 1001 - i AS back FROM n"
)


def run(page: Page, statement: str) -> None:
    editor = page.get_by_label("Statement", exact=True)
    editor.fill(statement)
    editor.press("Control+Enter")


async def test_statements_run_by_the_keyboard_and_their_rows_are_sorted_read_and_saved(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, [], demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "sql", "SQL")
            run(page, NUMBERS)
            rows = page.locator(".grid tbody tr")
            expect(rows).to_have_count(1000)
            expect(page.locator(".told")).to_contain_text("1,000 rows in")
            page.get_by_role("button", name="back", exact=True).click()
            expect(rows.first).to_contain_text("1000")
            expect(rows).to_have_count(1000)
            page.get_by_role("button", name="Show row 1000 whole").click()
            expect(page.get_by_role("dialog").locator(".facts")).to_have_text("i1000back1")
            page.keyboard.press("Escape")
            with page.expect_download() as saved:
                page.get_by_role("button", name="Save all rows as CSV").click()
            assert saved.value.path().read_text().splitlines()[:2] == ["i,back", "1,1000"]
            page.locator(".table-facts", has_text="orders").locator("summary").first.click()
            page.get_by_role("button", name="Show 100 rows").click()
            expect(rows).to_have_count(100)
            assert [text for text in complaints.texts if "400" not in text] == []

        await drive(play, **state, accept_downloads=True)


async def test_what_would_change_something_is_refused_in_words_and_the_history_can_be_cleared(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, [], demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "sql", "SQL")
            run(page, "DELETE FROM orders")
            expect(page.locator(".problem")).to_be_visible()
            run(page, "SELECT * FROM no_such_table")
            expect(page.locator(".problem")).to_contain_text("no_such_table")
            run(page, "SELECT NULL AS a, 'x' AS b")
            expect(page.locator(".grid .null")).to_have_text("NULL")
            run(page, "SELECT count(*) AS n FROM orders")
            expect(page.locator(".grid td")).to_have_count(1)
            expect(page.locator(".grid td")).not_to_have_text("0")
            page.reload()
            expect(page.locator(".statement")).to_have_count(2)
            page.locator(".statement").last.click()
            expect(page.get_by_label("Statement", exact=True)).to_have_value("SELECT NULL AS a, 'x' AS b")
            page.get_by_role("button", name="Clear history").click()
            assert "2 statements" in confirmed(page, "Clear")
            expect(page.locator(".statement")).to_have_count(0)

        await drive(play, **state)
