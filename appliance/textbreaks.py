"""Where a text may be cut: ends of sentences in many scripts, whole characters, code and tables in one piece.

Pure. Every expression looks at a bounded stretch from where it starts: hostile texts cost no more than any.
"""
# ruff: noqa: RUF001 - the punctuation of all scripts is meant

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right

_CLOSERS = "\"'”’»)\\]*_"
_END = re.compile(
    rf"[.!?…؟۔][{_CLOSERS}]{{0,4}}(?=\s)|[。！？｡।॥][」』”’）\"')]{{0,4}}(?![。！？｡।॥」』”’）])"
)
_TOKEN_BEFORE = re.compile(r"[^\s(\[\"'“„«]{1,24}\Z")
_INITIAL = re.compile(r"[A-ZÀ-ÖØ-ÞА-Я]\Z|\d{1,2}\Z|.*\.[^.]{1,2}\Z", re.DOTALL)
"""A person's initial, an ordinal or list number ("am 3. Mai"), what has a dot inside ("e.g", "z.B")."""
_ABBREVIATION_WORDS = """
dr mr mrs ms mx prof rev hon sr jr st ste gen col sgt capt lt cmdr gov sen rep pres dipl ing mag vs viz cf
ca approx resp incl excl est dept univ no nr nos fig figs abb tab eq sec chap art abs vol vols ed eds pp al
inc ltd corp co bros bzw vgl evtl ggf sog inkl zzgl bspw usw str tel hr fr frl mme mlle sra srta dott jan
feb mar apr jun jul aug sep sept oct okt nov dec dez mon tue wed thu fri sat sun ave blvd rd mt ft min max
"""
_ABBREVIATIONS = frozenset(_ABBREVIATION_WORDS.split())
_FENCE = re.compile(r"^ {0,3}(`{3,16}|~{3,16})", re.MULTILINE)
_TABLE = re.compile(r"^[^\S\n]{0,8}\|[^\n]*(?:\n[^\S\n]{0,8}\|[^\n]*)++", re.MULTILINE)
_JOINER = "\u200d"
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff"
UNSPACED_START = re.compile(f"(?<=[{_UNSPACED}])[{_UNSPACED}]")
"""Where a word may begin in scripts without blanks between words, such as Chinese, Japanese and Thai."""


def sentence_ends(text: str, start: int, end: int) -> list[int]:
    """Places between `start` and `end` where a sentence seems to be over, behind closing quotes; unchecked.

    Ask `is_sentence_end` about those that matter: a text may be full of abbreviations.
    """
    ends = (match.end() for match in _END.finditer(text, max(start - 5, 0), end + 1))
    return [end_of_one for end_of_one in ends if start <= end_of_one <= end]


def is_sentence_end(text: str, at: int) -> bool:
    """Does a sentence end before `at`? Not behind "Dr.", "e.g.", "J.", "3.", nor before a small letter."""
    dot = at - 1
    while dot > 0 and text[dot] in "\"'”’»)]*_」』）":
        dot -= 1
    if text[dot] in "。！？｡।॥":
        return not (text[at - 1] in "」』" and text[at : at + 1] in "とっ")  # he said: the sentence goes on
    following = text[at : at + 64].lstrip()[:1]
    if following.islower():
        return False
    if text[dot] != "." or text[dot - 1 : dot] == ".":
        return True
    token = _TOKEN_BEFORE.search(text, max(dot - 24, 0), dot)
    if token is None:
        return True
    word = token.group()
    return word.casefold() not in _ABBREVIATIONS and _INITIAL.match(word) is None


def joined(text: str, at: int) -> bool:
    """Would a cut before `at` divide what people see as one character: accents, emoji families?"""
    if at <= 0 or at >= len(text) or (text[at] < "\u0300" and text[at - 1] < "\u0300"):
        return False
    code, before = ord(text[at]), ord(text[at - 1])
    if text[at - 1] == _JOINER or _extends(text[at], code):
        return True
    if 0xDC00 <= code <= 0xDFFF:
        return 0xD800 <= before <= 0xDBFF
    return 0x1F1E6 <= code <= 0x1F1FF and _flags_before(text, at) % 2 == 1


def whole_character_before(text: str, at: int, floor: int) -> int:
    """The last place in (`floor`, `at`] where no character is divided; `at` itself when there is none."""
    place = at
    while place > floor and joined(text, place):
        place -= 1
    return place if place > floor else at


class Spans:
    """Stretches of a text that should not be cut inside; they do not overlap."""

    def __init__(self, spans: list[tuple[int, int]]) -> None:
        self._spans = spans
        self._starts = [start for start, _ in spans]

    def around(self, at: int) -> tuple[int, int] | None:
        """The stretch that a cut at `at` would divide."""
        index = bisect_right(self._starts, at - 1) - 1
        if index < 0 or self._spans[index][1] <= at:
            return None
        return self._spans[index]


def code_and_tables(text: str) -> Spans:
    """Fenced code and tables of Markdown; a fence that nobody closes goes to the end."""
    spans = _fences(text)
    fences = Spans(spans)
    if "|" in text:
        tables = ((match.start(), match.end()) for match in _TABLE.finditer(text))
        spans = sorted(spans + [table for table in tables if fences.around(table[0] + 1) is None])
    return Spans(spans)


def _fences(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: tuple[int, str] | None = None
    for match in _FENCE.finditer(text):
        mark = match.group(1)
        if opened is None:
            opened = (match.start(), mark)
        elif mark.startswith(opened[1]):
            end = text.find("\n", match.end())
            spans.append((opened[0], end if end >= 0 else len(text)))
            opened = None
    if opened is not None:
        spans.append((opened[0], len(text)))
    return spans


def _extends(character: str, code: int) -> bool:
    """Marks, joiners, skin tones, tags, the second and third part of a Hangul syllable."""
    return (
        unicodedata.category(character)[0] == "M"
        or code in (0x200C, 0x200D, 0x0E33, 0x0EB3, 0xFF9E, 0xFF9F)
        or 0x1F3FB <= code <= 0x1F3FF
        or 0xE0020 <= code <= 0xE007F
        or 0x1160 <= code <= 0x11FF
        or 0xD7B0 <= code <= 0xD7FB
    )


def _flags_before(text: str, at: int) -> int:
    """How many halves of flags stand before; a run of very many counts as far as 64."""
    count = 0
    while count < 64 and at - count > 0 and 0x1F1E6 <= ord(text[at - count - 1]) <= 0x1F1FF:
        count += 1
    return count
