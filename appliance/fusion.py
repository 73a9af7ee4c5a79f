"""One order out of two: by meaning and by words; and what is said once where it stands twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from appliance.knowledge import Passage
from appliance.searchtext import Term, clean, in_a_row, names_line, without_accents

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


class Wording:
    """A text as it is compared, made once for all that look at it: clean, its words as a set and in a row."""

    __slots__ = ("_line", "_row", "plain", "text", "words")

    def __init__(self, text: str) -> None:
        self.text = clean(text)
        self.plain = without_accents(self.text)
        self._row = in_a_row(self.text, self.plain)
        self.words = frozenset(self._row)
        self._line = ""

    @property
    def line(self) -> str:
        """The words with one blank between, and one at both ends; few texts are asked for it."""
        self._line = self._line or f" {' '.join(self._row)} "
        return self._line

    @property
    def shingles(self) -> frozenset[str]:
        """Each few words that stand next to each other."""
        row = self._row
        last = max(1, len(row) - SHINGLE_WORDS + 1)
        return frozenset([" ".join(row[at : at + SHINGLE_WORDS]) for at in range(last)])


class SoughtTerm(msgspec.Struct, frozen=True):
    """A term as it would stand in a line of words, its first word, its other forms, and what it weighs.

    A `single` word is looked for in a set, all else in the line.
    """

    signs: str
    first: str
    forms: tuple[str, ...]
    weight: float
    single: bool


class Sought(msgspec.Struct, frozen=True):
    """The terms of a question, and what they weigh together."""

    terms: list[SoughtTerm]
    total: float


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
    return covered_by(sought(rarity), Wording(text))


def sought(rarity: Mapping[Term, float]) -> Sought:
    """The question's words with their weights as texts are searched for them: made once for many texts."""
    terms = [
        SoughtTerm(
            f" {' '.join(term.words)}{'' if term.prefix else ' '}",
            term.words[0],
            term.forms,
            weight,
            len(term.words) == 1 and not term.prefix,
        )
        for term, weight in rarity.items()
    ]
    return Sought(terms, sum(rarity.values()))


def covered_by(sought: Sought, content: Wording, above: Wording | None = None) -> float:
    """The share of `coverage` for a text below a title or headings; words in a row are in one of both."""
    if sought.total <= 0:
        return 0.0
    missing = _missing_in(content, sought.terms)
    if missing and above is not None:
        missing = _missing_in(above, missing)
    return 1 - sum(term.weight for term in missing) / sought.total


def similarity_of_both(cosine: float | None, covered: float, semantic_weight: float | None = None) -> float:
    """How well a passage fits by both: never less than its cosine, more when it also has the words."""
    both = score_of_both(cosine, covered, semantic_weight)
    return min(1.0, max(0.0, cosine or 0.0, both))


def without_doubles(
    passages: Sequence[Passage], wordings: Mapping[int, Wording] | None = None
) -> list[Passage]:
    """Without those that say what a better one says already; best first, as they came.

    `wordings` has what is known of their contents, by their chunks.
    """
    known = wordings or {}
    kept: list[Passage] = []
    texts: list[Wording] = []
    for passage in passages:
        own = known.get(passage.chunk) or Wording(passage.content)
        many = len(own.words)
        near = [its for its in texts if ALIKE * len(its.words) <= many <= len(its.words) / ALIKE]
        if any(_alike(own, its) for its in near):
            continue
        texts.append(own)
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


def _missing_in(part: Wording, terms: Sequence[SoughtTerm]) -> list[SoughtTerm]:
    """Those of the terms that do not stand there: as words, in another form, in names."""
    words = part.words
    missing = [
        term
        for term in terms
        if not (term.first in words if term.single else term.signs in part.line)
        and words.isdisjoint(term.forms)
    ]
    line = names_line(part.text, part.plain, [term.first for term in missing]) if missing else ""
    return [term for term in missing if term.signs not in line] if line else missing


def _alike(one: Wording, other: Wording) -> bool:
    """Most of their words are the same, and mostly in the same order."""
    common = len(one.words & other.words)
    if common < ALIKE * (len(one.words) + len(other.words) - common):
        return False
    first, second = one.shingles, other.shingles
    return len(first & second) >= ALIKE * len(first | second)
