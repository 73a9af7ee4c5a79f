"""The widget on three pages of other people: a strict one, a hostile one, one with routes of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.support.host_pages import host_pages
from tests.support.stage import Stage, stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)
AXE = Path(__file__).parents[1] / "clients/node_modules/axe-core/axe.min.js"
PHONE = {"viewport": {"width": 360, "height": 640}, "has_touch": True, "device_scale_factor": 2}


class Scene:
    """The appliance, and the origin of the pages that embed it."""

    def __init__(self, stage: Stage, pages: str) -> None:
        self.stage = stage
        self.pages = pages


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with stage(tmp_path) as served, host_pages(served.url) as pages:
        yield Scene(served, pages)


def launcher(page: Page) -> Locator:
    return page.get_by_role("button", name="the chat")


def ask(place: Page | Locator, text: str) -> None:
    box = place.get_by_label("Your question")
    box.fill(text)
    expect(place.get_by_role("button", name="Send")).to_be_enabled()
    box.press("Enter")


def check_with_axe(page: Page, name: str) -> None:
    """No rule of axe is broken by what the widget shows."""
    if not page.evaluate("() => Boolean(window.axe)"):
        page.evaluate(AXE.read_text())
    found = page.evaluate(
        "async () => (await axe.run({ include: [['appliance-chat']] })).violations"
        ".map((one) => [one.id, one.nodes.map((node) => [node.html.slice(0, 200), node.failureSummary])])"
    )
    assert found == [], name


async def test_under_a_strict_policy_it_opens_answers_and_loads_nothing_foreign(scene: Scene) -> None:
    asked: list[str] = []

    def play(page: Page, complaints: Complaints) -> None:
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{scene.pages}/plain")
        expect(launcher(page)).to_be_visible()
        assert not any("client.js" in url or "talk.js" in url for url in asked)
        launcher(page).click()
        expect(page.get_by_role("dialog", name="support")).to_be_visible()
        expect(page.get_by_label("Your question")).to_be_focused()
        ask(page, "nasty")
        expect(page.locator(".note")).to_be_visible()
        expect(page.get_by_role("heading", name="Report")).to_be_visible()
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_be_hidden()
        expect(launcher(page)).to_be_focused()
        assert complaints.texts == []

    await drive(play)
    known = (scene.pages, scene.stage.url, "blob:")
    assert [url for url in asked if not url.startswith(known)] == []


async def test_where_a_policy_names_no_sockets_it_talks_by_events(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/strict")
        launcher(page).click()
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        assert [text for text in complaints.texts if "ai/ws" not in text] == []

    await drive(play)


async def test_rules_that_unset_everything_do_not_reach_it_and_the_form_hears_nothing(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/hostile")
        assert page.evaluate("document.compatMode") == "BackCompat"
        box = launcher(page).bounding_box()
        assert box is not None
        assert (box["width"], box["height"]) == (56, 56)
        assert (box["x"], box["y"]) == (1280 - 76, 720 - 76)
        launcher(page).click()
        panel = page.get_by_role("dialog").bounding_box()
        assert panel is not None
        assert (panel["width"], round(panel["height"])) == (400, 612)
        ask(page, "hello")
        answer = page.locator(".prose")
        expect(answer).to_have_text("You said: hello")
        assert answer.evaluate("one => getComputedStyle(one).fontSize") == "16px"
        assert answer.evaluate("one => getComputedStyle(one).opacity") == "1"
        page.get_by_label("Your question").press_sequentially("x y")
        assert page.evaluate("[window.keys, document.title]") == [0, "Hostile"]
        assert complaints.texts == []

    await drive(play)


async def test_two_widgets_keep_what_is_theirs_while_the_page_changes_its_route(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/one")
        figures = page.locator("appliance-chat[bot=sql-assistant]")
        support = page.locator("appliance-chat[bot=support]")
        expect(figures.get_by_role("heading", name="Figures")).to_be_visible()
        page.evaluate("ApplianceChat.send('hello')")
        expect(support.locator(".prose")).to_have_text("You said: hello")
        ask(figures, "top users")
        expect(figures.locator(".prose")).to_have_text("The top two are shown above.")
        support.get_by_label("Your question").fill("half a thou")
        page.get_by_role("link", name="Two").click()
        expect(page.get_by_role("heading", name="Two", exact=True)).to_be_visible()
        expect(support.locator(".prose")).to_have_text("You said: hello")
        expect(support.get_by_label("Your question")).to_have_value("half a thou")
        ask(support, "again")
        expect(support.locator(".prose").last).to_have_text("You said: again")
        expect(figures.locator(".question")).to_have_count(1)
        assert page.evaluate("heard") == ["ready", "You said: hello", "You said: again"]
        page.evaluate("ApplianceChat.destroy()")
        expect(support).to_have_count(0)
        expect(figures.locator(".question")).to_have_count(1)
        assert complaints.texts == []

    await drive(play)


async def test_on_a_phone_it_fills_the_screen_and_axe_finds_nothing_in_any_state(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/plain")
        expect(launcher(page)).to_be_visible()
        check_with_axe(page, "closed")
        launcher(page).click()
        panel = page.get_by_role("dialog")
        expect(panel).to_be_visible()
        page.wait_for_function(
            "document.querySelector('appliance-chat').shadowRoot.getAnimations().length === 0"
        )
        box = panel.bounding_box()
        assert box is not None
        assert [round(box[side]) for side in ("x", "y", "width", "height")] == [0, 0, 360, 640]
        size = page.get_by_label("Your question").evaluate("one => getComputedStyle(one).fontSize")
        assert float(size.removesuffix("px")) >= 16
        check_with_axe(page, "open")
        ask(page, "nasty")
        expect(page.locator(".note")).to_be_visible()
        check_with_axe(page, "an answer")
        page.get_by_role("button", name="Menu").click()
        check_with_axe(page, "the menu")
        page.get_by_role("button", name="Conversations").click()
        expect(page.get_by_role("button", name="Rename")).to_be_visible()
        check_with_axe(page, "conversations")
        page.get_by_role("button", name="Delete").click()
        check_with_axe(page, "a question before a deletion")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360

    for scheme in ("light", "dark"):
        await drive(play, **PHONE, color_scheme=scheme, bypass_csp=True)


async def test_on_a_page_from_right_to_left_it_speaks_arabic_and_is_mirrored(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.pages}/rtl")
        button = page.get_by_role("button", name="فتح المحادثة")
        button.click()
        box = button.or_(page.get_by_role("button", name="إغلاق المحادثة").last).bounding_box()
        assert box is not None
        assert box["x"] == 20
        ask_box = page.get_by_label("سؤالك")
        ask_box.fill("hello")
        ask_box.press("Enter")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        question, log = page.locator(".question").bounding_box(), page.locator(".log").bounding_box()
        assert question is not None
        assert log is not None
        assert question["x"] - log["x"] < 40
        colour = "one => getComputedStyle(one).backgroundColor"
        assert page.locator(".launcher").evaluate(colour) == "rgb(10, 125, 92)"
        assert complaints.texts == []

    await drive(play)
