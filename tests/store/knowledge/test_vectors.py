"""Vectors of chunks: codes and floats agree, and what is deleted is gone from both."""

import random
from pathlib import Path

import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.knowledge import DocumentFilter
from appliance.store.backup import back_up
from appliance.store.knowledge import bases, chunks, codes, vectors
from appliance.store.knowledge.scope import scope_of
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

EAST, NORTH = vector(1, 0, 0), vector(0, 1, 0)


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    return Shelf.open(tmp_path)


def rows(db: apsw.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").get)


def left(shelf: Shelf) -> dict[str, int]:
    return {
        table: rows(shelf.db, table)
        for table in ("_chunks", "_words", "_vectors_1", "_codes_1", "_stale_codes")
    }


def test_writing_a_document_again_leaves_one_of_everything(shelf: Shelf) -> None:
    document = shelf.add("a", "first words", "more words", vectors=[EAST, NORTH])
    shelf.write(document, "other text", vectors=[NORTH])
    assert left(shelf) == {"_chunks": 1, "_words": 1, "_vectors_1": 1, "_codes_1": 1, "_stale_codes": 0}
    assert shelf.found("first", mode="keyword") == []
    assert shelf.found("other", vector=NORTH) == ["a"]


def test_deleting_a_document_or_its_base_leaves_nothing(shelf: Shelf) -> None:
    document = shelf.add("a", "first words", vectors=[EAST])
    shelf.add("b", "second words", vectors=[EAST])
    chunks.remove(shelf.db, document.number)
    assert left(shelf) == {"_chunks": 1, "_words": 1, "_vectors_1": 1, "_codes_1": 1, "_stale_codes": 0}
    shelf.db.execute("DELETE FROM _knowledge_bases WHERE number = ?", (shelf.base.number,))
    vectors.sweep(shelf.db)
    assert set(left(shelf).values()) == {0}
    assert vectors.drop_unused(shelf.db) == 1
    assert not shelf.db.execute("SELECT 1 FROM sqlite_schema WHERE name LIKE '%_vectors_1%'").fetchone()


def test_codes_that_are_not_swept_yet_hide_nothing(shelf: Shelf) -> None:
    gone = shelf.add("gone", *("x" * 3 for _ in range(1_200)), vectors=[EAST] * 1_200)
    shelf.add(
        "here",
        *(f"text {n}" for n in range(1_100)),
        vectors=[vector(0.2, 1, n / 9_999) for n in range(1_100)],
    )
    shelf.db.execute("DELETE FROM _chunks WHERE document = ?", (gone.number,))
    assert rows(shelf.db, "_stale_codes") == 1_200
    assert shelf.found("", vector=EAST, mode="semantic") == ["here"]


def test_by_codes_is_found_what_comparing_all_finds(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path, dimensions=100)
    chance = random.Random(7)
    given = [vector(*(chance.gauss(0, 1) for _ in range(100))) for _ in range(1_500)]
    shelf.add("all", *(str(n) for n in range(1_500)), vectors=given)
    assert shelf.space is not None
    scope = scope_of(shelf.db, [shelf.base.number], ANYBODY, DocumentFilter())
    for question in given[:10]:
        exact = vectors._exact(shelf.db, shelf.space, scope, question, 1)
        assert vectors.nearest(shelf.db, shelf.space, scope, question, 1) == exact
        found = vectors.nearest(shelf.db, shelf.space, scope, question, 200)
        assert len(found) == 200
        assert found == sorted(found, key=lambda row: -row[1])


def test_samples_of_codes_are_written_exchanged_and_swept_with_them(shelf: Shelf) -> None:
    given = [vector(0.2, 1, n / 9_999) for n in range(400)]
    document = shelf.add("a", *(f"text {n}" for n in range(400)), vectors=given)

    def sampled() -> int:
        return int(shelf.db.execute("SELECT count(*) FROM _codes_1 WHERE rowid < 0").get)

    assert 0 < sampled() < 400 / codes.SAMPLE * 2
    assert rows(shelf.db, "_codes_1") == 400 + sampled()
    chosen = [(-number, EAST) for (number,) in shelf.db.execute("SELECT rowid FROM _codes_1 WHERE rowid < 0")]
    assert shelf.space is not None
    vectors.put(shelf.db, shelf.space, chosen)
    assert sampled() == len(chosen)
    chunks.remove(shelf.db, document.number)
    vectors.sweep(shelf.db)
    assert rows(shelf.db, "_codes_1") == 0


@pytest.mark.parametrize("wrong", [b"", vector(1, 2), vector(0, 0, 0), vector(float("nan"), 1, 1)])
def test_a_vector_that_fits_nowhere_changes_nothing(shelf: Shelf, wrong: bytes) -> None:
    document = shelf.add("a", "kept text", vectors=[EAST])
    with pytest.raises(InvalidInput):
        shelf.write(document, "new text", vectors=[wrong])
    assert shelf.found("kept", vector=EAST) == ["a"]


def test_chunks_without_vectors_get_them_later(shelf: Shelf) -> None:
    shelf.add("a", "some text", title="Title", headings=["Part"])
    assert shelf.space is not None
    (number, text), *_ = chunks.without_vectors(shelf.db, shelf.base.number, shelf.space, 10)
    assert text == "Title > Part\nsome text"
    vectors.put(shelf.db, shelf.space, [(number, EAST), (9_999, EAST)])
    assert chunks.count_without_vectors(shelf.db, shelf.base.number, shelf.space) == 0
    vectors.put(shelf.db, shelf.space, [(number, NORTH)])
    assert shelf.ask("", vector=NORTH, mode="semantic")[0].cosine == pytest.approx(1)


def test_a_backup_is_searched_like_the_original(shelf: Shelf, tmp_path: Path) -> None:
    shelf.add("a", "some text", vectors=[EAST])
    (tmp_path / "copy").mkdir()
    back_up(shelf.db, tmp_path / "copy" / "appliance.db")
    copy = Shelf.open(tmp_path / "copy", name="another")
    base = bases.get(copy.db, "default", shelf.base.id)
    assert base is not None
    copy.base = base
    assert copy.found("text", vector=EAST) == ["a"]
    assert copy.db.pragma("integrity_check") == "ok"
