"""The marks of a question that are not understood yet, with what the stages need to look at and take them.

A place outside of the question has no mark, no keyword and no number, so nobody has to check bounds.
"""

from __future__ import annotations

from collections.abc import Iterator

from appliance.providers.offline.intent import Number
from appliance.providers.offline.lexicon import Lexicon, Rank
from appliance.providers.offline.marks import Mark


class Cursor:
    """A list of marks that gets shorter with everything that is understood."""

    def __init__(self, marks: list[Mark], lexicon: Lexicon) -> None:
        self._marks = marks
        self._lexicon = lexicon

    def __len__(self) -> int:
        return len(self._marks)

    def __iter__(self) -> Iterator[Mark]:
        return iter(list(self._marks))

    def __getitem__(self, at: int) -> Mark:
        return self._marks[at]

    def get(self, at: int) -> Mark | None:
        """The mark at that place, if there is one."""
        return self._marks[at] if 0 <= at < len(self._marks) else None

    def keyword(self, at: int) -> str:
        """The keyword of the mark there, or ''."""
        found = self.get(at)
        return found.keyword if found else ""

    def number(self, at: int) -> Number | None:
        """The number that stands there."""
        found = self.get(at)
        return found.number if found else None

    def cut(self, start: int, end: int) -> None:
        """Take away the marks from `start` up to, not including, `end`: they are understood."""
        del self._marks[start:end]

    def is_numeric(self, mark: Mark | None) -> bool:
        """Whether the mark may mean a column of numbers."""
        return mark is not None and any(self._lexicon.kind(ref) in {"number", "key"} for ref in mark.columns)

    def name_at(self, at: int) -> Mark | None:
        """The table, column or unit of time there; an "of" before it is taken away."""
        while self.keyword(at) == "of":
            self.cut(at, at + 1)
        found = self.get(at)
        return found if found and found.is_name else None

    def unknown_run(self, at: int) -> tuple[str, int]:
        """Neighbouring unknown words and numbers after them as one text, and the place behind them.

        Capitalised words that only might be something else belong to it: United Air Lines.
        """
        words: list[str] = []
        start, unknown = at, False
        while (found := self.get(at)) and (_may_be_a_name(found) or (words and found.number is not None)):
            unknown = unknown or not found.known
            words.append(found.text)
            at += 1
        return (" ".join(words), at) if unknown else ("", start)

    def take_limit(self) -> int | None:
        """Takes a number that stands before what is listed: `show 5 users`."""
        for at, found in enumerate(self._marks):
            number, after = found.number, self.get(at + 1)
            if isinstance(number, int) and number > 0 and after and after.is_name:
                self.cut(at, at + 1)
                return number
        return None


def _may_be_a_name(mark: Mark) -> bool:
    weak = mark.names is not None and mark.names.rank >= Rank.SHORT and not mark.keyword and not mark.unit
    return not mark.quoted and (not mark.known or (weak and mark.text[:1].isupper()))
