"""One search for everybody: by meaning where there are vectors, else by words, never beyond the viewer."""

import logging
from pathlib import Path
from typing import Any

import pytest

from appliance.engine.knowledge import access, bases, grants, searching
from appliance.errors import AuthRequired, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.knowledge import DocumentFilter, Found, KnowledgeBase, SearchMode, Viewer
from appliance.metadata_filter import Condition, MetadataFilter
from tests.engine.knowledge.people import ADMIN, ALICE, ANYBODY, BOB, SERVER, VISITOR, make, write
from tests.engine.knowledge.shelf import Shelf, WordVectors, shelf

MODES: tuple[SearchMode, ...] = ("semantic", "keyword", "hybrid")
EVERYBODY = MetadataFilter(
    logical_op="OR",
    conditions=[
        Condition(key="user_id", operator="IS NOT NULL"),
        Condition(key="user_id", operator="IS NULL"),
    ],
)


async def look(shelf: Shelf, some: list[KnowledgeBase], text: str = "budget", **asked: Any) -> Found:
    now = [(await bases.get(shelf.library, ADMIN, base.id))[0] for base in some]
    return await searching.search(
        shelf.library, now, text=text, **({"viewer": Viewer(tenant="default")} | asked)
    )


def told(found: Found) -> list[str]:
    return sorted(passage.title for passage in found.passages)


@pytest.mark.parametrize("mode", MODES)
async def test_no_search_finds_the_documents_of_others(tmp_path: Path, mode: SearchMode) -> None:
    async with shelf(tmp_path, WordVectors()) as stage:
        base = await make(stage, ADMIN, visibility="public")
        await write(stage, ADMIN, base, "The budget of all is ten.", title="All")
        for user in ("alice", "bob", "root"):
            await write(
                stage, ADMIN, base, f"The budget of {user} is two.", title=user, metadata={"user_id": user}
            )
        await stage.work()
        seen = ((ALICE, ["All", "alice"]), (BOB, ["All", "bob"]), (ADMIN, ["All", "root"]), (SERVER, ["All"]))
        for filter in (DocumentFilter(), DocumentFilter(metadata=EVERYBODY)):
            for caller, titles in seen:
                found = await searching.in_base(
                    stage.library, caller, base.id, text="budget", mode=mode, threshold=0.0, filter=filter
                )
                assert told(found) == titles
                assert found.mode == mode
        for caller in (ANYBODY, VISITOR, Caller(guest_id="alice"), SERVER):
            found = await look(stage, [base], mode=mode, threshold=0.0, viewer=access.viewer_of(caller))
            assert told(found) == ["All"]
        elsewhere = Viewer(tenant="acme", user_id="alice")
        assert told(await look(stage, [base], mode=mode, threshold=0.0, viewer=elsewhere)) == ["All"]


async def test_searching_a_base_needs_a_right_in_it(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        await write(stage, ALICE, base, "The budget is ten.")
        await stage.work()
        with pytest.raises(NotFound):
            await searching.in_base(stage.library, BOB, base.id, text="budget")
        with pytest.raises(AuthRequired):
            await searching.in_base(stage.library, ANYBODY, base.id, text="budget")
        await grants.share(stage.library, ALICE, base.id, "bob", "viewer")
        assert len((await searching.in_base(stage.library, BOB, base.id, text="budget")).passages) == 1


@pytest.mark.parametrize(
    "asked",
    [
        {"text": " "},
        {"text": "a\ud800"},
        {"text": "a", "limit": 0},
        {"text": "a", "limit": 10_000},
        {"text": "a", "threshold": float("nan")},
        {"text": "a", "threshold": -0.1},
        {"text": "a", "semantic_weight": 2.0},
    ],
)
async def test_a_search_that_makes_no_sense_is_refused(tmp_path: Path, asked: dict[str, Any]) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ALICE)
        with pytest.raises(InvalidInput):
            await searching.in_base(stage.library, ALICE, base.id, **asked)


async def test_bases_of_one_space_are_searched_with_one_embedding(tmp_path: Path) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        some = [await make(stage, ADMIN, name) for name in ("one", "two", "three")]
        for base in some:
            await write(stage, ADMIN, base, f"The budget of {base.name} is ten.", title=base.name)
        await stage.work()
        vectors.asked.clear()
        found = await look(stage, [*some, some[0]], threshold=0.0)
        assert told(found) == ["one", "three", "two"]
        assert vectors.asked == ["budget"]
        assert len((await look(stage, some, limit=2, threshold=0.0)).passages) == 2


