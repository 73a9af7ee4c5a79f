"""Coming to the console in headless Chromium: one-time links, sign-in, who may see what."""

from __future__ import annotations

import re
import time
from contextlib import closing
from pathlib import Path

import httpx
import pyotp
import pytest
from playwright.sync_api import Page, expect

from appliance.store import console_links
from appliance.store.database import connect, database_path
from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import (
    NAME,
    PASSWORD,
    SIZES,
    console_client,
    first_admin,
    opened,
    overflow,
    told,
    violations,
)
from tests.support.stack import OPEN_BOT, Stack, stack

pytestmark = pytest.mark.browser

BOTS = {"shop": OPEN_BOT}
PAGES = ("overview", "conversations", "live", "playground", "account")


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_label("Name", exact=True).fill(NAME)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Sign in", exact=True).click()


async def test_the_first_admin_comes_by_a_link_with_hints_for_the_password_and_signs_in_again(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        with closing(connect(database_path(served.data))) as db:
            token = console_links.make_first(db, time.time())

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{served.url}/admin")
            expect(page.get_by_role("heading", name="Not set up yet")).to_be_visible()
            page.goto(f"{served.url}/admin#setup={token}")
            expect(page.get_by_role("heading", name="Set up the console")).to_be_visible()
            page.get_by_label("Name", exact=True).fill(NAME)
            page.get_by_label("Password", exact=True).fill("short")
            expect(page.locator(".hints .good")).to_have_count(1)
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            expect(page.locator(".hints .good")).to_have_count(2)
            page.get_by_label("Password again").fill("another")
            page.get_by_role("button", name="Create the account").click()
            expect(page.get_by_text("The two are not the same.")).to_be_visible()
            page.get_by_label("Password again").fill(PASSWORD)
            page.get_by_role("button", name="Create the account").click()
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            assert page.url == f"{served.url}/admin"  # the link is used up and gone from the address
            page.get_by_role("button", name="Sign out").click()
            sign_in(page, "not the password")
            expect(page.get_by_role("alert")).to_be_visible()
            sign_in(page)
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            page.goto(f"{served.url}/admin#setup={token}")
            page.reload()
            expect(page.get_by_role("heading", name="This link does not work")).to_be_visible()

        await drive(play)


async def test_a_second_factor_is_turned_on_by_its_code_and_asked_for_at_sign_in(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "account", "Your account")
            page.get_by_role("button", name="Turn on").click()
            dialog = page.get_by_role("dialog")
            expect(dialog.get_by_role("img", name="QR code")).to_be_visible()
            dialog.get_by_text("It cannot be scanned?").click()
            secret = dialog.locator("code").inner_text().replace(" ", "")
            dialog.get_by_label("Code", exact=True).fill(
                "000000" if pyotp.TOTP(secret).now() != "000000" else "111111"
            )
            dialog.get_by_role("button", name="Turn on").click()
            expect(dialog.get_by_role("alert")).to_be_visible()  # it stays open, and tells
            dialog.get_by_label("Code", exact=True).fill(pyotp.TOTP(secret).now())
            dialog.get_by_role("button", name="Turn on").click()
            told(page, "The second factor is on.")
            page.get_by_role("button", name="Sign out").click()
            expect(page.get_by_label("Code", exact=True)).to_be_hidden()
            sign_in(page)
            expect(page.get_by_label("Code", exact=True)).to_be_focused()

        await drive(play, **state)


async def test_who_tries_too_often_is_told_the_seconds(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)
        async with httpx.AsyncClient(base_url=served.url, headers={"Origin": served.url}) as http:
            for _ in range(40):
                wrong = {"name": NAME, "password": "not the password"}
                answer = await http.post("/admin/api/login", json=wrong)
                if answer.status_code == 429:
                    break
        assert answer.status_code == 429
        del state

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{served.url}/admin/keys")
            sign_in(page)
            expect(page.get_by_role("alert")).to_contain_text(re.compile(r"Try again in \d+ s"))
            expect(page.locator("button[type=submit]")).to_have_text(re.compile(r"in \d+ s"))
            expect(page.locator("button[type=submit]")).to_be_disabled()

        await drive(play)


async def test_a_session_that_ended_is_begun_again_over_the_page_that_was_asked_for(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "live", "Live")
            page.context.clear_cookies()
            page.keyboard.press("g")
            page.keyboard.press("c")
            again = page.get_by_role("dialog", name="Sign in again")
            expect(again.get_by_label("Name")).to_have_value(NAME)
            again.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(again).to_have_count(0)
            expect(page.get_by_role("heading", name="Conversations")).to_be_visible()
            expect(page.get_by_label("Search")).to_be_visible()
            page.context.clear_cookies()
            page.keyboard.press("g")
            page.keyboard.press("l")
            expect(again).to_be_visible()
            page.keyboard.press("Escape")
            expect(page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()
            expect(page).to_have_title(re.compile("^Sign in"))
            sign_in(page)
            expect(page.get_by_role("heading", name="Live")).to_be_visible()

        await drive(play, **state)


async def test_what_is_typed_when_the_session_ends_is_there_after_signing_in_again(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "people", "Team")
            page.get_by_role("button", name="Invite somebody").click()
            page.get_by_label("Account name").fill("otto")
            page.context.clear_cookies()
            page.get_by_role("button", name="Make the link").click()
            again = page.get_by_role("dialog", name="Sign in again")
            again.get_by_label("Password").fill("not this one")
            page.keyboard.press("Enter")
            expect(again.get_by_role("alert")).to_contain_text("not right")
            assert (
                page.locator("dialog.covers")
                .evaluate("node => getComputedStyle(node, '::backdrop').backgroundColor")
                .startswith("rgb(")
            ), "nothing of the page is seen"
            again.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(again).to_have_count(0)
            expect(page.get_by_label("Account name")).to_have_value("otto")
            page.get_by_role("button", name="Make the link").click()
            expect(page.get_by_role("dialog", name="The invitation")).to_be_visible()

        await drive(play, **state)


async def test_whoever_else_signs_in_over_a_page_begins_anew(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)
        async with console_client(served, state) as client:
            made = await client.post("/accounts", json={"name": "otto", "role": "operator"})
        token = made.json()["link"].partition("#setup=")[2]
        async with httpx.AsyncClient(base_url=served.url, headers={"Origin": served.url}) as http:
            body = {"token": token, "password": PASSWORD}
            assert (await http.post("/admin/api/setup", json=body)).status_code == 200

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "people", "Team")
            page.context.clear_cookies()
            page.get_by_role("button", name="Invite somebody").click()
            page.get_by_label("Account name").fill("eve")
            page.get_by_role("button", name="Make the link").click()
            again = page.get_by_role("dialog", name="Sign in again")
            again.get_by_label("Name").fill("otto")
            again.get_by_label("Password").fill(PASSWORD)
            page.keyboard.press("Enter")
            expect(page.get_by_role("alert")).to_contain_text("for administrators")
            expect(page.get_by_role("dialog")).to_have_count(0)
            assert page.locator("#nav a").count() == 4

        await drive(play, **state)


async def test_operators_see_their_pages_and_are_told_of_the_others(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)
        async with console_client(served, state) as client:
            made = await client.post("/accounts", json={"name": "otto", "role": "operator"})
        link = made.json()["link"]
        token = link.partition("#setup=")[2]

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{served.url}/admin#setup={token}")
            expect(page.get_by_text("You sign in as otto.")).to_be_visible()
            page.get_by_label("Password", exact=True).fill(PASSWORD)
            page.get_by_label("Password again").fill(PASSWORD)
            page.get_by_role("button", name="Create the account").click()
            expect(page.get_by_role("heading", name="Overview")).to_be_visible()
            names = page.locator("#nav a > span:first-of-type").all_inner_texts()
            assert names == ["Overview", "Conversations", "Live", "Gaps"]
            page.goto(f"{served.url}/admin/keys")
            expect(page.get_by_role("alert")).to_contain_text("for administrators")
            assert complaints.texts == []

        await drive(play)


async def test_the_page_names_its_files_from_any_depth_and_forbids_frames_and_made_html(
    tmp_path: Path,
) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served, httpx.AsyncClient(base_url=served.url) as http:
        for path in ("/admin", "/admin/", "/admin/bots", "/admin/bots/a%2Fb/", "/admin/a/b/c"):
            answer = await http.get(path)
            assert answer.status_code == 200
            script = re.findall(r'src="([^"]+app\.js)"', answer.text)[0]
            assert str(httpx.URL(f"{served.url}{path}").join(script)) == f"{served.url}/static/admin/app.js"
            policy = answer.headers["Content-Security-Policy"]
            assert "require-trusted-types-for 'script'; trusted-types 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["desktop", "phone"])
async def test_nothing_is_found_by_axe_and_nothing_is_wider_than_the_window(
    tmp_path: Path, scheme: str, size: str
) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            for path in PAGES:
                opened(page, served, path)
                assert (path, violations(page)) == (path, [])
                assert (path, overflow(page)) == (path, 0)
            page.keyboard.press("?")
            expect(page.get_by_role("dialog")).to_be_visible()
            assert violations(page) == []
            page.keyboard.press("Escape")
            expect(page.get_by_role("dialog")).to_have_count(0)
            page.context.clear_cookies()
            page.reload()
            expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
            assert violations(page) == []

        await drive(play, **state, bypass_csp=True, color_scheme=scheme, viewport=SIZES[size])


async def test_on_a_phone_the_navigation_is_a_drawer_for_the_keyboard_too(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "overview", "Overview")
            menu = page.get_by_role("button", name="Menu")
            expect(page.get_by_role("link", name="Bots", exact=True)).to_be_hidden()
            menu.press("Enter")
            expect(page.get_by_role("link", name="Overview", exact=True)).to_be_focused()
            page.keyboard.press("Escape")
            expect(menu).to_be_focused()
            menu.press("Enter")
            page.get_by_role("link", name="Live", exact=True).press("Enter")
            expect(page.locator("main h1")).to_have_text("Live")
            expect(page.locator("main h1")).to_be_focused()
            expect(page.get_by_role("link", name="Bots", exact=True)).to_be_hidden()
            assert complaints.texts == []

        await drive(play, **state, viewport=SIZES["phone"])


async def test_the_chosen_theme_holds_after_a_reload(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def ground(page: Page) -> str:
            colour: str = page.evaluate("getComputedStyle(document.body).backgroundColor")
            return colour

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "overview", "Overview")
            light = ground(page)
            page.get_by_role("button", name="Theme: as the system").click()
            page.get_by_role("button", name="Theme: light").click()
            expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
            dark = ground(page)
            assert dark != light
            page.reload()
            expect(page.get_by_role("button", name="Theme: dark")).to_be_visible()
            assert ground(page) == dark

        await drive(play, **state, color_scheme="light")


async def test_a_lost_stream_is_told_and_the_notice_goes_when_it_is_back(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            page.route("**/admin/api/live", lambda route: route.abort())
            opened(page, served, "overview", "Overview")
            notice = page.get_by_text("The connection to the appliance is lost.")
            expect(notice).to_be_visible()
            page.unroute("**/admin/api/live")
            expect(notice).to_be_hidden()

        await drive(play, **state)


async def test_the_overview_counts_what_was_asked_and_shows_each_chart_as_a_table(tmp_path: Path) -> None:
    async with stack(tmp_path, None, bots=BOTS, demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "overview", "Overview")
            expect(page.get_by_text("No messages in this period.")).to_be_visible()
            ask(page, served)
            page.get_by_role("button", name="24 hours").click()
            expect(page.locator(".tile", has_text="Messages")).to_contain_text("1")
            chart = page.get_by_role("region", name="Messages", exact=True)
            chart.get_by_role("button", name="Messages as a table").click()
            expect(chart.get_by_role("row")).to_have_count(25)
            expect(chart.locator(".drawing")).to_be_hidden()
            assert complaints.texts == []

        await drive(play, **state)


def ask(page: Page, served: Stack) -> None:
    assert page.context.browser is not None
    visitor = page.context.browser.new_context().new_page()
    visitor.goto(f"{served.url}/healthz")
    visitor.evaluate(
        """async () => {
          const { AIChat } = await import('/static/client.js')
          let done
          const whole = new Promise((resolve) => (done = resolve))
          const chat = new AIChat({ wsUrl: location.origin.replace('http', 'ws') + '/ai/ws', onDone: done })
          await chat.connect()
          chat.sendMessage(await chat.startChat('shop'), 'How many orders are there?')
          await whole
        }"""
    )
    visitor.context.close()
