"""How well a piece of a text has the form of an answer, whatever words it shares with the question."""

from __future__ import annotations

import re

from appliance.providers.offline.asked import Asked
from appliance.providers.offline.codes import codes
from appliance.providers.offline.fragments import Fragment
from appliance.providers.offline.stems import alike, meant, short, tokens

WANTED_BONUS = 0.1
FIRST_BONUS = 0.12
"""What stands directly below a heading that names what is asked, with the amount if one is."""
STEPS_BONUS = 0.15
"""Numbered steps below such a heading, when somebody asks how."""
MEANING_BONUS = 0.15
STUMP_CHARS = 24
STUMP_COST = 0.1
CUT_COST = 0.05
ASKS_COST = 0.1
CODE_COST = 0.15

DEFINES = re.compile(
    r"(?:: | \u2014 | (?:is|are|means?|stands? for|refers? to|describes?|consists? of|lets?|allows?|ist|sind)"
    r" )"
)
HEAD_CHARS_MAX = 70
HEAD_STEMS_MORE = 3
"""So many other words may stand beside what is defined."""
SELF = re.compile(r"this (page|document|section|notice|guide|chapter|topic)\b", re.IGNORECASE)
POINTS = re.compile(
    r"(for (more|further) (information|details?)|for details|see( also)?|please (see|refer|read))\b",
    re.IGNORECASE,
)
"""It only says where something stands."""


def fitness(question: Asked, piece: Fragment, about: float, around: frozenset[str]) -> float:
    """More for what has the wanted kind of answer, less for stumps and what asks or points elsewhere.

    `about` is how much of the question stands in the headings above, 0 to 1; `around` are the stems of these
    and of the title.
    """
    text = piece.text
    bonus = WANTED_BONUS if question.shown_in(text) else 0.0
    if piece.first and piece.kind != "row" and not question.lacks_measure(text):
        bonus += FIRST_BONUS * about
    if "way" in question.wanted and piece.kind == "item" and piece.mark:
        bonus += STEPS_BONUS * about
    if "meaning" in question.wanted and _defines(question, text, around):
        bonus += MEANING_BONUS
    return bonus - _cost(piece, text)


def _cost(piece: Fragment, text: str) -> float:
    cost = 0.0
    if piece.kind == "code":
        cost += CODE_COST
    if piece.kind == "sentence" and len(text) < STUMP_CHARS:
        cost += STUMP_COST
    if piece.kind == "sentence" and text[:1].islower():
        cost += CUT_COST
    if text.endswith("?") or SELF.match(text) or POINTS.match(text):
        cost += ASKS_COST
    return cost


def _defines(question: Asked, text: str, around: frozenset[str]) -> bool:
    """Does it begin with what is asked for, and then say what that is? The rest may stand above it."""
    found = DEFINES.search(text[: HEAD_CHARS_MAX + 12])
    if found is None or found.start() > HEAD_CHARS_MAX:
        return False
    before = text[: found.start()]
    head = frozenset(short(word) for word in tokens(before) if meant(word)) | codes(before)
    stems = [term.stem for term in question.terms]
    named = [stem for stem in stems if stem in head or alike(stem) & head]
    rest = [stem for stem in stems if stem not in named]
    return bool(named) and around.issuperset(rest) and len(head) <= len(named) + HEAD_STEMS_MORE
