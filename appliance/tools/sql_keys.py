"""Infers foreign keys that nobody declared, as in tables imported from CSV files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set
from functools import cached_property
from itertools import islice

import msgspec

from appliance.schema import ForeignKey
from appliance.sqlguard import fold

VALUES_MIN = 3
"""Fewer different values prove nothing."""
OVERLAP_BY_VALUE = 0.9
"""Share of a column's values that must be keys when the names say nothing. Real data has orphans."""
OVERLAP_BY_NAME = 0.5
"""The same when the column has the name of a key that is not declared as one."""
VAGUE = frozenset({"id", "name", "title", "label", "key", "date", "day", "year", "month", "type"})
"""Names that many tables use for different things."""

_NOTHING: frozenset[str] = frozenset()


class Evidence(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What is known of one table: its columns, short texts of its first rows, and its key ('' for none).

    `key_is_declared` when the file says that it is unique; otherwise its first rows only look so.
    """

    table: str
    columns: list[str]
    values: dict[str, frozenset[str]]
    key: str
    key_is_declared: bool
    key_values: frozenset[str]

    @cached_property
    def folded_table(self) -> str:
        """The table's name as SQLite compares it; every other table asks for it."""
        return fold(self.table)

    @cached_property
    def folded_key(self) -> str:
        """The key's name, the same way."""
        return fold(self.key)


def infer(source: Evidence, all_tables: list[Evidence], known: Set[str]) -> list[ForeignKey]:
    """At most one key for each column of `source` that is not in `known`."""
    others = _Others([table for table in all_tables if table.key and table.table != source.table])
    keys = []
    for column in source.columns:
        target = None if column in known else next(_targets(source, column, others), None)
        if target is not None:
            keys.append(
                ForeignKey(column=column, target_table=target.table, target_column=target.key, declared=False)
            )
    return keys


class _Others:
    """The tables that may be pointed at, found by name: there can be hundreds, with many columns each."""

    def __init__(self, tables: list[Evidence]) -> None:
        self.with_texts = [table for table in tables if len(table.key_values) > 0]
        self._by_table: dict[str, list[tuple[int, Evidence]]] = {}
        self._by_key: dict[str, list[Evidence]] = {}
        for place, table in enumerate(tables):
            self._by_table.setdefault(table.folded_table, []).append((place, table))
            self._by_key.setdefault(table.folded_key, []).append(table)

    def called(self, names: Set[str]) -> list[Evidence]:
        """The tables of these names, in their order."""
        found = [entry for name in names for entry in self._by_table.get(name, ())]
        return [table for _, table in sorted(found, key=lambda entry: entry[0])]

    def keyed(self, name: str) -> list[Evidence]:
        """The tables whose key has this name, in their order."""
        return self._by_key.get(name, [])


def _targets(source: Evidence, column: str, others: _Others) -> Iterator[Evidence]:
    """Tables that the column may point at, the best founded first."""
    name = fold(column)
    yield from _named_after(name, others)
    if column == source.key:
        return
    values = source.values.get(column, _NOTHING)
    if name not in VAGUE:
        yield from (
            other
            for other in others.keyed(name)
            if other.key_is_declared or _overlap(values, other) >= OVERLAP_BY_NAME
        )
    yield from _holding(values, others)


def _named_after(name: str, others: _Others) -> list[Evidence]:
    """`user_id` and `userId` point at the key of `user` or `users`, `category_id` at `categories`."""
    stem = name.removesuffix("id").removesuffix("_")
    if not name.endswith("id") or not stem:
        return []
    plurals = {stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies" if stem.endswith("y") else stem}
    return [other for other in others.called(plurals) if other.folded_key in ("id", name)]


def _holding(values: frozenset[str], others: _Others) -> list[Evidence]:
    """Tables whose keys are nearly all of the values, those with most of them first."""
    if len(values) < VALUES_MIN:
        return []
    enough = [
        (overlap, other)
        for other in _not_foreign(values, others.with_texts)
        if (overlap := _overlap(values, other)) >= OVERLAP_BY_VALUE
    ]
    return [other for _, other in sorted(enough, key=lambda entry: -entry[0])]


def _not_foreign(values: frozenset[str], tables: list[Evidence]) -> list[Evidence]:
    """Without the tables that surely hold too few of the values, which a part of these tells already."""
    count = len(values)
    strangers = next(n for n in range(1, count + 1) if (count - n) / count < OVERLAP_BY_VALUE)
    some = frozenset(islice(values, strangers))
    return [
        table
        for table in tables
        if len(table.key_values) / count >= OVERLAP_BY_VALUE and not some.isdisjoint(table.key_values)
    ]


def _overlap(values: frozenset[str], other: Evidence) -> float:
    """The share of the column's texts that are keys of the other table; 0 for too few to tell."""
    return len(values & other.key_values) / len(values) if len(values) >= VALUES_MIN else 0.0
