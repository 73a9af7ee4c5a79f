from __future__ import annotations

import shutil
from pathlib import Path

import httpx
import pytest
import trio

from appliance.engine.catalogue import Catalogue
from appliance.engine.knowledge import bases
from appliance.engine.knowledge.bot_folders import BotFolders
from appliance.knowledge import BaseDraft, Link
from appliance.store.knowledge import links
from tests.engine.knowledge.shelf import ADMIN, Shelf, shelf
from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, stack, write_bots


class Bots:
    """Bot files on disk, and who follows their folders."""

    def __init__(self, at: Shelf, root: Path) -> None:
        self.at = at
        self.root = root
        self.catalogue = Catalogue(root)
        self.folders = BotFolders(at.library, self.catalogue)

    async def look(self) -> None:
        self.catalogue.load()
        await self.folders.look()
        await self.at.work()

    async def names(self) -> dict[str, list[str]]:
        """Titles by namespace/name of the base."""
        found = await bases.listed(self.at.library, ADMIN)
        return {f"{base.namespace}/{base.name}": sorted(await self.at.all(base)) for base, _ in found}

    async def links(self, namespace: str = "default", bot: str = "shop") -> list[Link]:
        return await self.at.store.read(links.of_bot, namespace, bot)


def bots_in(at: Shelf, root: Path) -> Bots:
    write_bots(root, {"shop": OPEN_BOT, "team/desk/bot.md": OPEN_BOT, "loose.ts": "export default `x`"})
    (root / "shop/knowledge").mkdir()
    (root / "shop/knowledge/refunds.md").write_text("# Refunds\n\nWithin 14 days.")
    return Bots(at, root)


async def test_the_folder_beside_a_bot_becomes_its_base_and_is_followed(tmp_path: Path) -> None:
    async with shelf(tmp_path / "data") as at:
        bots = bots_in(at, tmp_path / "bots")
        await bots.look()
        assert await bots.names() == {"default/shop": ["Refunds"]}
        (link,) = await bots.links()
        assert (link.base_name, link.origin, link.enabled) == ("shop", "folder", True)

        folder = tmp_path / "bots/shop/knowledge"
        (folder / "sub").mkdir()
        (folder / "sub/hours.txt").write_text("Open from nine.")
        (folder / "refunds.md").write_text("# Refunds and more\n\nWithin 30 days.")
        await bots.look()
        assert await bots.names() == {"default/shop": ["Refunds and more", "hours"]}
        (folder / "refunds.md").unlink()
        (folder / "sub/hours.txt").unlink()
        await bots.look()
        assert await bots.names() == {"default/shop": []}


async def test_the_link_goes_with_the_folder_and_comes_back_with_it(tmp_path: Path) -> None:
    async with shelf(tmp_path / "data") as at:
        bots = bots_in(at, tmp_path / "bots")
        await bots.look()
        other = await at.base("other")
        await at.store.write(
            links.put, other.number, (await bots.links())[0].__class__(
                id="l", base_id=other.id, base_name="other", namespace="default", bot="shop", origin="api"
            )
        )  # fmt: skip
        folder = tmp_path / "bots/shop/knowledge"
        folder.rename(tmp_path / "away")
        await bots.look()
        assert [link.base_name for link in await bots.links()] == ["other"]
        shutil.move(tmp_path / "away", folder)
        await bots.look()
        assert {link.base_name for link in await bots.links()} == {"shop", "other"}
        shutil.rmtree(tmp_path / "bots/shop")
        await bots.look()
        assert [link.base_name for link in await bots.links()] == ["other"]


async def test_a_base_that_people_made_is_not_taken_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with shelf(tmp_path / "data") as at:
        bots = bots_in(at, tmp_path / "bots")
        theirs = await bases.create(at.library, ADMIN, BaseDraft(name="shop", source="filesystem"))
        await at.text(theirs, "Theirs alone.")
        await bots.look()
        await bots.look()
        assert await bots.names() == {"default/shop": ["Theirs alone."]}
        assert await bots.links() == []
        assert caplog.text.count("there is a knowledge base of the bot's name already") == 1


async def test_a_restart_at_another_place_changes_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path / "data") as at:
        bots = bots_in(at, tmp_path / "bots")
        await bots.look()
        before = at.rows("SELECT number, content_hash, updated_at FROM _documents")
        shutil.move(tmp_path / "bots", tmp_path / "moved")
        again = Bots(at, tmp_path / "moved")
        await again.look()
        assert at.rows("SELECT number, content_hash, updated_at FROM _documents") == before
        assert at.count("_knowledge_sources") == 1


async def test_a_served_bot_answers_from_the_folder_that_stands_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "bots/shop/knowledge"
    folder.mkdir(parents=True)
    (folder / "refunds.md").write_text("# Refunds\n\nMoney comes back within 14 days.")
    async with stack(tmp_path, [openai_text("ok")], embedding_provider="none") as served:
        headers = {"Authorization": f"Bearer {served.token('root', 'admin')}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers, timeout=30) as http:
            await until_there(http, ["Refunds"])
            (folder / "new.txt").write_text("New words about parcels.")
            await until_there(http, ["Refunds", "new"])


async def until_there(http: httpx.AsyncClient, titles: list[str]) -> None:
    """Return when the base of the bot holds these documents, all read."""
    path = "/api/v1/admin/ai/knowledge-bases"
    with trio.fail_after(30):
        while True:
            found = (await http.get(path)).json()["knowledge_bases"]
            shown = [(await http.get(f"{path}/{base['id']}/documents")).json()["documents"] for base in found]
            if shown and sorted(one["title"] for one in shown[0] if one["status"] == "indexed") == titles:
                assert (found[0]["name"], found[0]["namespace"]) == ("shop", "default")
                return
            await trio.sleep(0.05)
