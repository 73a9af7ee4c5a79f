"""What a team reads in the console, in headless Chromium: who waits and why, results, long lists."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.console.test_gaps import missed
from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import SIZES, first_admin, opened, overflow
from tests.e2e.test_console_conversations import BOTS, visitor
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import stack

pytestmark = pytest.mark.browser

SQL = "SELECT 'Books' AS category, 16427.7 AS revenue UNION ALL SELECT 'Tea', 11183"
GAPS = 53


async def test_why_a_person_is_wanted_stands_in_the_list_and_in_the_conversation(tmp_path: Path) -> None:
    replies = [
        openai_tool_calls(("talk_to_person", {"reason": "The teapot came broken"})),
        openai_text("Somebody will come."),
    ]
    async with stack(tmp_path, replies, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("about my order")
                opened(page, served, "overview", "Overview")
                expect(page.get_by_role("group", name="Now")).to_contain_text("1 person waits for you")
                opened(page, served, "conversations", "Conversations")
                waiting = page.get_by_role("region", name="One person waits")
                expect(waiting.get_by_role("link")).to_contain_text("The teapot came broken")
                expect(waiting.locator("tr", has_text="shop")).to_contain_text("Visitor")
                assert overflow(page) == 0
                waiting.get_by_role("link").click()
                expect(page.locator(".presence q")).to_have_text("The teapot came broken")
                expect(page.locator(".message.note q")).to_have_text("The teapot came broken")
                expect(page.locator(".message.assistant summary")).to_contain_text("Asked for a person")
                page.get_by_role("button", name="Join").click()
                page.get_by_role("button", name="Leave").click()
                expect(page.get_by_text("The bot answers here.")).to_be_visible()
                opened(page, served, "conversations", "Conversations")
                expect(page.locator(".helped")).to_contain_text("Ana Silva")
                assert page.locator("td.state:empty").count() == 0
            assert complaints.texts == []

        await drive(play, **state, viewport=SIZES["phone"])


async def test_a_result_is_written_by_its_types_and_drawn_where_the_bot_drew_it(tmp_path: Path) -> None:
    def replies(asked: Recorded) -> Any:
        if asked.body["messages"][-1]["role"] == "tool":
            return openai_text("**Books** lead.")
        call = {"sql": SQL, "description": "revenue", "chart": "bar"}
        return openai_tool_calls(("execute_sql", call))

    async with stack(tmp_path, replies, bots=BOTS, demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("revenue by category")
                opened(page, served, "conversations", "Conversations")
                page.locator(".opener").first.click()
                expect(page.get_by_role("img", name="Bar chart of 2 values.")).to_be_visible()
                expect(page.locator(".picture rect")).to_have_count(2)
                page.locator(".message.assistant summary").first.click()
                expect(page.locator(".rows td")).to_have_text(["Books", "16,427.7", "Tea", "11,183"])
            assert complaints.texts == []

        await drive(play, **state, locale="en-US")


async def test_questions_beyond_the_first_page_come_with_a_button(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        state = await first_admin(served)
        for number in range(GAPS):
            missed(tmp_path, f"Is thing{number}x sold?")

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "gaps", "Gaps")
            expect(page.locator(".gap")).to_have_count(50)
            page.get_by_role("button", name="Show more").click()
            expect(page.locator(".gap")).to_have_count(GAPS)
            expect(page.get_by_role("button", name="Show more")).to_have_count(0)
            expect(page.locator(".pager")).to_contain_text(f"{GAPS} of {GAPS}")
            assert complaints.texts == []

        await drive(play, **state)
