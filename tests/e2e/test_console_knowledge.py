"""The console's pages of knowledge in headless Chromium: documents come, are cut, are found, go."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import confirmed, console_client, first_admin, opened, told
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, Stack, stack

pytestmark = pytest.mark.browser

BOT = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\n---\nYou are")
RETURNS = (
    "# Returns\n\nYou may return an item within 30 days. 🫖 is excluded. "
    + "Keep the box that it came in. " * 8
) + ("\n\n# Refunds\n\nMoney comes back in 5 days. " + "It goes to the card that you paid with. " * 6)
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)
CUT = {"chunk_size": 80, "chunk_overlap": 0}
OWN_TEXT = "one => [...one.childNodes].filter(n => n.nodeType === 3).map(n => n.data).join('')"
DROP = """([name, text]) => {
  const files = new DataTransfer()
  files.items.add(new File([text], name, { type: 'text/markdown' }))
  const zone = document.querySelector('.dropzone')
  for (const type of ['dragover', 'drop']) {
    zone.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }))
  }
}"""


def base_page(page: Page, served: Stack, name: str = "handbook") -> None:
    opened(page, served, "knowledge", "Knowledge")
    page.get_by_role("link", name=name).click()
    expect(page.locator("main h1")).to_have_text(name)
    expect(page.locator(".dropzone")).to_be_visible()


async def test_a_base_is_made_and_files_come_in_by_button_and_by_dropping(tmp_path: Path) -> None:
    async with stack(tmp_path, [], embedding_provider="none") as served:
        state = await first_admin(served)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "knowledge", "Knowledge")
            expect(page.get_by_text("No knowledge base yet")).to_be_visible()
            page.get_by_role("button", name="New knowledge base").first.click()
            page.get_by_role("button", name="Create").click()
            expect(page.get_by_text("This is needed.")).to_be_visible()
            page.get_by_label("Name", exact=True).fill("handbook")
            page.get_by_role("button", name="Create").click()
            expect(page.locator("main h1")).to_have_text("handbook")
            expect(page.get_by_text("No documents yet")).to_be_visible()
            with page.expect_file_chooser() as chooser:
                page.get_by_role("button", name="Choose files").click()
            chooser.value.set_files(
                [
                    {"name": "returns.md", "mimeType": "text/markdown", "buffer": RETURNS.encode()},
                    {"name": "photo.png", "mimeType": "image/png", "buffer": PICTURE},
                ]
            )
            ready(page, "Returns")
            failed = page.locator(".uploads li")
            expect(failed).to_have_count(1)
            expect(failed).to_contain_text("photo.png")
            failed.get_by_role("button", name="Dismiss").click()
            expect(failed).to_have_count(0)
            page.evaluate(DROP, ["shipping.md", "# Shipping\n\nTwo days."])
            ready(page, "Shipping")
            expect(page.locator(".figure", has_text="Documents")).to_contain_text("2")
            # What the browser itself says of the file that was refused.
            assert [text for text in complaints.texts if "Failed to load resource" not in text] == []

        await drive(play, **state)


def ready(page: Page, title: str) -> None:
    expect(page.get_by_role("row", name=title)).to_contain_text("ready")


async def test_chunks_are_marked_where_they_are_in_the_text(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots={"shop": BOT}, embedding_provider="none") as served:
        state = await first_admin(served)
        base = await add_base(served, "handbook", {"Returns": RETURNS}, **CUT)
        path = f"/knowledge-bases/{base['id']}/documents/{base['documents']['Returns']}/chunks"
        async with console_client(served, state) as http:
            chunks = (await http.get(path)).json()["chunks"]

        def play(page: Page, complaints: Complaints) -> None:
            base_page(page, served)
            page.get_by_role("link", name="Returns").click()
            text = page.get_by_role("region", name="Text with its chunks")
            expect(text.locator(".chunk-number")).to_have_count(len(chunks))
            page.get_by_role("button", name=f"Chunk {len(chunks)}").click()
            chosen = text.locator(".chosen")
            expect(chosen).to_have_count(1)
            # A picture of a teapot stands before it: one character here, two units in JavaScript.
            words = chosen.evaluate(OWN_TEXT)
            assert words == chunks[-1]["content"]
            assert "5 days" not in chunks[0]["content"]
            assert complaints.texts == []

        await drive(play, **state)


async def test_a_search_shows_passages_with_scores_and_leads_to_their_chunk(tmp_path: Path) -> None:
    async with stack(tmp_path, [], bots={"shop": BOT}, embedding_provider="none") as served:
        state = await first_admin(served)
        await add_base(served, "handbook", {"Returns": RETURNS}, **CUT)

        def play(page: Page, complaints: Complaints) -> None:
            base_page(page, served)
            page.get_by_role("tab", name="Search test").click()
            page.get_by_label("Question").fill("refunds money")
            page.get_by_label("Question").press("Enter")
            passage = page.locator(".passage").first
            expect(passage).to_contain_text("Money comes back in 5 days.")
            expect(passage.locator(".badge")).not_to_have_text("chunk 1")
            expect(page.get_by_text("searched by words")).to_be_visible()
            passage.get_by_role("link").click()
            expect(page.locator(".chosen")).to_contain_text("Money comes back")
            page.go_back()
            page.get_by_role("tab", name="Bots").click()
            expect(page.get_by_role("row", name="shop")).to_contain_text("s file")
            assert complaints.texts == []

        await drive(play, **state)


async def test_what_goes_is_asked_for_with_what_is_lost(tmp_path: Path) -> None:
    async with stack(tmp_path, [], embedding_provider="none") as served:
        state = await first_admin(served)
        await add_base(served, "handbook", {"Returns": RETURNS, "Hours": "We open at nine."})

        def play(page: Page, complaints: Complaints) -> None:
            base_page(page, served)
            page.get_by_role("button", name="Delete Hours").click()
            assert "1 chunk" in confirmed(page, "Delete")
            expect(page.get_by_role("row", name="Hours")).to_have_count(0)
            page.get_by_role("tab", name="Settings").click()
            page.get_by_label("Documents at most").fill("20")
            page.get_by_role("button", name="Save").click()
            told(page, "The settings were saved")
            page.get_by_role("button", name="Delete this knowledge base").click()
            button = page.get_by_role("dialog").get_by_role("button", name="Delete", exact=True)
            expect(button).to_be_disabled()
            assert "1 document" in confirmed(page, "Delete", "handbook")
            expect(page.get_by_text("No knowledge base yet")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)
