"""What is refused of filters on metadata, before anything is searched or deleted by them."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.metadata_filter import CONDITIONS_MAX, DEPTH_MAX, VALUES_MAX, read_filter


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"key": "team"}, "= on team needs a value"),
        ({"key": "team", "operator": "!="}, "!= on team needs a value"),
        ({"key": "year", "operator": ">"}, "> on year needs a value"),
        ({"key": "year", "operator": ">", "value": None}, "needs a text or a number"),
        ({"key": "team", "operator": "LIKE", "value": True}, "needs a text or a number"),
        ({"key": "year", "operator": "IN"}, "IN on year needs values"),
        ({"key": "year", "operator": "BETWEEN", "min": 1}, "needs min and max"),
        ({"key": "team", "operator": "like", "value": "x"}, "Operators are =, !=, LIKE, ILIKE"),
        ({"key": "year", "operator": "NOT IN", "values": [*range(VALUES_MAX + 1)]}, "more than 200 values"),
        ({"key": "", "value": 1}, "needs a key"),
        ({"key": "team", "value": [1]}, "plain values"),
        ({"key": "year", "value": 10**400}, "year is compared with a number that is too large"),
        ({"key": "year", "operator": "IN", "values": [1, -(10**400)]}, "too large"),
        ({"key": "year", "operator": "BETWEEN", "min": 1, "max": 10**400}, "too large"),
    ],
)
def test_a_condition_that_says_too_little_or_too_much_is_refused(
    condition: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        read_filter({"conditions": [condition]})


def test_values_are_counted_over_all_conditions() -> None:
    half = {"key": "year", "operator": "IN", "values": [*range(VALUES_MAX // 2)]}
    assert read_filter({"conditions": [half], "groups": [{"conditions": [half]}]}) is not None
    with pytest.raises(InvalidInput, match="values for IN"):
        read_filter({"conditions": [half, half], "groups": [{"conditions": [half]}]})


def test_conditions_and_levels_are_bounded() -> None:
    one = {"key": "year", "value": 1}
    assert read_filter({"conditions": [one] * CONDITIONS_MAX}) is not None
    with pytest.raises(InvalidInput, match="conditions"):
        read_filter({"conditions": [one] * (CONDITIONS_MAX + 1)})
    tree: dict[str, Any] = {"conditions": [one]}
    for _ in range(DEPTH_MAX):
        tree = {"groups": [tree]}
    with pytest.raises(InvalidInput, match="levels"):
        read_filter(tree)


def test_null_is_a_value_where_somebody_says_it() -> None:
    assert read_filter({"team": None}) is not None
    assert read_filter({"conditions": [{"key": "team", "value": None}]}) is not None
