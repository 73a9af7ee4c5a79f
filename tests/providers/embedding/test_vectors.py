import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.providers.embedding.vectors import BadVectors, Vector, merged, numbers, packed


def test_vectors_are_kept_as_little_endian_floats_of_length_one() -> None:
    (vector,) = packed([[3.0, 4.0]], 1)
    assert vector == struct.pack("<2f", 0.6, 0.8)


def test_bytes_are_taken_as_little_endian_floats() -> None:
    (vector,) = packed([struct.pack("<2f", 0.0, 2.0)], 1)
    assert vector == struct.pack("<2f", 0.0, 1.0)


@pytest.mark.parametrize(
    ("vectors", "said"),
    [
        ([], "0 vectors for 1 texts"),
        ([[1.0], [1.0]], "2 vectors for 1 texts"),
        ([[]], "a vector of 0 numbers"),
        ([[1.0] * 8193], "a vector of 8193 numbers"),
        ([[math.nan, 1.0]], "not finite"),
        ([[math.inf, 1.0]], "not finite"),
        ([[1e308] * 5], "not finite"),
        ([[0.0, 0.0]], "zeros"),
        ([[1e-12, 0.0]], "zeros"),
        ([b"12345"], "no 32-bit numbers"),
        ([struct.pack("<2f", math.nan, 1)], "not finite"),
    ],
)
def test_what_is_no_usable_vector_is_refused(vectors: list[Vector], said: str) -> None:
    with pytest.raises(BadVectors, match=said):
        packed(vectors, 1)


def test_vectors_of_two_lengths_are_refused() -> None:
    with pytest.raises(BadVectors, match="3 numbers among vectors of 2"):
        packed([[1.0, 0.0], [1.0, 0.0, 0.0]], 2)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=50))
def test_whatever_is_taken_has_length_one(row: list[float]) -> None:
    try:
        (vector,) = packed([row], 1)
    except BadVectors:
        assert math.hypot(*row) < 1e-9
    else:
        assert math.hypot(*numbers(vector)) == pytest.approx(1, abs=1e-5)


def test_a_mean_counts_each_part_by_its_weight() -> None:
    parts = [(3, struct.pack("<2f", 1, 0)), (1, struct.pack("<2f", 0, 1))]
    (vector,) = packed([merged(parts)], 1)
    assert list(numbers(vector)) == pytest.approx([3 / math.sqrt(10), 1 / math.sqrt(10)])
