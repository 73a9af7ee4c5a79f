"""`Reading` -> `Intent`: which table a question is about, and which of several like-named columns it means.

Where a word fits more than one column, the nearest to the table in question wins, counted along foreign
keys. What cannot be decided or reached raises `Unclear` with a sentence that asks back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec

from appliance.providers.offline import vocabulary
from appliance.providers.offline.filters import merged_filters, resolve_filter
from appliance.providers.offline.intent import (
    LIMIT_MAX,
    ByColumn,
    ByTime,
    Clock,
    During,
    Entity,
    Group,
    Having,
    Intent,
    Is,
    Matches,
    Measure,
    Missing,
    Named,
    Order,
    Ref,
    Unclear,
)
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.reading import Metric, Ranking, Reading
from appliance.providers.offline.scope import Scope, not_numbers
from appliance.providers.offline.words import parts

T = TypeVar("T")

UNREACHABLE = 100.0


def resolve(reading: Reading, lexicon: Lexicon, choice: int = 0) -> Intent:
    """Decide on tables and columns. `choice` 1 takes the second best column for the measure.

    Raises `Unclear` when a word is unknown, nothing says what the question is about, or no key leads there.
    """
    scope = Scope(reading, lexicon)
    if reading.unknown:
        raise scope.ask_back(reading.unknown)
    return _Resolver(scope, choice).intent()


class _Resolver:
    def __init__(self, scope: Scope, choice: int) -> None:
        self._scope = scope
        self._reading = scope.reading
        self._lexicon = scope.lexicon
        self._choice = choice

    def intent(self) -> Intent:
        reading = self._reading
        if reading.ranking:
            found = self._ranked(reading.ranking)
        elif reading.metric:
            found = self._measured(reading.metric)
        elif reading.groups:
            found = self._grouped()
        else:
            found = self._listed()
        return self._finished(found)

    def _measured(self, metric: Metric) -> Intent:
        """A number, or one for each group."""
        base, measure = self._measure(metric)
        groups = tuple(self._group(base, mark) for mark in self._reading.groups)
        if measure.outer and not groups:
            raise Unclear(f"The {measure.outer} of how many {base} per what? Say for example “per month”.")
        return Intent(base=base, measure=measure, groups=groups, order=self._natural_order(groups))

    def _grouped(self) -> Intent:
        """`orders by status` counts; `products by price` sorts."""
        base = self._scope.subject_table()
        if self._reading.columns and (found := self._summed_by_itself()):
            return self._measured(found)
        if self._reading.columns:
            name = self._reading.columns[0].text
            raise Unclear(
                f"Which number do you want of {name}? Say for example “average {name}” or “total {name}”."
            )
        groups = tuple(self._group(base, mark) for mark in self._reading.groups)
        match groups:
            case [ByColumn(ref)] if (
                self._lexicon.kind(ref) in {"number", "date"} and not self._reading.groups[0].unit
            ):
                return Intent(base=base, order=Order((ref,), descending=True))
        return Intent(base=base, measure=Measure("count"), groups=groups, order=self._natural_order(groups))

    def _is_sort(self, ref: Ref) -> bool:
        return self._lexicon.kind(ref) in {"number", "date"} and not self._reading.groups[0].unit

    def _summed_by_itself(self) -> Metric | None:
        """`quantity per product`: quantities and amounts of money are added up, other numbers are not."""
        words = {*vocabulary.QUANTITY_COLUMNS, *vocabulary.MONEY_COLUMNS}
        mark, *more = self._reading.columns
        fits = any(words & set(parts(ref.column)) for ref in mark.columns)
        return Metric(function="sum", column=mark) if fits and not more else None

    def _natural_order(self, groups: Sequence[Group]) -> Order | None:
        """Months and years as time goes, days and weeks the newest first, all else the largest first."""
        match groups:
            case []:
                return None
            case [ByTime(unit="year" | "quarter" | "month"), *_]:
                return None
            case [ByTime(clock), *_]:
                return Order(self._scope.time_refs(clock), descending=True)
        return Order((), descending=True)

    def _listed(self) -> Intent:
        base = self._scope.subject_table()
        columns = tuple(self._scope.nearest(base, mark.columns, mark.text) for mark in self._reading.columns)
        if columns and (having := self._having(base)):
            groups = tuple(ByColumn(ref) for ref in columns)
            return Intent(
                base=base, measure=Measure("count"), groups=groups, having=having, order=Order((), True)
            )
        if columns and self._reading.subjects and not self._reading.columns_first:
            columns = tuple(dict.fromkeys((*self._lexicon.label(base), *columns)))  # "users and their cities"
        plain = len(columns) == 1 and columns[0] not in self._lexicon.label(base)
        distinct = self._reading.distinct or (plain and self._lexicon.kind(columns[0]) == "text")
        return Intent(base=base, columns=columns, distinct=distinct)

    def _having(self, base: str) -> Having | None:
        """`categories with more than 5 products`: the products are what is counted for each category."""
        for condition in self._reading.conditions:
            if condition.kind == "has" and condition.mark and base in condition.mark.tables:
                number = condition.values[0]
                assert isinstance(number, int | float)
                return Having(condition.operator, number)
        return None

    def _ranked(self, ranking: Ranking) -> Intent:
        limit = ranking.limit or 10
        if ranking.by_time:
            base = self._scope.table(ranking.subject) if ranking.subject else self._scope.subject_table()
            clock = self._scope.clock(base)
            return Intent(
                base=base, order=Order(self._scope.time_refs(clock), ranking.descending), limit=limit
            )
        if ranking.metric is None:
            return self._ranked_by_guess(ranking, limit)
        base, measure = self._measure(ranking.metric, ranking.subject)
        subject = ranking.subject
        if subject and base in subject.tables:
            if measure.column is None:
                raise Unclear(f"By what should the {base} be ranked? Say for example “by” and a column.")
            return Intent(base=base, order=Order((measure.column,), ranking.descending), limit=limit)
        marks = (subject,) if subject else self._reading.groups
        if subject and self._reading.groups:
            raise Unclear("I can rank all together, but not within each group. Leave one of the two away.")
        groups = tuple(self._group(base, mark) for mark in marks)
        return Intent(
            base=base,
            measure=measure,
            groups=groups,
            order=Order((), ranking.descending),
            limit=limit if groups else LIMIT_MAX,
        )

    def _ranked_by_guess(self, ranking: Ranking, limit: int) -> Intent:
        """`cheapest products` by price, `best selling products` by what was sold, `top users` by orders."""
        if self._reading.groups:
            raise Unclear("I can rank all together, but not within each group. Leave one of the two away.")
        subject = ranking.subject
        if subject and subject.columns and not subject.tables and ranking.hints:
            return self._best_selling(subject, ranking, limit)
        if subject and not subject.tables and (subject.columns or subject.unit):
            counted = self._reading.subjects or not subject.columns
            base = self._scope.subject_table() if counted else subject.columns[0].table
            measure, group = Measure("count"), self._group(base, subject)
            order = Order((), ranking.descending)
            return Intent(base=base, measure=measure, groups=(group,), order=order, limit=limit)
        table = self._scope.table(subject) if subject else self._scope.subject_table()
        if own := self._lexicon.by_parts(table, ranking.hints, "number"):
            return Intent(base=table, order=Order((own[0],), ranking.descending), limit=limit)
        for child in self._scope.graph.children(table):
            columns = self._lexicon.by_parts(child, ranking.hints, "number")
            if columns or not ranking.hints:
                return Intent(
                    base=child,
                    measure=Measure("sum", columns[0]) if columns else Measure("count"),
                    groups=(Entity(table),),
                    order=Order((), ranking.descending),
                    limit=limit,
                )
        raise Unclear(
            f"By what should the {table} be ranked? Say for example “top 5 {table} by” and a column."
        )

    def _best_selling(self, subject: Mark, ranking: Ranking, limit: int) -> Intent:
        """`best selling category`: quantities are added up; nobody said how to take prices together."""
        amounts = [
            found[0]
            for table in self._lexicon.tables
            if (found := self._lexicon.by_parts(table, ranking.hints, "number"))
        ]
        if ranking.hints != vocabulary.QUANTITY_COLUMNS or not amounts:
            raise Unclear(f"By what should {subject.text} be ranked? Say for example “average” and a column.")
        amount = self._scope.best_first(amounts, lambda ref: ref.table, subject)[0]
        return Intent(
            base=amount.table,
            measure=Measure("sum", amount),
            groups=(self._group(amount.table, subject),),
            order=Order((), ranking.descending),
            limit=limit,
        )

    def _finished(self, intent: Intent) -> Intent:
        """With the conditions, order and limit that were asked for, and tables that only have to match."""
        reading, base = self._reading, intent.base
        filters = [
            resolve_filter(self._scope, base, condition)
            for condition in reading.conditions
            if not (intent.having and condition.kind == "has")
        ]
        if sum(isinstance(test, During) for test in filters) > 1:
            raise Unclear("I can look at one stretch of time only. Say for example “between … and …”.")
        merged = merged_filters(filters)
        if reading.either and len(merged) > 1:
            raise Unclear(
                "I understand “or” between values of one column only. Please ask one part at a time."
            )
        if intent.measure and not intent.having and not (reading.metric is None and reading.ranking is None):
            merged += [
                Missing(self._scope.nearest(base, m.columns, m.text), negated=True) for m in reading.columns
            ]
        mentioned = {mark.tables[0] for mark in reading.subjects if base not in mark.tables}
        mentioned -= {ref.table for f in merged if isinstance(f, Is | Matches) for ref in f.refs}
        mentioned -= {f.key.table for f in merged if isinstance(f, Named)}
        grouped = {group.table for group in intent.groups if isinstance(group, Entity)}
        always = {table for table in mentioned if self._scope.graph.always(base, table)}
        order = intent.order
        if reading.sort:
            order = self._sorted_by(intent, reading.sort)
        return msgspec.structs.replace(
            intent,
            filters=tuple(merged),
            related=tuple(sorted(self._scope.reached(base, table) for table in mentioned - grouped - always)),
            order=order,
            limit=min(reading.limit or intent.limit, LIMIT_MAX),
        )

    def _sorted_by(self, intent: Intent, mark: Mark) -> Order:
        if intent.measure:
            return Order((), self._reading.descending)
        return Order((self._scope.nearest(intent.base, mark.columns, mark.text),), self._reading.descending)

    def _measure(self, metric: Metric, subject: Mark | None = None) -> tuple[str, Measure]:
        """The table whose rows are counted or summed, and how."""
        outer = metric.outer
        if metric.money:
            return self._money(metric, subject)
        if metric.column:
            function = metric.function or "sum"
            ref = self._metric_column(metric.column, function, subject)
            return ref.table, Measure(function, ref, outer=outer if function != outer else "")
        base = self._scope.table(metric.table) if metric.table else self._counted_table()
        return base, Measure("count", outer=outer)

    def _counted_table(self) -> str:
        """`how many are in Berlin`: the table of the subject, else a column is counted."""
        return self._scope.subject_table()

    def _metric_column(self, mark: Mark, function: str, subject: Mark | None) -> Ref:
        kinds = {"number", "key", "text", "date", "epoch"} if function == "distinct" else {"number"}
        refs = [ref for ref in mark.columns if self._lexicon.kind(ref) in kinds]
        if not refs:
            raise not_numbers(self._lexicon, mark, {"avg": "average"}.get(function, function))
        own = [ref for ref in refs if subject and ref.table in subject.tables]
        ranked = self._scope.best_first(own or refs, lambda ref: ref.table, subject)
        return ranked[min(self._choice, len(ranked) - 1)]

    def _money(self, metric: Metric, subject: Mark | None) -> tuple[str, Measure]:
        """What "revenue" is here: a column like total or amount, else quantity times price."""
        function = "sum" if metric.function in {None, "count", "distinct"} else metric.function
        worths: list[tuple[Ref, Ref | None]] = []
        for table in self._lexicon.tables:
            worths += [
                (ref, None) for ref in self._lexicon.by_parts(table, vocabulary.MONEY_COLUMNS, "number")[:1]
            ]
            prices = self._lexicon.by_parts(table, vocabulary.PRICE_COLUMNS, "number")
            amounts = self._lexicon.by_parts(table, vocabulary.QUANTITY_COLUMNS, "number")
            worths += [(prices[0], amounts[0])] if prices and amounts else []
        worths.sort(key=lambda worth: worth[1] is not None)
        if not worths:
            raise Unclear(
                "I see no column that holds money, like total, amount or price. Which one do you mean?"
            )
        worth, factor = self._scope.best_first(worths, lambda worth: worth[0].table, subject)[0]
        return worth.table, Measure(function, worth, factor)

    def _group(self, base: str, mark: Mark) -> Group:
        if mark.unit:
            return self._time_group(base, mark)
        tables = [table for table in mark.tables if self._scope.graph.path(base, table) is not None]
        if tables:
            return Entity(min(tables, key=lambda table: self._scope.way(base, table)))
        if not mark.columns:
            raise Unclear(f"I see no key that connects {base} with {mark.text}.")
        ref = self._scope.nearest(base, mark.columns, mark.text)
        step = self._scope.graph.step_from(ref)
        if step and ref.table == base and self._lexicon.label(step.target.table):
            return Entity(step.target.table, via=ref)
        return ByColumn(ref)

    def _time_group(self, base: str, mark: Mark) -> Group:
        assert mark.unit is not None
        clock = self._scope.find_clock(base)
        if clock is None or (clock.form == "parts" and not _has_unit(clock, mark.unit)):
            return ByColumn(self._scope.nearest(base, mark.columns, mark.text))
        if clock.form != "parts" and any(ref.table == base for ref in mark.columns):
            return ByColumn(self._scope.nearest(base, mark.columns, mark.text))
        return ByTime(clock, mark.unit)


def _has_unit(clock: Clock, unit: str) -> bool:
    return bool(
        {"year": clock.year, "quarter": clock.month, "month": clock.month, "day": clock.day}.get(unit, "")
    )
