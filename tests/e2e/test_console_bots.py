"""The console's pages of bots in headless Chromium: state, choices, differences, tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, first_admin, opened, told, violations
from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, Stack, stack

pytestmark = pytest.mark.browser

BOTS = {"shop": OPEN_BOT, "broken": "---\nnonsense: 1\n---\nYou are broken."}


def bot_page(page: Page, served: Stack, name: str) -> None:
    opened(page, served, "bots", "Bots")
    page.get_by_role("link", name=name).click()
    expect(page.locator("main h1")).to_have_text(name)


async def test_a_bad_file_is_told_with_its_line_and_a_good_bot_with_its_tag_for_pages(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "bots", "Bots")
            expect(page.get_by_role("row", name="broken")).to_contain_text("1 error")
            page.get_by_role("link", name="broken").click()
            expect(page.locator(".findings")).to_contain_text("bot.md:2")
            expect(page.locator(".findings")).to_contain_text("nonsense")
            bot_page(page, served, "shop")
            page.get_by_role("button", name="Copy the line").click()
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            line = page.evaluate("navigator.clipboard.readText()")
            assert line == f'<script src="{served.url}/widget.js" data-bot="shop" defer></script>'
            assert complaints.texts == []

        await drive(play, **state, permissions=["clipboard-read", "clipboard-write"])


async def test_a_choice_made_here_holds_at_once_and_is_marked_and_compared(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            bot_page(page, served, "shop")
            page.get_by_role("tab", name="Limits and choices").click()
            page.get_by_label("Questions a minute").fill("-3")
            page.get_by_role("button", name="Save").click()
            expect(page.locator(".field .error:visible")).to_have_count(1)
            page.get_by_label("Questions a minute").fill("7")
            page.get_by_role("button", name="Save").click()
            told(page, "It holds from the next question on")
            page.get_by_role("tab", name="Overview").click()
            expect(page.locator(".card", has_text="Limits of each person")).to_contain_text(
                "Questions a minute7"
            )
            page.get_by_role("tab", name="All settings").click()
            expect(page.get_by_role("row", name="rate-limit-per-minute")).to_contain_text("chosen here")
            page.get_by_role("tab", name="Differences").click()
            expect(page.locator(".diff .added")).to_contain_text("7")
            expect(page.locator(".diff .removed")).to_contain_text("1000")
            page.get_by_role("tab", name="Prompt and code").click()
            expect(page.get_by_role("region", name="Text of the prompt")).to_contain_text("You are the shop")
            assert complaints.texts == []

        await drive(play, **state)


async def test_what_was_chosen_here_is_taken_back_one_by_one_and_all_at_once(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            bot_page(page, served, "shop")
            page.get_by_role("tab", name="Limits and choices").click()
            expect(page.get_by_role("region", name="What was chosen here")).to_have_count(0)
            page.locator("[name=rate_limit_per_minute]").fill("7")
            page.locator("[name=description]").fill("Knows it all")
            page.get_by_role("button", name="Save").click()
            chosen = page.get_by_role("region", name="What was chosen here")
            expect(chosen.get_by_role("row", name="Questions a minute")).to_contain_text("71000")
            assert violations(page) == []
            page.get_by_role("button", name="Questions a minute: as in the file").click()
            told(page, "Taken back")
            expect(page.locator("[name=rate_limit_per_minute]")).to_have_value("1000")
            expect(chosen.get_by_role("row", name="Questions a minute")).to_have_count(0)
            expect(chosen.get_by_role("row", name="Description")).to_contain_text("Knows it all")
            page.locator("[name=daily_token_budget]").fill("5000")
            page.get_by_role("button", name="Save").click()
            page.get_by_role("button", name="All as in the file").click()
            assert "Description: Knows it all" in confirmed(page, "Take all back")
            expect(chosen).to_have_count(0)
            expect(page.locator("[name=description]")).to_have_value("Answers anybody about the shop.")
            assert complaints.texts == []

        await drive(play, **state)


async def test_a_bot_is_switched_off_after_a_question_and_on_again(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            bot_page(page, served, "shop")
            page.get_by_role("button", name="Disable").click()
            assert "no answers" in confirmed(page, "Disable")
            told(page, "The bot is off")
            page.get_by_role("button", name="Enable").click()
            told(page, "The bot is on")
            expect(page.get_by_role("button", name="Disable")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)


async def test_tests_are_written_run_changed_and_deleted(tmp_path: Path) -> None:
    replies = [openai_text("We are open until six."), openai_text("We are open until six.")]
    async with stack(tmp_path, replies, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            bot_page(page, served, "shop")
            page.get_by_role("tab", name="Tests").click()
            page.get_by_role("button", name="Add a test").first.click()
            page.get_by_label("Question", exact=True).fill("When do you close?")
            page.get_by_label("The answer says", exact=True).fill("until seven")
            page.get_by_role("dialog").get_by_role("button", name="Save").click()
            expect(page.locator(".tests")).to_contain_text("says “until seven”")
            run(page, "1 of 1 failed", "until seven")
            page.get_by_role("button", name="Edit: When do you close?").click()
            page.get_by_label("The answer says", exact=True).fill("until six")
            page.get_by_role("dialog").get_by_role("button", name="Save").click()
            expect(page.locator(".tests").last).to_contain_text("says “until six”")
            run(page, "All 1 passed", "We are open until six.")
            page.get_by_role("button", name="Delete: When do you close?").click()
            assert "When do you close?" in confirmed(page, "Delete")
            expect(page.get_by_text("No tests yet")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)


def run(page: Page, outcome: str, text: str) -> None:
    page.get_by_role("button", name="Run all").click()
    expect(page.get_by_text(outcome)).to_be_visible()
    answer: Any = page.locator(".results > li")
    expect(answer).to_contain_text(text)
