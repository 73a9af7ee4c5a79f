"""A person's shift at the console in headless Chromium, with nothing but keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import NAME, PASSWORD, first_admin
from tests.e2e.test_console_conversations import BOTS, visitor
from tests.support.stack import Stack, stack
from tests.support.stage import reply

pytestmark = pytest.mark.browser

TABS_MAX = 60
FOCUSED = """() => {
  const node = document.activeElement
  const label = node.getAttribute('aria-label') || node.labels?.[0]?.textContent || node.textContent
  return [label.trim(), node === document.body]
}"""
SEEN = """() => {
  const style = getComputedStyle(document.activeElement)
  const box = document.activeElement.getBoundingClientRect()
  const ring = style.outlineStyle !== 'none' || style.boxShadow !== 'none'
  return ring && box.width > 0 && box.bottom > 0 && box.top < innerHeight
}"""


def tab_to(page: Page, label: str) -> None:
    """Press Tab until something so called has the focus; what has it on the way is always to be seen."""
    passed: list[str] = []
    for _ in range(TABS_MAX):
        page.keyboard.press("Tab")
        name, is_nothing = page.evaluate(FOCUSED)
        assert is_nothing or page.evaluate(SEEN), f"{name!r} has the focus, and nobody can see it"
        if name.startswith(label):
            return
        passed.append(name)
    raise AssertionError(f"Tab never came to {label!r}: {passed}")


async def test_a_shift_without_a_mouse(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS, demo=True) as served:
        await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("top users")
                ann.wants_a_person()
                signs_in(page, served)
                finds_who_waits(page)
                page.keyboard.press("Enter")
                heading = page.locator("main h1")
                expect(heading).to_have_text("top users")
                expect(heading).to_be_focused()
                tab_to(page, "Join")
                page.keyboard.press("Enter")
                expect(page.get_by_label("Your message to the visitor")).to_be_focused()
                page.keyboard.type("I am Ana, how can I help?")
                page.keyboard.press("Enter")
                ann.reads("I am Ana, how can I help?")
                expect(page.get_by_label("Your message to the visitor")).to_have_value("")
                tab_back_to(page, "Leave")
                page.keyboard.press("Enter")
                expect(page.get_by_text("The bot answers here.")).to_be_visible()
                expect(heading).to_be_focused()
            reads_the_trace(page)
            signs_out(page)
            assert [one for one in complaints.texts if "401" not in one] == []

        await drive(play)


def signs_in(page: Page, served: Stack) -> None:
    page.goto(f"{served.url}/admin")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.type(NAME)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.locator("main h1")).to_have_text("Overview")


def finds_who_waits(page: Page) -> None:
    """By a shortcut to the page, and the search."""
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(page.locator("main h1")).to_have_text("Conversations")
    expect(page.get_by_role("region", name="One person waits")).to_be_visible()
    page.keyboard.press("/")
    expect(page.get_by_label("Search", exact=True)).to_be_focused()
    tab_to(page, "top users")


def tab_back_to(page: Page, label: str) -> None:
    for _ in range(TABS_MAX):
        page.keyboard.press("Shift+Tab")
        if page.evaluate(FOCUSED)[0].startswith(label):
            return
    raise AssertionError(f"Shift+Tab never came to {label!r}")


def reads_the_trace(page: Page) -> None:
    tab_to(page, "Trace")
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("tab", name="Times")).to_be_visible()
    tab_to(page, "Times")
    for name in ("Prompt", "Passages", "SQL"):
        page.keyboard.press("ArrowRight")
        expect(dialog.get_by_role("tab", name=name)).to_be_focused()
    expect(dialog.get_by_label("SQL", exact=True)).to_contain_text("SELECT name, id FROM users")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    assert page.evaluate(FOCUSED)[0] == "Trace"


def signs_out(page: Page) -> None:
    tab_back_to(page, "Sign out")
    page.keyboard.press("Enter")
    expect(page.locator("main h1, h1").first).to_have_text("Sign in")
    expect(page.get_by_label("Name", exact=True)).to_be_focused()
