"""What a question about documents asks for: its words with their weights, and the kind of answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from appliance.providers.offline.stems import meant, short, tokens
from appliance.providers.offline.words import is_slip

Wanted: TypeAlias = Literal["time", "money", "number", "place", "leave", "way", ""]
"""The kind of answer; `leave` is a yes or no, or what is allowed; `way` how something is done."""

_UNITS = "minutes?|hours?|days?|weeks?|months?|years?"
_NAMED_TIMES = (
    "monday|tuesday|wednesday|thursday|friday|saturday|sunday|january|february|march|april|june|july|august|"
    "september|october|november|december"
)
_STEPS = (
    "choose|open|click|go|enter|use|send|fill|write|call|print|ask|press|take|select|type|follow|contact|look|try|"
    "please|boil|rinse|wipe"
)

WANTED: tuple[tuple[Wanted, re.Pattern[str]], ...] = (
    (
        "time",
        re.compile(r"\bhow (long|soon|often|fast|quick\w*)\b|\b(when|what time|wie lange|wann|quand)\b"),
    ),
    ("time", re.compile(r"\b(opening|business) (hours|times)\b|\b(latest|last) (day|date)\b|\btoo late\b")),
    ("money", re.compile(r"\bhow (much|expensive)\b|\b(costs?|prices?|fees?|charges?|was kostet|combien)\b")),
    ("number", re.compile(r"\bhow (many|big|large|heavy|tall|high|wide|far)\b|\b(maximum|minimum|amount)\b")),
    ("place", re.compile(r"\b(where|address|wo|ou|donde)\b")),
    (
        "way",
        re.compile(r"\bhow (do|can|to|should|would)\b|\bwhat (do|should|can) i do\b|\bwhat now\b|\bforgot\b"),
    ),
    ("leave", re.compile(r"^(\W*\w+,)?\W*(can|could|may|do|does|is|are|will|would|am|must|should)\b")),
)
SHOWS: dict[Wanted, re.Pattern[str]] = {
    "time": re.compile(rf"\b\d+ ?(am|pm|h|min)\b|\b({_UNITS})\b|\b({_NAMED_TIMES})\b|\b\d{{1,2}}:\d\d\b"),
    "money": re.compile(r"[€$£¥]|\b(eur|usd|gbp|chf|euros?|dollars?|pounds?|percent|free|nothing)\b|\d ?%"),
    "number": re.compile(r"\d|\b(one|two|three|four|five|six|eight|ten|dozen|several|only)\b"),
    "place": re.compile(r"\b(street|road|avenue|square|at|in|near|under|below|page|strasse)\b"),
    "leave": re.compile(
        r"\b(can|cannot|can't|may|must|not|never|only|possible|allowed|except|yes|no|is free)\b"
    ),
    "way": re.compile(rf"^\W*({_STEPS})\b|\b(by e-?mail|write to us|link)\b"),
}
SLIP_CHARS_MIN = 5
SLIP_WORTH = 0.85
PARTS_WORTH = 0.5
SLIPS_MAX = 12
"""So many words of a question are tried for slips of the pen: each is compared with all words."""
TERMS_MAX = 30


class Term(msgspec.Struct, frozen=True):
    """A word of the question, or what it was taken for; `worth` is below 1 when that is a guess."""

    stem: str
    worth: float = 1.0


class Asked(msgspec.Struct, frozen=True):
    """A question: what it is about, and what kind of answer is wanted."""

    terms: tuple[Term, ...]
    wanted: tuple[Wanted, ...] = ()

    def shown_in(self, text: str) -> bool:
        """Does the text have something of the kind that is wanted?"""
        low = text.casefold()
        return any(SHOWS[kind].search(low) is not None for kind in self.wanted if kind)


def asked(question: str, earlier: str, known: Callable[[str], bool], vocabulary: Sequence[str]) -> Asked:
    """The question's terms; those of an `earlier` question that it leans on count half.

    `known` says whether a stem stands in the passages, `vocabulary` are their words, for slips of the pen.
    """
    terms: dict[str, Term] = {}
    slips = SLIPS_MAX
    for text, worth in ((question, 1.0), (earlier, 0.5)):
        for word in filter(meant, tokens(text)):
            if len(terms) >= TERMS_MAX:
                break
            found = _terms(word, known, vocabulary if slips > 0 else ())
            slips -= not known(found[0].stem)
            for term in found:
                if term.stem not in terms:
                    terms[term.stem] = Term(term.stem, term.worth * worth)
    low = " ".join(question.casefold().split())
    if re.search(r"\bhow (much|expensive)\b", low):
        terms.setdefault("cost", Term("cost", 0.5))
    wanted = tuple(dict.fromkeys(kind for kind, pattern in WANTED if pattern.search(low)))
    if not wanted and earlier:
        before = " ".join(earlier.casefold().split())
        wanted = tuple(dict.fromkeys(kind for kind, pattern in WANTED if pattern.search(before)))
    return Asked(tuple(terms.values()), wanted)


def _terms(word: str, known: Callable[[str], bool], vocabulary: Sequence[str]) -> list[Term]:
    """The word's stem; else two words that were written as one, else the word that was meant by a slip."""
    stem = short(word)
    if known(stem) or word.isdecimal():
        return [Term(stem)]
    for at in range(3, len(word) - 2):
        if known(short(word[:at])) and known(short(word[at:])):
            return [Term(short(part), PARTS_WORTH) for part in (word[:at], word[at:])]
    if len(word) >= SLIP_CHARS_MIN:
        slip = next((other for other in vocabulary if is_slip(word, other) and word[0] == other[0]), None)
        if slip is not None:
            return [Term(short(slip), SLIP_WORTH)]
    return [Term(stem)]
