"""The sections of a text: which stretches chunks must not leave, and the titles above each place. Pure."""

from __future__ import annotations

import re
from bisect import bisect_right

import msgspec

from appliance.knowledge import Heading, Outline
from appliance.textbreaks import joined

DEPTH_MAX = 12
TITLE_CHARS_MAX = 200
"""Titles go along with every chunk below them."""
MARKS_MAX = 40
"""So far before a heading's first letter its marks may begin."""
_SMALL = 5
"""A section below a fifth of a chunk is small: it may share a chunk with small neighbours."""
_UNDERLINE = re.compile(r"[^\S\n]*(?:=+|-{2,})[^\S\n]*(?:\n|\Z)")


class Region(msgspec.Struct, frozen=True):
    """A stretch that is cut by itself: one section, or some small ones. Up to `body` it is headings only."""

    start: int
    end: int
    body: int


class Titles:
    """The titles above any place of a text, and its page, however wild the outline is."""

    def __init__(self, text: str, outline: Outline) -> None:
        good = (h for h in outline.headings if 0 <= h.start < len(text) and not joined(text, h.start))
        self.headings = sorted(
            (Heading(_with_marks(text, h.start), h.level, h.title) for h in good),
            key=lambda heading: heading.start,
        )
        self._starts = [heading.start for heading in self.headings]
        self._paths = _paths(self.headings)
        self._pages = sorted(outline.pages)

    def above(self, at: int) -> list[str]:
        """From high to low; a heading that starts at `at` is among them."""
        index = bisect_right(self._starts, at) - 1
        return [title for _, title in self._paths[index] if title] if index >= 0 else []

    def page(self, at: int) -> int | None:
        """Counted from 1; None where the text has no pages."""
        return max(1, bisect_right(self._pages, at)) if self._pages else None

    def parent(self, index: int) -> tuple[tuple[int, str], ...]:
        """What a heading stands below."""
        return self._paths[index][:-1]


def _with_marks(text: str, start: int) -> int:
    """Where a heading's line begins, when only Markdown's own marks stand before its first letter."""
    line = text.rfind("\n", max(0, start - MARKS_MAX), start) + 1
    before = text[line:start] if line or start <= MARKS_MAX else ""
    return line if before and "#" in before and not before.strip("# \t") else start


def regions(text: str, titles: Titles, limit: int) -> list[Region]:
    """The text in stretches, in order and without gaps; `limit` is the size of a chunk in characters."""
    found: list[Region] = []
    last = -1
    for index, region in _sections(text, titles):
        if found and _may_join(text, titles, (last, found[-1]), (index, region), limit):
            before = found.pop()
            empty = before.body >= before.end
            region = Region(before.start, region.end, region.body if empty else before.body)
        found.append(region)
        last = index
    return found


def _sections(text: str, titles: Titles) -> list[tuple[int, Region]]:
    """One stretch per heading, with the heading's index; what stands before the first one has -1."""
    starts = [heading.start for heading in titles.headings]
    places = [-1, *range(len(starts))]
    edges = [0, *starts, len(text)]
    return [
        (index, Region(start, end, _body(text, start, end) if index >= 0 else start))
        for index, start, end in zip(places, edges, edges[1:], strict=False)
        if start < end
    ]


def _body(text: str, start: int, end: int) -> int:
    """Where the text behind the heading's line begins; `end` when there is none."""
    line = text.find("\n", start, end)
    if line < 0:
        return end
    underline = _UNDERLINE.match(text, line + 1, end)
    place = underline.end() if underline else line + 1
    while place < end and text[place].isspace():
        place += 1
    return place


def _may_join(
    text: str, titles: Titles, before: tuple[int, Region], behind: tuple[int, Region], limit: int
) -> bool:
    """A heading without text goes with what follows below or beside it; small siblings go together."""
    (index, first), (next_index, second) = before, behind
    if index < 0:
        return not text[first.start : first.end].strip() if first.end - first.start <= limit else False
    siblings = titles.parent(index) == titles.parent(next_index)
    level, next_level = titles.headings[index].level, titles.headings[next_index].level
    if first.body >= first.end:
        return next_level > level or siblings
    small = limit // _SMALL
    fits = second.end - first.start <= limit
    both_small = first.end - first.start < limit // 2 and second.end - second.start < small
    return siblings and level == next_level and fits and both_small and second.body < second.end


def _paths(headings: list[Heading]) -> list[tuple[tuple[int, str], ...]]:
    """The titles above and at each heading, with their levels."""
    paths = []
    stack: list[tuple[int, str]] = []
    for heading in headings:
        while stack and stack[-1][0] >= heading.level:
            stack.pop()
        title = " ".join(heading.title[: 4 * TITLE_CHARS_MAX].split())[:TITLE_CHARS_MAX]
        stack = [*stack[: DEPTH_MAX - 1], (heading.level, title)]
        paths.append(tuple(stack))
    return paths
