"""Titles and token estimates."""

import pytest

from appliance.messages import Usage, estimate_tokens, title_of


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("", "New conversation"),
        (" \n ", "New conversation"),
        ("Short  question?", "Short question?"),
        ("x" * 50, "x" * 50),
        ("x" * 51, "x" * 50 + "..."),
        (
            "How many orders were there in the last month of the year?",
            "How many orders were there in the last month of...",
        ),
        ("A wordbeforethirtyisnotacut" + "y" * 40, ("A wordbeforethirtyisnotacut" + "y" * 40)[:50] + "..."),
        ("ü" * 60, "ü" * 50 + "..."),
    ],
)
def test_a_title_is_the_first_message_cut_at_a_word(text: str, title: str) -> None:
    assert title_of(text) == title


def test_usage_adds_up_and_one_estimate_makes_the_sum_an_estimate() -> None:
    total = Usage(prompt_tokens=1, completion_tokens=2) + Usage(prompt_tokens=3, estimated=True)
    assert total == Usage(prompt_tokens=4, completion_tokens=2, estimated=True)
    assert total.total_tokens == 6


def test_four_characters_are_a_token() -> None:
    assert [estimate_tokens("x" * n) for n in (0, 1, 4, 5)] == [0, 1, 1, 2]
