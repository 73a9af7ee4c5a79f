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
WHOLE_WORTH = 0.4
"""One that is only a part of the word that was asked for: Rad, Lastenrad."""
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

SAME_SHARE = 0.6
"""A heading that has so much of the question, and is to so much made of it, asks the same."""
NUMBER_DIGITS_MIN = 3
NEAR_BEST = 0.15
"""A second passage is quoted only when it is so little behind the best."""
CLOSE = 0.12
"""So near to the best is one that may as well be the answer."""
NEW_SHARE = 0.2
"""One that is further behind has to have so much of the question that those before it have not."""
LESS_SHARE = 0.4
ALIKE = 0.01
ALIKE_MIN = 2
AHEAD = 0.25
"""What is so much less similar than the best passage is not looked at."""
QUOTES_MAX = 3


class Scored(msgspec.Struct, frozen=True, kw_only=True):
    """A fragment, `at` in the order of all; `covered` is how much of the question stands in and around it."""

    at: int
    score: float
    covered: float
    own: float
    similarity: float
    asks: bool = False
    """The heading above asks the same."""
    alike: bool = False
    """Others of its list or table are as good: all of them answer."""


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
    showing = [
        one
        for one in scored
        if (one.asks and pieces[one.at].first) or not question_.lacks_exact(_told_by(pieces[one.at]))
    ]
    missing = {name for name in question_.names - known if not _is_there(name, known)}
    sure = 0.0
    if showing:
        sure = sureness(
            question_, showing[0].similarity, showing[0].covered, missing, pieces[showing[0].at].text
        )
    chosen = _chosen(question_, showing, pieces, words, weights) if sure >= SURE_MIN else []
    return Evidence(pieces=pieces, chosen=chosen, question=question_, sure=sure)


def _told_by(piece: Fragment) -> str:
    """What a piece says, an item or a row together with what is above it."""
    return piece.text if piece.kind == "sentence" else f"{piece.lead} {piece.text}"


def _is_there(name: str, known: frozenset[str]) -> bool:
    """Is a name of the question in the passages? A long number alone is one: 409 of `error 409`."""
    number = number_of(name)
    return bool(alike(name) & known) or (len(number) >= NUMBER_DIGITS_MIN and number in known)


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
        asks = about >= SAME_SHARE and _is_asked(near, words[at].above)
        score += fitness(question, piece, about, words[at].above | words[at].title, asks=asks)
        score -= RANK_COST * ranks[piece.number]
        found.append(Scored(at=at, score=score, covered=covered, own=own, similarity=similarity, asks=asks))
    return found


def _is_asked(near: Mapping[str, Mapping[str, float]], heading: frozenset[str]) -> bool:
    """Does a heading say little else than the question?"""
    said = sum(any(stem in one for one in near.values()) for stem in heading)
    return bool(heading) and said >= SAME_SHARE * len(heading)


def _near(stems: Iterable[str], words: Sequence[_Words]) -> dict[str, dict[str, float]]:
    """For each stem the words of the passages that count for it, and how much."""
    known = frozenset[str]().union(*(one.own | one.above | one.title for one in words))
    near: dict[str, dict[str, float]] = {}
    for stem in stems:
        near[stem] = {
            word: PART_WORTH if len(word) > len(stem) else WHOLE_WORTH
            for word in known
            if _is_part(stem, word)
        }
        near[stem] |= dict.fromkeys(alike(stem) & known, SYNONYM_WORTH)
        if number := number_of(stem):
            near[stem][number] = NUMBER_WORTH if len(number) < NUMBER_DIGITS_MIN else 1.0
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


def _chosen(
    question: Asked,
    scored: Sequence[Scored],
    pieces: Sequence[Fragment],
    words: Sequence[_Words],
    weights: dict[str, float],
) -> list[Scored]:
    """The best fragment; one more where that is as good as the best; others where they say more of it."""
    near = _near(weights, words)
    total = sum(weights.values()) or 1.0
    chosen: list[Scored] = []
    had = dict.fromkeys(weights, 0.0)
    for one in scored:
        if len(chosen) == QUOTES_MAX or one.score < scored[0].score - NEAR_BEST:
            break
        if any(pieces[one.at].number == pieces[other.at].number for other in chosen):
            continue
        has = {stem: _match(near[stem], words[one.at].own) for stem in weights}
        new = sum(weights[stem] * max(0.0, has[stem] - had[stem]) for stem in weights) / total
        close = len(chosen) == 1 and one.score >= scored[0].score - CLOSE
        if not chosen or ((close or new >= NEW_SHARE) and not _says_less(question, one, chosen[0], pieces)):
            chosen.append(msgspec.structs.replace(one, alike=_are_alike(one, scored, pieces)))
            around = words[one.at].above | words[one.at].own
            had = {stem: max(had[stem], _match(near[stem], around)) for stem in weights}
    return chosen


def _says_less(question: Asked, one: Scored, best: Scored, pieces: Sequence[Fragment]) -> bool:
    """Has it clearly less of the question than the best, or not the amount that is asked for?"""
    lacks = question.lacks_wanted(_told_by(pieces[one.at]))
    return lacks or one.covered < LESS_SHARE * best.covered


def _are_alike(best: Scored, scored: Sequence[Scored], pieces: Sequence[Fragment]) -> bool:
    """Are at least two others of its list or table as good as it?"""
    here = pieces[best.at]
    same = [
        one
        for one in scored
        if one.score >= best.score - ALIKE
        and (pieces[one.at].number, pieces[one.at].block) == (here.number, here.block)
    ]
    return here.kind in ("item", "row") and len(same) > ALIKE_MIN
