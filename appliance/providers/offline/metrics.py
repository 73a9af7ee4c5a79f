"""Takes what is to be counted or computed: `how many orders`, `average price`, `total revenue`."""

from __future__ import annotations

import msgspec

from appliance.providers.offline.cursor import Cursor
from appliance.providers.offline.intent import Function
from appliance.providers.offline.lexicon import Rank
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.reading import Metric, Outer

FUNCTIONS: dict[str, Function] = {
    "count": "count",
    "distinct": "distinct",
    "sum": "sum",
    "avg": "avg",
    "highest": "max",
    "lowest": "min",
}
OUTER: dict[Function, Outer] = {"avg": "avg", "min": "min", "max": "max"}


def take_measure(marks: Cursor) -> Metric | None:
    """The first number that is asked for, None when rows are wanted."""
    for at, found in enumerate(marks):
        starts = found.keyword in {*FUNCTIONS, "money"} - {"distinct"} or _is_table_count(marks, at)
        if starts and marks.keyword(at - 1) not in {"by", "sort"} and (read := metric_at(marks, at)):
            metric, end = read
            if (
                not metric.function and marks.keyword(end - 1) in FUNCTIONS
            ):  # "total by month", a column total
                metric = msgspec.structs.replace(metric, function=FUNCTIONS[marks.keyword(end - 1)])
            if metric.function or metric.money:
                marks.cut(at, end)
                return metric
    for at, found in enumerate(marks):
        if found.keyword == "count":
            marks.cut(at, at + 1)
            return Metric(function="count")
    return None


def _is_table_count(marks: Cursor, at: int) -> bool:
    return bool(marks[at].tables) and marks.keyword(at + 1) == "count"


def metric_at(marks: Cursor, at: int) -> tuple[Metric, int] | None:
    """The metric that begins here and the place after it: `average price`, `number of orders`, `revenue`."""
    functions: list[Function] = []
    while marks.keyword(at) in {*FUNCTIONS, "of", "most", "fewest", "money"}:
        if _is_target(marks, at) and not _continues(marks, at):
            break
        if function := FUNCTIONS.get(marks.keyword(at)):
            functions.append(function)
        at += 1
    found = marks.get(at)
    if found is None:
        return None
    if found.tables and _is_target(marks, at + 1) and not marks[at + 1].tables:
        at += 1  # "total order value", "users total"
        found = marks[at]
    if marks.keyword(at + 1) == "count" and found.tables:
        return _built(marks, [*functions, "count"], found), at + 2
    if _is_target(marks, at) or (found.columns and functions):  # no numbers: said when the column is known
        return _built(marks, functions, found), at + 1
    return None


def _is_target(marks: Cursor, at: int) -> bool:
    """Whether a metric can be of this: a table, a column of numbers, "revenue"."""
    found = marks.get(at)
    return found is not None and (bool(found.tables) or marks.is_numeric(found) or found.keyword == "money")


def _continues(marks: Cursor, at: int) -> bool:
    """Whether this word, which could be a column itself, is followed by what it is said of."""
    after = at + 2 if marks.keyword(at + 1) == "of" else at + 1
    return _is_target(marks, after) and marks.keyword(at) in FUNCTIONS


def _built(marks: Cursor, functions: list[Function], target: Mark) -> Metric:
    """Of several functions the last one is inside: `average number of orders`."""
    outer = OUTER.get(functions[0], "") if functions else ""
    if _is_money(target, functions):
        return Metric(function=functions[-1] if functions else None, money=True)
    if target.tables and functions and "distinct" not in functions:
        return Metric(function="count", table=target, outer=outer)
    if target.tables and not marks.is_numeric(target):
        return Metric(function="count" if "count" in functions else None, table=target)
    if {"count", "distinct"} & set(functions):
        return Metric(function="distinct", column=target)
    return Metric(function=functions[-1] if functions else None, column=target)


def _is_money(target: Mark, functions: list[Function]) -> bool:
    """ "Sales by month" is money, unless something is called so; "how many sales" is not."""
    sure = target.names is not None and (target.columns or target.names.rank <= Rank.STEM)
    return target.keyword == "money" and not sure and not {"count", "distinct"} & set(functions)
