"""The console's page of unanswered questions in headless Chromium: answered, or put aside."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from playwright.sync_api import Page, expect

from tests.e2e.browser import Complaints, drive
from tests.e2e.console_stage import console_client, first_admin, opened, told
from tests.support.model_replies import openai_text
from tests.support.sdk import Ear
from tests.support.served_knowledge import add_base
from tests.support.stack import OPEN_BOT, Stack, stack

pytestmark = pytest.mark.browser

BOT = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\n---\nYou are")
QUESTIONS = ("Do you sell gift cards?", "Is there parking at the shop?")


async def ask(served: Stack, question: str) -> None:
    async with trio.open_nursery() as nursery:
        ear = Ear()
        chat = served.chat(nursery, ear, token=served.token())
        await chat.connect()
        id = await chat.start_chat("shop")
        await chat.send_message(id, question)
        await ear.until_events("done")
        nursery.cancel_scope.cancel()


async def test_a_question_is_answered_with_a_document_and_a_test_another_is_dismissed(tmp_path: Path) -> None:
    replies = [openai_text("I do not know.")] * len(QUESTIONS)
    async with stack(tmp_path, replies, bots={"shop": BOT}, embedding_provider="none") as served:
        state = await first_admin(served)
        base = await add_base(served, "handbook", {"Returns": "You may return any item within thirty days."})
        for question in QUESTIONS:
            await ask(served, question)

        def play(page: Page, complaints: Complaints) -> None:
            opened(page, served, "gaps", "Gaps")
            expect(page.locator(".gap")).to_have_count(2)
            first = page.locator(".gap", has_text=QUESTIONS[0])
            first.get_by_role("button", name="Write the answer").click()
            page.get_by_role("button", name="Save the answer").click()
            expect(page.get_by_text("This is needed.")).to_be_visible()
            page.get_by_label("Answer", exact=True).fill("Yes, gift cards of 10 to 200 euros.")
            page.get_by_role("button", name="Save the answer").click()
            told(page, "a test asks for it")
            expect(first).to_have_count(0)
            page.locator(".gap").get_by_role("button", name="Dismiss").click()
            page.get_by_role("dialog").get_by_role("button", name="Dismiss").click()
            expect(page.get_by_text("No open questions")).to_be_visible()
            page.get_by_label("Show").select_option("dismissed")
            page.get_by_role("button", name="Open again").click()
            expect(page.get_by_text("Nothing dismissed")).to_be_visible()
            assert complaints.texts == []

        await drive(play, **state)
        async with console_client(served, state) as http:
            documents = (await http.get(f"/knowledge-bases/{base['id']}/documents")).json()["documents"]
            assert QUESTIONS[0] in [one["title"] for one in documents]
            bot = (await http.get("/bots")).json()["items"][0]["id"]
            assert [one["ask"] for one in (await http.get(f"/bots/{bot}/tests")).json()["items"]] == [
                QUESTIONS[0]
            ]
