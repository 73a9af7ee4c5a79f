from typing import Any

import pytest

from appliance.importer.json_types import JsonDetector, as_text


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, None], "INTEGER"),
        ([2**63 - 1, -(2**63)], "INTEGER"),
        ([1, 2**63], "TEXT"),
        ([1, 2.5], "REAL"),
        ([0.5, 2**53 + 1], "TEXT"),
        ([True, False], "BOOLEAN"),
        ([True, 1], "TEXT"),
        (["1", "2"], "TEXT"),
        (["2020-01-01"], "DATE"),
        (["2020-01-01", "2020-01-01T10:00Z"], "TIMESTAMP"),
        (["2020-01-01", ""], "TEXT"),
        (["2020-01-01", 5], "TEXT"),
        ([{"a": 1}], "TEXT"),
        ([None], "TEXT"),
    ],
)
def test_type_of_a_key(values: list[Any], expected: str) -> None:
    whole, split = JsonDetector(), JsonDetector()
    whole.feed(values)
    for value in values:
        split.feed([value])
    assert (whole.type, split.type) == (expected, expected)


def test_values_of_a_mixed_column_become_text_that_shows_them() -> None:
    values = ["a", 5, 2**70, 1.5, True, None, {"é": [1, None]}]
    assert [as_text(value) for value in values] == [
        "a", "5", str(2**70), "1.5", "true", None, '{"é": [1, null]}',
    ]  # fmt: skip


def test_plain_columns_need_no_conversion() -> None:
    strings, mixed = JsonDetector(), JsonDetector()
    strings.feed(["a", None])
    mixed.feed(["a", 1])
    assert (strings.converter, mixed.converter) == (None, as_text)
