"""Other forms of words: those that people and texts mix, none of names."""

import pytest

from appliance.wordforms import forms


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("dog", "dogs"), ("cost", "costs"), ("return", "returned"), ("ship", "shipping"), ("make", "making"),
        ("policy", "policies"), ("cookie", "cookies"), ("box", "boxes"), ("address", "addresses"),
        ("stop", "stopped"), ("charge", "charged"), ("refer", "referring"), ("glass", "glasses"),
        ("building", "buildings"), ("child", "children"), ("pay", "paid"), ("use", "used"),
        ("rechnung", "rechnungen"), ("karte", "karten"), ("station", "stationen"),
    ],
)  # fmt: skip
def test_either_form_leads_to_the_other(word: str, other: str) -> None:
    assert other in forms(word)
    assert word in forms(other)


@pytest.mark.parametrize(
    "word", ["ls", "aes256", "err42", "news", "string", "status", "https", "", "x", "1s"]
)
def test_names_codes_and_words_whose_ending_is_none_have_one_form(word: str) -> None:
    assert forms(word) == ()


def test_words_do_not_lose_what_is_no_ending() -> None:
    assert "ae" not in forms("aes")
    assert "new" not in forms("news")
    assert "clas" not in forms("class")
    assert "spe" not in forms("speed")
    assert "br" not in forms("bring")
    assert "quue" not in forms("queue")
    assert "que" not in forms("queue")


def test_every_form_is_a_plain_word_and_there_are_few() -> None:
    for word in ("passes", "shipping", "policies", "committed", "a" * 64, "rechnungen", "ings", "ies", "eds"):
        assert len(forms(word)) <= 12
        assert all(form.isalpha() and form != word for form in forms(word))
        assert len(set(forms(word))) == len(forms(word))
