"""What a question about documents asks for: its words with their weights, and the kind of answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from appliance.providers.offline.codes import asked_codes, number_of
from appliance.providers.offline.kinds import (
    COUNTED_END,
    EXACT,
    HOW_MANY,
    HOW_MUCH,
    MEASURES,
    POLITE,
    PRICE,
    SEVERAL,
    Wanted,
    kinds_of,
    low,
    shows,
)
from appliance.providers.offline.stems import alike, meant, short, tokens
from appliance.providers.offline.words import is_slip

_GERMAN = re.compile(
    r"\b(der|die|das|den|dem|ein|eine|einen|f\u00fcr|ist|sind|ich|wie|wo|wann|kann|welche[rnms]?|gibt|es|wer|und|mit|bei|"
    r"ihr|sie|zu|zum|zur|im|was|kostet|haben|habt|nicht|auf|auch|mein|meine)\b",
    re.IGNORECASE,
)
_ORDINARY_WORDS = """
monday tuesday wednesday thursday friday saturday sunday january february march april june july august
september october november december christmas xmas easter halloween thanksgiving ramadan eid hanukkah
diwali pentecost carnival new year eve english german french spanish italian dutch polish turkish
european american british pdf tv faq usb wifi sms url id vat gps asap diy
"""
_ORDINARY = frozenset(_ORDINARY_WORDS.split())
"""Written large, and yet no names that documents have to have."""
_ASKED = re.compile(r"(?<=[.!?])\s+")
_NAME = re.compile(
    r"(?<!\bin )(?<!\bto )(?<!\bfrom )(?<!\bat )(?<!\bnear )(?<=\s)[A-Z][\w'\u2019]+"
    r"|\b[A-Z]{3,}\b"
)
COUNT_WORDS_MAX = 6
"""So near to a number is what it counts."""
LARGE_WORDS_MIN = 3
LARGE_SHARE = 0.6
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

    several: bool = False
    """Does it ask which there are?"""
    counted: frozenset[str] = frozenset()
    """Stems of what is counted, where it asks how many there are."""

    def shown_in(self, text: str) -> bool:
        """Does the text have something of the kind that is wanted?"""
        plain = low(text)
        return any(shows(kind, text, plain) for kind in self.wanted if kind)

    @property
    def measured(self) -> bool:
        """Is a time or an amount wanted?"""
        return any(kind in MEASURES for kind in self.wanted)

    def shows_measure(self, text: str) -> bool:
        """Is a time or an amount wanted, and does the text have one?"""
        plain = low(text)
        return any(kind in MEASURES and shows(kind, text, plain) for kind in self.wanted)

    def lacks_wanted(self, text: str) -> bool:
        """Is a time, an amount or a person wanted, and does the text have none?"""
        told = [kind for kind in self.wanted if kind in MEASURES or kind == "person"]
        if "leave" in self.wanted or "way" in self.wanted:
            return False  # whether, or how, one can find out how much it is
        plain = low(text)
        return bool(told) and not any(shows(kind, text, plain) for kind in told)

    def lacks_exact(self, text: str) -> bool:
        """Is an amount or an address wanted, and does the text have none?"""
        plain = low(text)
        if any(not shows(kind, text, plain) for kind in self._exact):
            return True
        return bool(self.counted) and not is_count(plain, self.counted)

    @property
    def is_exact(self) -> bool:
        """Is an amount of money or an address wanted?"""
        return any(kind != "hours" for kind in self._exact)

    @property
    def _exact(self) -> list[Wanted]:
        if "way" in self.wanted or "leave" in self.wanted:
            return []  # how a price is changed, whether an address can be
        return [kind for kind in self.wanted if kind in EXACT] + ["money"] * self.priced


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
    plain = POLITE.sub("", low(question))
    if HOW_MUCH.search(plain):
        terms.setdefault("cost", Term("cost", 0.5))
    wanted = kinds_of(plain) or (kinds_of(low(earlier)) if earlier else ())
    return Asked(
        terms=tuple(terms.values()),
        wanted=wanted,
        names=_names(question),
        priced=PRICE.search(plain) is not None,
        several=SEVERAL.match(plain) is not None,
        counted=_counted(plain),
    )


def is_count(plain: str, counted: frozenset[str]) -> bool:
    """Does a text say a number of these things: the number near one of their stems?"""
    found = [(word, short(word)) for word in tokens(plain)]
    numbers = [at for at, (word, _) in enumerate(found) if shows("number", word, word)]
    things = [at for at, (_, stem) in enumerate(found) if stem in counted or alike(stem) & counted]
    return any(abs(one - other) <= COUNT_WORDS_MAX for one in numbers for other in things if one != other)


def _counted(plain: str) -> frozenset[str]:
    """What a question counts: `vacation days` of "how many vacation days do we get"."""
    found = HOW_MANY.search(plain)
    if found is None:
        return frozenset()
    thing = COUNTED_END.split(found[1])[0]
    return frozenset(short(word) for word in tokens(thing) if meant(word))


def _names(question: str) -> frozenset[str]:
    """Words of what is asked that are written large though nothing begins with them, but for places to go to.

    What is told before the question is how things are, and documents need not name it.
    """
    names = {code for code in asked_codes(question) if number_of(code)}
    if _GERMAN.search(question):
        return frozenset(names)  # every noun is written large
    last = _ASKED.split(question.strip())[-1]
    words = [word for word in last.split()[1:] if word != "I"]
    if len(words) >= LARGE_WORDS_MIN and sum(word[0].isupper() for word in words) > LARGE_SHARE * len(words):
        return frozenset(names)  # all of it is written large
    for match in _NAME.finditer(last):
        names |= {short(word) for word in tokens(match.group()) if meant(word) and word not in _ORDINARY}
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