async def test_bases_of_different_spaces_are_each_searched_in_their_own(tmp_path: Path) -> None:
    models = {"old": WordVectors("old", 32), "new": WordVectors("new", 64)}
    async with shelf(tmp_path) as stage:
        stage.shop.choose = lambda model="", **_: models[model]  # type: ignore[method-assign]
        stage.shop.others = [*models.values()]
        some = [await make(stage, ADMIN, name, embedding_model=name) for name in models]
        for base in some:
            await write(stage, ADMIN, base, f"The budget of {base.name} is ten.", title=base.name)
        await stage.work()
        for model in models.values():
            model.asked.clear()
        found = await look(stage, some, threshold=0.0)
        assert (told(found), found.mode) == (["new", "old"], "hybrid")
        assert [model.asked for model in models.values()] == [["budget"], ["budget"]]
        models["old"].fault = "away"
        found = await look(stage, some)
        assert (told(found), found.mode) == (["new", "old"], "hybrid")


async def test_while_the_embedder_fails_words_are_searched_and_the_log_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget is ten.", title="Budget")
        await stage.work()
        with caplog.at_level(logging.WARNING, "appliance.engine"):
            vectors.fault = "away for lunch"
            for mode in ("hybrid", "semantic"):
                found = await look(stage, [base], mode=mode)
                assert (told(found), found.mode) == (["Budget"], "keyword")
            assert [record.getMessage().count("away for lunch") for record in caplog.records] == [1]
            vectors.fault = ""
            assert (await look(stage, [base])).mode == "hybrid"
            vectors.fault = "away again"
            await look(stage, [base])
        assert len(caplog.records) == 2


async def test_a_model_that_changed_its_dimensions_is_not_believed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with shelf(tmp_path, WordVectors(dimensions=64)) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget is ten.", title="Budget")
        await stage.work()
        stage.shop.chosen = WordVectors(dimensions=32)
        found = await look(stage, [base])
        assert (told(found), found.mode) == (["Budget"], "keyword")
        assert "re-index" in caplog.text


async def test_words_alone_have_to_cover_the_question_as_in_hybrid_mode(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget of the year is ten.", title="Budget")
        await write(stage, ADMIN, base, "Elephants are grey and live in Africa.", title="Elephants")
        await stage.work()
        question = "Which elephants does the zoo of Vienna feed at midnight?"
        assert told(await look(stage, [base], question)) == []
        assert told(await look(stage, [base], question, threshold=0.0)) == ["Elephants"]
        assert told(await look(stage, [base], "year budget", threshold=0.99)) == ["Budget"]
        assert told(await look(stage, [base], question, mode="keyword")) == ["Elephants"]


async def test_the_embedders_own_threshold_counts_where_none_is_given(tmp_path: Path) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget is ten.", title="Budget")
        await stage.work()
        assert told(await look(stage, [base], mode="semantic")) == ["Budget"]
        vectors.threshold = 0.99
        assert told(await look(stage, [base], mode="semantic")) == []
        assert told(await look(stage, [base], mode="semantic", threshold=0.1)) == ["Budget"]


async def test_words_need_no_embedding_and_a_given_vector_is_not_made_again(tmp_path: Path) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget is ten.", title="Budget")
        await stage.work()
        vectors.asked.clear()
        await look(stage, [base], mode="keyword")
        given = vectors._vector("budget")
        assert told(await look(stage, [base], mode="semantic", vector=given)) == ["Budget"]
        assert vectors.asked == []


async def test_a_question_of_a_megabyte_is_cut_before_it_is_embedded(tmp_path: Path) -> None:
    vectors = WordVectors()
    async with shelf(tmp_path, vectors) as stage:
        base = await make(stage, ADMIN)
        await write(stage, ADMIN, base, "The budget is ten.", title="Budget")
        await stage.work()
        vectors.asked.clear()
        await look(stage, [base], "budget \0" * 150_000, threshold=0.0)
        assert [len(text) for text in vectors.asked] == [searching.EMBEDDED_CHARS_MAX]


async def test_nothing_asked_and_nowhere_to_look_finds_nothing(tmp_path: Path) -> None:
    async with shelf(tmp_path) as stage:
        base = await make(stage, ADMIN)
        assert (await look(stage, [base], "  ")).passages == []
        assert (await look(stage, [])).passages == []
