"""The page `/docs` in headless Chromium: every endpoint is on it, and nothing comes from elsewhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.support.stack import Stack, stack

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

METHODS = {"get", "put", "post", "delete", "patch"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Stack]:
    async with stack(tmp_path, []) as served:
        yield served


def opened(page: Page, served: Stack, id: str) -> Any:
    page.goto(f"{served.url}/docs#{id}")
    box = page.locator(f"#{id}")
    expect(box).to_have_attribute("open", "")
    return box


async def test_every_endpoint_is_shown_and_nothing_comes_from_elsewhere(served: Stack) -> None:
    asked: list[str] = []
    async with httpx.AsyncClient() as client:
        paths = (await client.get(f"{served.url}/openapi.json")).json()["paths"]
        headers = (await client.get(f"{served.url}/docs")).headers
    wanted = sorted((verb, path) for path, item in paths.items() for verb in item if verb in METHODS)

    def play(page: Page, complaints: Complaints) -> None:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{served.url}/docs")
        expect(page.locator(".endpoint")).to_have_count(len(wanted))
        methods = page.locator(".endpoint .method").all_text_contents()
        shown = zip(map(str.lower, methods), page.locator(".endpoint .path").all_text_contents(), strict=True)
        assert sorted(shown) == wanted
        for box in page.locator(".endpoint").all():
            box.evaluate("one => one.open = true")
        expect(page.locator(".about")).to_have_count(len(wanted))
        assert complaints.texts == []

    await drive(play)
    assert asked
    assert {url for url in asked if not url.startswith(served.url)} == set()
    assert headers["content-security-policy"].startswith("default-src 'self'")


async def test_fields_are_opened_one_in_the_other_and_the_command_is_copied(served: Stack) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        box = opened(page, served, "post_api_v2_agents_agent_chat")
        answer = box.locator("section", has=page.get_by_role("heading", name="Answer 200"))
        inner = answer.locator(".name", has_text="userMessageId")
        expect(inner).to_have_count(0)
        answer.locator("summary", has_text="Its fields").first.click()
        answer.locator(".folded .folded > summary").last.click()
        expect(inner).to_be_visible()
        box.get_by_role("button", name="Copy").first.click()
        expect(box.get_by_role("button", name="Copied")).to_be_visible()
        command = page.evaluate("navigator.clipboard.readText()")
        assert f"'{served.url}/api/v2/agents/AGENT/chat'" in command
        assert """-d '{"message":""" in command
        assert complaints.texts == []

    await drive(play, permissions=["clipboard-read", "clipboard-write"])


async def test_the_keyboard_finds_and_opens_an_endpoint(served: Stack) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{served.url}/docs")
        expect(page.locator(".endpoint").first).to_be_visible()
        page.keyboard.press("/")
        expect(page.get_by_label("Search endpoints")).to_be_focused()
        page.keyboard.type("openai completions")
        expect(page.locator(".endpoint:visible")).to_have_count(1)
        expect(page.get_by_role("status")).to_contain_text("1 of ")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        for _ in range(20):
            if page.evaluate("document.activeElement.parentElement.id") == "post_v1_chat_completions":
                break
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("#post_v1_chat_completions").get_by_role("heading", name="Body")).to_be_visible()
        page.get_by_label("Search endpoints").fill("no such thing")
        expect(page.locator(".endpoint:visible")).to_have_count(0)
        assert complaints.texts == []

    await drive(play)


async def test_nothing_is_wider_than_a_small_screen(served: Stack) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{served.url}/docs")
        expect(page.locator(".endpoint").first).to_be_visible()
        for box in page.locator("details").all():
            box.evaluate("one => one.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= 380
        assert complaints.texts == []

    await drive(play, viewport={"width": 380, "height": 800})
