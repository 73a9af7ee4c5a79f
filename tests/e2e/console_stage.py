"""A console with somebody signed in: the appliance, its first admin, and a browser that has the cookie."""

from __future__ import annotations

import json
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page, expect

from appliance.store import console_links
from appliance.store.database import connect, database_path
from tests.e2e.browser import PATIENCE_MS
from tests.support.stack import Stack

expect.set_options(timeout=PATIENCE_MS)

NAME = "ana"
PASSWORD = "correct horse battery staple"
COOKIE = "appliance_console"
AXE = Path(__file__).parents[1] / "clients/node_modules/axe-core/axe.min.js"
SIZES = {"desktop": {"width": 1920, "height": 1000}, "phone": {"width": 380, "height": 800}}


async def first_admin(served: Stack) -> dict[str, Any]:
    """Make the first account; gives what a browser context needs to be signed in as it."""
    with closing(connect(database_path(served.data))) as db:
        token = console_links.make_first(db, time.time())
    assert token is not None
    async with httpx.AsyncClient(base_url=served.url, headers={"Origin": served.url}) as http:
        body = {"token": token, "name": NAME, "display_name": "Ana Silva", "password": PASSWORD}
        answer = await http.post("/admin/api/setup", json=body)
        assert answer.status_code == 200, answer.text
        value = http.cookies[COOKIE]
    cookie = {
        "name": COOKIE,
        "value": value,
        "domain": "127.0.0.1",
        "path": "/",
        "httpOnly": True,
        "secure": False,
        "sameSite": "Strict",
        "expires": -1,
    }
    return {"storage_state": {"cookies": [cookie], "origins": []}}


def console_client(served: Stack, state: dict[str, Any]) -> httpx.AsyncClient:
    """The same person without a browser, below `/admin/api`."""
    value = state["storage_state"]["cookies"][0]["value"]
    return httpx.AsyncClient(
        base_url=f"{served.url}/admin/api",
        headers={"Origin": served.url},
        cookies={COOKIE: value},
        timeout=60,
    )


def opened(page: Page, served: Stack, path: str, heading: str | None = None) -> None:
    """Go to a page of the console and wait until it is there."""
    page.goto(f"{served.url}/admin/{path}")
    title = page.locator("main h1")
    expect(title).to_have_text(heading) if heading else expect(title).to_be_visible()
    expect(page.locator("main [aria-busy=true], main .skeleton")).to_have_count(0)


def confirmed(page: Page, button: str, word: str = "") -> str:
    """Answer the question that is open with yes; gives what would be lost."""
    dialog = page.get_by_role("dialog")
    lost = dialog.locator(".loses").inner_text()
    if word:
        dialog.locator("[name=word]").fill(word)
    dialog.get_by_role("button", name=button, exact=True).click()
    expect(dialog.locator(".loses")).to_have_count(0)  # what became of it may be told in another one
    return lost


def told(page: Page, text: str) -> None:
    """Wait for a notice."""
    expect(page.locator("#toasts .toast", has_text=text).first).to_be_visible()


def violations(page: Page) -> list[str]:
    """What axe-core finds on the page as it is, in words; the context has to bypass the page's policy."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{one['id']}: {json.dumps([node['html'][:200] for node in one['nodes']])}" for one in found]


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wide: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide
