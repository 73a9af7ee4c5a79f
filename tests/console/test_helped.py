"""What the console tells of conversations that a person was wanted in, and of questions without an answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.console.desk import Desk, desk
from tests.console.signed_in import admin_of
from tests.console.test_gaps import missed
from tests.support.model_replies import openai_text, openai_tool_calls
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

BOTS = {"shop": OPEN_BOT.replace("---\n", "---\nhandoff: true\n", 1)}


async def test_a_list_tells_why_a_person_is_waited_for_and_who_has_helped(tmp_path: Path) -> None:
    replies = [
        openai_tool_calls(("talk_to_person", {"reason": "A broken lamp"})),
        openai_text("Somebody will come."),
    ]
    async with stack(tmp_path, replies, bots=BOTS) as served, desk(served) as anna:
        async with wire(served.ws_url, served.token("alice")) as socket:
            id = await socket.start("shop")
            await socket.ask(id, "My lamp is broken, get me a person")
        assert await told(anna) == ("waiting", "A broken lamp", "")
        joined = await anna.good("POST", f"/conversations/{id}/join", {})
        assert (joined["handoff_reason"], joined["helped_by"]) == ("", "")
        await anna.good("POST", f"/conversations/{id}/leave", {})
        assert await told(anna) == ("", "", joined["operator_name"])


async def told(anna: Desk) -> tuple[Any, ...]:
    (item,) = (await anna.good("GET", "/conversations"))["items"]
    return item["handoff"], item["handoff_reason"], item["helped_by"]


async def test_the_overview_counts_questions_without_an_answer_as_their_page_does(tmp_path: Path) -> None:
    async with stack(tmp_path) as served, admin_of(served) as admin:
        for question in ("Do you repair lamps?", "Repair lamps?", "When do you open?"):
            missed(tmp_path, question)
        texts = [one["text"] for one in (await admin.get("overview", days="7"))["warnings"]]
        assert "2 questions had no answer in the documents." in texts
        assert (await admin.get("gaps"))["total"] == 2
