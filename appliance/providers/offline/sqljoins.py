"""The FROM clause: it grows while the other parts of a statement name the tables that they need."""

from __future__ import annotations

from appliance.providers.offline.intent import Ref, Unclear
from appliance.providers.offline.joins import Graph, Step
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.sqltext import quoted


class Joins:
    """The base table and all that is joined to it."""

    def __init__(self, base: str, lexicon: Lexicon) -> None:
        self.base = base
        self.lexicon = lexicon
        self.graph = Graph(lexicon)
        self.steps: dict[str, tuple[Step, str]] = {}
        """Joined table -> the step to it and JOIN or LEFT JOIN, in the order they were needed."""

    def column(self, ref: Ref) -> str:
        """The column with its table's name; the table is joined if it is not there yet."""
        self.reach(ref.table)
        return f"{quoted(ref.table)}.{quoted(ref.column)}"

    def joined(self, refs: tuple[Ref, ...]) -> str:
        """Several columns as one text, like first and last name."""
        return " || ' ' || ".join(self.column(ref) for ref in refs)

    def reach(self, table: str) -> None:
        """Join the table, and those on the way to it, unless they are there already."""
        if table == self.base or table in self.steps:
            return
        steps = self.graph.path(self.base, table)
        if steps is None:
            raise Unclear(f"I see no key that connects {self.base} with {table}.")
        for step in steps:
            self.steps.setdefault(step.target.table, (step, "JOIN"))

    def fans_out(self) -> bool:
        """Whether a row of the base table may come more than once."""
        return any(not step.to_one for step, _ in self.steps.values())

    def from_clause(self) -> str:
        """FROM and all joins."""
        return "\n".join(
            [
                f"FROM {table_clause(self.base)}",
                *(join_clause(kind, step) for step, kind in self.steps.values()),
            ]
        )


def table_clause(name: str) -> str:
    """The table in a FROM clause; one of another schema gets its whole name as alias."""
    schema, dot, table = name.rpartition(".")
    return f"{quoted(schema)}.{quoted(table)} AS {quoted(name)}" if dot else quoted(name)


def join_clause(kind: str, step: Step) -> str:
    """The join along one key."""
    source = f"{quoted(step.source.table)}.{quoted(step.source.column)}"
    target = f"{quoted(step.target.table)}.{quoted(step.target.column)}"
    return f"{kind} {table_clause(step.target.table)} ON {target} = {source}"
