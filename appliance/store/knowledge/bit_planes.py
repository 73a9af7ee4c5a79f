"""Signs of many vectors, laid out so that one operation on long numbers looks at thousands of them; pure.

A plane is a number of Python with one bit for each vector: is it above 0 in this dimension? The planes of
the dimensions in which a question is strongest are added up like columns of a sum on paper, each by how
strong the question is there. So every vector gets a weight, digit by digit, and those with the most are
taken. That is nearer to the cosine than to count in how many dimensions the signs differ, and half of the
planes are enough.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Sequence

import msgspec

STRONG = (0.5, 0.25, 0.08)
"""Shares of the dimensions that count at least 1, 2 and 4 times; the others do not count."""
PLANES_MIN = 192
"""So many dimensions count, even where that is more than their share."""

_NOT_EMPTY = re.compile(rb"[^\0]", re.DOTALL)
_ZERO_OR_ONE = [bytes(b"01"[value >> bit & 1] for value in range(256)) for bit in range(8)]


class Segment(msgspec.Struct, frozen=True, eq=False):
    """Some thousand chunks: bit `n` of each number is that of `chunks[n]`."""

    chunks: array[int]
    runs: list[tuple[int, int]]
    """The same in short: first number and length of those in a row."""
    valid: int
    """Those places that have a chunk."""
    planes: list[int]

    @property
    def size(self) -> int:
        """About how many bytes of memory this takes; numbers have 30 bits in 4 bytes."""
        return len(self.chunks) * self.chunks.itemsize + len(self.planes) * len(self.chunks) // 7


Block = tuple[bytes, bytes, bytes]
"""Chunks as integers of 8 bytes, a bitmap of the valid ones, codes as `vec_quantize_binary` makes them."""


def segment(blocks: Sequence[Block]) -> Segment:
    """One of blocks of 8, 16, 24, … chunks each. It makes no long bytes, which would tear holes in memory."""
    numbers = array("q")
    for chunks, _, _ in blocks:
        numbers.frombytes(chunks)
    step = sum(len(codes) for _, _, codes in blocks) // len(numbers)
    planes = []
    for at in range(step):
        column = b"".join(codes[at::step] for _, _, codes in blocks)[::-1]  # a number begins with its highest
        planes += [int(column.translate(digits), 2) for digits in _ZERO_OR_ONE]
    valid = int.from_bytes(b"".join(valid for _, valid, _ in blocks), "little")
    return Segment(chunks=numbers, runs=_runs(numbers), valid=valid, planes=planes)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """First number and length of what is in a row, one after the other."""
    runs: list[tuple[int, int]] = []
    begin = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            runs.append((numbers[begin], at - begin))
            begin = at
    return runs


def size_of(chunks: int, dimensions: int) -> int:
    """About how many bytes so many chunks will take."""
    return chunks * 8 + dimensions * chunks // 7


class Ranking:
    """Chunks of a base, ranked by how near their signs say that they are."""

    def __init__(self, segments: Sequence[Segment], vector: Sequence[float]) -> None:
        same, other = _dimensions(vector)
        self._segments = segments
        self._weights = [_weights(one, same, other) for one in segments]

    def best(self, count: int, among: Sequence[int] | None = None) -> list[int]:
        """The nearest `count` chunks, all if there are fewer, in any order.

        `among` has for each segment a bit for each place: does what is there count?
        """
        counted = [one.valid for one in self._segments]
        if among is not None:
            counted = [valid & bits for valid, bits in zip(counted, among, strict=True)]
        sure, even, missing = _highest(self._weights, counted, count)
        found: list[int] = []
        for one, places in zip(self._segments, sure, strict=True):
            found += [one.chunks[place] for place in _places(places, count)]
        for one, places in zip(self._segments, even, strict=True):
            more = _places(places, missing)
            missing -= len(more)
            found += [one.chunks[place] for place in more]
        return found


def _dimensions(vector: Sequence[float]) -> tuple[list[list[int]], list[list[int]]]:
    """Dimensions that count once, twice and four times: those above 0, and those below."""
    count = len(vector)
    order = sorted(range(count), key=[abs(value) for value in vector].__getitem__, reverse=True)
    once, twice, four = (int(share * count) for share in STRONG)
    once = max(once, min(count, PLANES_MIN))
    same: list[list[int]] = []
    other: list[list[int]] = []
    for level in (order[twice:once], order[four:twice], order[:four]):
        same.append([dimension for dimension in level if vector[dimension] > 0])
        other.append([dimension for dimension in level if vector[dimension] < 0])
    return same, other


def _weights(one: Segment, same: list[list[int]], other: list[list[int]]) -> list[int]:
    """For each vector a number, the higher the nearer; as digits, the lowest first."""
    for_ = _sum([[one.planes[dimension] for dimension in level] for level in same])
    against = _sum([[one.planes[dimension] for dimension in level] for level in other])
    width = max(len(for_), len(against))
    for_ += [0] * (width - len(for_))
    against += [0] * (width - len(against))
    # What is against it is taken away by adding what it lacks to the most that it could be.
    every = (1 << len(one.chunks)) - 1
    return _sum([[a, every ^ b] for a, b in zip(for_, against, strict=True)])


def _sum(levels: list[list[int]]) -> list[int]:
    """Add up numbers of one digit, those of `levels[n]` 2**n times; the digits of all sums, lowest first."""
    sums: list[int] = []
    carried: list[int] = []
    at = 0
    while at < len(levels) or carried:
        open_ = carried + (levels[at] if at < len(levels) else [])
        carried = []
        while len(open_) > 2:
            a, b, c = open_.pop(), open_.pop(), open_.pop()
            differ = a ^ b
            open_.append(differ ^ c)
            carried.append(a & b | differ & c)
        if len(open_) == 2:
            a, b = open_
            open_ = [a ^ b]
            carried.append(a & b)
        sums.append(open_[0] if open_ else 0)
        at += 1
    return sums


def _highest(
    weights: Sequence[Sequence[int]], valid: Sequence[int], count: int
) -> tuple[list[int], list[int], int]:
    """Where the highest weights are: surely among them; all even at the bound; how many of these to take."""
    sure = [0] * len(weights)
    even = list(valid)
    missing = count
    for digits in reversed(list(zip(*weights, strict=True))):
        ones = [left & digit for left, digit in zip(even, digits, strict=True)]
        above = sum(map(int.bit_count, ones))
        if above > missing:
            even = ones
        else:
            sure = [a | b for a, b in zip(sure, ones, strict=True)]
            even = [a ^ b for a, b in zip(even, ones, strict=True)]
            missing -= above
    return sure, even, missing


def _places(bits: int, most: int) -> list[int]:
    """Where the first ones of a number are."""
    places: list[int] = []
    for found in _NOT_EMPTY.finditer(bits.to_bytes((bits.bit_length() + 7) // 8, "little")):
        if len(places) >= most:
            break
        places += [8 * found.start() + bit for bit in range(8) if found[0][0] >> bit & 1]
    return places[:most]
