"""Pictures of what people see, in `screenshots/` at the top (never committed): accessible, and not empty."""

from __future__ import annotations

import struct
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trio
from playwright.sync_api import Page, expect

from appliance.engine.demo import bring_to_life
from appliance.importer.demo import create_demo
from appliance.store import console_links
from appliance.store.database import connect, database_path
from tests.console.people import browser, set_up
from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.console_stage import PASSWORD, violations
from tests.e2e.test_widget_pages import ask, launcher
from tests.support.host_pages import host_pages
from tests.support.model_replies import Reply, openai_text, openai_tool_calls, stream, text
from tests.support.model_server import Recorded
from tests.support.served_knowledge import add_base
from tests.support.stack import Stack, stack

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

FOLDER = Path(__file__).parents[2] / "screenshots"
EMPTY_BYTES = 4_000
"""A window of one colour is smaller than that as PNG."""
CALM = {"bypass_csp": True, "reduced_motion": "reduce"}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "device_scale_factor": 2}

BOT = """---
title: Shop help
description: First help for visitors of the shop
greeting: Hello! Ask me about coffee and tea, about shipping, returns or what we have sold.
colour: "#0a7d5c"
handoff: true
uploads: true
public: true
allow-unauthenticated: true
persist-conversations: true
allowed-tables: [products, orders]
knowledge-base: handbook
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
suggestions: ["What do you sell?", "How many days do I have to return an item?"]
---
You are the shop's assistant.
"""
RETURNS = """# Returns

You can return any item within 30 days of delivery. The way back is free with the label in the parcel.

# Refunds

The money is with you within five days after the parcel has come back.
"""
SHOP = """<!doctype html><html lang="LANG" dir="DIR"><head><meta charset="utf-8"><title>Coffee and tea</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<script src="{appliance}/widget.js" data-bot="shop" defer></script></head>
<body><main><h1>Coffee and tea</h1><p>From small farms, roasted on Mondays.</p></main></body></html>"""
SQL = "SELECT status, count(*) AS orders, count(DISTINCT user_id) AS users FROM orders GROUP BY 1"
MARKDOWN = """## Two ways to brew it

1. **Filter**: 60 g for a litre, at 94 °C
2. *French press*: 70 g, and four minutes of patience

| way | grams | minutes |
|---|---:|---:|
| Filter | 60 | 3 |
| Press | 70 | 4 |

```python
grams = litres * 60
```

Ask me"""


def reply(asked: Recorded) -> Reply:
    """What the model says to the questions of the pictures."""
    last = asked.body["messages"][-1]
    if last["role"] == "tool":
        return openai_text("Most orders are **delivered** already; the newest are on their way.")
    words = str(last["content"])
    if "orders" in words:
        given = {"sql": SQL, "description": "Orders and customers by status", "chart": "bar"}
        return openai_tool_calls(("execute_sql", given))
    if "brew" in words:
        return stream(text(MARKDOWN), then="hang")
    if "return" in words:
        return openai_text("You can “return any item within 30 days” of delivery [1].")
    if "break" in words:
        return stream(text("Let me look that up. The parcel"), then="reset")
    return openai_text("Coffee, tea, and what one needs to make them.")


class Scene:
    """`pages` is the shop's own origin; `link` leads to the console for the first time."""

    def __init__(self, served: Stack, pages: str, link: str) -> None:
        self.served = served
        self.pages = pages
        self.link = link


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    with closing(connect(database_path(tmp_path))) as db:
        create_demo(db, datetime.now(UTC).date())
        bring_to_life(db, time.time())
    async with stack(tmp_path, reply, bots={"shop": BOT}, embedding_provider="none") as served:
        await add_base(served, "handbook", {"Returns": RETURNS})
        with closing(connect(database_path(tmp_path))) as db:
            token = console_links.make_first(db, time.time())
        pages = {
            "shop": SHOP.replace("LANG", "en").replace("DIR", "ltr"),
            "arabic": SHOP.replace("LANG", "ar").replace("DIR", "rtl"),
        }
        async with host_pages(served.url, **pages) as origin:
            yield Scene(served, origin, f"{served.url}/admin#setup={token}")


def picture(page: Page, name: str) -> None:
    """Take one, when nothing moves any more; it shows something, and axe-core finds nothing."""
    page.evaluate("document.fonts.ready")
    FOLDER.mkdir(exist_ok=True)
    data = page.screenshot(path=FOLDER / f"{name}.png", animations="disabled", caret="hide")
    width, height = struct.unpack(">II", data[16:24])
    size = page.viewport_size or {}
    assert width >= size["width"]
    assert height >= size["height"]
    assert len(data) > EMPTY_BYTES, f"{name} is empty"
    assert violations(page) == [], name


