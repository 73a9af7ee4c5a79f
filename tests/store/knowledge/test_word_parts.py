"""The parts of the word index become few, and searches find what they found."""

from pathlib import Path

from appliance.store.knowledge import word_parts
from tests.store.knowledge.shelf import Shelf


def parts(shelf: Shelf) -> int:
    return int(shelf.db.execute("SELECT count(DISTINCT segid) FROM _words_idx").get)


def joined(shelf: Shelf) -> int:
    """How many transactions it took."""
    for count in range(1_000):
        with shelf.db:
            if not word_parts.join(shelf.db):
                return count
    raise AssertionError("it has no end")


def test_many_parts_become_few_and_nothing_is_found_otherwise(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path)
    documents = [shelf.add(f"d{n}", *(f"pump number{n} line{m}" for m in range(20))) for n in range(90)]
    for n in range(0, 90, 9):
        shelf.write(documents[n], "valve instead")
    asked = ("pump", "number7", "number9", "valve", "line3")
    before = [shelf.found(text, mode="keyword") for text in asked]
    assert word_parts.are_many(shelf.db)
    assert joined(shelf) > 0
    assert not word_parts.are_many(shelf.db)
    assert parts(shelf) <= word_parts.PARTS_FEW
    assert [shelf.found(text, mode="keyword") for text in asked] == before
    assert before[2] == []
    assert joined(shelf) == 0


def test_what_comes_later_is_brought_together_without_writing_all_anew(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path)
    shelf.add("large", *(" ".join(f"w{n}x{m}" for m in range(120)) for n in range(300)))
    joined(shelf)
    for n in range(word_parts.PARTS_FEW + 3):
        shelf.add(f"small{n}", f"tiny {n}")
    steps = joined(shelf)
    assert parts(shelf) <= word_parts.PARTS_FEW + 3
    assert steps < 20
    assert len(shelf.found("tiny", mode="keyword", limit=50)) == word_parts.PARTS_FEW + 3
