"""Conversations in the console in headless Chromium: reading, finding, explaining, and stepping in."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import APIResponse, Page, Route, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, console_client, first_admin, opened, told, violations
from tests.e2e.xss_payloads import FOREIGN
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.stage import reply

pytestmark = pytest.mark.browser

BOTS = {"shop": OPEN_BOT.replace("---\n", "---\nhandoff: true\n", 1)}
PAYLOADS = [
    '<img src=x onerror="window.__pwned=1">',
    "<script>window.__pwned=1</script>",
    "[x](javascript:window.__pwned=1)",
    f"![x]({FOREIGN}/p.png)",
    '"><svg onload="window.__pwned=1">',
    "<iframe srcdoc='<script>parent.__pwned=1</script>'></iframe>",
    f"<style>@import url({FOREIGN}/s.css)</style>",
]
_NAME, _VALUE = PAYLOADS[0].replace('"', '""'), PAYLOADS[0].replace("'", "''")
HOSTILE_SQL = f"SELECT '{_VALUE}' AS \"{_NAME}\""


class Visitor:
    """Somebody who asks, over the wire that the widget speaks, in a browser of their own."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def say(self, text: str) -> None:
        self.page.evaluate("text => talk.chat.sendMessage(talk.id, text)", text)

    def asks(self, text: str) -> None:
        """Say it, and wait until the answer is whole."""
        self.page.evaluate(
            "text => new Promise(resolve => { talk.done = resolve; talk.chat.sendMessage(talk.id, text) })",
            text,
        )

    def wants_a_person(self) -> None:
        self.page.evaluate("talk.chat.handoff(talk.id, true)")

    def reads(self, text: str) -> None:
        self.page.wait_for_function("text => talk.frames.some(one => one.includes(text))", arg=text)


@contextmanager
def visitor(page: Page, served: Stack) -> Iterator[Visitor]:
    assert page.context.browser is not None
    other = page.context.browser.new_context().new_page()
    other.goto(f"{served.url}/healthz")
    other.evaluate(
        """async () => {
          const { AIChat } = await import('/static/client.js')
          const talk = (window.talk = { frames: [], done: () => {} })
          talk.chat = new AIChat({
            wsUrl: location.origin.replace('http', 'ws') + '/ai/ws',
            onDone: () => talk.done(),
            onEvent: (event) => talk.frames.push(JSON.stringify(event)),
          })
          await talk.chat.connect()
          talk.id = await talk.chat.startChat('shop')
        }"""
    )
    try:
        yield Visitor(other)
    finally:
        other.context.close()


def open_first(page: Page, served: Stack, text: str) -> None:
    opened(page, served, "conversations", "Conversations")
    page.get_by_role("link", name=text).first.click()
    expect(page.get_by_role("list", name="Messages")).to_be_visible()


async def test_who_waits_comes_on_top_without_a_reload_and_is_counted_in_the_title(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "conversations", "Conversations")
            expect(page.get_by_text("No conversation yet.")).to_be_visible()
            with visitor(page, served) as ann, visitor(page, served) as bob:
                ann.asks("about my order")
                bob.asks("hello there")
                expect(page.get_by_role("link", name="hello there")).to_be_visible()
                ann.wants_a_person()
                waiting = page.get_by_role("region", name="One person waits")
                expect(waiting.get_by_role("link", name="about my order")).to_be_visible()
                expect(page).to_have_title("(1) Conversations · Chat appliance")
                told(page, "Somebody waits for a person.")
                page.keyboard.press("/")
                expect(page.get_by_label("Search")).to_be_focused()
                page.keyboard.type("hello")
                expect(page.get_by_role("link", name="about my order")).to_have_count(0)
                expect(page.get_by_role("link", name="hello there")).to_be_visible()
                assert page.url.endswith("?q=hello")
                page.get_by_label("Search").fill("nowhere to be found")
                page.get_by_role("button", name="Clear all filters").click()
                expect(page.get_by_role("link", name="about my order")).to_be_visible()
                page.get_by_label("State").select_option("waiting")
                expect(page.get_by_role("link", name="hello there")).to_have_count(0)
            assert complaints.texts == []

        await drive(play, **state)


