"""Cuts a text into chunks that can be cited: whole sentences, under one heading, nothing lost (Fluxbase 6.2).

Pure. Chunks are found from front to back: in each window of the greatest size the last place of the best kind
is taken; a place inside a sentence, code or a table only when there is no other.
"""
# ruff: noqa: RUF001 - the punctuation of all scripts is meant

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable
from typing import TypeAlias

from appliance.chunksections import Region, Titles, regions
from appliance.errors import InvalidInput
from appliance.knowledge import Outline, Piece, Strategy
from appliance.textbreaks import (
    UNSPACED_START,
    code_and_tables,
    is_sentence_end,
    joined,
    sentence_ends,
    whole_character_before,
)

TOKEN_CHARS = 4
SIZE_MIN = 16
SIZE_MAX = 8192
"""Tokens. Below, a chunk is no sentence; above, no embedding model takes it."""

_BLANK_LINE = re.compile(r"\n[^\S\n]{0,64}\r?\n")
_ITEM = re.compile(r"(?<![:：\n])\n(?=[^\S\n]{0,16}(?:[-*+•–]\s|\d{1,3}[.)]\s|\|))")
_NEWLINE = re.compile(r"\n")
_COMMA = re.compile(r"(?<=[,;:])\s|(?<=[，、；،])")
_SPACE = re.compile(r"\s")
_WORD_START = re.compile(r"(?<=\s)\S")
_INK = re.compile(r"\S")
_ANY_BREAK = re.compile(r"[\s。！？｡।॥，、；،]")
_AHEAD = 80
"""So far behind a window is looked, to see whether a separator there is one."""

Places: TypeAlias = Callable[[int, int], Iterable[int]]
"""Places to cut at between two positions, both included, last first; each is a chunk's end."""


def check_sizes(size: int, overlap: int) -> None:
    """Raise `InvalidInput` unless chunks of `size` tokens that share `overlap` tokens make sense."""
    if not SIZE_MIN <= size <= SIZE_MAX:
        raise InvalidInput(f"chunk_size is {size}; it must be between {SIZE_MIN} and {SIZE_MAX} tokens.")
    if overlap < 0:
        raise InvalidInput(f"chunk_overlap is {overlap}; it must be 0 or more tokens.")
    if overlap >= size:
        raise InvalidInput(
            f"chunk_overlap is {overlap}; it must be smaller than chunk_size, which is {size} tokens."
        )


