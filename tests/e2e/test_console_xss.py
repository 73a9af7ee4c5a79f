"""Hostile texts wherever the console shows any: nothing runs, nothing is loaded, also without its policy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import first_admin, opened
from tests.e2e.hostile_console import MARK, Hostile, hostile_console
from tests.e2e.transcript_page import Watch
from tests.e2e.xss_payloads import PAYLOADS
from tests.support.stack import stack

pytestmark = pytest.mark.browser

WRONG = """() => {
  const wrong = []
  const bad = 'script, iframe, object, embed, video, audio, link, meta, base, style, math, use, template'
  for (const node of document.body.querySelectorAll(bad)) {
    if (!node.src?.startsWith(location.origin)) wrong.push(['element', node.outerHTML.slice(0, 200)])
  }
  for (const node of document.body.querySelectorAll('*')) {
    for (const { name, value } of node.attributes) {
      if (/^(on.*|srcdoc|action|formaction|data)$/.test(name)) wrong.push([name, value])
      const isLoaded = /^(src|poster|background|xlink:href)$/.test(name)
      if (isLoaded && !value.startsWith(location.origin)) wrong.push([name, value])
      if (name === 'href' && !/^(https?:|mailto:|tel:|blob:)$/.test(new URL(value, location.href).protocol)) {
        wrong.push([name, value])
      }
    }
  }
  return wrong
}"""
SHOWN = """(payloads) => {
  const flat = (text) => text.replace(/\\s+/g, ' ').trim()
  const values = [...document.querySelectorAll('input, textarea')].map((node) => node.value).join(' ')
  const all = flat(document.body.textContent + ' ' + values)
  return payloads.filter((one) => all.includes(flat(one.replaceAll('\\0', '')))).length
}"""
GO = """(address) => {
  document.querySelector('main .page').dataset.left = '1'
  history.pushState({}, '', address)
  dispatchEvent(new PopStateEvent('popstate'))
}"""
SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def watched(page: Page, url: str) -> Iterator[Watch]:
    """The page with somebody who notes what runs, opens or asks for anything elsewhere."""
    watch = Watch()

    def asked(address: str) -> None:
        if not address.startswith((f"{url}/", "data:", "blob:")):
            watch.faults.append(f"request {address}")

    page.context.on("request", lambda request: asked(request.url))
    page.route(re.compile(f"^(?!{re.escape(url)}/|data:|blob:)"), lambda route: route.abort())
    page.on("dialog", watch.dialog)
    page.expose_function("__pwned", lambda *values: watch.faults.append(f"ran {values}"))
    yield watch


class Tour:
    """Opens page after page, and everything on each; `few` are pages that showed too few of the payloads."""

    def __init__(self, page: Page, hostile: Hostile) -> None:
        self.page = page
        self.hostile = hostile
        self.few: dict[str, int] = {}
        self.wrong: dict[str, list[list[str]]] = {}

    def visit(self, path: str, least: int = 90) -> None:
        """A page, with all that is folded in it opened; so many of the payloads must be there."""
        self.page.evaluate(GO, f"/admin/{path}")
        page = self.page.locator("main .page:not([data-left])")
        expect(page.locator("h1")).to_be_visible()
        expect(self.page.locator("main [aria-busy=true], main .skeleton")).to_have_count(0)
        broken = self.page.locator("main .page > .problem")
        assert broken.count() == 0, (path, broken.first.inner_text())
        while (more := self.page.get_by_role("button", name="Show more")).count():
            entries = self.page.locator("main tbody tr, main h2")
            before = entries.count()
            more.first.click()
            expect(entries.nth(before)).to_be_visible()
        self.look(path, least)

    def look(self, name: str, least: int = 0) -> None:
        self.page.evaluate("document.querySelectorAll('details').forEach((node) => { node.open = true })")
        self.page.evaluate(SETTLED)
        shown = self.page.evaluate(SHOWN, PAYLOADS)
        if shown < least:
            self.few[name] = shown
        if wrong := self.page.evaluate(WRONG):
            self.wrong[name] = wrong[:3]

    def whole(self) -> None:
        opened(self.page, self.hostile.served, "overview")
        for path in ("overview", "conversations", "live", "bots", "knowledge", "gaps", "providers", "keys"):
            self.visit(path, 0 if path == "live" else 90)
        for path in ("users", "people", "audit", "settings", "account", "playground"):
            self.visit(path, 0 if path == "playground" else 90)
        self.talk()
        self.bot()
        self.base()
        self.dialogs()
        self.result()

    def talk(self) -> None:
        self.visit(f"conversations/{self.hostile.conversation}")
        self.page.get_by_role("button", name="Trace").first.click()
        for tab in self.page.get_by_role("dialog").get_by_role("tab").all():
            tab.click()
            self.look(f"trace, {tab.inner_text()}", 0 if "Times" in tab.inner_text() else 90)
        self.page.keyboard.press("Escape")

    def bot(self) -> None:
        for tab in ("about", "limits", "settings", "code", "diff", "tests"):
            self.visit(f"bots/{self.hostile.bot}?tab={tab}", 90 if tab in ("code", "tests") else 0)

    def base(self) -> None:
        for tab in ("documents", "bots", "settings", "search"):
            self.visit(f"knowledge/{self.hostile.base}?tab={tab}", 90 if tab == "documents" else 0)
        self.page.get_by_label("Question").fill(MARK)
        self.page.get_by_label("Question").press("Enter")
        expect(self.page.locator("#main")).to_contain_text("window.__pwned(1)")
        self.look("search")
        self.visit(f"knowledge/{self.hostile.base}/{self.hostile.document}")

    def dialogs(self) -> None:
        """What opens from a row, and a page whose address has a payload."""
        opened(self.page, self.hostile.served, "audit?q=__pwned")
        rows = self.page.locator("main tbody tr")
        for at in range(0, 40, 10):
            rows.nth(at).click()
            expect(self.page.get_by_role("dialog")).to_be_visible()
            self.look(f"audit entry {at}")
            self.page.keyboard.press("Escape")
        for payload in (PAYLOADS[0], PAYLOADS[5], PAYLOADS[9]):
            self.visit(f"users/{quote(payload, safe='')}", 0)
            expect(self.page.locator("main h1")).to_have_text(payload)

    def result(self) -> None:
        opened(self.page, self.hostile.served, "sql", "SQL")
        plain = [one.replace("\0", "") for one in PAYLOADS]
        columns = ", ".join(f"{_quoted(one, chr(39))} AS {_quoted(one, chr(34))}" for one in plain)
        box = self.page.get_by_label("Statement", exact=True)
        box.fill(f"SELECT {columns}")
        box.press("Control+Enter")
        expect(self.page.locator(".grid td")).to_have_count(len(PAYLOADS))
        self.look("result", 90)
        self.page.get_by_role("button", name="Show row 1 whole").click()
        self.look("row", 90)


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace(mark, mark * 2) + mark


async def test_no_payload_runs_or_loads_anything_on_any_page_with_a_policy_or_without(tmp_path: Path) -> None:
    async with hostile_console(tmp_path) as hostile:

        def play(page: Page, complaints: Complaints) -> None:
            with watched(page, hostile.served.url) as watch:
                tour = Tour(page, hostile)
                tour.whole()
                assert tour.wrong == {}
                assert tour.few == {}
            assert watch.faults == []
            assert complaints.texts == []

        for is_without_policy in (False, True):
            look = {"bypass_csp": is_without_policy, "viewport": {"width": 1400, "height": 900}}
            await drive(play, **hostile.state, **look)


async def test_the_watch_sees_what_runs_and_what_is_loaded(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with watched(page, served.url) as watch:
                opened(page, served, "keys")
                page.evaluate(
                    "texts => { document.querySelector('main').innerHTML = texts.join('') }",
                    [text for text in PAYLOADS if text.startswith("<img")],
                )
                for _ in range(100):  # what runs is told when the browser comes to it
                    if any(fault.startswith("ran") for fault in watch.faults):
                        break
                    page.wait_for_timeout(50)
                assert page.evaluate(WRONG)
                assert page.evaluate(SHOWN, PAYLOADS) < len(PAYLOADS)
            assert any(fault.startswith("ran") for fault in watch.faults)
            assert any(fault.startswith("request") for fault in watch.faults)

        await drive(play, **state, bypass_csp=True)
