"""What a question says, before tables and columns are chosen: the output of `question.py`.

`Mark`s stand for names that may still mean several things; `resolve.py` decides."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.providers.offline.intent import Function, Number, Operator, Period
from appliance.providers.offline.lexicon import Value
from appliance.providers.offline.marks import Mark

Outer = Literal["", "avg", "min", "max"]


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """A number asked for: a function of a column, or of rows of a table, or of "revenue"."""

    function: Function | None = None
    column: Mark | None = None
    table: Mark | None = None
    money: bool = False
    outer: Outer = ""


class Ranking(msgspec.Struct, frozen=True, kw_only=True):
    """Top or bottom `limit` of the subject by the metric, by time, or by columns named like the hints."""

    descending: bool
    limit: int | None = None
    subject: Mark | None = None
    metric: Metric | None = None
    hints: tuple[str, ...] = ()
    by_time: bool = False


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One restriction. `mark` is its column or table; `values` are numbers, texts or known values."""

    kind: Literal["period", "is", "matches", "compare", "missing", "has", "row", "value", "mention"]
    mark: Mark | None = None
    operator: Operator = "="
    values: tuple[str | Number | Value, ...] = ()
    negated: bool = False
    period: Period | None = None
    duration: str = ""
    """The unit of time of the number that is compared."""
    word: str = ""
    """The preposition of a value or mention, the verb of a match."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A question taken apart; `unknown` are words that mean nothing here."""

    metric: Metric | None = None
    ranking: Ranking | None = None
    groups: tuple[Mark, ...] = ()
    conditions: tuple[Condition, ...] = ()
    subjects: tuple[Mark, ...] = ()
    columns: tuple[Mark, ...] = ()
    columns_first: bool = False
    """A column is named before any table: "which cities do users live in"."""
    sort: Mark | None = None
    descending: bool = False
    distinct: bool = False
    either: bool = False
    """An "or" stands between conditions of different columns."""
    limit: int | None = None
    unknown: tuple[str, ...] = ()
    about_data: bool = False
    """Some word of it asks for a count, a ranking or the like, or names something in the data."""

    @property
    def complete(self) -> bool:
        """Whether it says what it is about."""
        metric = self.metric or (self.ranking.metric if self.ranking else None)
        counted = metric is not None and bool(metric.column or metric.table or metric.money)
        return counted or bool(self.subjects or self.columns or (self.ranking and self.ranking.subject))

    @property
    def empty(self) -> bool:
        """Whether nothing at all was understood."""
        return self == Reading(unknown=self.unknown, about_data=self.about_data)


def continued(before: Reading, this: Reading) -> Reading:
    """The earlier question with what this one says differently: "and by city?", "only those in Berlin"."""
    kept = tuple(old for old in before.conditions if not any(_replaces(new, old) for new in this.conditions))
    ranking, groups = before.ranking, this.groups or before.groups
    if ranking and ranking.subject and this.groups:
        ranking, groups = msgspec.structs.replace(ranking, subject=this.groups[0]), ()
    return msgspec.structs.replace(
        before,
        ranking=ranking,
        groups=groups,
        conditions=kept + this.conditions,
        metric=this.metric or before.metric,
        sort=this.sort or before.sort,
        descending=this.descending if this.sort else before.descending,
        limit=this.limit or (this.ranking.limit if this.ranking else None) or before.limit,
        either=before.either or this.either,
        unknown=this.unknown,
    )


def _replaces(new: Condition, old: Condition) -> bool:
    """Whether both restrict the same thing, as another month does."""
    if new.kind == old.kind == "value":
        return bool(_refs_of(new) & _refs_of(old))
    return new.kind == old.kind and new.kind in {"period", "mention"} and new.word == old.word


def _refs_of(condition: Condition) -> set[object]:
    return {value.ref for value in condition.values if isinstance(value, Value)}
