"""What a usable vector is, and how vectors are kept: little-endian float32 of length 1.

A search by cosine takes anything that looks like a vector and then finds nonsense: an undefined number in the
question makes every passage as near as any other. So each vector is checked before it is kept or asked with.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Sequence
from typing import TypeAlias

DIMENSIONS_MAX = 8192
"""More than any model has; a vector of them takes 32 KiB."""

_NORM_MIN = 1e-9

Vector: TypeAlias = Sequence[float] | bytes
"""As it came: numbers, or little-endian float32."""


class BadVectors(ValueError):
    """What came is no set of vectors for the texts; the text says what it is instead."""


def packed(vectors: Sequence[Vector], count: int) -> list[bytes]:
    """Checked and normalised, one for each of `count` texts, all of one length; raises `BadVectors`."""
    if len(vectors) != count:
        raise BadVectors(f"{len(vectors)} vectors for {count} texts")
    rows = [_numbers(vector) for vector in vectors]
    wanted = len(rows[0]) if rows else 0
    for row in rows:
        if not 0 < len(row) <= DIMENSIONS_MAX:
            raise BadVectors(f"a vector of {len(row)} numbers; 1 to {DIMENSIONS_MAX} can be kept")
        if len(row) != wanted:
            raise BadVectors(f"a vector of {len(row)} numbers among vectors of {wanted}")
    return [_normalised(row) for row in rows]


def merged(parts: Sequence[tuple[int, bytes]]) -> bytes:
    """The mean of little-endian float32 vectors by their weights; not normalised."""
    if len(parts) == 1:
        return parts[0][1]
    rows = [[weight * number for number in numbers(vector)] for weight, vector in parts]
    return _bytes(array("f", map(math.fsum, zip(*rows, strict=True))))


def numbers(vector: bytes) -> array[float]:
    """A kept vector as numbers."""
    row = array("f")
    row.frombytes(vector)
    if sys.byteorder == "big":
        row.byteswap()
    return row


def _numbers(vector: Vector) -> Sequence[float]:
    if not isinstance(vector, bytes):
        return vector
    if len(vector) % 4:
        raise BadVectors(f"a vector of {len(vector)} bytes, which are no 32-bit numbers")
    return numbers(vector)


def _normalised(row: Sequence[float]) -> bytes:
    length = math.hypot(*row)
    if not math.isfinite(length):
        raise BadVectors("a vector with a number that is not finite")
    if length < _NORM_MIN:
        raise BadVectors("a vector of zeros, which is near to nothing")
    return _bytes(array("f", [number / length for number in row]))


def _bytes(row: array[float]) -> bytes:
    if sys.byteorder == "big":
        row = row[:]
        row.byteswap()
    return row.tobytes()