async def test_a_person_takes_over_is_read_and_gives_back_to_the_bot(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("about my order")
                ann.wants_a_person()
                open_first(page, served, "about my order")
                expect(page.get_by_text("The bot still answers.")).to_be_visible()
                page.get_by_role("button", name="Join").press("Enter")
                box = page.get_by_label("Your message to the visitor")
                expect(box).to_be_focused()
                ann.reads('"state":"joined"')
                page.keyboard.type("Which **number** has it?")
                page.keyboard.press("Enter")
                ann.reads("Which **number** has it?")
                expect(box).to_have_value("")
                expect(page.locator(".message.operator strong", has_text="number")).to_be_visible()
                ann.say("It is 17")
                expect(page.locator(".message.user", has_text="It is 17")).to_be_visible()
                assert served.model is not None
                assert len(served.model.requests) == 1  # the bot keeps silent
                box.fill("not sent yet")
                page.get_by_role("button", name="Leave").click()
                assert "have not sent" in confirmed(page, "Go on")
                expect(page.get_by_text("The bot answers here.")).to_be_visible()
                ann.asks("and now?")
                expect(page.get_by_text("You said: and now?")).to_have_count(1)
                history = str(served.model.requests[-1].body["messages"])
                assert "Which **number** has it?" in history
                assert "It is 17" in history
            assert complaints.texts == []

        await drive(play, **state)


async def test_an_answer_is_seen_while_it_is_written_and_stands_there_once(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("hello")
                open_first(page, served, "hello")
                ann.say("stuck")
                running = page.locator(".message.running")
                expect(running).to_contain_text("Well, let me see")
                page.reload()
                expect(running).to_contain_text("Well, let me see")
                page.get_by_role("button", name="Join").click()
                expect(running).to_have_count(0)
                expect(page.get_by_text("Well, let me see")).to_have_count(1)
                expect(page.locator(".message.assistant .badge", has_text="Stopped")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)


async def test_what_was_read_before_an_answer_ended_does_not_bring_it_back(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            late: list[tuple[Route, APIResponse]] = []

            def hold_first(route: Route) -> None:
                if late:
                    route.continue_()
                else:
                    late.append((route, route.fetch()))

            with visitor(page, served) as ann:
                ann.asks("hello")
                open_first(page, served, "hello")
                ann.say("stuck")
                running = page.locator(".message.running")
                expect(running).to_contain_text("Well, let me see")
                page.route(re.compile(r"/admin/api/conversations/[^/]+$"), hold_first)
                ann.wants_a_person()
                expect(page.get_by_text("The bot still answers.")).to_be_visible()
                while not late:
                    page.wait_for_timeout(20)
                ann.page.evaluate("talk.chat.cancel(talk.id)")
                expect(running).to_have_count(0)
                with page.expect_response(re.compile(r"/admin/api/conversations/[^/]+$")):
                    route, answer = late[0]
                    with page.expect_request(re.compile(r"/admin/api/conversations/[^/]+$")):
                        route.fulfill(response=answer)
                expect(running).to_have_count(0)
                expect(page.get_by_text("Well, let me see")).to_have_count(1)
            assert complaints.texts == []

        await drive(play, **state)


async def test_the_trace_of_an_answer_shows_prompt_query_and_times(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS, demo=True) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("top users")
            open_first(page, served, "top users")
            page.get_by_role("button", name="Trace").click()
            dialog = page.get_by_role("dialog")
            expect(dialog.locator(".waterfall tbody tr")).to_have_count(3)  # model, tool, model
            assert violations(page) == []
            dialog.get_by_role("tab", name="Prompt").click()
            expect(dialog.get_by_label("system message")).to_contain_text("You are the shop's assistant.")
            expect(dialog.get_by_role("heading", name="Call 2")).to_be_visible()
            page.keyboard.press("Tab")
            dialog.get_by_role("tab", name="Prompt").press("ArrowRight")
            expect(dialog.get_by_text("Nothing was looked up")).to_be_visible()
            page.keyboard.press("ArrowRight")
            expect(dialog.get_by_label("SQL", exact=True)).to_have_text(
                "SELECT name, id FROM users ORDER BY id LIMIT 2"
            )
            expect(dialog.locator(".rows tbody tr")).to_have_count(2)
            page.keyboard.press("Escape")
            expect(dialog).to_have_count(0)
            expect(page.get_by_role("button", name="Trace")).to_be_focused()
            assert complaints.texts == []

        await drive(play, **state, bypass_csp=True)


async def test_a_list_goes_on_where_it_ended(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.page.evaluate(
                    """async () => {
                      for (let at = 0; at < 55; at++) {
                        talk.id = await talk.chat.startChat('shop')
                        const whole = new Promise((resolve) => (talk.done = resolve))
                        talk.chat.sendMessage(talk.id, 'question ' + at)
                        await whole
                      }
                    }"""
                )
            opened(page, served, "conversations", "Conversations")
            rows = page.locator("table.data tbody tr")
            expect(rows).to_have_count(50)
            page.get_by_role("button", name="Show more").click()
            expect(page.get_by_role("button", name="Show more")).to_have_count(0)
            names = page.locator(".opener").all_inner_texts()
            assert sorted(names) == sorted({*names})
            assert {f"question {at}" for at in range(55)} <= {name.splitlines()[0] for name in names}
            assert complaints.texts == []

        await drive(play, **state)


async def test_deleting_asks_and_says_what_is_lost_and_others_see_it_go(tmp_path: Path) -> None:
    async with stack(tmp_path, reply, bots=BOTS) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            with visitor(page, served) as ann:
                ann.asks("please forget me")
                open_first(page, served, "please forget me")
                other = page.context.new_page()
                open_first(other, served, "please forget me")
                page.get_by_role("button", name="Delete").click()
                page.get_by_role("button", name="Cancel").click()
                page.get_by_role("button", name="Delete").click()
                assert "2 messages" in confirmed(page, "Delete")
                expect(page.get_by_text("No conversation yet.")).to_be_visible()
                expect(other.get_by_text("This conversation is gone.")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)
        async with console_client(served, state) as client:
            entries = (await client.get("/audit", params={"action": "conversation.delete"})).json()["items"]
            assert len(entries) == 1


async def test_nothing_that_people_bots_or_rows_say_runs_or_loads(tmp_path: Path) -> None:
    said = "\n\n".join(PAYLOADS)

    def hostile(request: Recorded) -> object:
        last = request.body["messages"][-1]
        if last["role"] == "tool":
            return openai_text(said)
        return openai_tool_calls(("execute_sql", {"sql": HOSTILE_SQL, "description": PAYLOADS[0]}))

    async with stack(tmp_path, hostile, bots=BOTS, demo=True) as served:  # type: ignore[arg-type]
        state = await first_admin(served)
        foreign: list[str] = []

        def play(page: Page, complaints: Complaints) -> None:
            page.context.on("request", lambda request: foreign.append(request.url))
            with visitor(page, served) as ann:
                ann.asks(said)
                ann.wants_a_person()
                for path in ("overview", "live", "conversations"):
                    opened(page, served, path)
                    expect(page.locator("#main")).to_contain_text("shop")
                page.locator(".opener").first.click()
                expect(page.locator(".message.user")).to_contain_text(PAYLOADS[1])
                page.get_by_role("button", name="Join").click()
                for payload in PAYLOADS:
                    page.get_by_label("Your message to the visitor").fill(payload)
                    page.get_by_role("button", name="Send").click()
                    expect(page.get_by_label("Your message to the visitor")).to_have_value("")
                expect(page.locator(".message.operator")).to_have_count(len(PAYLOADS))
                for closed in page.locator("#main details:not([open]) > summary").all():
                    closed.click()
                page.get_by_role("button", name="Trace").first.click()
                expect(page.get_by_role("tab", name="SQL")).to_be_visible()  # it comes when it was read
                for tab in page.get_by_role("tab").all():
                    tab.click()
                expect(page.get_by_role("dialog").locator(".rows td")).to_have_text(PAYLOADS[0])
            assert page.evaluate("window.__pwned") is None
            assert page.locator("#app img:not(.brand img), #app iframe, #app script, #app style").count() == 0
            hrefs = page.locator("a[href]").evaluate_all("links => links.map(link => link.protocol)")
            assert {*hrefs} <= {"http:", "https:"}
            assert complaints.texts == []

        await drive(play, **state)
        assert [url for url in foreign if not url.startswith(served.url)] == []


async def test_the_playground_talks_as_somebody_else_and_stands_in_the_audit_log(tmp_path: Path) -> None:
    bots = {"members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false")}
    async with stack(tmp_path, reply, bots=bots) as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "playground", "Playground")
            page.get_by_label("User id").fill("zoe")
            page.get_by_text("More", exact=True).click()
            page.get_by_label("Claims").fill("[1]")
            page.get_by_role("button", name="Start").click()
            expect(page.get_by_text("This is no JSON object")).to_be_visible()
            page.get_by_label("Claims").fill('{"region": "north"}')
            page.get_by_role("button", name="Start").click()
            box = page.locator("appliance-chat textarea")
            box.fill("who am I")
            box.press("Enter")
            expect(page.locator("appliance-chat").get_by_text("You said: who am I").first).to_be_visible()
            opened(page, served, "conversations", "Conversations")
            expect(page.get_by_role("row", name="who am I")).to_contain_text("zoe")
            assert complaints.texts == []

        await drive(play, **state)
        async with console_client(served, state) as client:
            entries = (await client.get("/audit", params={"q": "playground"})).json()["items"]
            assert entries
