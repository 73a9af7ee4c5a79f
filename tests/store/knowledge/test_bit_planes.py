"""Signs laid out as planes: what ranks high is what adding up one vector after the other says."""

import random
import struct

import pytest

from appliance.store.knowledge import bit_planes
from appliance.store.knowledge.bit_planes import Block, Ranking, Segment


def code(vector: list[float]) -> bytes:
    bits = "".join("1" if value > 0 else "0" for value in reversed(vector))
    return int(bits, 2).to_bytes(len(vector) // 8, "little")


def block(numbers: list[int], vectors: list[list[float]], gone: frozenset[int] = frozenset()) -> Block:
    valid = sum(1 << at for at, number in enumerate(numbers) if number not in gone)
    return (
        struct.pack(f"<{len(numbers)}q", *numbers),
        valid.to_bytes(len(numbers) // 8, "little"),
        b"".join(map(code, vectors)),
    )


def strengths(question: list[float]) -> list[int]:
    """How often each dimension counts."""
    order = sorted(range(len(question)), key=lambda at: -abs(question[at]))
    once, twice, four = (int(share * len(question)) for share in bit_planes.STRONG)
    once = max(once, min(len(question), bit_planes.PLANES_MIN))
    counts = [0] * len(question)
    for rank, at in enumerate(order):
        counts[at] = 4 if rank < four else 2 if rank < twice else 1 if rank < once else 0
    return counts


def weight(question: list[float], vector: list[float]) -> int:
    pairs = zip(question, vector, strengths(question), strict=True)
    return sum(count if (asked > 0) == (given > 0) else -count for asked, given, count in pairs)


@pytest.mark.parametrize("dimensions", [8, 64, 400])
def test_the_nearest_are_those_with_the_highest_sums(dimensions: int) -> None:
    chance = random.Random(dimensions)
    vectors = {n: [chance.gauss(0, 1) for _ in range(dimensions)] for n in chance.sample(range(9_999), 120)}
    numbers, gone = list(vectors), frozenset(chance.sample(list(vectors), 25))
    parts = (numbers[:40], numbers[40:64], numbers[64:])
    made = [block(part, [vectors[n] for n in part], gone) for part in parts]
    segments = [bit_planes.segment(made[:2]), bit_planes.segment(made[2:])]
    for count in (1, 7, 50, 94):
        question = [chance.gauss(0, 1) for _ in range(dimensions)]
        found = Ranking(segments, question).best(count)
        assert len(found) == len(set(found)) == count
        weights = sorted((weight(question, vectors[n]) for n in vectors if n not in gone), reverse=True)
        assert sorted((weight(question, vectors[n]) for n in found), reverse=True) == weights[:count]
        assert not gone.intersection(found)
    assert sorted(Ranking(segments, question).best(500)) == sorted(set(numbers) - gone)


def test_of_chunks_that_are_alike_there_are_as_many_as_wanted() -> None:
    segments = [bit_planes.segment([block(list(range(at, at + 16)), [[1.0] * 8] * 16)]) for at in (0, 16, 32)]
    assert len(Ranking(segments, [1.0] * 8).best(20)) == 20


def test_where_nothing_is_nothing_is_found() -> None:
    assert Ranking([], [1.0] * 8).best(5) == []
    empty = bit_planes.segment([block([0] * 8, [[0.0] * 8] * 8, frozenset([0]))])
    assert Ranking([empty], [1.0] * 8).best(5) == []


def test_the_size_that_is_told_before_is_that_of_what_is_made() -> None:
    numbers = list(range(800))
    made: Segment = bit_planes.segment([block(numbers, [[1.0] * 64] * 800)])
    assert made.size == pytest.approx(bit_planes.size_of(800, 64), rel=0.02)
