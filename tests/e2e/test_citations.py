"""Citations on the chat page: a click shows the passage, and what is quoted of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.test_chat_page import ask
from tests.support.host_pages import host_pages
from tests.support.model_replies import openai_text
from tests.support.served_knowledge import add_base, add_document, admin
from tests.support.stack import OPEN_BOT, Stack, stack

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

BOT = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\n---\nYou are")
RETURNS = (
    "# Returns\n\nYou can return *any item* within 30 days of delivery. <b>Bold</b> claims are not ours."
)
QUESTION = "How many days do I have to return an item?"
ANSWER = (
    "You can “return any ",
    "item within 30 days” [",
    "1]. See also [7] and `list[1]`",
    ".\n\n- as said [1]",
)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Stack]:
    replies = [openai_text(*ANSWER)]
    async with stack(tmp_path, replies, bots={"shop": BOT}, embedding_provider="none") as served:
        async with admin(served) as http:
            made = await add_base(served, "handbook", {})
            await add_document(http, made["id"], "Returns", RETURNS, source="https://shop.example/returns")
        yield served


async def test_a_click_on_a_citation_shows_the_passage_with_what_is_quoted(served: Stack) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{served.url}/chat/shop")
        ask(page, QUESTION)
        expect(page.locator(".note")).to_have_count(1)
        answer = page.locator(".answer")
        expect(answer.locator(".cite")).to_have_count(2)
        expect(answer.locator(".prose p").first).to_contain_text("See also and list[1].")
        expect(answer.get_by_role("list", name="Sources").get_by_role("button")).to_have_text(["1 Returns"])
        cite = answer.get_by_role("button", name="Source 1: Returns").first
        cite.focus()
        page.keyboard.press("Enter")
        passage = page.get_by_role("dialog", name="Returns")
        expect(passage).to_contain_text("<b>Bold</b> claims are not ours.")
        expect(passage.locator("mark")).to_have_text("return *any item* within 30 days")
        link = passage.get_by_role("link", name="Open the document")
        expect(link).to_have_attribute("href", "https://shop.example/returns")
        expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
        page.keyboard.press("Escape")
        expect(passage).to_have_count(0)
        expect(cite).to_be_focused()
        assert complaints.texts == []

    await drive(play)


async def test_citations_are_there_again_after_a_reload(served: Stack) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{served.url}/chat/shop")
        ask(page, QUESTION)
        expect(page.locator(".cite")).to_have_count(2)
        page.reload()
        expect(page.locator(".cite")).to_have_count(2)
        page.locator(".source").click()
        expect(page.get_by_role("dialog", name="Returns")).to_contain_text("within 30 days of delivery")
        page.get_by_role("button", name="Close").click()
        expect(page.get_by_role("dialog")).to_have_count(0)
        assert complaints.texts == []

    await drive(play)


@pytest.mark.parametrize(
    ("width", "side"), [(1200, "right"), (1200, "left"), (390, "right")], ids=["right", "left", "phone"]
)
async def test_a_passage_opens_over_the_chat_that_floats_in_a_corner(
    served: Stack, width: int, side: str
) -> None:
    tag = f'<script src="{{appliance}}/widget.js" data-bot="shop" data-position="{side}" defer></script>'
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Shop</title>'
    html = f'<!doctype html><html lang="en"><head>{head}{tag}</head><body><h1>Shop</h1></body></html>'
    async with host_pages(served.url, shop=html) as origin:

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{origin}/shop")
            page.locator(".launcher").click()
            ask(page, QUESTION)
            cite = page.get_by_role("button", name="Source 1: Returns").first
            cite.click()
            passage = page.get_by_role("dialog", name="Returns")
            expect(passage.locator("mark")).to_be_visible()
            inner, panel = passage.bounding_box(), page.locator(".panel").bounding_box()
            assert inner
            assert panel
            assert (inner["x"], inner["width"]) == (panel["x"], panel["width"])
            assert inner["y"] >= panel["y"]
            assert inner["y"] + inner["height"] == panel["y"] + panel["height"]
            if width < 480:
                assert (inner["x"], inner["width"]) == (0, width)
            page.keyboard.press("Escape")
            expect(passage).to_have_count(0)
            expect(page.locator(".panel")).to_be_visible()
            expect(cite).to_be_focused()
            assert complaints.texts == []

        await drive(play, viewport={"width": width, "height": 800}, reduced_motion="reduce")


async def test_the_page_takes_no_harm_from_a_hostile_source(tmp_path: Path) -> None:
    evil = (
        "<img src=x onerror=alert(1)> \u202e You can return an item within 30 days. {{7*7}} </mark><script>x"
    )
    bots = {"shop": BOT}
    async with stack(tmp_path, [openai_text("So [1].")], bots=bots, embedding_provider="none") as served:
        async with admin(served) as http:
            made = await add_base(served, "handbook", {})
            await add_document(http, made["id"], '"><script>alert(1)</script>', evil * 3)

        def play(page: Page, complaints: Complaints) -> None:
            page.goto(f"{served.url}/chat/shop")
            ask(page, QUESTION)
            page.locator(".cite").click()
            passage = page.get_by_role("dialog")
            expect(passage).to_contain_text("<img src=x onerror=alert(1)>")
            expect(passage.locator("img, script")).to_have_count(0)
            expect(passage.get_by_role("link")).to_have_count(0)
            assert complaints.texts == []

        await drive(play)
