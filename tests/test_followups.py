"""What leans on the message before, and what is a question at all."""

from __future__ import annotations

import pytest

from appliance.followups import asks, folded, is_short, leans


@pytest.mark.parametrize(
    "text",
    ["And for books?", "How long does it take?", "What about Norway?", "Und wie lange dauert das?", "Why?"],
)
def test_some_messages_lean_on_the_one_before(text: str) -> None:
    assert leans(text)


@pytest.mark.parametrize(
    "text", ["What are your opening hours?", "Wie hoch sind die Versandkosten nach Norwegen?"]
)
def test_others_stand_by_themselves(text: str) -> None:
    assert not leans(text)


def test_short_ones_may_be_either() -> None:
    assert is_short("Norway, by plane?")
    assert not is_short("How do I send a parcel to Norway?")


def test_a_follow_up_is_looked_up_with_what_it_leans_on() -> None:
    earlier = ["Do you sell gift cards?", "How long does a parcel to Norway take?", "And to Sweden?"]
    assert folded("What does it cost?", earlier) == "\n".join([*earlier[1:], "What does it cost?"])
    assert folded("What does it cost?", earlier[:2]) == "\n".join([earlier[1], "What does it cost?"])


def test_what_it_leans_on_is_cut() -> None:
    assert len(folded("And then?", ["x" * 10_000])) < 1_000


@pytest.mark.parametrize(
    "text", ["Where is it?", "tell me about refunds", "怎么退货\uff1f", "Wie lange dauert das"]
)
def test_questions_are_told(text: str) -> None:
    assert asks(text)


@pytest.mark.parametrize("text", ["Thanks a lot!", "hello there", "ok, great", ""])
def test_thanks_and_greetings_are_no_questions(text: str) -> None:
    assert not asks(text)
