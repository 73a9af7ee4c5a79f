"""Lines in right-to-left letters in the order in which people read and write them. Pure.

A PDF places letters and tells no order; what PDFium makes of it has words the wrong way round, stops at the
wrong end, and brackets that look the wrong way. Where letters stand is certain, so the order is found from
that: the reverse of what a program did that wrote them down.
"""
# ruff: noqa: RUF001 - the punctuation of all scripts is meant

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise

import msgspec

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
SPACE = 0.05
"""No gap that is less than this share of the letters' size is a blank."""
_ENDS = frozenset(".,:;!?،؛؟۔")
"""No sentence begins with these."""
_MIRRORED = str.maketrans("()[]{}<>«»‹›", ")(][}{><»«›‹")
_JOINS = re.compile(r"[.,:/+-]?")
_JOINS_ARABIC = re.compile(r"[.,:/]?")
"""What numbers go over from left to right; among Arabic letters 2026-03-01 has its parts from the right."""
_ALEFS = frozenset("\u0622\u0623\u0625\u0627")
_LAM = "\u0644"


class Glyph(msgspec.Struct):
    """Letters at one place, between two edges: a letter with its marks, or a ligature."""

    text: str
    left: float
    right: float

    @property
    def way(self) -> str:
        """`R` and `L` for letters, `N` for digits, else empty."""
        kind = unicodedata.bidirectional(self.text[0])
        return {"R": "R", "AL": "R", "L": "L", "EN": "N", "AN": "N"}.get(kind, "")


def is_right_to_left(text: str) -> bool:
    """Is there a letter of such a script?"""
    return RIGHT_TO_LEFT.search(text) is not None


def logical(letters: Sequence[str], edges: Sequence[tuple[float, float]], size: float) -> str:
    """The line as it is read; `edges` are the left and right one of each letter, `size` that of the letters.

    Of blanks only their number is taken from `letters`: where they stand PDFium often tells wrongly.
    """
    blanks = len(re.findall(r"\s+", "".join(letters).strip()))
    glyphs = _spaced(_glyphs(letters, edges), blanks, SPACE * size)
    ways = [glyph.way for glyph in glyphs]
    if ways.count("R") >= ways.count("L") and glyphs[-1].text not in _ENDS:
        return "".join(_from_right(glyphs))
    return "".join(_within_left(glyphs))


def _glyphs(letters: Sequence[str], edges: Sequence[tuple[float, float]]) -> list[Glyph]:
    """From the left to the right, marks with the letter that they stand over."""
    marks: list[Glyph] = []
    found: list[Glyph] = []
    for letter, (left, right) in zip(letters, edges, strict=True):
        if not letter or letter.isspace():
            continue
        glyph = Glyph(letter, left, right)
        if unicodedata.combining(letter) or unicodedata.bidirectional(letter) == "NSM":
            marks.append(glyph)
        elif found and _same_place(found[-1], glyph):
            found[-1].text = _ligature(found[-1].text, letter)
        else:
            found.append(glyph)
    found.sort(key=lambda glyph: glyph.left + glyph.right)
    for mark in marks:
        middle = mark.left + mark.right
        if found:
            over = min(found, key=lambda glyph: abs(glyph.left + glyph.right - middle))
            over.text += mark.text
    return found


def _same_place(before: Glyph, glyph: Glyph) -> bool:
    return abs(before.left - glyph.left) < 0.01 and abs(before.right - glyph.right) < 0.01


def _ligature(before: str, after: str) -> str:
    """No letters but lam and alef, in this order, are commonly one; some programs tell them in the other."""
    return after + before if before in _ALEFS and after == _LAM else before + after


def _spaced(glyphs: list[Glyph], blanks: int, gap: float) -> list[Glyph]:
    """With so many blanks in the widest gaps."""
    gaps = [after.left - before.right for before, after in pairwise(glyphs)]
    widest = sorted((width for width in gaps if width > gap), reverse=True)[:blanks]
    if not widest:
        return glyphs
    spaced = glyphs[:1]
    for glyph, width in zip(glyphs[1:], gaps, strict=True):
        if width >= widest[-1]:
            spaced.append(Glyph(" ", glyph.left - width, glyph.left))
        spaced.append(glyph)
    return spaced


def _from_right(glyphs: list[Glyph]) -> list[str]:
    """A line that begins at the right: all turned round, but for words from left to right and numbers."""
    texts: list[str] = []
    at = len(glyphs)
    while at > 0:
        start = _run_start(glyphs, at)
        if start < at:
            texts += [glyph.text for glyph in glyphs[start:at]]
            at = start
        else:
            at -= 1
            texts.append(glyphs[at].text.translate(_MIRRORED))
    return texts


def _run_start(glyphs: list[Glyph], end: int) -> int:
    """Where a run from left to right begins that ends before `end`; `end` when there is none."""
    if glyphs[end - 1].way not in ("L", "N"):
        return end
    start = at = end - 1
    joins = _JOINS_ARABIC if any(_is_arabic(glyph) for glyph in glyphs) else _JOINS
    while at > 0 and glyphs[at - 1].way != "R":
        at -= 1
        if glyphs[at].way and _is_joined(glyphs, at, start, end, joins):
            start = at
    return start


def _is_joined(glyphs: list[Glyph], at: int, start: int, end: int, joins: re.Pattern[str]) -> bool:
    """Do what stands at `at` and the run from `start` on belong together? Numbers apart do not."""
    between = "".join(glyph.text for glyph in glyphs[at + 1 : start])
    is_number = glyphs[at].way == "N" and all(glyph.way != "L" for glyph in glyphs[start:end])
    return joins.fullmatch(between) is not None if is_number else True


def _is_arabic(glyph: Glyph) -> bool:
    return unicodedata.bidirectional(glyph.text[0]) == "AL"


def _within_left(glyphs: list[Glyph]) -> list[str]:
    """A line that begins at the left, with words from right to left in it."""
    texts: list[str] = []
    at = 0
    while at < len(glyphs):
        end = at
        if glyphs[at].way == "R":
            end = at + 1
            for index in range(at + 1, len(glyphs)):
                if glyphs[index].way == "L":
                    break
                if glyphs[index].way == "R":
                    end = index + 1
        if end > at:
            texts += _from_right(glyphs[at:end])
            at = end
        else:
            texts.append(glyphs[at].text)
            at += 1
    return texts
