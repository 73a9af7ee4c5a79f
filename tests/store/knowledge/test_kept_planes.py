"""Codes kept in memory as planes: a search finds what is in the file at its moment, whoever changes it."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from appliance.knowledge import Document, DocumentFilter, EmbeddingSpace, Search, Viewer
from appliance.store.database import database_path
from appliance.store.knowledge import bases, chunks, codes, documents, kept_planes, vectors
from appliance.store.knowledge.bit_planes import Segment
from appliance.store.knowledge.kept_planes import KeptPlanes
from appliance.store.knowledge.scope import Scope, scope_of
from appliance.store.knowledge.search import search
from appliance.store.pragmas import open_connection
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

DIMENSIONS = 24


class Shop:
    """A shelf that is written to by one connection and read by another, with vectors by chance."""

    def __init__(self, folder: Path) -> None:
        self.shelf = Shelf.open(folder, dimensions=DIMENSIONS)
        self.path = database_path(folder)
        self.reader = open_connection(self.path, read_only=True)
        self.chance = random.Random(5)
        assert self.shelf.space is not None
        self.space: EmbeddingSpace = self.shelf.space

    def vector(self) -> bytes:
        return vector(*(self.chance.gauss(0, 1) for _ in range(DIMENSIONS)))

    def add(self, id: str, count: int, shelf: Shelf | None = None, **more: Any) -> Document:
        given = [self.vector() for _ in range(count)]
        return (shelf or self.shelf).add(id, *(f"{id} {n}" for n in range(count)), vectors=given, **more)

    def write(self, document: Document, count: int) -> None:
        self.shelf.write(document, *(f"new {n}" for n in range(count)), vectors=[self.vector()] * count)

    def scope(self, *shelves: Shelf, viewer: Viewer = ANYBODY) -> Scope:
        numbers = [shelf.base.number for shelf in shelves or (self.shelf,)]
        return scope_of(self.reader, numbers, viewer, DocumentFilter())

    def planes(self, db: apsw.Connection | None = None) -> list[Segment] | None:
        kept = kept_planes.kept_planes(db or self.reader)
        assert kept is not None
        return kept.of(db or self.reader, self.space, self.shelf.base.number)

    def agree(self, *shelves: Shelf, times: int = 3) -> None:
        """What is found, also by the planes, is what comparing all finds."""
        for _ in range(times):
            scope, question = self.scope(*shelves), self.vector()
            found = vectors.nearest(self.reader, self.space, scope, question, 200)
            assert found == vectors._exact(self.reader, self.space, scope, question, 200)


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    monkeypatch.setattr(vectors, "EXACT_MAX", 4)
    monkeypatch.setattr(codes, "CODES_PER_BLOCK", (16, 16))
    monkeypatch.setattr(kept_planes, "SEGMENT", 32)
    shop = Shop(tmp_path)
    yield shop
    shop.reader.close()
    shop.shelf.db.close()


@pytest.mark.parametrize("seed", range(3))
def test_nothing_is_missed_whatever_happens_to_documents(shop: Shop, seed: int) -> None:
    other = Shelf(shop.shelf.db, "another", dimensions=DIMENSIONS)
    chance = random.Random(seed)
    there = [shop.add("first", 60)]
    shop.add("elsewhere", 20, other)
    for step in range(25):
        match chance.randrange(5):
            case 0 | 1:
                there.append(shop.add(f"d{step}", chance.randrange(1, 25)))
            case 2 if len(there) > 1:
                chunks.remove(shop.shelf.db, there.pop(chance.randrange(len(there))).number)
            case 3:
                shop.write(chance.choice(there), chance.randrange(1, 25))
            case _:
                numbers = [chunk.number for chunk in chunks.of_document(shop.shelf.db, there[0].number)]
                with shop.shelf.db:
                    vectors.put(shop.shelf.db, shop.space, [(numbers[-1], shop.vector())])
        shop.agree()
        shop.agree(shop.shelf, other)
        assert shop.planes() is not None


def test_while_documents_come_in_the_table_answers_and_then_what_has_changed_is_made_anew(shop: Shop) -> None:
    shop.add("first", 100)
    before = shop.planes()
    assert before is not None
    shop.add("second", 3)
    assert shop.planes() is None
    shop.add("third", 3)
    assert shop.planes() is None
    after = shop.planes()
    assert after is not None
    same = [one for one in after if any(one is old for old in before)]
    assert len(after) > len(same) >= len(before) - 1
    shop.agree()


def test_readers_that_share_make_them_once(shop: Shop) -> None:
    shop.add("first", 40)
    shared: dict[str, object] = {}
    one, two = (open_connection(shop.path, read_only=True, shared=shared) for _ in range(2))
    made, again = shop.planes(one), shop.planes(two)
    assert made
    assert again
    assert all(a is b for a, b in zip(made, again, strict=True))
    apart = shop.planes()
    assert apart
    assert apart[0] is not made[0]
    one.close()
    two.close()


def test_a_reader_of_an_older_moment_is_not_told_of_a_newer_one(shop: Shop) -> None:
    shop.add("first", 40)
    shared: dict[str, object] = {}
    old, new = (open_connection(shop.path, read_only=True, shared=shared) for _ in range(2))
    with old:
        before = {row[0] for row in old.execute(f"SELECT chunk FROM _vectors_{shop.space.number}")}
        shop.add("second", 40)
        assert [shop.planes(new) for _ in range(2)][-1] is not None
        scope = scope_of(old, [shop.shelf.base.number], ANYBODY, DocumentFilter())
        for _ in range(3):
            found = vectors.nearest(old, shop.space, scope, shop.vector(), 100)
            assert {chunk for chunk, _ in found} == before
    scope = scope_of(new, [shop.shelf.base.number], ANYBODY, DocumentFilter())
    for _ in range(3):
        assert len(vectors.nearest(new, shop.space, scope, shop.vector(), 100)) == 80
    old.close()
    new.close()


def test_what_was_undone_is_not_found(shop: Shop) -> None:
    shop.add("first", 40)
    db = shop.shelf.db
    db.execute("BEGIN")
    shop.add("second", 8)
    assert [shop.planes(db) for _ in range(2)][-1] is not None
    db.execute("ROLLBACK")
    numbers = [shop.shelf.base.number]
    for _ in range(3):
        scope = scope_of(db, numbers, ANYBODY, DocumentFilter())
        assert len(vectors.nearest(db, shop.space, scope, shop.vector(), 100)) == 40
    shop.agree()


def test_documents_of_others_and_filters_stay_what_they_are(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "CANDIDATES", 8)
    monkeypatch.setattr(vectors, "CANDIDATES_EACH", 1)
    for n in range(12):
        shop.add(f"a{n}", 8, user_id="anna")
    for n in range(3):
        shop.add(f"b{n}", 4, user_id="ben")
    shop.add("everybody", 10)
    ben = Viewer(tenant="default", user_id="ben")
    for _ in range(4):
        question, scope = shop.vector(), shop.scope(viewer=ben)
        asked = Search(text="", vector=question, mode="semantic", viewer=ben, limit=200)
        whose = {found.document_id for found in search(shop.reader, scope.bases, asked).passages}
        assert whose
        assert not any(id.startswith("a") for id in whose)
        exact = vectors._exact(shop.reader, shop.space, scope, question, 22)
        assert len(exact) == 22
        assert vectors.nearest(shop.reader, shop.space, scope, question, 22) == exact
    assert shop.planes() is not None


def test_what_is_deleted_takes_no_places_of_others(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vectors, "CANDIDATES", 8)
    near = vector(*[1.0] * DIMENSIONS)
    gone = shop.shelf.add("gone", *("x" for _ in range(40)), vectors=[near] * 40)
    shop.add("here", 40)
    assert shop.planes() is not None
    chunks.remove(shop.shelf.db, gone.number)
    for _ in range(4):
        assert len(vectors.nearest(shop.reader, shop.space, shop.scope(), near, 8)) == 8


def test_without_room_the_table_answers_and_room_is_made_by_what_nobody_asks_for(shop: Shop) -> None:
    shop.add("first", 60)
    other = Shelf(shop.shelf.db, "another", dimensions=DIMENSIONS)
    shop.add("elsewhere", 60, other)
    size = sum(one.size for one in shop.planes() or [])
    kept = KeptPlanes(room=int(1.5 * size))
    assert kept.of(shop.reader, shop.space, shop.shelf.base.number) is not None
    answers = [kept.of(shop.reader, shop.space, other.base.number) for _ in range(kept_planes.PATIENCE)]
    assert answers[:-1] == [None] * (kept_planes.PATIENCE - 1)
    assert answers[-1] is not None
    assert KeptPlanes(room=size // 2).of(shop.reader, shop.space, shop.shelf.base.number) is None
    shop.reader.shared[kept_planes.NAME] = KeptPlanes(room=0)  # type: ignore[attr-defined]
    shop.agree()


def test_a_table_that_is_kept_in_another_way_is_walked_through(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_: object) -> Iterator[object]:
        raise apsw.SQLError("no such column: partition00")

    shop.add("first", 60)
    monkeypatch.setattr(codes, "blocks", unknown)
    assert shop.planes() is None
    shop.agree()


def test_codes_of_an_older_file_are_used_and_their_changes_seen(shop: Shop) -> None:
    document = shop.add("first", 60)
    shop.shelf.db.execute("DELETE FROM _code_states")
    shop.agree()
    assert shop.planes() is not None
    shop.write(document, 50)
    shop.agree()
    documents.remove(shop.shelf.db, document.number)
    vectors.sweep(shop.shelf.db)
    shop.add("second", 9)
    shop.agree()


def test_a_space_that_is_gone_leaves_nothing_and_the_next_one_has_its_own(shop: Shop) -> None:
    shop.add("first", 30)
    shop.agree()
    db = shop.shelf.db
    bases.set_spaces(db, shop.shelf.base.number, space=None, next_space=None)
    assert vectors.drop_unused(db) == 1
    assert db.execute("SELECT count(*) FROM _code_states").get == 0
    shop.space = shop.shelf.space = vectors.space(db, "other", DIMENSIONS)
    bases.set_spaces(db, shop.shelf.base.number, space=shop.space.number, next_space=None)
    shop.add("second", 30)
    shop.agree()
