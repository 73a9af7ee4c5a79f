"""Links of bots to bases: those of operators, those of bots' files, and how the two get on."""

from pathlib import Path
from typing import Any

import pytest

from appliance.bot import Bot
from appliance.engine.knowledge import bases, grants, links
from appliance.errors import AuthRequired, Forbidden, InvalidInput, NotFound
from appliance.knowledge import BaseDraft, LinkDraft
from tests.engine.knowledge.people import (
    ADMIN,
    ADMIN_ELSEWHERE,
    ALICE,
    ANYBODY,
    BOB,
    SERVER,
    entries,
    make,
)
from tests.engine.knowledge.shelf import Shelf, shelf

BOT = Bot(name="helper")


def asking(*names: str, **settings: Any) -> Bot:
    """The bot whose file names these bases."""
    return Bot(name="helper", knowledge_bases=[*names], **settings)


async def linked(shelf: Shelf, bot: Bot = BOT) -> list[tuple[str, str]]:
    """Name of each base that the bot answers from, and who made the link."""
    found = await links.of_bot(shelf.library, *bot.key)
    return [(one.base_name, one.origin) for one in found]


async def test_an_operator_links_a_base_and_linking_twice_changes_the_link(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN, "support")
        first = await links.link(stage.library, ADMIN, BOT, base.id, LinkDraft())
        assert (first.priority, first.max_chunks, first.similarity_threshold, first.enabled) == (
            1,
            5,
            None,
            True,
        )
        assert (first.access_level, first.origin, first.base_name) == ("full", "api", "support")
        second = await links.link(
            stage.library, ADMIN, BOT, base.id, LinkDraft(max_chunks=9, similarity_threshold=0.4)
        )
        assert (second.id, second.max_chunks, second.similarity_threshold) == (first.id, 9, 0.4)
        assert await links.of_bot(stage.library, "default", "helper") == [second]
        assert await links.of_base(stage.library, ADMIN, base.id) == [second]


