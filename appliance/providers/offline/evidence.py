"""Which pieces of the passages answer a question, and whether any does: word overlap, weighted by rarity.

A word counts fully where it stands in the sentence itself, less in what is above or beside it, less again
when only a word for the same thing is there. The similarity of the passages counts, too: they were
chosen by meaning, and a question in other words shares few of theirs.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from appliance.providers.offline.asked import Asked, Term, asked
from appliance.providers.offline.codes import codes, number_of
from appliance.providers.offline.fitness import fitness
from appliance.providers.offline.fragments import Fragment, fragments
from appliance.providers.offline.passages import Passage
from appliance.providers.offline.stems import alike, meant, short, tokens
from appliance.providers.offline.sureness import SURE_MIN, sureness

SYNONYM_WORTH = 0.7
PART_WORTH = 0.6
"""A word that begins or ends with the other, as compounds do: Versand, Versandkosten."""
PART_CHARS_MIN = 5
HEADING_WORTH = 0.6
HEADER_WORTH = 0.85
"""What a row says it says together with its header and the heading of its table."""
BESIDE_WORTH = 0.4
TITLE_WORTH = 0.35
WORDS_SHARE = 0.4
"""How much the words of a sentence count beside the similarity of its passage."""
RANK_COST = 0.03
"""Search puts passages in an order by more than their similarity."""
NUMBER_WORTH = 0.3
"""The number alone of a name with a number: 14 of Debian 14."""

NEAR_BEST = 0.15
"""A second passage is quoted only when it is so little behind the best."""
AHEAD = 0.25
"""What is so much less similar than the best passage is not looked at."""
QUOTES_MAX = 3
NEAR_PIECES = 5


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A fragment, `at` in the order of all; `covered` is how much of the question stands in and around it."""

    at: int
    score: float
    covered: float
    own: float
    similarity: float


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """The fragments of all passages, those to quote with the best first, and how sure that is: 0 to 1."""

    pieces: list[Fragment]
    chosen: list[Scored]
    question: Asked
    sure: float

    @property
    def found(self) -> bool:
        """Is there anything to quote?"""
        return bool(self.chosen)


class _Words(msgspec.Struct, frozen=True):
    """The stems of a fragment, of what is above it, and of its passage's title."""

    own: frozenset[str]
    above: frozenset[str]
    title: frozenset[str]


def weigh(question: str, earlier: str, passages: Sequence[Passage]) -> Evidence:
    """What the passages have for the question; `earlier` is the one that it leans on, or ''."""
    pieces = [piece for passage in passages for piece in fragments(passage)]
    titles = {passage.number: _stems(passage.title) for passage in passages}
    words = [_Words(_stems(p.text), _stems(f"{p.heading} {p.lead}"), titles[p.number]) for p in pieces]
    known = frozenset[str]().union(*(w.own | w.above | w.title for w in words))
    vocabulary = sorted({word for passage in passages for word in tokens(passage.content) if len(word) > 4})
    question_ = asked(question, earlier, known.__contains__, vocabulary)
    weights = _weights(question_.terms, words)
    similar = {passage.number: passage.similarity for passage in passages}
    scored = _scored(question_, pieces, words, weights, similar)
    nearest = max((one.similarity for one in scored), default=0.0)
    scored = [one for one in scored if one.similarity >= nearest - AHEAD]
    scored.sort(key=lambda one: (-one.score, one.at))
    near = [pieces[one.at].text for one in scored[:NEAR_PIECES] if one.score >= scored[0].score - NEAR_BEST]
    missing = {name for name in question_.names - known if not alike(name) & known}
    sure = 0.0
    if scored:
        sure = sureness(question_, scored[0].similarity, scored[0].covered, missing, near)
    chosen = _chosen(scored, pieces) if sure >= SURE_MIN else []
    return Evidence(pieces=pieces, chosen=chosen, question=question_, sure=sure)


