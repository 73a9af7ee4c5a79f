"""What people typed and where they were stays in the console: over other pages, a reload, a slip."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import NAME, PASSWORD, confirmed, console_client, first_admin, opened, told
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

pytestmark = pytest.mark.browser

BOTS = {"shop": OPEN_BOT.replace("---\n", "---\ntitle: Shop help\nhandoff: true\n", 1)}


async def test_a_reply_that_is_half_written_is_there_after_another_page_and_a_reload(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS, demo=True) as served:
        state = await first_admin(served)
        async with wire(served.ws_url, served.token("finn")) as socket:
            id = await socket.start("shop")
            await socket.ask(id, "How many orders are there?")

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, f"conversations/{id}")
            expect(page.locator(".messages")).to_contain_text("Shop help")
            page.get_by_role("button", name="Join").click()
            reply = page.get_by_label("Your message to the visitor")
            reply.fill("Hello Finn, I am")
            page.keyboard.press("Tab")
            page.get_by_role("link", name="Gaps").click()
            expect(page.locator("main h1")).to_have_text("Gaps")
            page.go_back()
            expect(reply).to_have_value("Hello Finn, I am")
            page.reload()
            expect(reply).to_have_value("Hello Finn, I am")
            reply.press("Enter")
            expect(page.locator(".messages")).to_contain_text("Hello Finn, I am")
            expect(reply).to_have_value("")
            page.reload()
            expect(reply).to_have_value("")
            assert complaints.texts == []

        await drive(play, **state)


async def test_a_statement_stays_until_somebody_signs_out(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS, demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "sql", "SQL")
            statement = page.get_by_label("Statement", exact=True)
            statement.fill("SELECT 1, ")
            page.get_by_role("link", name="Keys").click()
            expect(page.locator("main h1")).to_have_text("Keys")
            page.go_back()
            expect(statement).to_have_value("SELECT 1, ")
            page.get_by_role("button", name="Sign out").click()
            page.get_by_label("Name", exact=True).fill(NAME)
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(statement).to_have_value("")

        await drive(play, **state)


async def test_a_form_with_something_in_it_asks_before_it_goes_and_one_without_does_not(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "keys", "Keys")
            add = page.get_by_role("button", name="New key").first
            add.click()
            expect(page.get_by_role("dialog", name="New key")).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
            add.click()
            name = page.get_by_role("dialog", name="New key").get_by_label("Name")
            name.fill("Our website")
            page.keyboard.press("Escape")
            page.get_by_role("dialog", name="Leave what").get_by_role("button", name="Cancel").click()
            expect(name).to_have_value("Our website")
            page.get_by_role("dialog").get_by_role("button", name="Close").click()
            confirmed(page, "Leave it")
            expect(page.get_by_role("dialog")).to_have_count(0)
            page.get_by_role("link", name="Users").click()
            expect(page.locator("main h1")).to_have_text("Users")
            page.go_back()
            add.click()
            expect(page.get_by_role("dialog", name="New key")).to_be_visible()
            page.go_back()
            expect(page.get_by_role("dialog")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)


async def test_the_address_says_which_part_of_a_base_was_open_and_what_was_looked_for(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS, embedding_provider="none") as served:
        state = await first_admin(served)
        base = await add_base(served, "handbook", {"Holidays": "# Holidays\n\nEverybody has 31 days."})

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, f"knowledge/{base['id']}", "handbook")
            page.get_by_role("tab", name="Bots").click()
            expect(page.get_by_text("knowledge-base: handbook")).to_be_visible()
            page.get_by_role("tab", name="Search test").click()
            page.get_by_label("Question").fill("holidays")
            page.keyboard.press("Enter")
            page.locator(".passages a").first.click()
            expect(page.locator("main h1")).to_have_text("Holidays")
            page.go_back()
            expect(page.locator(".passages")).to_contain_text("Everybody has 31 days.")
            expect(page.get_by_label("Question")).to_have_value("holidays")
            page.reload()
            expect(page.locator(".passages")).to_contain_text("Everybody has 31 days.")
            opened(page, served, "playground", "Playground")
            page.get_by_label("User id").fill("finn")
            page.get_by_role("button", name="Start").click()
            expect(page.locator("appliance-chat")).to_be_visible()
            page.reload()
            expect(page.get_by_label("User id")).to_have_value("finn")
            assert complaints.texts == []

        await drive(play, **state)


async def test_what_is_not_there_offers_no_second_try_and_what_failed_does(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            for path in ("bots/nobody", "users/nobody", "knowledge/nobody", "conversations/nobody"):
                page.goto(f"{served.url}/admin/{path}")
                expect(page.get_by_role("alert")).to_contain_text("There is no such")
                expect(page.get_by_role("button", name="Try again")).to_have_count(0)
            page.route("**/admin/api/keys", lambda route: route.abort())
            page.goto(f"{served.url}/admin/keys")
            expect(page.get_by_role("alert")).to_contain_text("does not answer")
            page.unroute("**/admin/api/keys")
            page.get_by_role("button", name="Try again").click()
            expect(page.get_by_text(re.compile("No keys? yet"))).to_be_visible()

        await drive(play, **state)


async def test_a_badge_is_as_wide_as_its_word_on_cards_of_a_phone(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served:
        state = await first_admin(served)
        async with console_client(served, state) as http:
            assert (await http.post("/keys", json={"type": "anon", "name": "Site"})).is_success

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "keys", "Keys")
            badge = page.locator("td .badge", has_text="active")
            box = badge.bounding_box()
            assert box is not None
            assert box["width"] < 90

        await drive(play, **state, viewport={"width": 380, "height": 800})


async def test_a_provider_without_a_key_is_not_made(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "providers", "Models")
            page.get_by_role("button", name="Add a provider").click()
            page.get_by_role("button", name="Next").click()
            page.get_by_label("Name", exact=True).fill("house")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_label("Key", exact=True)).to_be_focused()
            expect(page.get_by_text("This is needed.")).to_be_visible()
            page.get_by_label("Key", exact=True).fill("sk-1234567890")
            page.get_by_role("button", name="Save").click()
            told(page, "Saved")
            page.get_by_role("button", name="Edit").click()
            page.get_by_label("Shown as").fill("House")
            page.get_by_role("button", name="Save").click()
            expect(page.get_by_role("dialog")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)
