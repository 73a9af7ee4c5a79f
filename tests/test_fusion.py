"""One order out of two, and nothing said twice."""

from appliance.fusion import candidates, coverage, score_of_both, similarity_of_both, touch, without_doubles
from appliance.knowledge import Passage
from appliance.searchtext import Term


def passage(content: str, start: int = 0, document: str = "d") -> Passage:
    return Passage(
        chunk=1, chunk_id="c", document_id=document, base_id="b", base_name="b", title="t", content=content,
        start=start, end=start + len(content),
    )  # fmt: skip


def test_what_both_sides_found_comes_first() -> None:
    assert candidates([1, 2, 3], [9, 3], 9)[0] == 3
    assert candidates([], [7, 8], 1) == [7]
    assert candidates([], [], 5) == []


def test_words_lift_what_is_as_near() -> None:
    assert score_of_both(0.5, 1.0) > score_of_both(0.6, 0.0)
    assert score_of_both(0.9, 0.0) > score_of_both(0.5, 1.0)
    assert score_of_both(0.3, 0.7, 0.0) == 0.7
    assert similarity_of_both(0.6, 0.0) == 0.6
    assert similarity_of_both(None, 0.0) == 0.0
    assert similarity_of_both(1.0, 1.0, 7.0) == 1.0


def test_rare_words_cover_more_than_common_ones() -> None:
    rarity = {Term(("pump",)): 1.0, Term(("zyzzyva",)): 3.0}
    assert coverage(rarity, "A pump.") == 0.25
    assert coverage(rarity, "The Zyzzyva") == 0.75
    assert coverage({Term(("user",)): 1.0}, "getUserName") == 1.0
    assert coverage({Term(("pum",)): 1.0}, "pump") == 0.0
    assert coverage({Term(("pum",), prefix=True): 1.0}, "pump") == 1.0
    assert coverage({Term(("blue", "whale"), exact=True): 1.0}, "a blue, whale") == 1.0
    assert coverage({Term(("cost",), forms=("costs",)): 1.0}, "It costs much.") == 1.0
    assert coverage({Term(("cost",), forms=("costs",)): 1.0}, "It costsx much.") == 0.0
    assert coverage({}, "anything") == 0.0


def test_nearly_the_same_text_is_kept_once_and_another_order_of_words_is_another_text() -> None:
    text = " ".join(f"word{n}" for n in range(60))
    other_order = " ".join(f"word{n}" for n in range(59, -1, -1))
    found = without_doubles([passage(text), passage(text + " more"), passage(other_order), passage("short")])
    assert [len(one.content) for one in found] == [len(text), len(other_order), 5]


def test_only_neighbours_of_one_document_touch() -> None:
    assert touch(passage("abc"), passage("def", start=3))
    assert not touch(passage("abc"), passage("def", start=4))
    assert not touch(passage("abc"), passage("def", start=3, document="e"))
    assert not touch(passage("a" * 5_000), passage("b" * 5_000, start=5_000))
