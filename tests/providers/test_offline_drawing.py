"""Questions to the offline model that want a picture."""

from __future__ import annotations

import pytest

from appliance.providers.offline.drawing import drawing


@pytest.mark.parametrize(
    ("question", "kind", "plain"),
    [
        ("chart of orders per month", "line", "orders per month"),
        ("Please show me a bar chart of the orders by status", "bar", "orders by status"),
        ("plot total revenue by week", "line", "total revenue by week"),
        ("Plot users by country?", "bar", "users by country?"),
        ("orders per month as a bar chart?", "bar", "orders per month?"),
        ("line graph of users by country", "line", "users by country"),
        ("column chart of orders per day", "bar", "orders per day"),
        ("orders per month", "", "orders per month"),
        ("chart", "", "chart"),
        ("how many charts are there", "", "how many charts are there"),
    ],
)
def test_the_wish_for_a_picture_is_told_from_the_question(question: str, kind: str, plain: str) -> None:
    assert drawing(question) == (kind, plain)
