from hypothesis import given
from hypothesis import strategies as st

from appliance.providers.embedding.batches import batches, parts


@given(st.text(alphabet="ab \n", max_size=400), st.integers(1, 50))
def test_parts_are_the_whole_text_and_none_is_too_long(text: str, most: int) -> None:
    found = parts(text, most)
    assert "".join(found) == text
    assert all(len(part) <= most for part in found)


def test_parts_are_about_equally_long_and_cut_between_words() -> None:
    found = parts("word " * 430, 1100)
    assert [len(part) for part in found] == [1075, 1075]


@given(st.lists(st.text(max_size=20), max_size=30), st.integers(1, 5), st.integers(1, 40))
def test_batches_keep_the_order_and_their_bounds(texts: list[str], count: int, characters: int) -> None:
    found = list(batches(texts, texts_max=count, characters_max=characters))
    assert [text for batch in found for text in batch] == texts
    for batch in found:
        assert 0 < len(batch) <= count
        assert len(batch) == 1 or sum(map(len, batch)) <= characters
