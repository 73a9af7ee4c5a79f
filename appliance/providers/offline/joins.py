"""How to get from one table to another along foreign keys."""

from __future__ import annotations

import heapq

import msgspec

from appliance.providers.offline.intent import Ref
from appliance.providers.offline.lexicon import Lexicon, table_id

HOPS_MAX = 4
TO_MANY_COST = 1.2
"""A step to many rows costs more than one to a single row: ways that keep rows single win."""


class Step(msgspec.Struct, frozen=True):
    """From a column of one table to a column of the next; `to_one` when there is at most one such row.

    `sure` when there always is one: the key is declared and never NULL.
    """

    source: Ref
    target: Ref
    to_one: bool
    sure: bool = False


class Graph:
    """The foreign keys of a schema in both directions; keys of a table to itself are left out."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._steps: dict[str, list[Step]] = {name: [] for name in lexicon.tables}
        ids = {(table.schema, table.name): name for name, table in lexicon.tables.items()}
        for table in lexicon.tables.values():
            for key in table.foreign_keys:
                target = ids.get((table.schema, key.target_table))
                if target is not None and target != table_id(table):
                    child = Ref(table_id(table), key.column)
                    sure = key.declared and not lexicon.column(child).nullable
                    self._add(child, Ref(target, key.target_column), sure)

    def _add(self, child: Ref, parent: Ref, sure: bool) -> None:
        self._steps[child.table].append(Step(child, parent, True, sure))
        self._steps[parent.table].append(Step(parent, child, False))

    def path(self, start: str, end: str) -> list[Step] | None:
        """The cheapest way, [] for the same table, None when there is none."""
        queue: list[tuple[float, int, str, list[Step]]] = [(0.0, 0, start, [])]
        done: set[str] = set()
        pushed = 0
        while queue:
            cost, _, table, steps = heapq.heappop(queue)
            if table == end:
                return steps
            if table in done or len(steps) == HOPS_MAX:
                continue
            done.add(table)
            for step in self._steps[table]:
                pushed += 1
                way = [*steps, step]
                heapq.heappush(
                    queue, (cost + (1 if step.to_one else TO_MANY_COST), pushed, step.target.table, way)
                )
        return None

    def distance(self, start: str, end: str) -> float:
        """For comparing: 0 for the same table, infinite when there is no way."""
        steps = self.path(start, end)
        return float("inf") if steps is None else sum(1 if step.to_one else TO_MANY_COST for step in steps)

    def single(self, start: str, end: str) -> bool:
        """Whether a row of `start` has at most one row of `end`."""
        steps = self.path(start, end)
        return steps is not None and all(step.to_one for step in steps)

    def always(self, start: str, end: str) -> bool:
        """Whether each row of `start` has a row of `end`."""
        steps = self.path(start, end)
        return steps is not None and all(step.sure for step in steps)

    def step_from(self, column: Ref) -> Step | None:
        """The key that the column is, if it is one."""
        return next((s for s in self._steps[column.table] if s.to_one and s.source == column), None)

    def children(self, table: str) -> list[str]:
        """Tables whose rows point at rows of this one."""
        return [step.target.table for step in self._steps[table] if not step.to_one]
