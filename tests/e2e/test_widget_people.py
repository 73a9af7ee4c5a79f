"""What people do in the widget beside asking: call a person, judge, keep house, show who they are."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio
from playwright.sync_api import Locator, Page, expect

from tests.console.people import Clock, browser, invite, set_up
from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.test_widget_pages import ask, launcher
from tests.support.host_pages import host_pages
from tests.support.model_replies import Reply, openai_text
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.widget.people import proof, secret_of

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

BOT = OPEN_BOT.replace(
    "---\n",
    '---\nhandoff: true\nuploads: true\nsuggestions: ["Do you ship abroad?", "Where is my order?"]\n',
    1,
)
LEASE = "Pets\n\nCats are welcome. A dog needs the landlord's consent, which Mrs Kallio gives in writing.\n"
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Shop</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<script src="{appliance}/widget.js" data-bot="shop" WHO defer></script></head>
<body><main><h1>A shop</h1></main></body></html>"""


def reply(asked: Recorded) -> Reply:
    """An echo; of the lease what it says."""
    words = str(asked.body["messages"][-1]["content"])
    if "dog" in words:
        return openai_text("Mrs Kallio must agree: “A dog needs the landlord's consent” [1].")
    return openai_text("You said: ", words)


class Scene:
    """The appliance, an operator of the team, and the shop's page; `do` is for the browser's thread."""

    def __init__(self, served: Stack, operator: httpx.AsyncClient, pages: str, clock: Clock) -> None:
        self.served = served
        self.operator = operator
        self.pages = pages
        self.clock = clock
        self._token = trio.lowlevel.current_trio_token()

    def do(self, act: Callable[..., Awaitable[Any]], *given: Any, **named: Any) -> Any:
        return trio.from_thread.run(partial(act, *given, **named), trio_token=self._token)

    def console(self, method: str, path: str, body: Any = None) -> Any:
        """A request of the operator's."""
        answer = self.do(self.operator.request, method, path, json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def only_conversation(self) -> str:
        [item] = self.console("GET", "conversations")["items"]
        return str(item["id"])

    def asked(self) -> list[dict[str, Any]]:
        """What the model was shown last, without its instructions."""
        assert self.served.model is not None
        return list(self.served.model.requests[-1].body["messages"][1:])


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    clock = Clock()
    async with (
        stack(tmp_path, reply, bots={"shop": BOT}, clock=clock, embedding_provider="none") as served,
        browser(served) as admin,
        browser(served) as operator,
    ):
        await set_up(served, admin)
        await invite(admin, operator, "olga")
        signed = proof(secret_of(served), "ann")["user"]
        who = f'data-user-id="ann" data-user-hash="{signed["hash"]}" data-user-name="Ann"'
        pages = {"shop": PAGE.replace("WHO", ""), "signed": PAGE.replace("WHO", who)}
        async with host_pages(served.url, **pages) as origin:
            yield Scene(served, operator, origin, clock)


def opened(page: Page, scene: Scene, path: str = "shop") -> None:
    page.goto(f"{scene.pages}/{path}")
    launcher(page).click()


def menu(page: Page, name: str) -> None:
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("button", name=name, exact=True).click()


def answer(page: Page) -> Locator:
    """The newest one."""
    return page.locator(".answer").last


def told(page: Page) -> list[str]:
    """Words in the log, in their order."""
    return page.locator(".question, .prose, .handoff").all_inner_texts()


async def test_a_person_comes_writes_and_goes_and_the_bot_knows_what_was_said(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        menu(page, "Talk to a person")
        presence = page.locator(".presence")
        expect(presence).to_be_visible()
        expect(page.locator(".handoff")).to_have_text("A person was asked to come.")
        id = scene.only_conversation()
        assert scene.console("GET", f"conversations/{id}")["conversation"]["handoff"] == "waiting"
        scene.console("POST", f"conversations/{id}/join")
        expect(presence).to_have_text("Olga is here.")
        ask(page, "is anybody there?")
        scene.console("POST", f"conversations/{id}/messages", {"content": "It is me, **Olga**."})
        person = page.get_by_role("article", name="Olga")
        expect(person.locator(".prose")).to_have_text("It is me, Olga.")
        expect(page.locator("#announcer")).to_have_text("Olga: It is me, Olga.")
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)
        scene.console("POST", f"conversations/{id}/leave")
        expect(presence).to_be_hidden()
        ask(page, "thanks")
        expect(page.locator(".prose").last).to_have_text("You said: thanks")
        log = [
            "hello",
            "You said: hello",
            "A person was asked to come.",
            "Olga has joined.",
            "is anybody there?",
            "It is me, Olga.",
            "Olga has left. The bot answers again.",
            "thanks",
            "You said: thanks",
        ]
        assert told(page) == log
        page.reload()
        expect(page.locator(".prose").last).to_have_text("You said: thanks")
        assert told(page) == log
        assert complaints.texts == []

    await drive(play)
    shown = [(one["role"], one["content"]) for one in scene.asked()]
    assert ("user", "is anybody there?") in shown
    assert any(role == "assistant" and "It is me, **Olga**." in words for role, words in shown)
    assert scene.served.model is not None
    assert len(scene.served.model.requests) == 2  # the bot was silent in between


async def test_a_closed_widget_counts_what_a_person_writes_and_a_wish_can_be_called_off(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        menu(page, "Talk to a person")
        expect(page.locator(".presence")).to_be_visible()
        menu(page, "Go on without a person")
        expect(page.locator(".presence")).to_be_hidden()
        expect(page.locator(".handoff").last).to_have_text("The wish for a person has ended.")
        menu(page, "Talk to a person")
        expect(page.locator(".presence")).to_be_visible()
        page.get_by_role("button", name="Close the chat").first.click()
        id = scene.only_conversation()
        scene.console("POST", f"conversations/{id}/join")
        scene.console("POST", f"conversations/{id}/messages", {"content": "Hello?"})
        expect(page.get_by_role("button", name="Open the chat, 1 new message")).to_be_visible()
        page.reload()
        expect(launcher(page)).to_be_visible()
        scene.console("POST", f"conversations/{id}/messages", {"content": "Still there?"})
        page.get_by_role("button", name="Open the chat, 2 new messages").click()
        expect(page.locator(".prose")).to_have_text(["Hello?", "Still there?"])
        page.get_by_role("button", name="Close the chat").first.click()
        page.reload()
        scene.console("POST", f"conversations/{id}/messages", {"content": "Well."})
        expect(page.get_by_role("button", name="Open the chat, 1 new message")).to_be_visible()
        assert complaints.texts == []

    await drive(play)


async def test_words_about_an_answer_outlive_a_reload_and_reach_the_team(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        ask(page, "hello")
        bad = page.get_by_role("button", name="Bad answer")
        bad.click()
        words = page.get_by_label("What was good or bad? (optional)")
        words.fill("It only repeats me.")
        page.locator(".words").get_by_role("button", name="Send").click()
        expect(words).to_have_count(0)
        expect(bad).to_have_attribute("aria-pressed", "true")
        [_, line] = scene.console("GET", f"conversations/{scene.only_conversation()}")["messages"]
        assert (line["feedback"], line["comment"]) == ("negative", "It only repeats me.")
        page.reload()
        expect(bad).to_have_attribute("aria-pressed", "true")
        page.get_by_role("button", name="Good answer").click()
        expect(words).to_have_value("It only repeats me.")
        words.press("Escape")
        expect(bad).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Good answer").click()
        expect(page.get_by_text("Taken back.")).to_be_visible()
        [_, line] = scene.console("GET", f"conversations/{scene.only_conversation()}")["messages"]
        assert line["feedback"] in (None, "")
        assert complaints.texts == []

    await drive(play)


async def test_a_conversation_is_renamed_saved_and_deleted(scene: Scene, tmp_path: Path) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        for text in ("the first", "the second"):
            ask(page, text)
            expect(page.locator(".prose").last).to_have_text(f"You said: {text}")
            page.get_by_role("button", name="New chat").click()
        menu(page, "Conversations")
        older = page.locator(".history li").last
        older.get_by_role("button", name="Rename").click()
        page.get_by_label("Title").fill("<b>Parcels</b>")
        page.keyboard.press("Enter")
        expect(older.locator("strong")).to_have_text("<b>Parcels</b>")
        older.locator(".past").click()
        expect(page.locator(".question")).to_have_text("the first")
        with page.expect_download() as download:
            menu(page, "Save as a file")
        download.value.save_as(tmp_path / "saved.md")
        text = (tmp_path / "saved.md").read_text()
        assert "the first" in text
        assert "You said: the first" in text
        menu(page, "Conversations")
        older.get_by_role("button", name="Delete").click()
        expect(older.get_by_role("button", name="Cancel")).to_be_focused()
        older.locator(".danger").click()
        expect(page.locator(".history li strong")).to_have_text(["the second"])
        page.get_by_role("button", name="Back to the chat").click()
        expect(page.locator(".question")).to_have_count(0)
        assert len(scene.console("GET", "conversations")["items"]) == 1
        assert complaints.texts == []

    await drive(play, accept_downloads=True)


async def test_all_data_of_a_visitor_goes_when_they_say_so_twice(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        menu(page, "Delete my data")
        expect(page.get_by_text("This cannot be undone.")).to_be_visible()
        page.locator(".history").get_by_role("button", name="Cancel").click()
        expect(page.locator(".question")).to_be_visible()
        menu(page, "Delete my data")
        page.locator(".history .danger").click()
        expect(page.get_by_text("Everything of yours here is deleted.")).to_be_visible()
        expect(page.locator(".question")).to_have_count(0)
        assert scene.console("GET", "conversations")["items"] == []
        ask(page, "and again")
        expect(page.locator(".prose")).to_have_text("You said: and again")
        assert complaints.texts == []

    await drive(play)


async def test_a_file_is_added_cited_and_opened(scene: Scene) -> None:
    file = {"name": "lease.txt", "mimeType": "text/plain", "buffer": LEASE.encode()}
    picture = {"name": "cat.txt", "mimeType": "text/plain", "buffer": base64.b64decode("AAECAwQFBgcICQ==")}

    def add(page: Page, given: Any) -> None:
        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Add a file").click()
        chooser.value.set_files(given)

    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        add(page, file)
        chip = page.get_by_role("list", name="Files").get_by_role("listitem")
        expect(chip).to_contain_text("lease.txt")
        expect(chip.locator("progress")).to_have_count(0)
        ask(page, "May I have a dog?")
        expect(chip).to_have_count(0)
        cite = answer(page).get_by_role("button", name="Source 1: lease.txt").first
        cite.click()
        passage = page.get_by_role("dialog", name="lease.txt")
        expect(passage).to_contain_text("Cats are welcome.")
        expect(passage.locator("mark")).to_have_text("A dog needs the landlord's consent")
        page.keyboard.press("Escape")
        expect(passage).to_have_count(0)
        assert complaints.texts == []
        add(page, picture)
        expect(page.locator(".file.failed")).to_contain_text("cat.txt")
        page.get_by_role("button", name="Remove cat.txt").click()
        expect(chip).to_have_count(0)
        page.reload()
        expect(answer(page).get_by_role("button", name="Source 1: lease.txt").first).to_be_visible()

    await drive(play)


async def test_who_the_page_signs_is_a_user_and_brings_what_they_said_before(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        ask(page, "as a stranger")
        expect(page.locator(".prose")).to_have_text("You said: as a stranger")
        page.goto(f"{scene.pages}/signed")
        expect(page.locator(".prose")).to_have_text("You said: as a stranger")
        ask(page, "as Ann")
        expect(page.locator(".prose").last).to_have_text("You said: as Ann")
        [item] = scene.console("GET", "conversations")["items"]
        assert item["person"] == "Ann"
        page.evaluate("ApplianceChat.identify(null)")
        expect(page.locator(".question")).to_have_count(0)
        ask(page, "a stranger again")
        expect(page.locator(".prose")).to_have_text("You said: a stranger again")
        menu(page, "Conversations")
        expect(page.locator(".past strong")).to_have_text("a stranger again")
        assert complaints.texts == []

    await drive(play)


async def test_a_page_tells_by_script_who_is_there_and_a_false_proof_is_refused(scene: Scene) -> None:
    bob = proof(secret_of(scene.served, rotate=True), "bob", name="Bob")["user"]

    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        page.evaluate("who => ApplianceChat.identify(who)", bob)
        ask(page, "it is Bob")
        expect(page.locator(".prose")).to_have_text("You said: it is Bob")
        [item] = scene.console("GET", "conversations")["items"]
        assert item["person"] == "Bob"
        assert complaints.texts == []
        page.evaluate("who => ApplianceChat.identify(who)", {**bob, "id": "ann"})
        expect(page.locator(".notice")).to_be_visible()
        expect(page.locator(".question")).to_have_count(0)
        page.evaluate("who => ApplianceChat.identify(who)", bob)
        expect(page.locator(".notice")).to_be_hidden()
        menu(page, "Conversations")
        page.locator(".past").click()
        expect(page.locator(".question")).to_have_text("it is Bob")

    await drive(play)


async def test_a_token_is_renewed_before_it_ends_and_the_chat_goes_on(scene: Scene) -> None:
    nearly_an_hour_s = 3545

    def play(page: Page, complaints: Complaints) -> None:
        page.clock.install()
        opened(page, scene, "signed")
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        for again in range(2):
            scene.clock.turn(nearly_an_hour_s)
            with page.expect_response(lambda got: got.url.endswith("/session")) as renewed:
                page.clock.fast_forward(nearly_an_hour_s * 1000)
            assert renewed.value.ok
            expect(page.locator(".notice")).to_be_hidden()
            thumb = page.get_by_role("button", name="Bad answer").last
            thumb.click()
            expect(thumb.locator("..").get_by_text("Thank you.")).to_be_visible()
            page.locator(".words").get_by_role("button", name="Cancel").click()
            ask(page, f"later {again}")
            expect(page.locator(".prose").last).to_have_text(f"You said: later {again}")
        expect(page.locator(".failure")).to_have_count(0)
        expect(page.locator(".question")).to_have_text(["hello", "later 0", "later 1"])
        assert complaints.texts == []

    await drive(play)


async def test_what_may_come_next_is_offered_and_asked_by_a_click(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        page.get_by_role("button", name="Where is my order?").click()
        expect(page.locator(".prose")).to_have_text("You said: Where is my order?")
        next_ones = page.get_by_role("group", name="What to ask next")
        expect(next_ones.get_by_role("button")).to_have_text(["Do you ship abroad?"])
        next_ones.get_by_role("button").click()
        expect(page.locator(".prose").last).to_have_text("You said: Do you ship abroad?")
        expect(next_ones).to_have_count(0)
        assert complaints.texts == []

    await drive(play)


async def test_other_words_and_an_answer_given_again_are_seen_in_every_tab(
    scene: Scene,
) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        ask(page, "hello")
        expect(page.locator(".prose")).to_have_text("You said: hello")
        other = page.context.new_page()
        opened(other, scene)
        expect(other.locator(".prose")).to_have_text("You said: hello")
        page.get_by_role("button", name="Ask in other words").click()
        area = page.locator(".question").get_by_label("Ask in other words")
        expect(area).to_have_value("hello")
        area.fill("good morning")
        page.keyboard.press("Enter")
        for tab in (page, other):
            expect(tab.locator(".question")).to_have_text("good morning")
            expect(tab.locator(".prose")).to_have_text("You said: good morning")
        first = page.locator(".answer").element_handle()
        other.get_by_role("button", name="Answer again").click()
        page.wait_for_function("answer => !answer.isConnected", arg=first)
        for tab in (page, other):
            expect(tab.locator(".prose")).to_have_text("You said: good morning")
            tab.reload()
            expect(tab.locator(".question")).to_have_text("good morning")
            expect(tab.locator(".prose")).to_have_text("You said: good morning")
        assert complaints.texts == []

    await drive(play)
    assert scene.served.model is not None
    words = [asked.body["messages"][-1]["content"] for asked in scene.served.model.requests]
    assert words == ["hello", "good morning", "good morning"]


async def test_a_draft_is_there_after_a_reload_and_gone_once_it_is_sent(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        opened(page, scene)
        box = page.get_by_label("Your question")
        box.fill("half a thou")
        page.reload()
        expect(box).to_have_value("half a thou")
        page.get_by_role("button", name="Close the chat").first.click()
        launcher(page).click()
        expect(box).to_be_focused()
        page.keyboard.press("End")
        page.keyboard.type("ght")
        page.keyboard.press("Enter")
        expect(page.locator(".prose")).to_have_text("You said: half a thought")
        page.reload()
        expect(page.locator(".question")).to_have_text("half a thought")
        expect(box).to_have_value("")
        assert complaints.texts == []

    await drive(play)
