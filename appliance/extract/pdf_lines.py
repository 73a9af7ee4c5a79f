"""Lines of PDF pages, and how they become paragraphs again. Pure.

A PDF knows no paragraphs, only where letters stand. A line goes on in the next one unless there is a reason
against it: a gap, another size of letters, a mark of a list, or room that the next word would have had.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import msgspec

HYPHEN = "\ufffe"
"""What PDFium writes for the hyphen at a line's end where a word is broken."""
_ITEM = re.compile(r"(?:[•◦▪●○■□\u2013\u2014*·‣\u2043\uf0b7-]|\(?\d{1,3}[.)]|\(?[a-zA-Z][.)])\s+\S")
_KEEPS_HYPHEN = re.compile(r"(?:und|oder|bzw\.?|and|or|et|y|e|o)\b")
TICKED = "[x]"
UNTICKED = "[ ]"
"""Boxes of a form; what stands behind one belongs to it."""
_DIGITS = re.compile(r"\d+")
REPEATED_PAGES_MIN = 4
REPEATED_SHARE = 0.6
EDGE_LINES = 3
GAP = 1.4
"""A step from line to line of so many usual ones parts paragraphs."""
SIZE_RATIO = 1.12
SPARSE = 0.8
"""The usual width of a letter is some 0.5 of its size."""


class Line(msgspec.Struct):
    """A line and where it stands on its page, in points from the lower left."""

    text: str
    left: float = 0.0
    right: float = 0.0
    bottom: float = 0.0
    size: float = 0.0
    is_title: bool = False


def without_repeated(pages: list[list[Line]]) -> list[list[Line]]:
    """Leave out heads and feet: the same words at the same height of most pages, apart from the rest.

    A number may differ when it counts the pages. Headings stay, and so does what no gap sets apart: the first
    lines of pages that are made from a template look alike, too.
    """
    if len(pages) < REPEATED_PAGES_MIN:
        return pages
    usual = body_size(pages)
    step = statistics.median([_usual_step(page) for page in pages])
    seen: Counter[tuple[str, int]] = Counter()
    for number, page in enumerate(pages):
        seen.update({mark for line in _edges(page) for mark in _marks(line, number, usual)})
    needed = max(REPEATED_PAGES_MIN - 1, REPEATED_SHARE * len(pages))
    repeated = {mark for mark, count in seen.items() if count >= needed}
    kept = []
    for number, page in enumerate(pages):
        ours = {id(line) for line in page if not repeated.isdisjoint(_marks(line, number, usual))}
        by_height = sorted(page, key=lambda line: line.bottom)
        gone = {*_group(by_height, ours, step), *_group(by_height[::-1], ours, step)}
        kept.append([line for line in page if id(line) not in gone])
    return kept if any(kept) else pages


def _edges(page: list[Line]) -> list[Line]:
    by_height = sorted(page, key=lambda line: line.bottom)
    return by_height[:EDGE_LINES] + by_height[EDGE_LINES:][-EDGE_LINES:]


def _marks(line: Line, page: int, usual: float) -> set[tuple[str, int]]:
    """By what a line is recognised on other pages: its words, and those with numbers that count the pages."""
    if line.is_title:
        return set()
    height = round(line.bottom / 4)
    marks = {(line.text, height)}
    if line.size < SIZE_RATIO * usual:
        marks.add(
            (_DIGITS.sub(lambda found: f"#{int(found.group()[:9]) - page}", line.text, count=1), height)
        )
    return marks


def _group(from_edge: list[Line], ours: set[int], step: float) -> list[int]:
    """The repeated lines at one edge of a page, as far as a gap parts them from what follows."""
    group: list[Line] = []
    apart = 0
    for line in from_edge[: EDGE_LINES + 1]:
        if group and abs(line.bottom - group[-1].bottom) > GAP * step:
            apart = len(group)
        if id(line) not in ours or len(group) == EDGE_LINES:
            break
        group.append(line)
    else:
        apart = len(group)
    return [id(line) for line in group[:apart]]