async def test_the_widget_closed_open_streaming_with_figures_a_citation_and_a_failure(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/shop")
        expect(launcher(page)).to_be_visible()
        picture(page, "02-closed")
        launcher(page).click()
        expect(page.get_by_role("button", name="What do you sell?")).to_be_visible()
        picture(page, "03-open")
        ask(page, "How do I brew it?")
        expect(page.locator(".prose")).to_contain_text("Ask me")
        picture(page, "04-streaming")
        page.get_by_role("button", name="Stop").click()
        page.get_by_role("button", name="New chat").click()
        ask(page, "How many orders are there by status?")
        expect(page.locator(".chart svg")).to_be_visible()
        expect(page.locator(".note")).to_be_visible()
        page.locator(".chart").scroll_into_view_if_needed()
        picture(page, "05a-chart")
        page.get_by_role("button", name="Table", exact=True).click()
        expect(page.locator("td").first).to_be_visible()
        picture(page, "05b-table")
        page.get_by_role("button", name="New chat").click()
        ask(page, "How many days do I have to return an item?")
        page.get_by_role("button", name="Source 1: Returns").first.click()
        expect(page.get_by_role("dialog", name="Returns")).to_be_visible()
        picture(page, "06-citation")
        page.keyboard.press("Escape")
        assert complaints.texts == []
        page.get_by_role("button", name="New chat").click()
        ask(page, "break")
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        picture(page, "07-failure")

    await drive(play, **CALM)


@pytest.mark.parametrize(
    ("name", "path", "look"),
    [
        ("08-phone", "shop", PHONE),
        ("09-dark", "shop", {"color_scheme": "dark"}),
        ("10-arabic", "arabic", {"locale": "ar"}),
        ("13-forced-colours", "shop", {"forced_colors": "active"}),
    ],
)
async def test_figures_on_a_phone_in_the_dark_in_arabic_and_in_forced_colours(
    scene: Scene, name: str, path: str, look: dict[str, Any]
) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/{path}")
        page.locator(".launcher").click()
        box = page.locator(".composer textarea")
        for question in (
            "How many days do I have to return an item?",
            "How many orders are there by status?",
        ):
            box.fill(question)
            box.press("Enter")
            expect(page.locator(".answer").last.locator(".note")).to_be_visible()
        expect(page.locator(".chart svg")).to_be_visible()
        picture(page, name)
        page.locator(".chart").scroll_into_view_if_needed()
        picture(page, f"{name}-chart")
        assert complaints.texts == []

    await drive(play, **CALM, **look)


async def test_a_person_who_has_joined(scene: Scene) -> None:
    async with browser(scene.served) as ann, trio.open_nursery() as nursery:
        await set_up(scene.served, ann)
        waits = trio.Event()

        async def answer() -> None:
            await waits.wait()
            [item] = (await ann.get("conversations", params={"handoff": "waiting", "bot": "shop"})).json()[
                "items"
            ]
            for path, body in (
                ("join", {}),
                ("messages", {"content": "Hello, I look for your parcel."}),
            ):
                told = await ann.post(f"conversations/{item['id']}/{path}", json=body)
                assert told.is_success, told.text

        nursery.start_soon(answer)
        token = trio.lowlevel.current_trio_token()

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{scene.pages}/shop")
            launcher(page).click()
            ask(page, "What do you sell?")
            expect(page.locator(".note")).to_be_visible()
            page.get_by_role("button", name="Menu").click()
            page.get_by_role("button", name="Talk to a person").click()
            expect(page.locator(".handoff")).to_be_visible()
            trio.from_thread.run_sync(waits.set, trio_token=token)
            expect(page.get_by_role("article", name="Ann A.")).to_contain_text("look for your parcel")
            picture(page, "11-person")
            assert complaints.texts == []

        await drive(play, **CALM)


async def test_the_landing_page_and_the_consoles_overview_by_the_setup_link(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(scene.served.url)
        expect(page.get_by_role("button", name="Copy")).to_be_visible()
        expect(launcher(page)).to_be_visible()
        picture(page, "01-landing")
        page.goto(scene.link)
        page.get_by_label("Name", exact=True).fill("ana")
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_label("Password again").fill(PASSWORD)
        page.get_by_role("button", name="Create the account").click()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        expect(page.locator("main [aria-busy=true], main .skeleton")).to_have_count(0)
        picture(page, "12-console")
        assert complaints.texts == []

    await drive(play, **CALM)
