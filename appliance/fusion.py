"""One order out of two: by meaning and by words; and what is said once where it stands twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from appliance.knowledge import Passage
from appliance.searchtext import Term, clean, may_be_names, names, normal

RANK_DAMPING = 60
"""What reciprocal rank adds to a rank; small values let the first places decide."""
SEMANTIC_WEIGHT = 0.8
"""Of a cosine against the share of the question's words; see bench/README.md for how it was chosen."""
RANK_WEIGHT = 2 / 3
"""Of places by meaning, where only places are compared: twice as much as by words."""
COVERAGE_ENOUGH = 0.6
"""A passage with so much of the question's words is about it, whatever its vector says."""
WORDS_ENOUGH = 0.45
"""The same where there are no vectors: chosen by questions with and without answers, see bench/README.md."""
ALIKE = 0.9
"""Passages that share so many of their words in a row are the same."""
SHINGLE_WORDS = 4
JOINED_CHARS_MAX = 6_000


def candidates(meaning: Sequence[int], words: Sequence[int], count: int) -> list[int]:
    """The `count` chunks of two lists, each best first, that are worth reading (reciprocal rank)."""
    scores: dict[int, float] = {}
    for chunks, share in ((meaning, RANK_WEIGHT), (words, 1 - RANK_WEIGHT)):
        for rank, chunk in enumerate(chunks):
            scores[chunk] = scores.get(chunk, 0.0) + share / (RANK_DAMPING + 1 + rank)
    return sorted(scores, key=lambda chunk: (-scores[chunk], chunk))[:count]


def score_of_both(cosine: float | None, covered: float, semantic_weight: float | None = None) -> float:
    """What orders passages: meaning and words, so that a side that has found little decides little."""
    weight = _weight(semantic_weight)
    return weight * (cosine or 0.0) + (1 - weight) * covered


def coverage(rarity: Mapping[Term, float], text: str) -> float:
    """Which share of the question's words, weighted by how rare they are, stands in a text: 0 to 1."""
    total = sum(rarity.values())
    if total <= 0:
        return 0.0
    text = clean(text)
    line = f" {normal(text)} "
    missing = {term: weight for term, weight in rarity.items() if not _stands_in(term, line)}
    if missing and may_be_names(text, [term.words[0] for term in missing]):
        compounds = f" {' '.join(names(text))} "
        missing = {term: weight for term, weight in missing.items() if not _stands_in(term, compounds)}
    if any(term.forms for term in missing):
        words = {*line.split(" ")}
        missing = {term: weight for term, weight in missing.items() if words.isdisjoint(term.forms)}
    return 1 - sum(missing.values()) / total


def similarity_of_both(cosine: float | None, covered: float, semantic_weight: float | None = None) -> float:
    """How well a passage fits by both: never less than its cosine, more when it also has the words."""
    both = score_of_both(cosine, covered, semantic_weight)
    return min(1.0, max(0.0, cosine or 0.0, both))


def without_doubles(passages: Sequence[Passage]) -> list[Passage]:
    """Without those that say what a better one says already; best first, as they came."""
    kept: list[Passage] = []
    texts: list[tuple[str, frozenset[str]]] = []
    for passage in passages:
        text = normal(passage.content)
        own = frozenset(text.split(" "))
        many = len(own)
        near = [(other, its) for other, its in texts if ALIKE * len(its) <= many <= len(its) / ALIKE]
        if any(text == other or _alike(text, own, other, its) for other, its in near):
            continue
        texts.append((text, own))
        kept.append(passage)
    return kept


def touch(one: Passage, other: Passage) -> bool:
    """Do two passages of one document overlap or meet, and make no more than a long passage together?"""
    return (
        one.document_id == other.document_id
        and one.start <= other.end
        and other.start <= one.end
        and max(one.end, other.end) - min(one.start, other.start) <= JOINED_CHARS_MAX
    )


def _weight(semantic_weight: float | None) -> float:
    return SEMANTIC_WEIGHT if semantic_weight is None else min(1.0, max(0.0, semantic_weight))


def _stands_in(term: Term, line: str) -> bool:
    return f" {' '.join(term.words)}{'' if term.prefix else ' '}" in line


def _alike(one: str, own: frozenset[str], other: str, its: frozenset[str]) -> bool:
    """Most of their words are the same, and mostly in the same order."""
    common = len(own & its)
    if common < ALIKE * (len(own) + len(its) - common):
        return False
    first, second = _shingles(one), _shingles(other)
    return len(first & second) >= ALIKE * len(first | second)


def _shingles(text: str) -> frozenset[str]:
    words = text.split(" ")
    last = max(1, len(words) - SHINGLE_WORDS + 1)
    return frozenset(" ".join(words[at : at + SHINGLE_WORDS]) for at in range(last))