def joints(lines: Sequence[Line]) -> list[str]:
    """What stands before each line: '' for the first, ' ' within a paragraph, '=' for the same word,
    else line breaks.
    """
    step = _usual_step(lines)
    right = _right_edges(lines, step)
    found: list[str] = []
    for index, line in enumerate(lines):
        if index and is_upright(lines[index - 1]) and is_upright(line):
            in_column = found[-1] == "=" or len(lines[index - 1].text) > 1
            found.append(_joint_upright(lines[index - 1], line, in_column=in_column))
        else:
            found.append(_joint(lines[index - 1], line, step, right[index - 1]) if index else "")
    return found


def is_upright(line: Line) -> bool:
    """Letters of East Asian scripts, one or some below each other: PDFium often takes each for a line."""
    return line.right - line.left < 1.5 * line.size and all(letter >= "\u2e80" for letter in line.text)


def _joint_upright(before: Line, line: Line, *, in_column: bool) -> str:
    """Downwards in a column, then the column to the left of it."""
    down, left = before.bottom - line.bottom, before.left - line.left
    longest = max(len(before.text), len(line.text))
    below = abs(left) < 0.75 * line.size and 0.5 * line.size < down < (longest + 0.35) * line.size
    beside = in_column and 0.8 * line.size < left < 3 * line.size and down < 0
    return "=" if below or beside else "\n\n"


def body_size(pages: Sequence[Sequence[Line]]) -> float:
    """The size of most letters."""
    sizes: Counter[float] = Counter()
    for page in pages:
        for line in page:
            sizes[round(line.size, 1)] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def joined(before: str, after: str) -> tuple[str, str]:
    """The end of a line and what goes between it and the next one: a broken word is put together."""
    if before.endswith(HYPHEN):
        return before[:-1], ""
    if re.search(r"[^\W\d_][-\u2010]$", before) and after[:1].islower():
        return (before, " ") if _KEEPS_HYPHEN.match(after) else (before[:-1], "")
    wide = before[-1:] >= "\u2e80" and after[:1] >= "\u2e80" and not before[-1:].isspace()
    return before, "" if wide and before[-1:] < "\uff00" else " "


def _joint(before: Line, line: Line, step: float, right: float) -> str:
    down = before.bottom - line.bottom
    if abs(down) < 0.5 * line.size and before.right - 1 <= line.left < before.right + 2 * line.size:
        return "=" if line.left < before.right + 0.15 * line.size else " "
    if before.is_title or line.is_title:
        return "\n\n"
    if down < -0.5 * max(step, 1.0) or (step and down > GAP * step):
        return "\n\n" if down > 0 or not _flows(before, line) else " "
    if min(before.size, line.size) * SIZE_RATIO < max(before.size, line.size):
        return "\n\n"
    if before.text.endswith(HYPHEN):
        return " "
    if line.text in (TICKED, UNTICKED):
        return "\n"
    if _ITEM.match(line.text) or _is_sparse(before) or _is_sparse(line) or _had_room(before, line, right):
        return "\n"
    return " "


def _flows(before: Line, line: Line) -> bool:
    """Whether a sentence goes on in the next column or on the next page."""
    return before.text[-1:] not in ".!?:;" and line.text[:1].islower()


def _had_room(before: Line, line: Line, right: float) -> bool:
    """Would the line's first word have fitted behind the one before? Then somebody wanted a new line."""
    word = line.text.split(" ", 1)[0]
    letter = (before.right - before.left) / max(1, len(before.text))
    return before.right + (len(word) + 2) * letter < right


def _is_sparse(line: Line) -> bool:
    """Words far from each other are cells of a table's row."""
    wide = any(letter >= "\u2e80" for letter in line.text)
    return not wide and line.right - line.left > SPARSE * line.size * len(line.text)


def _usual_step(lines: Sequence[Line]) -> float:
    steps = sorted(a.bottom - b.bottom for a, b in pairwise(lines) if a.bottom - b.bottom > 1)
    return steps[len(steps) // 3] if steps else 0.0


def _right_edges(lines: Sequence[Line], step: float) -> list[float]:
    """For each line the right edge of its column: of the lines around it until one stands higher again."""
    edges = [0.0] * len(lines)
    begins = 0
    for index in range(1, len(lines) + 1):
        if index == len(lines) or lines[index - 1].bottom - lines[index].bottom < -0.5 * max(step, 1.0):
            edge = max(line.right for line in lines[begins:index])
            edges[begins:index] = [edge] * (index - begins)
            begins = index
    return edges