def _stems(text: str) -> frozenset[str]:
    return frozenset(short(word) for word in tokens(text) if meant(word)) | codes(text)


def _weights(terms: Sequence[Term], words: Sequence[_Words]) -> dict[str, float]:
    """Rare words say more than common ones; one that stands nowhere counts like a rare one."""
    counts = Counter(stem for one in words for stem in one.own)
    number = max(len(words), 8)
    return {term.stem: term.worth * math.log(1 + number / (1 + counts[term.stem])) for term in terms}


def _scored(
    question: Asked,
    pieces: Sequence[Fragment],
    words: Sequence[_Words],
    weights: dict[str, float],
    similar: dict[int, float],
) -> list[Scored]:
    total = sum(weights.values()) or 1.0
    near = _near(weights, words)
    ranks = {number: rank for rank, number in enumerate(similar)}
    found: list[Scored] = []
    for at, piece in enumerate(pieces):
        beside = _beside(pieces, words, at)
        own = covered = about = 0.0  # a row says what it says together with what is above it
        for stem, weight in weights.items():
            inside = _match(near[stem], words[at].own)
            about += weight * _match(near[stem], words[at].above)
            around = max(
                (HEADER_WORTH if piece.kind == "row" else HEADING_WORTH)
                * _match(near[stem], words[at].above),
                BESIDE_WORTH * _match(near[stem], beside),
                TITLE_WORTH * _match(near[stem], words[at].title),
            )
            own += weight * (max(inside, around) if piece.kind == "row" else inside)
            covered += weight * max(inside, around)
        own, covered, about = own / total, covered / total, about / total
        similarity = similar[piece.number]
        score = similarity + WORDS_SHARE * (own + covered) / 2
        score += fitness(question, piece, about, words[at].above | words[at].title)
        score -= RANK_COST * ranks[piece.number]
        found.append(Scored(at=at, score=score, covered=covered, own=own, similarity=similarity))
    return found


def _near(stems: Iterable[str], words: Sequence[_Words]) -> dict[str, dict[str, float]]:
    """For each stem the words of the passages that count for it, and how much."""
    known = frozenset[str]().union(*(one.own | one.above | one.title for one in words))
    near: dict[str, dict[str, float]] = {}
    for stem in stems:
        near[stem] = {word: PART_WORTH for word in known if _is_part(stem, word)}
        near[stem] |= dict.fromkeys(alike(stem) & known, SYNONYM_WORTH)
        if number := number_of(stem):
            near[stem][number] = NUMBER_WORTH
        near[stem][stem] = 1.0
    return near


def _is_part(one: str, other: str) -> bool:
    """Does one of two words begin or end with the other?"""
    short, long = sorted((one, other), key=len)
    return len(short) >= PART_CHARS_MIN and (long.startswith(short) or long.endswith(short))


def _match(near: Mapping[str, float], words: frozenset[str]) -> float:
    return max((near[word] for word in near.keys() & words), default=0.0)


def _beside(pieces: Sequence[Fragment], words: Sequence[_Words], at: int) -> frozenset[str]:
    """The words of the sentences before and behind, in the same passage under the same heading."""
    here = pieces[at]
    near = frozenset[str]()
    for other in (at - 1, at + 1):
        if 0 <= other < len(pieces):
            there = pieces[other]
            if (there.number, there.heading) == (here.number, here.heading) and here.kind != "row":
                near |= words[other].own
    return near


def _chosen(scored: Sequence[Scored], pieces: Sequence[Fragment]) -> list[Scored]:
    """The best fragment, and those of other passages that are nearly as good, the best of each."""
    chosen: dict[int, Scored] = {}
    said: set[str] = set()
    for one in scored:
        piece = pieces[one.at]
        if len(chosen) == QUOTES_MAX or one.score < scored[0].score - NEAR_BEST:
            break
        if piece.number not in chosen and piece.text not in said:
            chosen[piece.number] = one
            said.add(piece.text)
    return list(chosen.values())
