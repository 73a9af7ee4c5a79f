"""Infers foreign keys that nobody declared, as in tables imported from CSV files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Set

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


class Evidence(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one table: its columns, short texts of its first rows, and its key ('' for none).

    `key_is_declared` when the file says that it is unique; otherwise its first rows only look so.
    """

    table: str
    columns: list[str]
    values: dict[str, frozenset[str]]
    key: str
    key_is_declared: bool
    key_values: frozenset[str]


def infer(source: Evidence, all_tables: list[Evidence], known: Set[str]) -> list[ForeignKey]:
    """At most one key for each column of `source` that is not in `known`."""
    others = [table for table in all_tables if table.key and table.table != source.table]
    keys = []
    for column in source.columns:
        target = None if column in known else next(_targets(source, column, others), None)
        if target is not None:
            keys.append(
                ForeignKey(column=column, target_table=target.table, target_column=target.key, declared=False)
            )
    return keys


def _targets(source: Evidence, column: str, others: list[Evidence]) -> Iterator[Evidence]:
    """Tables that the column may point at, the best founded first."""
    yield from (other for other in others if _is_named_after(column, other))
    if column == source.key:
        return
    if fold(column) not in VAGUE:
        yield from (other for other in others if _is_its_key(source, column, other))
    ranked = sorted(others, key=lambda other: -_overlap(source, column, other))
    yield from (other for other in ranked if _overlap(source, column, other) >= OVERLAP_BY_VALUE)


def _is_named_after(column: str, other: Evidence) -> bool:
    """`user_id` and `userId` point at the key of `user` or `users`, `category_id` at `categories`."""
    name, table = fold(column), fold(other.table)
    stem = name.removesuffix("id").removesuffix("_")
    if not name.endswith("id") or not stem:
        return False
    plurals = {stem, f"{stem}s", f"{stem}es", f"{stem[:-1]}ies" if stem.endswith("y") else stem}
    return table in plurals and fold(other.key) in {"id", name}


def _is_its_key(source: Evidence, column: str, other: Evidence) -> bool:
    if fold(column) != fold(other.key):
        return False
    return other.key_is_declared or _overlap(source, column, other) >= OVERLAP_BY_NAME


def _overlap(source: Evidence, column: str, other: Evidence) -> float:
    """The share of the column's texts that are keys of the other table; 0 for too few to tell."""
    values = source.values.get(column, frozenset())
    return len(values & other.key_values) / len(values) if len(values) >= VALUES_MIN else 0.0
