"""The console's pages of bots in headless Chromium: state, choices, differences, tests."""

from __future__ import annotations

import re
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


async def test_a_bot_is_made_from_a_few_fields_answers_and_is_deleted(tmp_path: Path) -> None:
    replies = [openai_text("It is in row seven.")]
    async with stack(tmp_path, replies, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "bots", "Bots")
            page.get_by_role("button", name="New bot").click()
            dialog = page.get_by_role("dialog", name="New bot")
            dialog.get_by_label("Name", exact=True).fill("stock")
            dialog.get_by_label("Title").fill('The "stock": #1')
            dialog.get_by_label("What it should do").fill("You know where things are.")
            page.keyboard.press("Escape")
            question = page.get_by_role("dialog", name="Leave what you have typed?")
            question.get_by_role("button", name="Cancel").click()
            assert violations(page) == []
            dialog.get_by_role("button", name="Create the bot").dblclick()
            expect(page.locator("main h1")).to_have_text('The "stock": #1')
            expect(page.locator("dialog")).to_have_count(0)
            page.get_by_role("tab", name="Prompt and code").click()
            expect(page.get_by_role("region", name="Text of the prompt")).to_have_text(
                "You know where things are."
            )
            page.get_by_role("link", name="Try it").click()
            page.get_by_role("button", name="Start").click()
            page.locator("appliance-chat textarea").fill("Where is the tea?")
            page.keyboard.press("Enter")
            expect(page.locator("appliance-chat")).to_contain_text("It is in row seven.")
            opened(page, served, "conversations", "Conversations")
            expect(page.get_by_role("row", name="Where is the tea?")).to_contain_text('The "stock": #1')
            page.locator("#filter-bot, [name=bot]").first.fill('the "STOCK": #1')
            expect(page.get_by_role("row", name="Where is the tea?")).to_be_visible()
            bot_page(page, served, 'The "stock": #1')
            page.get_by_role("button", name="Delete this bot").click()
            assert "all conversations" in confirmed(page, "Delete", "stock")
            told(page, "The bot was deleted")
            expect(page.locator("tbody tr")).to_have_count(2)
            assert complaints.texts == []

        await drive(play, **state, bypass_csp=True)


async def test_code_is_written_anew_its_faults_are_told_and_a_draft_outlives_a_reload(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            bot_page(page, served, "shop")
            page.get_by_role("tab", name="Prompt and code").click()
            page.get_by_role("button", name="Edit").click()
            area = page.get_by_label("Code", exact=True)
            area.fill(area.input_value().replace("---\n", "---\nmax-tokens: much\n", 1))
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("alert")).to_contain_text("line 2: max-tokens")
            assert violations(page) == []
            page.reload()
            expect(area).to_have_value(re.compile("max-tokens: much"))
            area.fill(area.input_value().replace("much", "77"))
            page.get_by_role("button", name="Save").click()
            told(page, "Saved")
            expect(page.locator(".findings")).to_contain_text("written in the console")
            page.get_by_role("button", name="Edit").click()
            area.fill("something else")
            page.get_by_role("button", name="Cancel").click()
            confirmed(page, "Leave them")
            expect(page.get_by_role("region", name="Text of the code")).to_contain_text("max-tokens: 77")
            page.get_by_role("button", name="Back to the file").click()
            confirmed(page, "Take the file")
            expect(page.locator(".findings")).to_have_count(0)
            assert complaints.texts == [one for one in complaints.texts if "400" in one]

        await drive(play, **state, bypass_csp=True)


async def test_a_file_that_breaks_and_is_mended_is_seen_without_a_reload(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)
        file = tmp_path / "bots" / "shop" / "bot.md"

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "bots", "Bots")
            row = page.get_by_role("row", name="shop")
            row.get_by_role("link").focus()
            file.write_text(OPEN_BOT.replace("---\n", "---\nmore: 1\n", 1))
            expect(row).to_contain_text("1 error")
            expect(row.get_by_role("link")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page.locator(".findings")).to_contain_text("unknown setting more")
            file.write_text(OPEN_BOT)
            expect(page.locator(".findings")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)
