"""What the widget keeps: over cut networks, a restarted server, reloads, second tabs and without storage."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import trio
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.test_widget_pages import ask, launcher
from tests.support import proxy
from tests.support.host_pages import host_pages
from tests.support.stack import Stack, stack
from tests.support.stage import BOTS, SLOW_TEXT, Stage, reply, stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

NO_STORAGE = """
for (const name of ['localStorage', 'sessionStorage']) {
  Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError') } })
}
"""


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[tuple[Stage, str]]:
    async with stage(tmp_path) as served, host_pages(served.url) as pages:
        yield served, pages


async def test_a_cut_in_mid_answer_loses_and_doubles_nothing(scene: tuple[Stage, str]) -> None:
    served, pages = scene

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/plain")
        launcher(page).click()
        ask(page, "cut")
        expect(page.get_by_text("Connection lost. Reconnecting…")).to_be_visible()
        expect(page.locator(".note")).to_be_visible()
        expect(page.locator(".prose")).to_have_text(SLOW_TEXT)
        expect(page.get_by_text("Connection lost")).to_be_hidden()
        page.context.set_offline(True)
        expect(page.get_by_text("You are offline.")).to_be_visible()
        page.context.set_offline(False)
        expect(page.get_by_text("You are offline.")).to_be_hidden()
        page.reload()
        expect(page.locator(".prose")).to_have_text(SLOW_TEXT)  # open as before the reload
        expect(page.locator(".question")).to_have_count(1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(served.cut_in_mid_answer)
        await drive(play)
        nursery.cancel_scope.cancel()
    assert served.asked() == ["cut"]


async def test_a_server_that_restarts_in_mid_answer_is_found_again(tmp_path: Path) -> None:
    in_trio = partial(trio.from_thread.run, trio_token=trio.lowlevel.current_trio_token())
    ends: list[tuple[trio.Event, trio.Event]] = []

    async def serving(network: proxy.Proxy, task_status: trio.TaskStatus[Stack]) -> None:
        stop, ended = trio.Event(), trio.Event()
        ends.append((stop, ended))
        async with stack(tmp_path, reply, bots=BOTS) as served:
            network.target_port = urlsplit(served.url).port or 0
            task_status.started(served)
            await stop.wait()
        ended.set()

    async with trio.open_nursery() as nursery, proxy.serve(0) as network:

        async def restart() -> None:
            stop, ended = ends[-1]
            network.open = False
            stop.set()
            await ended.wait()
            await network.cut()
            await nursery.start(serving, network)
            network.open = True

        await nursery.start(serving, network)
        address = f"http://127.0.0.1:{network.port}"

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{address}/chat/support")
            ask(page, "stuck")
            expect(page.get_by_text("Well, let me see")).to_be_visible()
            in_trio(restart)
            expect(page.get_by_role("button", name="Stop")).to_be_hidden()
            expect(page.locator(".prose")).to_have_text("Well, let me see")
            ask(page, "hello")
            expect(page.locator(".prose").last).to_have_text("You said: hello")
            expect(page.locator(".question")).to_have_count(2)

        await drive(play)
        ends[-1][0].set()


async def test_a_second_tab_shows_the_same_until_one_of_them_begins_anew(scene: tuple[Stage, str]) -> None:
    _, pages = scene

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/plain")
        launcher(page).click()
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        other = page.context.new_page()
        other.goto(f"{pages}/plain")
        launcher(other).click()
        expect(other.locator(".prose")).to_have_text("You said: hello")
        ask(other, "from there")
        expect(page.locator(".prose").last).to_have_text("You said: from there")
        other.get_by_role("button", name="New chat").click()
        ask(other, "another matter")
        expect(other.locator(".prose")).to_have_text("You said: another matter")
        page.reload()
        expect(page.locator(".question")).to_have_text(["hello", "from there"])
        other.get_by_role("button", name="Menu").click()
        other.get_by_role("button", name="Conversations").click()
        past = other.locator(".past")
        expect(past).to_have_count(2)
        past.last.click()
        expect(other.locator(".question")).to_have_text(["hello", "from there"])
        assert complaints.texts == []

    await drive(play)


async def test_without_storage_it_works_as_long_as_the_page(scene: tuple[Stage, str]) -> None:
    _, pages = scene

    def play(page: Page, complaints: Complaints) -> None:
        page.add_init_script(NO_STORAGE)
        page.goto(f"{pages}/plain")
        launcher(page).click()
        for text in ("hello", "again"):
            ask(page, text)
            expect(page.locator(".prose").last).to_have_text(f"You said: {text}")
        expect(page.locator(".question")).to_have_count(2)
        assert complaints.texts == []

    await drive(play)


async def test_the_keyboard_alone_does_everything(scene: tuple[Stage, str]) -> None:
    served, pages = scene

    def focus(page: Page, name: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            active = page.evaluate(
                "() => { const at = document.activeElement?.shadowRoot?.activeElement;"
                " return at?.getAttribute('aria-label') ?? at?.textContent ?? '' }"
            )
            if active == name:
                return
        raise AssertionError(f"Tab does not reach {name!r}")

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/plain")
        expect(launcher(page)).to_be_visible()
        focus(page, "Open the chat")
        page.keyboard.press("Enter")
        expect(page.get_by_label("Your question")).to_be_focused()
        page.keyboard.type("hello")
        page.keyboard.press("Enter")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        expect(page.locator("#announcer")).to_have_text("You said: hello")
        page.keyboard.press("ArrowUp")
        expect(page.get_by_label("Your question")).to_have_value("hello")
        page.keyboard.type(" you")
        page.keyboard.press("Enter")
        expect(page.locator(".prose")).to_have_text("You said: hello you")
        expect(page.locator(".question")).to_have_count(1)
        focus(page, "Menu")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Conversations")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.get_by_role("button", name="Menu")).to_be_focused()
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        focus(page, "Delete")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Cancel")).to_be_focused()
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("No conversations yet.")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_label("Your question")).to_be_focused()
        page.keyboard.press("Escape")
        expect(launcher(page)).to_be_focused()
        expect(page.get_by_role("dialog")).to_be_hidden()
        assert complaints.texts == []

    await drive(play)
    assert served.asked() == ["hello", "hello you"]


async def test_at_twice_the_size_everything_can_be_reached(scene: tuple[Stage, str]) -> None:
    _, pages = scene

    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{pages}/plain")
        launcher(page).click()
        ask(page, "nasty")
        expect(page.locator(".note")).to_be_visible()
        for name in ("Menu", "Close the chat", "New chat"):
            expect(page.get_by_role("button", name=name).first).to_be_in_viewport()
        expect(page.get_by_label("Your question")).to_be_in_viewport()
        assert page.evaluate("document.documentElement.scrollWidth") <= 640

    # Twice the size is half the room.
    await drive(play, viewport={"width": 640, "height": 360}, device_scale_factor=2)
