"""Questions that documents did not answer, with those that ask the same in other words as one. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Literal, TypeAlias

import msgspec

from appliance.knowledge import Gap
from appliance.words import root, words

EXAMPLES_MAX = 5

Status: TypeAlias = Literal["open", "answered", "dismissed"]


class GapGroup(msgspec.Struct, frozen=True, kw_only=True):
    """Gaps of one bot whose questions have the same words, however they are put; the most frequent first."""

    gaps: list[Gap]

    @property
    def id(self) -> str:
        """Of its most frequent question; those of the others find the group, too."""
        return self.gaps[0].id

    @property
    def count(self) -> int:
        """How often it was asked in any words."""
        return sum(gap.count for gap in self.gaps)

    @property
    def last_at(self) -> float:
        """When it was last asked, in Unix seconds."""
        return max(gap.last_at for gap in self.gaps)

    @property
    def status(self) -> Status:
        """Open as long as one of its questions is."""
        if any(gap.status == "open" for gap in self.gaps):
            return "open"
        return "answered" if any(gap.outcome == "answered" for gap in self.gaps) else "dismissed"

    @property
    def examples(self) -> list[str]:
        """The ways to ask it, the most frequent first."""
        return list(dict.fromkeys(gap.question for gap in self.gaps))[:EXAMPLES_MAX]


def grouped(gaps: Iterable[Gap]) -> list[GapGroup]:
    """All groups, the most often asked first; the order of the gaps within a group stays."""
    found: dict[Hashable, list[Gap]] = {}
    for gap in gaps:
        found.setdefault((gap.namespace, gap.bot, _sense(gap)), []).append(gap)
    groups = [GapGroup(gaps=own) for own in found.values()]
    return sorted(groups, key=lambda group: (-group.count, -group.last_at, group.id))


def _sense(gap: Gap) -> Hashable:
    """The words that say what is asked, in any order; a question without such words is alone."""
    return frozenset(root(word) or word for word in words(gap.question)) or gap.id
