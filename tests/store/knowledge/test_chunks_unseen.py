"""Chunks of a version that nobody sees: in no answer, until all of them are shown at once."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from appliance.knowledge import Document, DocumentFilter, Outline, Piece
from appliance.store.knowledge import chunks, documents, jobs, texts, unseen
from appliance.store.knowledge.passages import read
from appliance.store.knowledge.scope import Scope, allowed, scope_of
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

EAST, NORTH = vector(1, 0, 0), vector(0, 1, 0)
OUTLINE = msgspec.json.encode(Outline())


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.open(tmp_path)


def begun(shelf: Shelf, document: Document, *texts: str, claim: str = "") -> int:
    """A version with a chunk for each text, that nobody sees."""
    version = unseen.begin(shelf.db, document, claim)
    for position, text in enumerate(texts):
        piece = Piece(start=0, end=len(text))
        made = chunks.index(document, text, [piece])
        chunks.add(shelf.db, document, version, position, text, [piece], made, [NORTH], shelf.space)
    return version


def contents(shelf: Shelf, document: Document) -> list[str]:
    return [chunk.content for chunk in chunks.of_document(shelf.db, document.number)]


def passages(shelf: Shelf, text: str, **more: object) -> list[str]:
    return [passage.content for passage in shelf.ask(text, **more)]  # type: ignore[arg-type]


def test_what_is_put_in_is_in_no_answer_until_it_is_shown_and_then_the_old_is_in_none(shelf: Shelf) -> None:
    assert shelf.space is not None
    document = shelf.add("a", "old words", vectors=[EAST])
    version = begun(shelf, document, "new words", "more new words")
    numbers = [number for (number,) in shelf.db.execute("SELECT number FROM _chunks")]
    assert contents(shelf, document) == ["old words"]
    for mode in ("keyword", "semantic", "hybrid"):
        assert passages(shelf, "words", mode=mode, vector=NORTH, threshold=None) == ["old words"]
    assert texts.embedded(shelf.db, document.number, shelf.space) == (1, 1)
    scope = chunks_scope(shelf)
    assert not scope.open
    assert len(allowed(shelf.db, scope, numbers)) == 1
    assert [passage.content for passage in read(shelf.db, scope, numbers)] == ["old words"]
    chunks.show(shelf.db, document.number, version, "new words", OUTLINE)
    assert contents(shelf, document) == ["new words", "more new words"]
    for mode in ("keyword", "semantic", "hybrid"):
        found = passages(shelf, "words", mode=mode, vector=EAST, threshold=None)
        assert found
        assert "old words" not in found
    assert texts.embedded(shelf.db, document.number, shelf.space) == (2, 2)
    stored = documents.by_number(shelf.db, document.number)
    assert stored is not None
    assert stored.chunks_count == 2
    assert unseen.strays(shelf.db) == [(document.number, 1)]
    assert chunks.thin(shelf.db, document.number, 9, 1) == 1
    unseen.forget(shelf.db, document.number, 1)
    assert chunks_scope(shelf).open


def chunks_scope(shelf: Shelf) -> Scope:
    return scope_of(shelf.db, [shelf.base.number], ANYBODY, DocumentFilter())


def test_unseen_chunks_take_no_place_among_the_candidates_of_others(shelf: Shelf) -> None:
    shelf.add("here", "the parcel of words", vectors=[EAST])
    document = shelf.add("a", "nothing", vectors=[EAST])
    begun(shelf, document, *(["parcel parcel"] * 300))
    assert shelf.found("parcel", mode="keyword") == ["here"]
    assert shelf.found("parcel", mode="semantic", vector=NORTH, threshold=None, limit=5) == ["here", "a"]


def test_vectors_are_missed_by_chunks_that_people_see_only(shelf: Shelf) -> None:
    assert shelf.space is not None
    document = shelf.add("a", "old words")
    version = unseen.begin(shelf.db, document, "")
    made = chunks.index(document, "new", [Piece(start=0, end=3)])
    chunks.add(shelf.db, document, version, 0, "new", [Piece(start=0, end=3)], made, None, None)
    missing = chunks.without_vectors(shelf.db, shelf.base.number, shelf.space, 9)
    assert [text.partition("\n")[2] for _, text in missing] == ["old words"]
    chunks.show(shelf.db, document.number, version, "new", OUTLINE)
    missing = chunks.without_vectors(shelf.db, shelf.base.number, shelf.space, 9)
    assert [text.partition("\n")[2] for _, text in missing] == ["new"]


def test_a_version_is_stray_when_its_claim_is_not_held_any_more(shelf: Shelf) -> None:
    document = shelf.add("a", "old words", vectors=[EAST])
    documents.queue(shelf.db, document.number, 0.0, text="new")
    job = jobs.claim(shelf.db, "one", 1.0, 31.0)
    assert job is not None
    first = begun(shelf, document, "new", claim=job.claim)
    assert unseen.strays(shelf.db) == []
    again = jobs.claim(shelf.db, "two", 32.0, 60.0)
    assert again is not None
    assert unseen.strays(shelf.db) == [(document.number, first)]
    second = begun(shelf, document, "new", claim=again.claim)
    assert second != first
    assert unseen.strays(shelf.db) == [(document.number, first)]
    jobs.finish(shelf.db, again)
    assert unseen.is_stray(shelf.db, document.number, second)
    assert unseen.strays(shelf.db, shelf.base.number + 1) == []


def test_a_document_that_is_taken_away_leaves_its_base_whole_for_others(shelf: Shelf) -> None:
    gone = shelf.add("gone", *(["parcel parcel"] * 300), vectors=[NORTH] * 300)
    shelf.add("here", "the parcel of words", vectors=[EAST])
    other = Shelf(shelf.db, "other", dimensions=0)
    documents.move(shelf.db, gone.number, other.base.number)
    assert shelf.found("parcel", mode="keyword") == ["here"]
    assert unseen.strays(shelf.db, shelf.base.number) == [(gone.number, 1)]
