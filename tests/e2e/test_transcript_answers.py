"""What a transcript shows of a conversation, fed with the client's events."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.transcript_page import STATIC, transcript_page

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)

AXE = (STATIC.parent / "tests/clients/node_modules/axe-core/axe.min.js").read_text()
MONTHS = [{"month": f"2026-{n:02}-01", "revenue": n * 1234.5, "orders": 400 - n} for n in range(1, 13)]
RESULT: dict[str, Any] = {
    "type": "query_result",
    "query": "SELECT month, revenue, orders FROM sales",
    "summary": "Revenue by month",
    "columns": ["month", "revenue", "orders"],
    "types": ["date", "number", "integer"],
    "data": MONTHS,
    "rowCount": 12,
}
SOURCE = {
    "number": 1,
    "title": "Returns",
    "content": "You can return any item within 30 days.",
    "knowledge_base": "handbook",
    "similarity": 0.9,
    "page": 3,
}


def turn(*events: dict[str, Any], id: str = "1", text: str = "Why?", **done: Any) -> list[dict[str, Any]]:
    """A question with its answer."""
    asked = {"type": "user_message", "content": text, "messageId": f"q{id}", "at": 1_760_000_000}
    return [asked, *events, {"type": "done", "messageId": f"a{id}", **done}]


def said(text: str) -> dict[str, Any]:
    return {"type": "content", "delta": text}


def show(page: Page, *events: dict[str, Any], shadow: bool = True) -> None:
    page.evaluate(
        "async ([events, isShadow]) => { window.one ??= make(isShadow);"
        " feed(one.transcript, ...events); await idle(one.transcript) }",
        [list(events), shadow],
    )


async def test_an_answer_is_read_out_once_and_stands_once_in_the_accessibility_tree() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            words = "The unmistakable answer."
            show(page, *turn(*[said(word) for word in ("The unmist", "akable ", "answer.")]))
            assert page.evaluate("said") == [words]
            page.evaluate("one.frame.querySelector('.unseen').textContent = ''")
            session = page.context.new_cdp_session(page)
            nodes = session.send("Accessibility.getFullAXTree")["nodes"]
            texts = [n for n in nodes if not n["ignored"] and n["role"]["value"] == "StaticText"]
            assert [n["name"]["value"] for n in texts].count(words) == 1
            log = next(n for n in nodes if n["role"]["value"] == "log")
            live = {p["name"]: p["value"]["value"] for p in log["properties"]}.get("live", "off")
            assert live == "off"  # only the announcer speaks
            assert complaints.texts == []

    await drive(play)


async def test_history_is_not_read_out() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            page.evaluate("window.one = make(true); one.transcript.hooks.quiet = () => true")
            show(page, *turn(said("Old.")), {"type": "handoff", "state": "waiting"})
            assert page.evaluate("said") == []
            expect(page.locator(".handoff")).to_have_text("A person was asked to come.")

    await drive(play)


async def test_a_result_is_drawn_when_it_was_asked_for_and_the_table_is_one_press_away() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            show(page, *turn(RESULT | {"chart": "line"}))
            picture = page.get_by_role("img", name="Revenue by month. Line chart of 12 points.")
            expect(picture).to_be_visible()
            expect(picture.locator("circle")).to_have_count(24)
            expect(picture.locator("circle title").first).to_have_text("1 Jan 2026: revenue 1,234.5")
            expect(page.get_by_role("table")).to_be_hidden()
            page.get_by_role("button", name="Table").press("Enter")
            expect(page.get_by_role("table")).to_be_visible()
            expect(picture).to_have_count(0)
            page.get_by_role("button", name="Chart").click()
            expect(picture).to_be_visible()
            show(page, *turn(RESULT | {"chart": "bar", "data": MONTHS[:2]}, id="2"))
            expect(page.locator(".chart").last.locator("rect")).to_have_count(4)
            apart = [{**one, "orders": 1} for one in MONTHS]
            show(page, *turn(RESULT | {"chart": "bar", "data": apart}, id="4"))
            expect(page.locator(".answer").last.locator(".legend")).to_have_text(["revenue", "orders"])
            many = {"data": [*MONTHS, *MONTHS, *MONTHS, *MONTHS, *MONTHS, MONTHS[0]]}
            show(page, *turn(RESULT | many, id="4"))
            expect(page.locator(".result").last.get_by_role("button", name="Chart")).to_have_count(0)
            assert complaints.texts == []

    await drive(play)


async def test_a_result_that_plainly_suits_is_drawn_at_once_and_others_when_somebody_wants_it() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            show(page, *turn(RESULT | {"data": MONTHS[::-1]}))
            picture = page.get_by_role("img", name="Revenue by month. Line chart of 12 points.")
            expect(picture.locator("circle title").first).to_have_text("1 Jan 2026: revenue 1,234.5")
            page.get_by_role("button", name="Table").press("Enter")
            expect(page.get_by_role("cell").first).to_have_text("1 Dec 2026")  # as the rows came
            unsure = [
                {"data": [*MONTHS, MONTHS[0]], "rowCount": 13},  # a month that is there twice
                {"rowCount": 40},
                {"truncated": True},
            ]
            for at, other in enumerate(unsure):
                show(page, *turn(RESULT | other, id=f"u{at}"))
                last = page.locator(".result").last
                expect(last.get_by_role("table")).to_be_visible()
                expect(last.get_by_role("img")).to_have_count(0)
                last.get_by_role("button", name="Chart").click()
                expect(last.get_by_role("img")).to_be_visible()
            hours = [{"hour": hour, "orders": hour * 7 % 5} for hour in range(24)]
            named = {"columns": ["hour", "orders"], "types": ["integer", "integer"], "rowCount": 24}
            show(page, *turn(RESULT | named | {"data": hours, "chart": "bar"}, id="h"))
            expect(page.locator(".chart").last.locator("rect")).to_have_count(24)
            assert complaints.texts == []

    await drive(play)


def long_result(rows: int) -> dict[str, Any]:
    """Twelve columns of texts, the first in another order than the rows; some rows are taller than others."""
    data = [
        {
            f"c{n}": f"{(row * 7919) % rows} cell {n}" + "\nmore" * (n == 3 and row % 10 == 0)
            for n in range(12)
        }
        for row in range(rows)
    ]
    return RESULT | {"columns": list(data[0]), "types": ["text"] * 12, "data": data, "rowCount": rows}


async def test_of_a_thousand_rows_those_near_the_eye_are_on_the_page() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            page.evaluate("window.one = make(true)")
            show(page, *turn(long_result(1000)))
            table = page.get_by_role("table")
            lines = page.locator("tbody tr[aria-rowindex]")
            expect(table).to_have_attribute("aria-rowcount", "1001")
            expect(page.locator("figcaption > span").first).to_have_text(
                re.compile(r"^1\u2013\d\d / 1,000 rows$")
            )
            assert lines.count() < 100
            tall = page.evaluate("one.root.querySelector('.table-frame').scrollHeight")
            assert tall > 30_000
            frame = page.get_by_role("group", name="Table")
            width = table.bounding_box()["width"]
            frame.press("End")
            expect(lines.last).to_have_attribute("aria-rowindex", "1001")
            expect(lines.last.locator("td").first).to_have_text(f"{999 * 7919 % 1000} cell 0")
            assert lines.count() < 100
            assert table.bounding_box()["width"] == width
            frame.press("Home")
            expect(lines.first).to_have_attribute("aria-rowindex", "2")
            expect(frame).to_be_focused()
            assert complaints.texts == []

    await drive(play)


async def test_scrolling_through_a_long_table_passes_every_row_once_and_in_order() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            page.evaluate("window.one = make(true)")
            show(page, *turn(long_result(300)))
            told = page.evaluate(WALK, 200)
            assert told["places"] == list(range(2, 302))
            assert told["jumps"] == []
            assert page.evaluate(WALK, -200)["jumps"] == []
            expect(page.locator("figcaption > span").first).to_have_text(
                re.compile(r"^1\u2013\d\d / 300 rows$")
            )
            assert complaints.texts == []

    await drive(play)


WALK = """async (step) => {
  const frame = one.root.querySelector('.table-frame')
  const lines = () => [...one.root.querySelectorAll('tbody [aria-rowindex]')]
  const places = new Set()
  const jumps = []
  for (let before = -1; frame.scrollTop !== before;) {
    before = frame.scrollTop
    const was = new Map(lines().map((line) => [line, line.getBoundingClientRect().top]))
    frame.scrollTop += step
    const asked = frame.scrollTop - before
    for (let n = 0; n < 2; n++) await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
    for (const line of lines()) {
      places.add(Number(line.ariaRowIndex))
      const moved = was.has(line) ? was.get(line) - line.getBoundingClientRect().top : asked
      if (Math.abs(moved - asked) > 2) jumps.push([line.ariaRowIndex, moved, asked])
    }
  }
  return { places: [...places].sort((a, b) => a - b), jumps }
}"""


async def test_sorting_copying_and_saving_take_all_rows_of_a_long_table() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            page.evaluate("window.one = make(true)")
            show(page, *turn(long_result(1000)))
            frame = page.get_by_role("group", name="Table")
            frame.press("End")
            expect(page.locator("tbody tr[aria-rowindex]").last).to_have_attribute("aria-rowindex", "1001")
            head = page.get_by_role("columnheader", name="c0")
            head.get_by_role("button").press("Enter")
            expect(head).to_have_attribute("aria-sort", "ascending")
            expect(page.locator("tbody td").first).to_have_text("0 cell 0")
            expect(head.get_by_role("button")).to_be_focused()
            page.locator(".result").get_by_role("button", name="Copy").click()
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            copied = page.evaluate("navigator.clipboard.readText()").split("\n")
            assert [line.split(" ")[0] for line in copied[1:]] == [str(n) for n in range(1000)]
            with page.expect_download() as saving:
                page.get_by_role("button", name="CSV").click()
            assert saving.value.path().read_text().count("cell 11") == 1000
            assert complaints.texts == []

    await drive(play, permissions=["clipboard-read", "clipboard-write"])


async def test_a_table_is_copied_for_a_spreadsheet_and_saved() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            rows = [{"a": "=1+1", "b": 2}, {"a": "x\ty", "b": None}]
            show(
                page,
                *turn(
                    {
                        "type": "query_result",
                        "columns": ["a", "b"],
                        "types": ["text", "integer"],
                        "data": rows,
                    }
                ),
            )
            page.locator(".result").get_by_role("button", name="Copy").click()
            expect(page.get_by_role("button", name="Copied")).to_be_visible()
            assert page.evaluate("navigator.clipboard.readText()") == "a\tb\n'=1+1\t2\nx y\t"
            with page.expect_download() as saving:
                page.get_by_role("button", name="CSV").click()
            assert saving.value.path().read_text().split() == ["a,b", "'=1+1,2", '"x', 'y",']

    await drive(play, permissions=["clipboard-read", "clipboard-write"])


async def test_thumbs_are_given_with_words_changed_and_taken_back() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            show(page, *turn(said("Yes."), feedback="negative", comment="too short"))
            good = page.get_by_role("button", name="Good answer")
            bad = page.get_by_role("button", name="Bad answer")
            expect(bad).to_have_attribute("aria-pressed", "true")
            good.press("Enter")
            expect(good).to_have_attribute("aria-pressed", "true")
            expect(bad).to_have_attribute("aria-pressed", "false")
            words = page.get_by_label("What was good or bad? (optional)")
            expect(words).to_have_value("too short")
            words.fill("much better")
            page.get_by_role("button", name="Send").click()
            expect(good).to_be_focused()
            good.click()
            expect(good).to_have_attribute("aria-pressed", "false")
            expect(page.locator(".told")).to_have_text("Taken back.")
            assert page.evaluate("calls") == [
                ["feedback", "a1", "positive", "too short"],
                ["feedback", "a1", "positive", "much better"],
                ["feedback", "a1", None, ""],
            ]
            page.evaluate("window.feedbackWorks = false")
            bad.click()
            expect(page.locator(".told")).to_have_text("That did not work. Try again.")
            expect(bad).to_have_attribute("aria-pressed", "false")

    await drive(play)


async def test_the_newest_question_is_asked_in_other_words_or_answered_again() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            show(page, *turn(said("One.")), *turn(said("Two."), id="2", text="And?"))
            expect(page.get_by_role("button", name="Ask in other words")).to_have_count(1)
            page.get_by_role("button", name="Answer again").click()
            page.get_by_role("button", name="Ask in other words").click()
            box = page.get_by_role("textbox", name="Ask in other words")
            box.press("Escape")
            expect(page.locator(".question").last).to_have_text("And?")
            page.get_by_role("button", name="Ask in other words").press("Enter")
            box.fill("And then?")
            box.press("Enter")
            assert page.evaluate("calls") == [["regenerate", "q2"], ["edit", "q2", "And then?"]]
            assert page.evaluate("one.transcript.lastQuestion") == {"messageId": "q2", "text": "And?"}
            # What the server tells then, here and in a second tab.
            show(page, {"type": "message_deleted", "messageId": "a2"})
            show(page, *turn(said("Then three."), id="2", text="And then?"))
            expect(page.locator(".question")).to_have_text(["Why?", "And then?"])
            expect(page.locator(".prose")).to_have_text(["One.", "Then three."])
            show(
                page,
                {"type": "message_deleted", "messageId": "q1"},
                {"type": "message_deleted", "messageId": "a1"},
            )
            expect(page.locator(".prose")).to_have_text(["Then three."])
            assert complaints.texts == []

    await drive(play)


async def test_a_person_of_the_team_has_an_own_look_and_is_read_out_once() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            joined = {"type": "handoff", "state": "joined", "name": "Mia"}
            message = {
                "type": "message",
                "role": "operator",
                "name": "Mia",
                "content": "**Hello**",
                "messageId": "o",
            }
            silent = {"type": "done", "paused": True}
            asked = {"type": "user_message", "content": "Anybody?", "messageId": "q"}
            show(page, joined, message, asked, silent, {"type": "handoff", "state": "left", "name": "Mia"})
            expect(page.get_by_role("article", name="Mia").locator(".prose")).to_have_text("Hello")
            expect(page.get_by_role("article", name="Mia").locator(".who")).to_have_text("Mia")
            expect(page.locator(".answer")).to_have_count(1)  # the silent bot has none
            assert page.evaluate("said") == [
                "Mia has joined.",
                "Mia: Hello",
                "Mia has left. The bot answers again.",
            ]
            show(page, {"type": "message_deleted", "messageId": "o"})
            expect(page.locator(".answer")).to_have_count(0)
            assert complaints.texts == []

    await drive(play)


async def test_a_failed_answer_is_tried_again_as_it_was() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            failed = {"type": "error", "error": "The model is gone.", "code": "PROVIDER"}
            show(page, turn()[0], said("Half"), failed)
            page.get_by_role("button", name="Try again").click()
            assert page.evaluate("calls") == [["regenerate", "q1"]]
            expect(page.locator(".prose")).to_have_text("Half")
            page.evaluate("one.transcript.ask('c', 'More?')")
            page.evaluate(
                "one.transcript.take({ type: 'error', error: 'No.', clientMessageId: 'c', retryAfter: 30 })"
            )
            expect(page.get_by_role("button", name="Try again in")).to_be_disabled()

    await drive(play)


@pytest.mark.parametrize("shadow", [True, False])
async def test_a_passage_opens_over_the_page_and_gives_the_focus_back(shadow: bool) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            quote = said("It says “any item within 30 days” [1].")
            show(page, *turn({"type": "sources", "data": [SOURCE]}, quote), shadow=shadow)
            page.evaluate(
                "window.closed = 0;"
                "one.frame.addEventListener('keydown', (event) => event.key === 'Escape' && closed++)"
            )
            cite = page.get_by_role("button", name="Source 1: Returns \u2013 page 3").first
            cite.press("Enter")
            passage = page.get_by_role("dialog", name="Returns")
            expect(passage.locator("mark")).to_have_text("any item within 30 days")
            page.keyboard.press("Escape")
            expect(passage).to_have_count(0)
            expect(cite).to_be_focused()
            assert page.evaluate("closed") == 0  # the chat around it stays open
            assert complaints.texts == []

    await drive(play)


async def test_follow_ups_go_with_the_next_question() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page):
            show(page, *turn(said("Yes.")))
            page.evaluate("one.transcript.followUps(['What else?', '<b>More</b>'])")
            box = page.get_by_role("group", name="What to ask next")
            expect(box.get_by_role("button")).to_have_text(["What else?", "<b>More</b>"])
            box.get_by_role("button").first.click()
            assert page.evaluate("calls") == [["follow-up", "What else?"]]
            page.evaluate("one.transcript.ask('c', 'What else?')")
            expect(box).to_have_count(0)

    await drive(play)


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_axe_finds_nothing_in_any_part(theme: str) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        with transcript_page(page, csp=False, theme=theme):
            text = "# Head\n\n- [ ] task\n\n| a | b |\n|---|--:|\n| x | 1 |\n\n```\ncode\n```\n\n> say [1]"
            change = {"id": "c", "status": "proposed", "operation": "UPDATE", "table": "orders"}
            change |= {"rows": [{"before": {"a": 1}, "after": {"a": 2}}]}
            show(
                page,
                *turn({"type": "sources", "data": [SOURCE]}, RESULT | {"chart": "bar"}, said(text)),
                *turn(RESULT | {"truncated": True}, long_result(200), id="l"),
                *turn({"type": "query_result", "query": "UPDATE", "change": change}, said("Well."), id="2"),
                {"type": "message", "name": "Mia", "content": "Hello", "messageId": "o"},
                {"type": "handoff", "state": "waiting"},
                turn(id="3")[0],
                {"type": "error", "error": "No."},
            )
            expect(page.locator(".chart")).to_have_count(1)
            page.get_by_role("button", name="Good answer").first.click()
            page.get_by_label("What was good or bad? (optional)").fill("words")
            page.evaluate(AXE)
            # There is no page around the log.
            about_pages = ["region", "page-has-heading-one", "landmark-one-main"]
            rules = {name: {"enabled": False} for name in about_pages}
            found = page.evaluate("rules => axe.run(document, { rules })", rules)["violations"]
            assert [(v["id"], v["nodes"][0]["html"]) for v in found] == [], json.dumps(found, indent=1)

    await drive(play)


async def test_many_transcripts_stand_on_one_page_and_leave_nothing_behind() -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.add_init_script(
            "window.heard = []; for (const target of [window, document]) {"
            " const add = target.addEventListener;"
            " target.addEventListener = (...values) => (heard.push(values[0]), add.apply(target, values)) }"
        )
        with transcript_page(page):
            page.evaluate("heard.length = 0")
            events = turn(RESULT | {"chart": "bar"}, said("Text"))
            page.evaluate(
                "async (events) => { window.all = [make(true), make(true), make(false)];"
                " for (const one of all) { feed(one.transcript, ...events); await idle(one.transcript) } }",
                events,
            )
            expect(page.get_by_role("img")).to_have_count(3)
            page.evaluate("all[0].transcript.clear()")
            expect(page.locator(".prose")).to_have_text(["Text", "Text"])
            assert page.evaluate("heard") == []

    await drive(play)
