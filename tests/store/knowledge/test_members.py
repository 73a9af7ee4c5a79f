"""What is hidden from somebody changes nothing of what that one finds: neither places, nor any number."""

import random
from pathlib import Path

import msgspec
import pytest

from appliance.knowledge import DocumentFilter, Passage, Viewer
from appliance.metadata_filter import read_filter
from appliance.searchtext import question
from appliance.store.knowledge import members, unseen, words
from appliance.store.knowledge.scope import Scope, allowed, scope_of, size
from tests.store.knowledge.shelf import ANYBODY, Shelf, vector

ANNA = Viewer(tenant="default", user_id="anna")
EVERYTHING = Viewer(tenant="default", everything=True)
WORDS = ["pump", "pumps", "valve", "seal", "motor", "bolt", "gasket", "flange", "rotor", "stator"]
ASKED = [
    "pump",
    "pumps with a seal",
    '"valve seal"',
    "mot* bolt",
    "rotor stator flange",
    "nowhere pump",
    "zyzzyva",
]
EVEN = DocumentFilter(metadata=read_filter({"conditions": [{"key": "even", "value": True}]}))


def filled(folder: Path, *, hidden: bool, share: float = 0.5) -> Shelf:
    """Open documents, the same ones in either case, and others' private ones among them."""
    folder.mkdir()
    shelf = Shelf.open(folder)
    chance = random.Random(4)
    for n in range(60):
        private = chance.random() < share
        texts = [" ".join(chance.choices(WORDS, k=6)) + f" number {n}" for _ in range(chance.randrange(1, 6))]
        given = [vector(*(chance.gauss(0, 1) for _ in range(3))) for _ in texts]
        if hidden or not private:
            owner = chance.choice(["ben", "carl"]) if private else ""
            more = " zyzzyva zyzzyvas pumping motors motown" if private else ""
            shelf.add(
                f"d{n}", *(text + more for text in texts), vectors=given, user_id=owner,
                title=f"Title {n}", tags=["few"] if n % 10 == 0 else ["much"], metadata={"even": n % 2 == 0},
            )  # fmt: skip
        elif private:
            chance.choice(["ben", "carl"])
    return shelf


def told(passage: Passage) -> Passage:
    """Without the number of the row, which says how many rows were made before."""
    return msgspec.structs.replace(passage, chunk=0, chunk_id="")


def numbers(shelf: Shelf, viewer: Viewer, filter: DocumentFilter) -> set[int]:
    """What counts, asked of every chunk in the plainest way."""
    scope = scope_of(shelf.db, [shelf.base.number], viewer, filter)
    rows = shelf.db.execute(scope.chunks_sql, scope.bindings)
    return {number for (number,) in rows}


def scope(shelf: Shelf, viewer: Viewer = ANNA, filter: DocumentFilter = DocumentFilter()) -> Scope:  # noqa: B008
    return scope_of(shelf.db, [shelf.base.number], viewer, filter)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("filter", [DocumentFilter(), DocumentFilter(tags=["few"]), EVEN])
def test_every_word_is_counted_as_if_nothing_hidden_were_there(
    tmp_path: Path, share: float, filter: DocumentFilter
) -> None:
    with_, without = (filled(tmp_path / f"{hidden}", hidden=hidden, share=share) for hidden in (True, False))
    seen, all_ = scope(with_, filter=filter), scope(without, filter=filter)
    assert not seen.open
    assert size(with_.db, seen) == size(without.db, all_) == len(numbers(with_, ANNA, filter))
    for asked in ASKED:
        terms = question(asked).terms
        assert words.counted(with_.db, seen, terms) == words.counted(without.db, all_, terms), asked


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("filter", [DocumentFilter(), DocumentFilter(tags=["few"]), EVEN])
def test_every_passage_and_score_is_as_if_nothing_hidden_were_there(
    tmp_path: Path, share: float, filter: DocumentFilter
) -> None:
    with_, without = (filled(tmp_path / f"{hidden}", hidden=hidden, share=share) for hidden in (True, False))
    for asked in ASKED:
        more = {"viewer": ANNA, "filter": filter, "vector": vector(1, 0.5, -0.2), "limit": 200}
        found = [[told(one) for one in shelf.ask(asked, **more)] for shelf in (with_, without)]  # type: ignore[arg-type]
        # BM25 orders those that are read; with so many read, only what scores alike may change places.
        assert sorted(found[0], key=str) == sorted(found[1], key=str), asked
        assert [one.score for one in found[0]] == [one.score for one in found[1]], asked


@pytest.mark.parametrize("viewer", [ANYBODY, ANNA, Viewer(tenant="default", user_id="ben"), EVERYTHING])
@pytest.mark.parametrize(
    "filter", [DocumentFilter(), DocumentFilter(tags=["few"]), DocumentFilter(tags=["much"]), EVEN]
)
def test_a_chunk_counts_by_its_number_when_it_does_by_its_document(
    tmp_path: Path, viewer: Viewer, filter: DocumentFilter
) -> None:
    shelf = filled(tmp_path / "a", hidden=True)
    other = Shelf(shelf.db, "other", dimensions=0)
    other.add("theirs", "pump", "valve", tags=["few", "much"], metadata={"even": True})
    document = shelf.add("torn", "first", "second", tags=["much"], user_id="ben")
    other.add("between", "pump")
    shelf.db.execute(
        "UPDATE _chunks SET number = number + 1000 WHERE document = ? AND position = 1", (document.number,)
    )
    half = unseen.begin(shelf.db, document, "")
    shelf.db.execute(
        "INSERT INTO _chunks (id, document, base, version, position, start, \"end\", content) "
        "VALUES ('x', ?, ?, ?, 0, 0, 1, 'x')", (document.number, shelf.base.number, half),
    )  # fmt: skip
    every = range(-1, 1_400)
    seen = scope(shelf, viewer, filter)
    expected = numbers(shelf, viewer, filter)
    assert expected
    assert allowed(shelf.db, seen, list(every)) == expected
    assert size(shelf.db, seen) == len(expected)
    assert seen.members is not None
    in_base = {number for (number,) in shelf.db.execute("SELECT number FROM _chunks WHERE base = 1")}
    test = seen.members.test("number")
    rows = shelf.db.execute(f"SELECT number FROM _chunks WHERE base = 1 AND {test.sql}", test.bindings)
    assert {number for (number,) in rows} == expected
    bits = seen.members.bits([(700, 700), (-1, 701)])
    order = [*range(700, 1_400), *range(-1, 700)]
    assert {number for at, number in enumerate(order) if bits >> at & 1 and number in in_base} == expected


def test_a_base_of_which_somebody_sees_all_is_open_to_that_one(tmp_path: Path) -> None:
    shelf = Shelf.open(tmp_path)
    shelf.add("own", "pump", user_id="anna")
    assert scope(shelf).open
    assert not scope(shelf, ANYBODY).open
    assert size(shelf.db, scope(shelf, ANYBODY)) == 0


def test_the_ways_of_counting_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf = filled(tmp_path / "a", hidden=True)
    found = []
    for costs in (0, 10**9):
        monkeypatch.setattr(members, "RUN_COSTS", costs)
        found.append([words.counted(shelf.db, scope(shelf), question(asked).terms) for asked in ASKED])
    assert found[0] == found[1]
