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
ASKED_BONUS = 0.15
LACKS_COST = 0.1
LIST_BONUS = 0.1
"""An item of a list or a row, when somebody asks which there are."""
STEPS_BONUS = 0.15
"""Numbered steps below such a heading, when somebody asks how."""
MEANING_BONUS = 0.15
STUMP_CHARS = 24
STUMP_COST = 0.1
CUT_COST = 0.05
ASKS_COST = 0.1
CODE_COST = 0.15
ASIDE_COST = 0.3

DEFINES = re.compile(
    r"(?:: | \u2014 | (?:is|are|means?|stands? for|refers? to|describes?|consists? of|lets?|allows?|ist|sind)"
    r" )"
)
HEAD_CHARS_MAX = 70
HEAD_STEMS_MORE = 3
"""So many other words may stand beside what is defined."""
ASIDE = re.compile(
    r"(see also|related \w+|further reading|(table of )?contents|more information|on this page|"
    r"in this article|next steps|siehe auch|weitere \w+|inhalt(sverzeichnis)?|mehr zum thema|"
    r"articles connexes|"
    r"voir aussi|"
    r"sommaire)\W*\Z",
    re.IGNORECASE,
)
"""What stands below such a heading only leads elsewhere."""
SELF = re.compile(r"this (page|document|section|notice|guide|chapter|topic)\b", re.IGNORECASE)
POINTS = re.compile(
    r"(for (more|further) (information|details?)|for details|see( also)?|please (see|refer|read)|"
    r"follow (the|these) (steps|instructions)|suivez les|folgen sie)\b",
    re.IGNORECASE,
)
"""It only says where something stands."""


def fitness(
    question: Asked, piece: Fragment, about: float, around: frozenset[str], *, asks: bool = False
) -> float:
    """More for what has the wanted kind of answer, less for stumps and what asks or points elsewhere.

    `about` is how much of the question stands in the headings above, 0 to 1; `around` are the stems of these
    and of the title; `asks` says that the heading asks the same.
    """
    text = piece.text
    bonus = WANTED_BONUS if question.shown_in(text) else 0.0
    if piece.first and piece.kind != "row" and not question.lacks_wanted(text):
        bonus += FIRST_BONUS * about + ASKED_BONUS * asks
    if question.several and piece.kind in ("item", "row"):
        bonus += LIST_BONUS
    if "way" in question.wanted and piece.kind == "item" and piece.mark:
        bonus += STEPS_BONUS * about
    if "meaning" in question.wanted and _defines(question, text, around):
        bonus += MEANING_BONUS
    if question.lacks_wanted(f"{piece.lead} {text}"):
        bonus -= LACKS_COST
    return bonus - _cost(piece, text)


def _cost(piece: Fragment, text: str) -> float:
    cost = 0.0
    if piece.kind == "code":
        cost += CODE_COST
    if piece.kind == "sentence" and len(text) < STUMP_CHARS:
        cost += STUMP_COST
    if piece.kind == "sentence" and text[:1].islower():
        cost += CUT_COST
    if ASIDE.match(piece.heading):
        cost += ASIDE_COST
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
