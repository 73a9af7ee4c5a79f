"""The chat page shows and decides changes of data, and lets people take results with them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import trio
from playwright.sync_api import Locator, Page, expect

from tests.e2e.browser import PATIENCE_MS, Complaints, drive
from tests.e2e.test_chat_page import ask
from tests.support.change_stage import COLUMN, PAYLOAD, TABLE, Scene, change_stage

pytestmark = pytest.mark.browser
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with change_stage(tmp_path) as scene:
        yield scene


def card(page: Page, title: str) -> Locator:
    """The card of a change, found as a screen reader finds it."""
    return page.get_by_role("group", name=title)


def propose(page: Page, scene: Scene, question: str) -> None:
    page.goto(f"{scene.url}/chat/shop")
    ask(page, question)
    expect(page.locator(".note")).to_have_count(1)


async def test_a_change_is_shown_row_by_row_and_made_when_it_is_confirmed(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "pay")
        change = card(page, "Change 2 rows in orders?")
        heads = change.get_by_role("columnheader")
        expect(heads).to_have_text(["id", "status", "paid_on", "customer", "city", "total", "note"])
        first = change.get_by_role("row").nth(1)
        expect(first.locator("td.changed")).to_have_count(2)
        expect(first.locator("del").first).to_have_text("before: new")
        expect(first.locator("ins").first).to_have_text("after: paid")
        expect(first.get_by_role("cell").last).to_have_text("empty text")
        expect(change).to_contain_text("Nothing is changed until you confirm.")
        expect(page.locator("#announcer")).to_contain_text("Change 2 rows in orders?")
        assert scene.orders() == [(1, "new"), (2, "new"), (3, "sent")]
        confirm = change.get_by_role("button", name="Confirm")
        confirm.focus()
        page.keyboard.press("Enter")
        done = card(page, "Changed 2 rows in orders")
        expect(done.get_by_role("status")).to_have_text("Confirmed: the change is made.")
        expect(done).to_be_focused()
        expect(done.get_by_role("button")).to_have_count(0)
        expect(page.locator(".question").last).to_have_text("Confirmed: change 2 rows of orders")
        expect(page.locator(".note")).to_have_count(2)
        assert scene.orders() == [(1, "paid"), (2, "paid"), (3, "sent")]
        page.reload()
        expect(done.get_by_role("status")).to_have_text("Confirmed: the change is made.")
        expect(page.locator(".change")).to_have_count(1)
        assert complaints.texts == []

    await drive(play)


async def test_a_deletion_looks_different_and_declining_it_keeps_the_row(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "pay")
        ask(page, "delete")
        expect(page.locator(".note")).to_have_count(2)
        deletion = card(page, "Delete 1 row from orders")
        colour = "button => getComputedStyle(button).backgroundColor"
        red = deletion.get_by_role("button", name="Confirm").evaluate(colour)
        assert red != card(page, "Change 2 rows").get_by_role("button", name="Confirm").evaluate(colour)
        expect(deletion.locator("td del")).to_have_count(7)
        expect(deletion.locator("ins")).to_have_count(0)
        deletion.get_by_role("button", name="Decline").click()
        expect(deletion.get_by_role("status")).to_have_text("Declined: nothing was changed.")
        expect(page.locator(".question").last).to_have_text("Declined: delete 1 row of orders")
        # The other one still waits.
        expect(card(page, "Change 2 rows").get_by_role("button", name="Confirm")).to_be_enabled()
        assert complaints.texts == []

    await drive(play)
    assert scene.orders() == [(1, "new"), (2, "new"), (3, "sent")]


async def test_a_proposal_outlives_a_reload_and_a_second_tab_decides_it(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "add")
        page.reload()
        expect(card(page, "Add 1 row to orders?").get_by_role("button", name="Confirm")).to_be_enabled()
        other = page.context.new_page()
        other.goto(f"{scene.url}/chat/shop")
        card(other, "Add 1 row to orders?").get_by_role("button", name="Confirm").click()
        for each in (page, other):
            done = card(each, "Added 1 row to orders")
            expect(done.get_by_role("status")).to_have_text("Confirmed: the change is made.")
            # The row as it is now: with its id, and what nobody named.
            expect(done.get_by_role("cell").first).to_have_text("new: 4")
            expect(done.get_by_role("button")).to_have_count(0)
        assert complaints.texts == []

    await drive(play)
    assert scene.orders()[-1] == (4, "new")


async def test_a_decision_that_the_network_lost_is_sent_again_even_after_a_reload(scene: Scene) -> None:
    in_trio = partial(trio.from_thread.run, trio_token=trio.lowlevel.current_trio_token())

    async def lose() -> None:
        scene.network.deaf = True

    async def mend() -> None:
        await scene.network.cut()
        scene.network.deaf = False

    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "delete")
        change = card(page, "Delete 1 row from orders?")
        in_trio(lose)
        change.get_by_role("button", name="Confirm").click()
        expect(change.get_by_role("status")).to_have_text("Confirming…")
        for name in ("Confirm", "Decline"):
            expect(change.get_by_role("button", name=name)).to_be_disabled()
        assert len(scene.orders()) == 3
        in_trio(mend)
        page.reload()
        expect(card(page, "Deleted 1 row from orders").get_by_role("status")).to_contain_text("Confirmed")
        expect(page.locator(".question")).to_have_text(["delete", "Confirmed: delete 1 row of orders"])

    await drive(play)
    assert [id for id, _ in scene.orders()] == [2, 3]


async def test_a_change_of_rows_that_are_not_the_same_any_more_fails_with_its_reason(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "delete")
        scene.sql("UPDATE orders SET total = 7 WHERE id = 1")
        change = card(page, "Delete 1 row from orders")
        change.get_by_role("button", name="Confirm").click()
        expect(change.get_by_role("status")).to_contain_text(
            "Failed: nothing was changed. The data has changed"
        )
        page.reload()
        expect(change.get_by_role("status")).to_contain_text("The data has changed since")

    await drive(play)
    assert len(scene.orders()) == 3


async def test_a_proposal_that_expired_is_told_so_and_has_no_buttons(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "delete")
        scene.sql("UPDATE _changes SET expires_at = 1")
        change = card(page, "Delete 1 row from orders")
        page.reload()
        expect(change.get_by_role("status")).to_contain_text("Expired")
        expect(change.get_by_role("button")).to_have_count(0)

    await drive(play)


async def test_a_decision_that_comes_too_late_is_refused_with_the_reason(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "delete")
        scene.sql("UPDATE _changes SET status = 'expired'")
        change = card(page, "Delete 1 row from orders")
        change.get_by_role("button", name="Confirm").click()
        expect(change.get_by_role("status")).to_contain_text("This change was expired already.")
        expect(change.get_by_role("button")).to_have_count(0)
        expect(page.locator(".failure")).to_have_count(0)

    await drive(play)


async def test_hostile_values_and_names_stay_text(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "hostile")
        change = page.locator(".change")
        expect(change.locator("h3")).to_contain_text(TABLE)
        expect(change.get_by_role("columnheader").nth(1)).to_have_text(COLUMN)
        expect(change.locator("ins")).to_have_text(f"after: {PAYLOAD}{PAYLOAD}")
        change.get_by_role("button", name="Confirm").click()
        expect(change.get_by_role("status")).to_contain_text("Confirmed")
        ask(page, "look")
        expect(page.locator(".result td").first).to_have_text(PAYLOAD * 2)
        expect(page.locator("#log img, #log i, #log b")).to_have_count(0)
        assert page.title() == "shop"
        assert complaints.texts == []

    await drive(play)


async def test_values_are_shown_by_the_type_of_their_column_in_the_reader_s_language(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/chat/shop")
        page.get_by_label("Ihre Frage").fill("list")
        page.get_by_role("button", name="Senden").click()
        expect(page.locator(".note")).to_have_count(1)
        first, second = (page.locator(".result tbody tr").nth(index).locator("td") for index in (0, 1))
        expect(first).to_have_text(
            [
                *("1001", "31.01.2026", "31. Jan. 2026, 18:05"),
                *("9.007.199.254.740.993", "1.234.567,5", "1.234,5", "ja", "3 Bytes", ""),
            ]
        )
        expect(second).to_have_text(["1002", "null", "null", "12", "0,25", "2", "nein", "null", "null"])
        expect(first.nth(3)).to_have_class("number")
        expect(first.nth(1)).to_have_attribute("title", "2026-01-31")
        assert complaints.texts == []

    await drive(play, locale="de-DE")


async def test_a_result_is_saved_as_a_file_with_all_rows(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "many")
        page.reload()
        expect(page.get_by_text("400 rows, the first 100 are shown")).to_be_visible()
        with page.expect_download() as saving:
            page.get_by_role("button", name="CSV").click()
        assert saving.value.suggested_filename == "shop-result.csv"
        lines = Path(saving.value.path()).read_text().splitlines()
        assert lines == ["i", *map(str, range(1, 401))]
        expect(page.get_by_role("button", name="Saved")).to_be_visible()
        assert complaints.texts == []
        scene.sql("DELETE FROM _results")
        page.reload()
        page.get_by_role("button", name="CSV").click()
        expect(page.get_by_role("button", name="Cannot save")).to_be_visible()

    await drive(play)


async def test_a_decision_that_was_stopped_can_be_made_again(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "delete")
        ask(page, "hang")
        expect(page.get_by_text("Well,")).to_be_visible()
        change = card(page, "Delete 1 row from orders")
        change.get_by_role("button", name="Confirm").click()  # waits behind the answer
        expect(change.get_by_role("status")).to_have_text("Confirming…")
        page.keyboard.press("Escape")
        expect(change.get_by_role("status")).to_have_text("Nothing is changed until you confirm.")
        change.get_by_role("button", name="Confirm").click()
        expect(card(page, "Deleted 1 row").get_by_role("status")).to_contain_text("Confirmed")
        assert complaints.texts == []

    await drive(play)
    assert [id for id, _ in scene.orders()] == [2, 3]


SHOWN = """async () => {
  const { formatter } = await import('/static/widget/values.js')
  const { sortRows } = await import('/static/widget/table.js')
  const { speak } = await import('/static/widget/strings.js')
  const t = await speak('en', 'en-US')
  const show = (type, value, name = 'x') => formatter(type, name, 'en-US', t)(value)
  const sorted = (type, ...values) =>
    sortRows(values.map((x) => ({ x })), 'x', 'ascending', type).map(({ x }) => x)
  return [
    show('integer', 9007199254740991), show('integer', '-9007199254740993'), show('integer', 2026, 'year'),
    show('number', 0.1 + 0.2), show('number', 1e300), show('number', 1e-9), show('decimal', '-0.50'),
    show('decimal', '1e5'), show('date', '2026-02-31'), show('date', '0099-01-02'), show('date', 'x'),
    show('datetime', '2026-01-31T18:05:09'), show('datetime', '2026-01-31T18:05:00Z').includes('UTC'),
    show('boolean', 2), show('blob', "x''"), show('blob', 'text'), show('text', '<b>'), show('odd', 7),
    sorted('integer', '9007199254740993', '12', null, '-3'), sorted('text', 'b10', 'b9', ''),
  ]
}"""


async def test_values_that_do_not_fit_their_type_are_shown_as_they_are(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        assert page.evaluate(SHOWN) == [
            *("9,007,199,254,740,991", "-9,007,199,254,740,993", "2026"),
            *("0.3", "1e+300", "1e-9", "-0.50", "1e5", "2026-02-31", "Jan 2, 99", "x"),
            *("Jan 31, 2026, 6:05:09 PM", True, "2", "0 bytes", "text", "<b>", "7"),
            *(["-3", "12", "9007199254740993", None], ["", "b9", "b10"]),
        ]

    await drive(play, locale="en-US", timezone_id="UTC")


REASONING = """async () => {
  const { Transcript } = await import('/static/widget/transcript.js')
  const log = document.createElement('div')
  const transcript = new Transcript(log, { announce: () => {} })
  const progress = (message) => transcript.take({ type: 'progress', step: 'reasoning', message })
  transcript.take({ type: 'user_message', content: 'Why?' })
  progress('First <b>this</b>.')
  progress('Then that.')
  transcript.take({ type: 'content', delta: 'So.' })
  transcript.take({ type: 'done' })
  const details = [...log.querySelectorAll('details.reasoning')]
  return [details.length, details[0].open, [...details[0].querySelectorAll('p')].map((p) => p.textContent)]
}"""


async def test_what_the_model_thinks_is_one_closed_line_that_opens(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        page.goto(f"{scene.url}/")
        assert page.evaluate(REASONING) == [1, False, ["First <b>this</b>.", "Then that."]]

    await drive(play)


async def test_on_a_phone_a_wide_change_scrolls_in_its_box(scene: Scene) -> None:
    def play(page: Page, complaints: Complaints) -> None:
        propose(page, scene, "pay")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        expect(card(page, "Change 2 rows").get_by_role("button", name="Decline")).to_be_in_viewport()

    await drive(play, viewport={"width": 360, "height": 640}, color_scheme="dark")
