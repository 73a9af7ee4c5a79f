"""What people call a bot stands in the lists of conversations and gaps, and finds its conversations."""

from __future__ import annotations

from pathlib import Path

from tests.console.signed_in import admin_of
from tests.console.test_gaps import missed
from tests.support.stack import OPEN_BOT, stack
from tests.support.wire import wire

BOTS = {
    "shop": OPEN_BOT.replace("---\n", "---\ntitle: Shop help\n", 1),
    "desk": OPEN_BOT,
    "help": OPEN_BOT.replace("---\n", "---\ntitle: desk\n", 1),
}


async def test_conversations_and_gaps_have_the_title_and_are_found_by_it(tmp_path: Path) -> None:
    async with stack(tmp_path, bots=BOTS) as served, admin_of(served) as admin:
        async with wire(served.ws_url, served.token("finn")) as socket:
            for bot in BOTS:
                await socket.ask(await socket.start(bot), "Hello?")
        missed(tmp_path, "Do you repair lamps?")
        items = (await admin.get("conversations"))["items"]
        assert {one["bot"]: one["bot_title"] for one in items} == {
            "shop": "Shop help",
            "desk": "desk",
            "help": "desk",
        }
        for asked, found in (
            ("shop help", ["shop"]),
            ("default/Shop Help", ["shop"]),
            ("shop", ["shop"]),
            ("desk", ["desk"]),  # a name goes before a title
            ("Nobody", []),
        ):
            listed = (await admin.get("conversations", bot=asked))["items"]
            assert [one["bot"] for one in listed] == found, asked
        (gap,) = (await admin.get("gaps"))["items"]
        assert (gap["bot"], gap["bot_title"]) == ("shop", "Shop help")
        moved = await admin.patch(f"gaps/{gap['id']}", {"status": "dismissed"})
        assert moved["bot_title"] == "Shop help"
