"""Links of bots to knowledge bases over REST (3.4, 6.6), and what their settings do in a chat (6.7)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.support.knowledge import ADMIN, Desk, Json, good, settled
from tests.support.model_replies import openai_text
from tests.support.stack import OPEN_BOT, Stack, stack
from tests.support.wire import wire

BOTS = "/api/v1/admin/ai/chatbots"
NAMING = OPEN_BOT.replace("---\nYou are", "knowledge-base: handbook\nrag-max-chunks: 7\n---\nYou are")
QUESTION = "Which zeppelin flies?"


@asynccontextmanager
async def desk(tmp_path: Path, bot: str = OPEN_BOT) -> AsyncIterator[tuple[Stack, Desk, str]]:
    """An administrator of a server that searches by words, and where the links of its bot are."""
    async with (
        stack(
            tmp_path / "data",
            lambda asked: openai_text("I looked."),
            bots={"shop": bot},
            embedding_provider="none",
        ) as served,
        httpx.AsyncClient(base_url=served.url, timeout=60) as client,
    ):
        admin = Desk(client, served.token("root", role="admin"), ADMIN)
        (shop,) = (await admin.get(BOTS))["chatbots"]
        yield served, admin, f"{BOTS}/{shop['id']}/knowledge-bases"


async def shown(served: Stack, user: str = "", question: str = QUESTION) -> list[str]:
    """The first words of the passages that an answer to this user has, in their order."""
    async with wire(served.ws_url, served.token(user) if user else None) as socket:
        frames = await socket.ask(await socket.start(), question)
    assert frames[-1]["type"] == "done"
    return [
        one["content"].split(":")[0]
        for frame in frames
        if frame["type"] == "sources"
        for one in frame["data"]
    ]


async def fill(admin: Desk, **texts: Json) -> str:
    """A base with a text about zeppelins for each word, and some that are about something else."""
    base = await admin.base()
    for word, metadata in texts.items():
        await admin.add(base, f"{word}: this zeppelin flies.", metadata=metadata)
    for word in ("bread", "cheese", "butter", "jam"):
        await admin.add(base, f"The {word} is on the table.")
    await settled(admin, base)
    return base


# -- what a sync says (6.6) --------------------------------------------------------------------------


async def test_a_sync_warns_of_bases_that_nobody_has_made(tmp_path: Path) -> None:
    async with desk(tmp_path, NAMING) as (_, admin, links):
        message = (
            "there is no knowledge base 'handbook' in 'default' or in the namespace 'default'; "
            "the bot answers from it as soon as it is made."
        )
        warning = {"name": "shop", "namespace": "default", "message": message}
        sent = {"name": "sent", "code": NAMING}
        for body in (
            {},
            {"options": {"dry_run": True}},
            {"chatbots": [sent], "options": {"dry_run": True}},
        ):
            told = (await admin.post(f"{BOTS}/sync", body))["warnings"]
            assert told == [warning | {"name": "sent" if "chatbots" in body else "shop"}]
        assert (await admin.get(links))["count"] == 0
        await admin.base(name="handbook")
        assert (await admin.post(f"{BOTS}/sync", {}))["warnings"] == []


async def test_the_links_that_a_bot_asks_for_are_there_when_its_sync_is_answered(tmp_path: Path) -> None:
    async with desk(tmp_path) as (_, admin, _links):
        base = await admin.base(name="handbook")
        for number in range(5):
            body = {"chatbots": [{"name": f"sent{number}", "code": NAMING}]}
            await admin.post(f"{BOTS}/sync", body)
            ids = {one["name"]: one["id"] for one in (await admin.get(BOTS))["chatbots"]}
            (link,) = (await admin.get(f"{BOTS}/{ids[f'sent{number}']}/knowledge-bases"))["knowledge_bases"]
            assert (link["knowledge_base_id"], link["max_chunks"]) == (base, 7)
            assert (link["origin"], link["metadata"]) == ("annotation", {"origin": "annotation"})


async def test_what_an_administrator_changes_is_theirs_whatever_comes_back(tmp_path: Path) -> None:
    async with desk(tmp_path, NAMING) as (_, admin, links):
        base = await admin.base(name="handbook")
        await admin.post(f"{BOTS}/sync", {})
        (link,) = (await admin.get(links))["knowledge_bases"]
        told = {"metadata": link["metadata"] | {"why": "more"}, "max_chunks": 9}
        changed = good(await admin.ask("PUT", f"{links}/{base}", json=told))
        assert (changed["origin"], changed["metadata"], changed["max_chunks"]) == ("api", {"why": "more"}, 9)


# -- what a link's settings do (6.7) -----------------------------------------------------------------


async def test_a_filter_with_the_users_id_shows_each_user_theirs_and_strangers_nothing(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path) as (served, admin, links):
        base = await fill(admin, red={"owner": "alice"}, blue={"owner": "bob"}, green={})
        filtered = {"access_level": "filtered", "filter_expression": {"owner": "$user_id"}}
        await admin.post(links, {"knowledge_base_id": base, **filtered})
        assert await shown(served, "alice") == ["red"]
        assert await shown(served, "bob") == ["blue"]
        assert await shown(served, "carol") == []
        assert await shown(served) == []


async def test_limits_thresholds_words_and_switches_of_a_link_act(tmp_path: Path) -> None:
    async with desk(tmp_path) as (served, admin, links):
        base = await fill(admin, red={}, blue={}, green={})
        await admin.post(links, {"knowledge_base_id": base})

        async def with_link(question: str = QUESTION, **changes: Any) -> int:
            good(await admin.ask("PUT", f"{links}/{base}", json=changes))
            return len(await shown(served, question=question))

        assert await with_link() == 3
        assert await with_link(max_chunks=2) == 2
        half = "Which zeppelin eats strawberries?"
        assert await with_link(question=half, similarity_threshold=0.9) == 0
        assert await with_link(question=half, similarity_threshold=0.01) == 2
        assert await with_link(intent_keywords=["price"]) == 0
        assert await with_link(intent_keywords=["ZEPPELIN"]) == 2
        assert await with_link(enabled=False) == 0
        assert await with_link(enabled=True) == 2
        good(await admin.ask("PUT", f"/{base}", json={"enabled": False}))
        assert await shown(served) == []


async def test_weight_and_priority_order_the_passages_of_several_bases(tmp_path: Path) -> None:
    async with desk(tmp_path) as (served, admin, links):
        first, second = await fill(admin, red={}), await fill(admin, blue={})
        await admin.post(links, {"knowledge_base_id": first})
        await admin.post(links, {"knowledge_base_id": second, "priority": 5})
        assert await shown(served) == ["red", "blue"]
        good(await admin.ask("PUT", f"{links}/{second}", json={"priority": 0}))
        assert await shown(served) == ["blue", "red"]
        good(await admin.ask("PUT", f"{links}/{first}", json={"context_weight": 3}))
        assert await shown(served) == ["red", "blue"]
