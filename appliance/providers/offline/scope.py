"""Which of several tables or columns a name means: what is nearest along the keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from appliance.providers.offline.clocks import clock_of
from appliance.providers.offline.intent import Clock, Ref, Unclear
from appliance.providers.offline.joins import Graph
from appliance.providers.offline.lexicon import Lexicon, Value
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.reading import Reading

T = TypeVar("T")

UNREACHABLE = 100.0
"""Longer than any way along keys."""
ASKED_BACK_MAX = 5
"""Unknown words that are named."""
MANY = 10.0
"""Added to ways that multiply rows."""


def not_numbers(lexicon: Lexicon, mark: Mark, wanted: str) -> Unclear:
    """What to raise for a column that is no number; `wanted` is the function asked for, if one was."""
    rest = f"there is no {wanted} of it" if wanted else "I cannot compare it with a number"
    if any(lexicon.kind(ref) == "text" for ref in mark.columns):
        return Unclear(f"{mark.columns[0].column} is stored as text, so {rest}.")
    return Unclear(f"“{mark.text}” is not a column of numbers, so {rest}.")


class Scope:
    """A question in a schema. Raises `Unclear` where a name cannot be found or reached."""

    def __init__(self, reading: Reading, lexicon: Lexicon) -> None:
        self.reading = reading
        self.lexicon = lexicon
        self.graph = Graph(lexicon)

    def best_first(self, items: Sequence[T], table_of: Callable[[T], str], subject: Mark | None) -> list[T]:
        """Best first: from whose table all that is mentioned can be reached, without counting rows twice."""
        return sorted(items, key=lambda item: self._misfit(table_of(item), subject))

    def _misfit(self, base: str, subject: Mark | None) -> float:
        wanted = [*self.reading.subjects, *self.reading.groups, *([subject] if subject else [])]
        places = [{*mark.tables, *(ref.table for ref in mark.columns)} for mark in wanted if not mark.unit]
        for condition in self.reading.conditions:
            values = {value.ref.table for value in condition.values if isinstance(value, Value)}
            places += [values] if values else []
        cost = sum(min(self.way(base, table) for table in tables) for tables in places if tables)
        timed = any(mark.unit for mark in wanted) or any(c.period for c in self.reading.conditions)
        return cost + (UNREACHABLE if timed and self.find_clock(base) is None else 0)

    def way(self, base: str, table: str) -> float:
        """How far it is to the table; ways that multiply rows are far, no way is `UNREACHABLE`."""
        distance = self.graph.distance(base, table)
        if distance == float("inf"):
            return UNREACHABLE
        return distance if self.graph.single(base, table) else MANY + distance

    def table(self, mark: Mark) -> str:
        """The table that the mark means; of several the one nearest to all else that is mentioned."""
        if len(mark.tables) == 1:
            return mark.tables[0]
        return self.best_first(mark.tables, lambda table: table, None)[0]

    def subject_table(self) -> str:
        """What the question is about when no measure says so."""
        if self.reading.subjects:
            return self.table(self.reading.subjects[0])
        tables = [ref.table for mark in (*self.reading.columns, *self.reading.groups) for ref in mark.columns]
        tables += [
            value.ref.table
            for condition in self.reading.conditions
            for value in condition.values
            if isinstance(value, Value)
        ]
        tables += [ref.table for c in self.reading.conditions if c.mark for ref in c.mark.columns]
        if tables:
            return self.best_first(tables, lambda table: table, None)[0]
        if len(self.lexicon.tables) == 1:
            return next(iter(self.lexicon.tables))
        raise Unclear("I could not see which table you mean.")

    def nearest(self, base: str, refs: Iterable[Ref], text: str) -> Ref:
        """The column that is nearest to the table; `text` is how it was called."""
        found = sorted(refs, key=lambda ref: self.way(base, ref.table))
        if not found or self.way(base, found[0].table) >= UNREACHABLE:
            raise Unclear(f"I see no key that leads from {base} to “{text}”.")
        return found[0]

    def reached(self, base: str, table: str) -> str:
        """The table itself, if any key leads there."""
        if self.graph.path(base, table) is None:
            raise Unclear(f"I see no key that connects {base} with {table}.")
        return table

    def ask_back(self, words: Sequence[str]) -> Unclear:
        """What to raise for words that nothing is called."""
        words = words[:ASKED_BACK_MAX]
        named = ", ".join(f"“{word}”" for word in words)
        close = list(dict.fromkeys(name for word in words for name in self.lexicon.closest(word)))
        hint = f" Did you mean {' or '.join(close[:3])}?" if close else ""
        return Unclear(f"I do not know what {named} refers to in this data.{hint}")

    def find_clock(self, base: str) -> Clock | None:
        """How the table tells time, or the nearest table that it belongs to."""
        tables = [table for table in self.lexicon.tables if self.graph.single(base, table)]
        for table in sorted(tables, key=lambda table: self.graph.distance(base, table)):
            if clock := clock_of(self.lexicon, table):
                return clock
        return None

    def clock(self, base: str) -> Clock:
        """As `_find_clock`, else that of rows that belong to it: products that were sold last month."""
        clock = self.find_clock(base)
        if clock is None:
            tables = [table for table in self.lexicon.tables if self.graph.path(base, table) is not None]
            tables.sort(key=lambda table: self.graph.distance(base, table))
            clock = next((found for table in tables if (found := clock_of(self.lexicon, table))), None)
        if clock is None:
            raise Unclear(f"I see no date in {base}, so I cannot tell when.")
        return clock

    def time_refs(self, clock: Clock) -> tuple[Ref, ...]:
        """The columns to sort by for the order of time."""
        names = [clock.column] if clock.column else [clock.year, clock.month, clock.day]
        return tuple(Ref(clock.table, name) for name in names if name)
