"""`Filter` -> the test in a WHERE clause."""

from __future__ import annotations

import re
from calendar import timegm
from datetime import date, timedelta

from appliance.providers.offline.intent import (
    Clock,
    Compare,
    During,
    Filter,
    Has,
    Is,
    Matches,
    Missing,
    Named,
    Period,
    Ref,
    Unclear,
)
from appliance.providers.offline.sqljoins import Joins, join_clause, table_clause
from appliance.providers.offline.sqltext import literal, quoted


def where(joins: Joins, condition: Filter) -> str:
    """The test; the tables that it needs are joined."""
    match condition:
        case Is():
            return _is(joins, condition)
        case Matches(refs, text, verb):
            return _any([_like(joins.column(ref), text, verb) for ref in refs])
        case Named():
            return _named(joins, condition)
        case Compare(ref, operator, number):
            return f"{joins.column(ref)} {operator} {literal(number)}"
        case Missing(ref, negated):
            return f"{joins.column(ref)} IS {'NOT ' if negated else ''}NULL"
        case During(clock, period):
            joins.reach(clock.table)
            return _during(joins, clock, period)
        case Has():
            return _has(joins, condition)


def _like(column: str, text: str, verb: str) -> str:
    """The test of a text; the signs of a pattern in it stand for themselves."""
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    pattern = {"contains": f"%{escaped}%", "starts with": f"{escaped}%", "ends with": f"%{escaped}"}[verb]
    return f"{column} LIKE {literal(pattern)} ESCAPE '\\'"


def _named(joins: Joins, condition: Named) -> str:
    """By a subquery: the same table may be joined already along another key."""
    column, table = joins.column(condition.ref), condition.key.table
    labels = " || ' ' || ".join(f"{quoted(table)}.{quoted(ref.column)}" for ref in condition.labels)
    like = _like(labels, condition.text, "contains")
    key = f"{quoted(table)}.{quoted(condition.key.column)}"
    found = " ".join(["SELECT", key, "FROM", table_clause(table), "WHERE", like])
    return f"({column} = {literal(condition.text)} COLLATE NOCASE OR {column} IN ({found}))"


def _is(joins: Joins, condition: Is) -> str:
    case = "" if condition.exact else " COLLATE NOCASE"
    columns = [joins.column(ref) + case for ref in condition.refs]
    values = [literal(value) for value in condition.values]
    if condition.negated:
        if joins.fans_out():
            raise Unclear(
                "I cannot exclude by what only some of the related rows are. Please ask another way."
            )
        return " AND ".join(f"{column} IS NOT {value}" for column in columns for value in values)
    if len(values) == 1:
        return _any([f"{column} = {values[0]}" for column in columns])
    return _any([f"{column} IN ({', '.join(values)})" for column in columns])


def _during(joins: Joins, clock: Clock, period: Period) -> str:
    if clock.form == "parts":
        return _during_parts(joins, clock, period)
    column = joins.column(Ref(clock.table, clock.column))
    tests = []
    for operator, day in ((">=", period.start), ("<", period.end)):
        if day:
            tests.append(f"{column} {operator} {_moment_literal(clock, day)}")
    return " AND ".join(tests)


def _during_parts(joins: Joins, clock: Clock, period: Period) -> str:
    """One whole year, month or day by equality, any other stretch by the number yyyymmdd."""
    names = [name for name in (clock.year, clock.month, clock.day) if name]
    columns = [joins.column(Ref(clock.table, name)) for name in names]
    if period.month and clock.month:
        return f"{columns[1]} = {period.month}"
    if equal := _whole(period, len(columns)):
        return " AND ".join(f"{column} = {number}" for column, number in zip(columns, equal, strict=False))
    if len(columns) < 3 and any(
        day and day.timetuple()[len(columns) : 3] != (1,) * (3 - len(columns))
        for day in (period.start, period.end)
    ):
        raise Unclear(
            f"{clock.table} tells time by {' and '.join(names)} only, so I cannot pick single days."
        )
    scales = [10_000, 100, 1][: len(columns)]
    number = " + ".join(f"{c} * {s}" if s > 1 else c for c, s in zip(columns, scales, strict=True))
    tests = []
    for operator, day in ((">=", period.start), ("<", period.end)):
        if day:
            wanted = sum(n * s for n, s in zip(day.timetuple()[:3], scales, strict=False))
            tests.append(f"{number} {operator} {wanted}")
    return " AND ".join(tests)


def _has(joins: Joins, condition: Has) -> str:
    """The keys of rows with so many, or not the keys of rows with more: also finds those with none."""
    steps = joins.graph.path(joins.base, condition.table) or []
    first, *rest = steps
    foreign = f"{quoted(first.target.table)}.{quoted(first.target.column)}"
    lines = ["SELECT", foreign, "FROM", table_clause(first.target.table)]
    lines += [join_clause("JOIN", step) for step in rest]
    last = joins.lexicon.key(condition.table)
    counted = (
        f"COUNT(DISTINCT {quoted(condition.table)}.{quoted(last.column)})" if rest and last else "COUNT(*)"
    )
    lines.append(f"WHERE {foreign} IS NOT NULL GROUP BY {foreign}")
    operator, number = condition.operator, condition.number
    column = joins.column(first.source)
    if operator in {"<", "<="} or (operator == "=" and number == 0):
        opposite = {"<": ">=", "<=": ">", "=": ">"}[operator]
        return f"{column} NOT IN ({' '.join(lines)} HAVING {counted} {opposite} {literal(number)})"
    return f"{column} IN ({' '.join(lines)} HAVING {counted} {operator} {literal(number)})"


def _any(tests: list[str]) -> str:
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})"


def _moment_literal(clock: Clock, day: date) -> str:
    return str(timegm(day.timetuple())) if clock.form == "epoch" else literal(day.isoformat())


def _whole(period: Period, parts: int) -> tuple[int, ...]:
    """(year,), (year, month) or (year, month, day) when the period is just that, else ()."""
    start, end = period.start, period.end
    if start is None or end is None:
        return ()
    if start == date(start.year, 1, 1) and end == date(start.year + 1, 1, 1):
        return (start.year,)
    if parts > 1 and start.day == 1 and end == (start + timedelta(days=31)).replace(day=1):
        return start.year, start.month
    if parts > 2 and end - start == timedelta(days=1):
        return start.year, start.month, start.day
    return ()
