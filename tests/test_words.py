"""Words that mean the same are the same, however they are written."""

from __future__ import annotations

import pytest

from appliance.words import root, trigrams, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("order_items", ["order", "item"]),
        ("orderItems", ["order", "item"]),
        ("HTTPServers", ["http", "server"]),
        ("Show me all the categories of 2024", ["category"]),
        ("Kundenauftr\u00e4ge", ["kundenauftrage"]),
        ("kundenauftraege", ["kundenauftrage"]),
        ("Pru\u0308fung", ["prufung"]),
        ("STRASSE Stra\u00dfe", ["strasse", "strasse"]),
        ("\u8ba2\u5355\u6570\u91cf", ["\u8ba2\u5355", "\u5355\u6570", "\u6570\u91cf"]),
        ("a of 12 -- ''", []),
    ],
)
def test_words_are_split_and_put_into_one_form(text: str, found: list[str]) -> None:
    assert words(text) == found


def test_words_of_one_family_share_their_root() -> None:
    assert {root(word) for word in ("shipped", "shipping", "shipment")} == {"ship"}
    assert root("cat") == ""
    assert root("red") == ""


def test_trigrams_know_the_edges_of_words() -> None:
    assert trigrams("Ab c") == [" ab", "ab ", " c "]


def test_endless_texts_are_cut() -> None:
    assert len(words("word " * 100_000)) <= 1_600
    assert len(words("x" * 100_000)[0]) == 40