async def test_only_operators_link_as_all_tenants_share_the_bots(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        mine = await make(stage, ALICE, visibility="public")
        theirs = await make(stage, ADMIN_ELSEWHERE)
        calls = ((ALICE, mine, Forbidden), (SERVER, mine, Forbidden), (ANYBODY, mine, AuthRequired))
        for caller, base, error in (*calls, (ADMIN_ELSEWHERE, theirs, Forbidden), (ADMIN, theirs, NotFound)):
            with pytest.raises(error):
                await links.link(stage.library, caller, BOT, base.id, LinkDraft())
        assert await linked(stage) == []


async def test_which_bots_use_a_base_is_for_its_editors(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE, visibility="public")
        await links.link(stage.library, ADMIN, BOT, base.id, LinkDraft())
        with pytest.raises(Forbidden):
            await links.of_base(stage.library, BOB, base.id)
        await grants.share(stage.library, ALICE, base.id, "bob", "editor")
        assert [one.bot for one in await links.of_base(stage.library, BOB, base.id)] == ["helper"]


@pytest.mark.parametrize(
    ("draft", "told"),
    [
        (LinkDraft(max_chunks=0), "max_chunks must be from 1 to 50"),
        (LinkDraft(max_chunks=51), "max_chunks"),
        (LinkDraft(similarity_threshold=1.1), "similarity_threshold"),
        (LinkDraft(similarity_threshold=float("nan")), "similarity_threshold"),
        (LinkDraft(context_weight=-1.0), "context_weight"),
        (LinkDraft(context_weight=float("inf")), "context_weight"),
        (LinkDraft(priority=10**9), "priority"),
        (LinkDraft(access_level="none"), "full, filtered, tiered"),  # type: ignore[arg-type]
        (LinkDraft(access_level="filtered"), "needs a filter_expression"),
        (LinkDraft(filter_expression={"a": {"b": 1}}), "plain values"),
        (LinkDraft(filter_expression={"a": 10**400}), "too large"),
        (LinkDraft(intent_keywords=["x" * 101]), "at most 100"),
        (LinkDraft(metadata={"x": "y" * 20_000}), "16384"),
    ],
)
async def test_a_link_that_makes_no_sense_is_refused(tmp_path: Path, draft: LinkDraft, told: str) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        with pytest.raises(InvalidInput, match=told):
            await links.link(stage.library, ADMIN, BOT, base.id, draft)
        assert await linked(stage) == []


async def test_a_filtered_link_cannot_lose_its_filter(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        draft = LinkDraft(access_level="filtered", filter_expression={"user": "$user_id"})
        await links.link(stage.library, ADMIN, BOT, base.id, draft)
        with pytest.raises(InvalidInput, match="needs a filter_expression"):
            await links.update(
                stage.library, ADMIN, "default", "helper", base.id, LinkDraft(filter_expression={})
            )
        (link,) = await links.of_bot(stage.library, "default", "helper")
        assert link.filter_expression == {"user": "$user_id"}


async def test_a_link_that_is_not_there_is_neither_changed_nor_removed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        place = (stage.library, ADMIN, "default", "helper", base.id)
        with pytest.raises(NotFound, match="does not answer from"):
            await links.update(*place, LinkDraft(priority=2))
        with pytest.raises(NotFound, match="does not answer from"):
            await links.unlink(*place)
        await links.link(stage.library, ADMIN, BOT, base.id, LinkDraft())
        await links.unlink(*place)
        assert await linked(stage) == []
        assert await links.of_base(stage.library, ADMIN, base.id) == []
        with pytest.raises(NotFound):
            await links.unlink(*place)


async def test_a_file_links_what_it_names_and_unlinks_what_it_names_no_more(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        await make(stage, ADMIN, "faq")
        await make(stage, ADMIN, "manual")
        follow = stage.library
        settings = {"rag_max_chunks": 8, "rag_similarity_threshold": 0.5}
        assert await links.follow_annotations(follow, [asking("faq", "manual", "faq", **settings)]) == []
        assert await linked(stage) == [("faq", "annotation"), ("manual", "annotation")]
        first = (await links.of_bot(stage.library, *BOT.key))[0]
        assert (first.max_chunks, first.similarity_threshold) == (8, 0.5)
        await links.follow_annotations(follow, [asking("faq")])
        (second,) = await links.of_bot(stage.library, *BOT.key)
        assert (second.id, second.max_chunks, second.similarity_threshold) == (first.id, 5, None)
        await links.follow_annotations(follow, [BOT])
        assert await linked(stage) == []


async def test_following_twice_changes_nothing_the_second_time(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        await make(stage, ADMIN, "faq")
        await links.follow_annotations(stage.library, [asking("faq")])
        before = await links.of_bot(stage.library, *BOT.key)
        stage.now += 100
        writes = stage.rows("PRAGMA data_version")
        await links.follow_annotations(stage.library, [asking("faq")])
        assert await links.of_bot(stage.library, *BOT.key) == before
        assert stage.rows("PRAGMA data_version") == writes


async def test_a_base_that_is_missing_is_told_and_linked_once_it_is_made(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        (told,) = await links.follow_annotations(stage.library, [asking("faq", namespace="sales")])
        assert told.startswith("sales/helper: there is no knowledge base 'faq' in 'sales'")
        assert await links.follow_annotations(stage.library, [asking("faq")]) != []
        base = await make(stage, ADMIN, "faq")
        assert await links.follow_annotations(stage.library, [asking("faq")]) == []
        assert await linked(stage) == [("faq", "annotation")]
        await bases.delete(stage.library, ADMIN, base.id)
        assert await linked(stage) == []
        assert len(await links.follow_annotations(stage.library, [asking("faq")])) == 1


async def test_a_base_of_the_bots_own_namespace_takes_the_place_of_the_common_one(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        bot = asking("faq", namespace="sales")
        common = await make(stage, ADMIN, "faq")
        await links.follow_annotations(stage.library, [bot])
        own = await make(stage, ADMIN, "faq", namespace="sales")
        await links.follow_annotations(stage.library, [bot])
        assert [one.base_id for one in await links.of_bot(stage.library, *bot.key)] == [own.id]
        assert common.id != own.id


async def test_links_of_operators_stay_whatever_the_files_say(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        faq = await make(stage, ADMIN, "faq")
        await links.link(stage.library, ADMIN, BOT, faq.id, LinkDraft(max_chunks=3))
        await links.follow_annotations(stage.library, [asking("faq", rag_max_chunks=9)])
        await links.follow_annotations(stage.library, [BOT])
        (link,) = await links.of_bot(stage.library, *BOT.key)
        assert (link.origin, link.max_chunks) == ("api", 3)


async def test_what_an_operator_changes_on_a_files_link_stays_changed(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        faq = await make(stage, ADMIN, "faq")
        await links.follow_annotations(stage.library, [asking("faq")])
        await links.update(stage.library, ADMIN, "default", "helper", faq.id, LinkDraft(enabled=False))
        await links.follow_annotations(stage.library, [asking("faq", rag_max_chunks=9)])
        (link,) = await links.of_bot(stage.library, *BOT.key)
        assert (link.origin, link.enabled, link.max_chunks) == ("api", False, 5)


async def test_what_an_operator_unlinked_stays_unlinked_until_the_file_forgets_it(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        faq = await make(stage, ADMIN, "faq")
        await links.follow_annotations(stage.library, [asking("faq")])
        await links.unlink(stage.library, ADMIN, "default", "helper", faq.id)
        for bot in (asking("faq"), asking("faq", rag_max_chunks=7)):
            await links.follow_annotations(stage.library, [bot])
            assert await linked(stage) == []
        again = await links.link(stage.library, ADMIN, BOT, faq.id, LinkDraft())
        assert (again.origin, again.max_chunks) == ("api", 5)
        await links.unlink(stage.library, ADMIN, "default", "helper", faq.id)
        await links.follow_annotations(stage.library, [BOT])
        assert stage.count("_bot_knowledge") == 0
        await links.follow_annotations(stage.library, [asking("faq")])
        assert await linked(stage) == [("faq", "annotation")]


async def test_links_come_by_priority_and_follow_a_renamed_base(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        low, high = await make(stage, ADMIN, "a"), await make(stage, ADMIN, "b")
        await links.link(stage.library, ADMIN, BOT, low.id, LinkDraft(priority=5))
        await links.link(stage.library, ADMIN, BOT, high.id, LinkDraft(priority=1))
        await bases.update(stage.library, ADMIN, high.id, BaseDraft(name="z"))
        assert [name for name, _ in await linked(stage)] == ["z", "a"]


async def test_linking_and_unlinking_stand_in_the_audit_trail(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        await links.link(stage.library, ADMIN, BOT, base.id, LinkDraft())
        await links.unlink(stage.library, ADMIN, "default", "helper", base.id)
        told = [(one.action, one.details.get("bot")) for one in entries(stage)][1:]
        assert told == [("knowledge.link", "helper"), ("knowledge.unlink", "helper")]