def chunk(text: str, outline: Outline, *, strategy: Strategy, size: int, overlap: int) -> list[Piece]:
    """The chunks of a text in order, without blanks around them; outside all of them there are only blanks.

    `size` and `overlap` are in tokens of 4 characters: no chunk is longer than `size`, none repeats more than
    `overlap` of the one before, nor more than half a chunk, nor anything of another section. Takes time in
    proportion to the text.
    """
    if not text or text.isspace():
        return []
    limit = max(size, 1) * TOKEN_CHARS
    titles = Titles(text, outline)
    cutter = _Cutter(text, outline, strategy, limit, min(max(overlap, 0) * TOKEN_CHARS, limit // 2))
    return [
        Piece(
            start=start,
            end=end,
            headings=titles.above(max(start, min(region.body, end - 1))),
            page=titles.page(start),
        )
        for region in regions(text, titles, limit)
        for start, end in cutter.cut(region)
    ]


class _Cutter:
    """One text with its separators by strategy."""

    def __init__(self, text: str, outline: Outline, strategy: Strategy, limit: int, overlap: int) -> None:
        self._text = text
        self._limit = limit
        self._overlap = overlap
        self._fixed = strategy == "fixed"
        self._blocks = sorted({block for block in outline.blocks if 0 < block < len(text)})
        self._whole = code_and_tables(text)
        paragraph, item = self._separator(_BLANK_LINE), self._separator(_ITEM)
        kinds: dict[Strategy, list[list[Places]]] = {
            "recursive": [[paragraph, item, self._sentences]],
            "paragraph": [[paragraph], [item, self._sentences]],
            "sentence": [[self._sentences_and_paragraphs]],
            "fixed": [],
        }
        self._strong = kinds[strategy]
        self._weak = [self._separator(kind) for kind in (_BLANK_LINE, _NEWLINE, _COMMA, _SPACE)]

    def cut(self, region: Region) -> list[tuple[int, int]]:
        """The chunks of a stretch."""
        found: list[tuple[int, int]] = []
        stop = self._last_ink(region.start, region.end)
        at = self._next_ink(region.start, stop)
        while at < stop:
            start = self._overlap_start(at, found[-1]) if found else at
            top = start + self._limit
            end = stop if stop <= top else self._last_ink(at, self._end(at, top, region.body))
            found.append((start, end))
            at = self._next_ink(end, stop)
        return found

    def _end(self, at: int, top: int, body: int) -> int:
        """Where the chunk that has new text from `at` on ends, at most at `top`."""
        floor = max(at, body) if body < top else at
        if not self._fixed and (self._blocks or _ANY_BREAK.search(self._text, floor, top + 1)):
            for choose in (self._block, self._strong_end, self._weak_end):
                end = choose(floor, top)
                if end is not None:
                    return end
        return whole_character_before(self._text, top, at)

    def _block(self, floor: int, top: int) -> int | None:
        """Rows and slides stay whole: the last one that begins behind `floor` begins the next chunk."""
        index = bisect_right(self._blocks, top + 1) - 1
        while index >= 0 and (start := self._blocks[index]) > floor:
            end = self._last_ink(floor, start)
            if floor < end <= top and not joined(self._text, start):
                return end
            index -= 1
        return None

    def _strong_end(self, floor: int, top: int) -> int | None:
        middle = floor + (top - floor) // 2
        for group in self._strong:
            end = self._choose(group, floor, middle, top, whole=True)
            if end is not None:
                return end
        return None

    def _weak_end(self, floor: int, top: int) -> int | None:
        return self._choose(self._weak, floor, floor + (top - floor) // 2, top, whole=False)

    def _choose(self, kinds: list[Places], floor: int, middle: int, top: int, *, whole: bool) -> int | None:
        """In the second half of the window the best kind wins, in the first half the last place."""
        for kind in kinds:
            for place in kind(middle, top):
                if place > floor and self._allows(place, whole):
                    return place
        best = -1
        for kind in kinds:
            best = max(best, next((p for p in kind(floor + 1, middle - 1) if self._allows(p, whole)), -1))
        return best if best > floor else None

    def _allows(self, place: int, whole: bool) -> bool:
        return not joined(self._text, place) and not (whole and self._whole.around(place))

    def _separator(self, pattern: re.Pattern[str]) -> Places:
        def places(low: int, high: int) -> Iterable[int]:
            matches = pattern.finditer(self._text, low, min(high + _AHEAD, len(self._text)))
            return reversed([match.start() for match in matches if match.start() <= high])

        return places

    def _sentences(self, low: int, high: int) -> Iterable[int]:
        ends = reversed(sentence_ends(self._text, low, high))
        return (place for place in ends if is_sentence_end(self._text, place))

    def _sentences_and_paragraphs(self, low: int, high: int) -> Iterable[int]:
        for places in (self._sentences, self._separator(_BLANK_LINE), self._separator(_ITEM)):
            yield from places(low, high)

    def _overlap_start(self, at: int, before: tuple[int, int]) -> int:
        """Where the chunk with new text from `at` on begins: in the one before, at a row, sentence, word."""
        end = before[1]
        low = max(end - self._overlap, before[0] + 1, at - self._overlap)  # blanks between may be many
        if low >= end:
            return at
        if self._fixed:
            return next((place for place in range(low, end) if self._may_start(place)), at)
        index = bisect_left(self._blocks, at)
        if index < len(self._blocks) and self._blocks[index] == at:
            first = self._blocks[bisect_left(self._blocks, low)]
            return first if first < end and self._may_start(first) else at
        around = self._whole.around(low)
        if around is not None:
            return self._line_start(low, end, at) if around[1] > at else self._next_ink(around[1], at)
        return self._sentence_start(low, end) or self._word_start(low, end) or at

    def _line_start(self, low: int, end: int, at: int) -> int:
        line = self._text.find("\n", low, end)
        return self._next_ink(line, end) if line >= 0 else at

    def _sentence_start(self, low: int, end: int) -> int | None:
        for place in sentence_ends(self._text, max(low - 4, 0), end - 1):
            start = self._next_ink(place, end)
            if low <= start < end and is_sentence_end(self._text, place) and self._may_start(start):
                return start
        return None

    def _word_start(self, low: int, end: int) -> int | None:
        match = _WORD_START.search(self._text, low, end)
        if match is not None and self._may_start(match.start()):
            return match.start()
        starts = (match.start() for match in UNSPACED_START.finditer(self._text, low, end))
        return next((place for place in starts if self._may_start(place)), None)

    def _may_start(self, place: int) -> bool:
        return not self._text[place].isspace() and not joined(self._text, place)

    def _next_ink(self, start: int, stop: int) -> int:
        match = _INK.search(self._text, start, stop)
        return match.start() if match else stop

    def _last_ink(self, floor: int, end: int) -> int:
        """The end of what is visible before `end`; `floor` when there is nothing."""
        return floor + len(self._text[floor:end].rstrip())
