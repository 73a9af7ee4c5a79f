"""Questions that the documents did not answer."""

from pathlib import Path
from typing import Any

import pytest

from appliance.bot import Bot
from appliance.engine.knowledge import gaps
from appliance.errors import AuthRequired, Forbidden, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.knowledge import Gap
from appliance.store.knowledge.gaps import GAPS_PER_BOT_MAX
from tests.engine.knowledge.people import ADMIN, ADMIN_ELSEWHERE, ALICE, ALICE_ELSEWHERE, ANYBODY, SERVER
from tests.engine.knowledge.shelf import Shelf, shelf

BOT = Bot(name="helper")


async def ask(shelf: Shelf, question: str, caller: Caller = ALICE, bot: Bot = BOT, **more: Any) -> Gap:
    shelf.now += 1
    more = {"conversation_id": "c1", "reason": "nothing", "best": 0.2} | more
    found = await gaps.note(shelf.library, caller, bot, question=question, **more)
    assert found is not None
    return found


async def questions(shelf: Shelf, caller: Caller = ADMIN, **narrowed: Any) -> list[tuple[str, int]]:
    found, total = await gaps.listed(shelf.library, caller, **narrowed)
    assert total == len(found)
    return [(one.question, one.count) for one in found]


async def test_the_same_question_is_counted_however_it_is_written(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        first = await ask(stage, "What are your opening hours?")
        await ask(stage, "Who made this?")
        again = await ask(
            stage,
            " what are your OPENING   hours ",
            ANYBODY,
            conversation_id="c2",
            reason="uncited",
            best=0.4,
        )
        assert (again.id, again.count, again.first_at, again.last_at) == (
            first.id,
            2,
            first.first_at,
            first.first_at + 2,
        )
        assert (again.conversation_id, again.reason, again.best) == ("c2", "uncited", 0.4)
        assert await questions(stage) == [("what are your OPENING hours", 2), ("Who made this?", 1)]


async def test_a_question_without_words_is_none_and_a_long_one_is_cut(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        assert await gaps.note(stage.library, ALICE, BOT, "c", "?! …", "nothing") is None
        long = await ask(stage, "word\0 \ud800" * 100_000)
        assert len(long.question) == gaps.QUESTION_CHARS_MAX


async def test_gaps_are_kept_by_tenant_and_bot_and_shown_to_administrators(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        other = Bot(name="other", namespace="sales")
        await ask(stage, "One?")
        await ask(stage, "One?", bot=other)
        await ask(stage, "One?", ALICE_ELSEWHERE)
        assert len(await questions(stage)) == 2
        assert await questions(stage, bot="other", namespace="sales") == [("One?", 1)]
        assert await questions(stage, ADMIN_ELSEWHERE) == [("One?", 1)]
        for caller, error in ((ALICE, Forbidden), (SERVER, Forbidden), (ANYBODY, AuthRequired)):
            with pytest.raises(error):
                await questions(stage, caller)
        with pytest.raises(InvalidInput):
            await questions(stage, limit=0)


async def test_a_closed_gap_that_is_asked_again_in_vain_is_open_again(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        gap = await ask(stage, "One?")
        assert (await gaps.close(stage.library, ADMIN, gap.id)).status == "closed"
        assert await questions(stage, status="open") == []
        assert (await ask(stage, "One?")).status == "open"
        await gaps.close(stage.library, ADMIN, gap.id)
        assert (await gaps.reopen(stage.library, ADMIN, gap.id)).status == "open"
        with pytest.raises(Forbidden):
            await gaps.close(stage.library, ALICE, gap.id)
        for caller, id in ((ADMIN_ELSEWHERE, gap.id), (ADMIN, "missing"), (ADMIN, "\ud800")):
            with pytest.raises(NotFound):
                await gaps.close(stage.library, caller, id)


async def test_only_so_many_are_kept_and_the_oldest_single_ones_go_first(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        for _ in range(2):
            await ask(stage, "Often asked")
        await ask(stage, "Once, long ago")
        for number in range(GAPS_PER_BOT_MAX - 1):
            await ask(stage, f"Question {number}")
        found, total = await gaps.listed(stage.library, ADMIN, limit=500)
        assert total == GAPS_PER_BOT_MAX
        assert found[0].question == "Often asked"
        assert stage.rows("SELECT count(*) FROM _knowledge_gaps WHERE question = 'Once, long ago'") == [(0,)]
        await ask(stage, "In another bot", bot=Bot(name="other"))
        assert (await gaps.listed(stage.library, ADMIN))[1] == GAPS_PER_BOT_MAX + 1
