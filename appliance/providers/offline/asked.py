"""What a question about documents asks for: its words with their weights, and the kind of answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from appliance.providers.offline.codes import asked_codes, number_of
from appliance.providers.offline.stems import meant, short, tokens
from appliance.providers.offline.words import is_slip

Wanted: TypeAlias = Literal[
    "time", "rate", "money", "number", "place", "leave", "way", "meaning", "person", "phone", "email", ""
]
"""The kind of answer: `leave` a yes or no, or what is allowed; `way` how it is done; `rate` how often."""
MEASURES: tuple[Wanted, ...] = ("time", "rate", "money", "number")
EXACT: tuple[Wanted, ...] = ("phone", "email")
"""What shows none of the kind is no answer, however near it is."""
PRICE = re.compile(r"\b(costs?|prices?|fees?|salary|expensive)\b")
"""So is an amount of money for these; "how much" may be about anything."""
HOW_MUCH = re.compile(r"\bhow (much|expensive)( (is|are|do|does|did|would|will|for)\b|[ ?]*$)")

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
        re.compile(r"\bhow (long|soon|fast|quick\w*)\b|\b(when|what time|what year|wie lange|wann|quand)\b"),
    ),
    ("rate", re.compile(r"\bhow (often|frequent\w*|regular\w*)\b|\bwie oft\b")),
    ("time", re.compile(r"\b(opening|business) (hours|times)\b|\b(latest|last) (day|date)\b|\btoo late\b")),
    ("money", re.compile(r"\bhow (much|expensive)\b|\b(costs?|prices?|fees?|charges?|was kostet|combien)\b")),
    ("number", re.compile(r"\bhow (many|big|large|heavy|tall|high|wide|far)\b|\b(maximum|minimum|amount)\b")),
    ("place", re.compile(r"\b(where|address|wo|ou|donde)\b")),
    (
        "way",
        re.compile(r"\bhow (do|can|to|should|would)\b|\bwhat (do|should|can) i do\b|\bwhat now\b|\bforgot\b"),
    ),
    (
        "meaning",
        re.compile(r"\bwhat( is| are|'s|s)\b|\bwhat (does|do) .*\b(mean|do|stand for)\b|\bwas ist\b"),
    ),
    ("person", re.compile(r"\b(who|whom|whose|wer|wem)\b")),
    ("phone", re.compile(r"\b((tele)?phone|fax) numbers?\b")),
    ("email", re.compile(r"\be-?mail address(es)?\b")),
    ("leave", re.compile(r"^(\W*\w+,)?\W*(can|could|may|do|does|is|are|will|would|am|must|should)\b")),
)
SHOWS: dict[Wanted, re.Pattern[str]] = {
    "time": re.compile(
        rf"\b(1[5-9]|20)\d\d\b|\b\d+ ?(am|pm|h|min)\b|\b({_UNITS})\b|\b({_NAMED_TIMES})\b|\b\d{{1,2}}:\d\d\b"
    ),
    "rate": re.compile(
        rf"\b(once|twice|every|each|per|daily|hourly|weekly|monthly|yearly|annual\w*|regular\w*|times)\b|\b({_UNITS})\b"
    ),
    "money": re.compile(r"[€$£¥]|\b(eur|usd|gbp|chf|euros?|dollars?|pounds?|percent|free|nothing)\b|\d ?%"),
    "number": re.compile(r"\d|\b(one|two|three|four|five|six|eight|ten|dozen|several|only)\b"),
    "place": re.compile(r"\b(street|road|avenue|square|at|in|near|under|below|page|strasse)\b"),
    "leave": re.compile(
        r"\b(can|cannot|can't|may|must|not|never|only|possible|allowed|except|yes|no|is free)\b"
    ),
    "way": re.compile(
        rf"^\W*({_STEPS})\b|\b(by e-?mail|write to us|link)\b|^to \w.*[:,]|\b(run|command|press)\b"
    ),
    "phone": re.compile(r"\+?\d[\d ()/.-]{5,}\d"),
    "email": re.compile(r"\S@\S"),
}
_PERSON = re.compile(r"\b[^\W\d_a-z][\w'\u2019-]+ [^\W\d_a-z][\w'\u2019-]+")
"""Two names in a row; in the text as it is written."""
_GERMAN = re.compile(
    r"\b(der|die|das|den|dem|ein|eine|einen|f\u00fcr|ist|sind|ich|wie|wo|wann|kann)\b", re.IGNORECASE
)
_ASKED = re.compile(r"(?<=[.!?])\s+")
_NAME = re.compile(
    r"(?<!\bin )(?<!\bto )(?<!\bfrom )(?<!\bat )(?<!\bnear )(?<=\s)[A-Z][\w'\u2019]+"
    r"|\b[A-Z]{3,}\b"
)
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
    names: frozenset[str] = frozenset()
    """Stems of names in it: there is no other word for what they name."""
    priced: bool = False
    """Does it ask for a price?"""

    def shown_in(self, text: str) -> bool:
        """Does the text have something of the kind that is wanted?"""
        low = text.casefold()
        return any(_shows(kind, text, low) for kind in self.wanted if kind)

    def shows_measure(self, text: str) -> bool:
        """Is a time or an amount wanted, and does the text have one?"""
        low = text.casefold()
        return any(kind in MEASURES and _shows(kind, text, low) for kind in self.wanted)

    def lacks_measure(self, text: str) -> bool:
        """Is a time or an amount wanted, and does the text have none?"""
        return any(kind in MEASURES for kind in self.wanted) and not self.shows_measure(text)

    def lacks_exact(self, text: str) -> bool:
        """Is an amount or an address wanted, and does the text have none?"""
        low = text.casefold()
        if "way" in self.wanted or "leave" in self.wanted:
            return False  # how a price is changed, whether an address can be
        exact = [kind for kind in self.wanted if kind in EXACT] + ["money"] * self.priced
        return any(not _shows(kind, text, low) for kind in exact)


def _shows(kind: Wanted, text: str, low: str) -> bool:
    if kind == "person":
        return _PERSON.search(text) is not None
    return kind in SHOWS and SHOWS[kind].search(low) is not None


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
    for code in asked_codes(question):
        if (number := number_of(code)) in terms:
            del terms[number]
        terms[code] = Term(code)
    low = " ".join(question.casefold().split())
    if HOW_MUCH.search(low):
        terms.setdefault("cost", Term("cost", 0.5))
    wanted = tuple(dict.fromkeys(kind for kind, pattern in WANTED if pattern.search(low)))
    priced = PRICE.search(low) is not None
    if not wanted and earlier:
        before = " ".join(earlier.casefold().split())
        wanted = tuple(dict.fromkeys(kind for kind, pattern in WANTED if pattern.search(before)))
    return Asked(tuple(terms.values()), wanted, _names(question), priced)


def _names(question: str) -> frozenset[str]:
    """Words of what is asked that are written large though nothing begins with them, but for places to go to.

    What is told before the question is how things are, and documents need not name it.
    """
    names = {code for code in asked_codes(question) if number_of(code)}
    if _GERMAN.search(question):
        return frozenset(names)  # every noun is written large
    for match in _NAME.finditer(_ASKED.split(question.strip())[-1]):
        names |= {short(word) for word in tokens(match.group()) if meant(word)}
    return frozenset(names)


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
