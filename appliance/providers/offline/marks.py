"""A question's words -> marks: each word or phrase with all it may mean.

Ambiguity is kept: "total" may be a keyword and a column, and `question.py` decides by what stands around.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import msgspec

from appliance.providers.offline import vocabulary
from appliance.providers.offline.dates import find_period
from appliance.providers.offline.intent import Number, Period, Ref, Unit
from appliance.providers.offline.lexicon import WORDS_MAX, Lexicon, Names, Rank, Value
from appliance.providers.offline.words import is_slip, stem

WORD = re.compile(
    r"""
    "(?P<double>[^"]+)" | “(?P<curly>[^”]+)” | (?<!\w)'(?P<single>[^']+)'(?!\w)
  | [\w.+-]+@[\w.-]+\w
  | \d{4}-\d{2}(?:-\d{2})?(?!\d)
  | \d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w) | (?<![\w.])-?\d+(?:\.\d+)?(?!\w)
  | >= | <= | <> | != | == | [<>=$€]
  | \w+(?:\.\w+)+
  | \w+(?:['\u2019]\w*)?
    """,
    re.VERBOSE,
)
KEYWORD_WORDS_MAX = max(len(phrase) for phrase in vocabulary.KEYWORDS)
COMPARING = {"gt", "ge", "lt", "le", "eq", "between", "and"}
OR_MORE = {phrase for phrase, meaning in vocabulary.KEYWORDS.items() if meaning in {"or_more", "or_less"}}
NO_NAMES = 2
"""Little words of up to so many letters are never taken for names: a, in, of, by."""


class Word(msgspec.Struct, frozen=True):
    """One word as written; `quoted` ones are taken literally."""

    text: str
    quoted: bool = False

    @property
    def lower(self) -> str:
        """In lower case, with straight apostrophes."""
        return self.text.lower().replace("\u2019", "'")


class Mark(msgspec.Struct, frozen=True, kw_only=True):
    """A word or phrase and its meanings; with none at all it is not known."""

    text: str
    keyword: str = ""
    names: Names | None = None
    number: Number | None = None
    duration: str = ""
    """The unit of time that follows the number."""
    period: Period | None = None
    quoted: bool = False
    unit: Unit | None = None
    hints: tuple[str, ...] = ()
    descending: bool = True

    @property
    def tables(self) -> tuple[str, ...]:
        """Tables that it may mean."""
        return self.names.tables if self.names else ()

    @property
    def columns(self) -> tuple[Ref, ...]:
        """Columns that it may mean."""
        return self.names.columns if self.names else ()

    @property
    def values(self) -> tuple[Value, ...]:
        """Known values that it may be."""
        return self.names.values if self.names else ()

    @property
    def known(self) -> bool:
        """Whether it means anything."""
        return bool(
            self.keyword or self.names or self.number is not None or self.period or self.unit or self.hints
        )

    @property
    def is_name(self) -> bool:
        """Whether it may be a table, a column or a unit of time."""
        return bool(self.tables or self.columns or self.unit)

    @property
    def plural(self) -> bool:
        """Whether it looks like more than one."""
        last = self.text.lower().split()[-1]
        return stem(last) != last


def split_words(text: str) -> list[Word]:
    """Words, numbers, dates, signs of comparison and quoted texts; all else is dropped."""
    words = []
    for match in WORD.finditer(text):
        quoted = next((group for group in match.groups() if group), "")
        words.append(Word(quoted or match.group(), bool(quoted)))
    return words


def mark(text: str, lexicon: Lexicon, today: date | None) -> list[Mark]:
    """The question as marks, fillers left out, with "user country" and "price of products" made one."""
    marks = list(_Marker(split_words(text), lexicon, today).marks())
    return _join_of(_join_pairs(marks))


class _Marker:
    """Goes over the words once, taking the longest and surest reading at each place."""

    def __init__(self, words: list[Word], lexicon: Lexicon, today: date | None) -> None:
        self._words = words
        self._lower = [word.lower for word in words]
        self._lexicon = lexicon
        self._today = today

    def marks(self) -> Iterator[Mark]:
        at, before = 0, ""
        while at < len(self._words):
            found, length = self._at(at)
            at += length
            if found and found.number is not None:
                found, length = self._with_unit(found, at, before)
                at += length
            if found is not None:
                before = found.keyword
                yield found

    def _with_unit(self, number: Mark, at: int, before: str) -> tuple[Mark, int]:
        """The number with what it counts, if `at` says so, and how many words that takes."""
        word, *after = [*self._lower[at : at + 3], ""]
        if word in vocabulary.COUNTED_UNITS:
            return number, 1
        compared = before in COMPARING or tuple(after[:2]) in OR_MORE
        if word in vocabulary.DURATIONS and compared:
            return msgspec.structs.replace(number, duration=vocabulary.DURATIONS[word]), 1
        return number, 0

    def _at(self, at: int) -> tuple[Mark | None, int]:
        """The mark that begins here, None for a filler, and how many words it takes."""
        word = self._words[at]
        if word.quoted:
            names = self._lexicon.certain([word.text])
            return Mark(text=word.text, quoted=True, names=names), 1
        if "." in word.text and (refs := self._lexicon.dotted(word.text)):
            return Mark(text=word.text, names=Names(Rank.EXACT, columns=refs)), 1
        return (
            self._period(at) or self._phrase(at) or self._certain(at) or self._single(at) or self._guess(at)
        )

    def _period(self, at: int) -> tuple[Mark, int] | None:
        found = find_period(self._lower[at:], self._today)
        return (Mark(text=self._text(at, found[1]), period=found[0]), found[1]) if found else None

    def _phrase(self, at: int) -> tuple[Mark | None, int] | None:
        """Keywords and fillers of two words or more, unless they also name something: "no name"."""
        for length in range(KEYWORD_WORDS_MAX, 1, -1):
            phrase = tuple(self._lower[at : at + length])
            if len(phrase) == length and not self._lexicon.certain(phrase):
                if phrase in vocabulary.SUPERLATIVES:
                    descending, hints = vocabulary.SUPERLATIVES[phrase]
                    return Mark(text=" ".join(phrase), hints=hints, descending=descending), length
                if phrase in vocabulary.KEYWORDS:
                    return Mark(text=" ".join(phrase), keyword=vocabulary.KEYWORDS[phrase]), length
                if phrase in vocabulary.FILLERS:
                    return None, length
        return None

    def _certain(self, at: int) -> tuple[Mark, int] | None:
        for length in range(min(WORDS_MAX, len(self._words) - at), 0, -1):
            words = [word.text for word in self._words[at : at + length]]
            little = length == 1 and len(words[0]) <= NO_NAMES and self._is_little(at)
            if not little and (names := self._lexicon.certain(words)):
                return self._with_keyword(at, length, names), length
        return None

    def _is_little(self, at: int) -> bool:
        one = (self._lower[at],)
        return self._words[at].text.islower() and (one in vocabulary.KEYWORDS or one in vocabulary.FILLERS)

    def _single(self, at: int) -> tuple[Mark | None, int] | None:
        """Keywords, numbers, units of time and fillers of one word."""
        word = self._lower[at]
        if number := _number(word):
            return Mark(text=word, number=number[0]), 1
        if (word,) in vocabulary.SUPERLATIVES:
            descending, hints = vocabulary.SUPERLATIVES[word,]
            return Mark(text=word, hints=hints, descending=descending), 1
        if word == "who" and at == 0:
            return Mark(text=word, keyword="which", names=self._lexicon.likely(["person"])), 1
        if (word,) in vocabulary.KEYWORDS or word in vocabulary.TIME_UNITS:
            return self._with_keyword(at, 1, None), 1
        if word in vocabulary.MONEY_WORDS:
            return Mark(text=word, keyword="money", names=self._lexicon.likely([word])), 1
        return (None, 1) if (word,) in vocabulary.FILLERS else None

    def _guess(self, at: int) -> tuple[Mark, int]:
        """Abbreviations, parts of names, synonyms, then slips of the pen, else a word that is not known."""
        for length in (3, 2, 1):
            words = [word.text for word in self._words[at : at + length]]
            if len(words) == length and (names := self._lexicon.likely(words)):
                return Mark(text=self._text(at, length), names=names), length
        word = self._words[at].text
        if names := self._lexicon.slip(word):
            return Mark(text=word, names=names), 1
        for (known, *more), keyword in vocabulary.KEYWORDS.items():
            if not more and len(known) > 4 and is_slip(word.lower(), known):
                return Mark(text=word, keyword=keyword), 1
        return Mark(text=word), 1

    def _with_keyword(self, at: int, length: int, names: Names | None) -> Mark:
        word = self._lower[at] if length == 1 else ""
        return Mark(
            text=self._text(at, length),
            names=names,
            keyword=vocabulary.KEYWORDS.get((word,), "money" if word in vocabulary.MONEY_WORDS else ""),
            unit=vocabulary.TIME_UNITS.get(word),
        )

    def _text(self, at: int, length: int) -> str:
        return " ".join(word.text for word in self._words[at : at + length])


def _number(word: str) -> tuple[Number] | None:
    """The number that a word is, in a tuple so that 0 is something."""
    if word in vocabulary.NUMBER_WORDS:
        return (vocabulary.NUMBER_WORDS[word],)
    digits = word.replace(",", "")
    if not re.fullmatch(r"-?\d{1,15}(\.\d{1,15})?", digits):
        return None
    return (float(digits),) if "." in digits else (int(digits),)


def _join_pairs(marks: list[Mark]) -> list[Mark]:
    """ "user country", "user's country": a table in the singular before one of its columns is that column."""
    joined: list[Mark] = []
    for this in marks:
        before = joined[-1] if joined else None
        if before and before.tables and not _is_many(before) and (columns := _within(before, this)):
            joined[-1] = _narrowed(f"{before.text} {this.text}", columns)
        else:
            joined.append(this)
    return joined


def _join_of(marks: list[Mark]) -> list[Mark]:
    """ "price of products": a column, "of" and its table is that column."""
    joined: list[Mark] = []
    for this in marks:
        if len(joined) > 1 and joined[-1].keyword == "of" and (columns := _within(this, joined[-2])):
            joined[-2:] = [_narrowed(f"{joined[-2].text} of {this.text}", columns)]
        else:
            joined.append(this)
    return joined


def _is_many(mark: Mark) -> bool:
    return mark.plural and not mark.text.endswith(("'", "\u2019", "'s", "\u2019s"))


def _within(table: Mark, column: Mark) -> tuple[Ref, ...]:
    if not table.tables or column.tables:
        return ()
    return tuple(ref for ref in column.columns if ref.table in table.tables)


def _narrowed(text: str, columns: tuple[Ref, ...]) -> Mark:
    return Mark(text=text, names=Names(Rank.EXACT, columns=columns))
