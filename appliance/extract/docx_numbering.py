"""The numbers and bullets before paragraphs of a Word document: not in its text, but counted by Word."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
from lxml import etree

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
LEVELS = 9
_ROMAN = ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
          (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"))  # fmt: skip
_NUMBER_MAX = 9999


class Level(msgspec.Struct, frozen=True):
    """How a level counts: Word's name of the format, its text with %1 … %9, its first number."""

    format: str = "bullet"
    text: str = ""
    start: int = 1


class Numbering:
    """Counts the paragraphs of a document in their order."""

    def __init__(self, root: etree._Element | None) -> None:
        self._lists: dict[str, str] = {}
        self._levels: dict[str, dict[int, Level]] = {}
        self._counts: dict[str, list[int]] = {}
        if root is not None:
            for abstract in root.iter(W + "abstractNum"):
                self._levels[_id(abstract, "abstractNumId")] = _levels(abstract)
            for number in root.iter(W + "num"):
                self._lists[_id(number, "numId")] = value(number, "abstractNumId")

    def label(self, number_id: str, depth: int) -> str:
        """What stands before the next paragraph of this list at this depth, such as `2.1` or `-`."""
        abstract = self._lists.get(number_id)
        if abstract is None or not 0 <= depth < LEVELS:
            return ""
        levels = self._levels.get(abstract, {})
        level = levels.get(depth, Level())
        counts = self._counts.setdefault(abstract, [0] * LEVELS)
        counts[depth] = counts[depth] + 1 if counts[depth] else level.start
        counts[depth + 1 :] = [0] * (LEVELS - depth - 1)
        if level.format in ("bullet", "none"):
            return "-" if level.format == "bullet" else ""
        return _filled(level.text or f"%{depth + 1}.", levels, counts)


def value(parent: etree._Element, name: str) -> str:
    """The `w:val` of a child; empty when there is none."""
    child = parent.find(W + name)
    return (child.get(W + "val") or "") if child is not None else ""


def whole(text: str, default: int = 0) -> int:
    """A number in an attribute; anything else is the default."""
    return int(text) if re.fullmatch(r"[0-9]{1,6}", text) else default


def _id(element: etree._Element, name: str) -> str:
    return element.get(W + name) or ""


def _levels(abstract: etree._Element) -> dict[int, Level]:
    return {
        whole(_id(level, "ilvl")): Level(
            value(level, "numFmt") or "decimal", value(level, "lvlText"), whole(value(level, "start"), 1)
        )
        for level in abstract.iter(W + "lvl")
    }


def _filled(text: str, levels: dict[int, Level], counts: list[int]) -> str:
    def number(found: re.Match[str]) -> str:
        depth = int(found.group(1)) - 1
        level = levels.get(depth, Level("decimal"))
        return _FORMATS.get(level.format, str)(min(counts[depth] or level.start, _NUMBER_MAX))

    return re.sub(r"%([1-9])", number, text).strip()


def _letters(number: int) -> str:
    """a … z, aa … zz, as Word counts."""
    number = max(1, number)
    return chr(ord("a") + (number - 1) % 26) * min(1 + (number - 1) // 26, 20)


def _roman(number: int) -> str:
    told = ""
    for amount, letters in _ROMAN:
        told += letters * (number // amount)
        number %= amount
    return told


_FORMATS: dict[str, Callable[[int], str]] = {
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "decimalZero": lambda number: f"{number:02}",
}
