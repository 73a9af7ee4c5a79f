"""An `Intent` in English, so that people see what their question was taken for."""

from __future__ import annotations

from calendar import month_name
from collections.abc import Sequence
from datetime import date, timedelta

from appliance.providers.offline.intent import (
    LIMIT_MAX,
    Compare,
    During,
    Entity,
    Filter,
    Group,
    Has,
    Intent,
    Is,
    Matches,
    Measure,
    Missing,
    Named,
    Period,
    Ref,
)
from appliance.providers.offline.sqlwriter import group_names
from appliance.providers.offline.words import stem

COMPARED = {"=": "exactly", "<>": "not", "<": "under", "<=": "at most", ">": "over", ">=": "at least"}
FUNCTIONS = {
    "sum": "total",
    "avg": "average",
    "min": "lowest",
    "max": "highest",
    "distinct": "number of different values of",
}


def describe(intent: Intent) -> str:
    """The whole question: `top 10 users by number of orders where status is paid`."""
    what = subject(intent)
    if intent.measure and intent.groups and not intent.measure.outer:
        what = _ranked(intent, what) if is_ranking(intent) else f"{what} by {_listed(intent.groups)}"
    return what + sorting(intent) + where(intent)


def is_ranking(intent: Intent) -> bool:
    """Whether only the first or last few groups are wanted."""
    return bool(intent.measure and intent.groups and intent.order and intent.limit < LIMIT_MAX)


def subject(intent: Intent) -> str:
    """What is listed, counted or computed: `orders`, `name and city of users`, `average price`."""
    if intent.measure is None:
        columns = " and ".join(plain(ref.column) for ref in intent.columns)
        return f"{columns} of {plain(intent.base)}" if columns else plain(intent.base)
    what = measured(intent.measure, intent.base)
    if intent.measure.outer:
        return f"{FUNCTIONS[intent.measure.outer]} {what} per {_listed(intent.groups)}"
    return what


def measured(measure: Measure, base: str) -> str:
    """`number of orders`, `average price`, `revenue (quantity times unit price)`."""
    if measure.column is None:
        return f"number of {plain(base)}"
    column = plain(measure.column.column)
    if measure.factor:
        worth = f"revenue ({plain(measure.factor.column)} times {column})"
        return worth if measure.function == "sum" else f"{FUNCTIONS[measure.function]} {worth}"
    if column == "total" == FUNCTIONS[measure.function]:
        return f"sum of {plain(base)} total"
    return f"{FUNCTIONS[measure.function]} {column}"


def where(intent: Intent) -> str:
    """The conditions, ` where …` and the days, or ''."""
    tests = [_test(test, intent.base) for test in intent.filters if not isinstance(test, During)]
    tests += [f"there are {plain(table)}" for table in intent.related]
    if intent.having:
        tests.append(_there_are(intent.base, intent.having.operator, intent.having.number))
    times = [_during(test, intent.base) for test in intent.filters if isinstance(test, During)]
    return (" where " + " and ".join(tests) if tests else "") + "".join(times)


def sorting(intent: Intent) -> str:
    """` sorted by price, descending` for rows that are, else ''."""
    if intent.measure or intent.order is None:
        return ""
    columns = ", ".join(plain(ref.column) for ref in intent.order.refs)
    return f" sorted by {columns}{', descending' if intent.order.descending else ''}"


def plain(name: str) -> str:
    """A name as words."""
    return name.replace("_", " ")


def singular(table: str) -> str:
    """`order item` for order_items."""
    *before, last = table.split("_")
    return " ".join([*before, stem(last)])


def _ranked(intent: Intent, what: str) -> str:
    assert intent.order is not None
    side = "top" if intent.order.descending else "bottom"
    if intent.limit == 1:
        return f"{side} {_listed(intent.groups)} by {what}"
    group = intent.groups[0]
    who = plain(group.table) if isinstance(group, Entity) else _listed(intent.groups)
    return f"{side} {intent.limit} {who} by {what}"


def _listed(groups: tuple[Group, ...]) -> str:
    return " and ".join(plain(name) for name in group_names(groups))


def _test(condition: Filter, base: str) -> str:
    match condition:
        case Is(refs, values, negated):
            wanted = " or ".join(str(value) for value in values)
            return f"{_columns(refs, base)} is {'not ' if negated else ''}{wanted}"
        case Matches(refs, text, verb):
            return f"{_columns(refs, base)} {verb} {text}"
        case Named(ref, _, _, text):
            return f"{_columns([ref], base)} is {text}"
        case Compare(ref, operator, number):
            return f"{_columns([ref], base)} is {COMPARED[operator]} {number}"
        case Missing(ref, negated):
            return f"{_columns([ref], base)} is {'known' if negated else 'missing'}"
        case Has(table, operator, number):
            return _there_are(table, operator, number)
        case During():
            return _during(condition, base)


def _there_are(table: str, operator: str, number: int | float) -> str:
    if number == 0 and operator == "=":
        return f"there are no {plain(table)}"
    return f"there are {COMPARED[operator]} {number} {plain(table)}"


def _columns(refs: Sequence[Ref], base: str) -> str:
    """Columns of other tables are named with their table: `user city`."""
    return " or ".join(
        plain(ref.column) if ref.table == base else f"{singular(ref.table)} {plain(ref.column)}"
        for ref in refs
    )


def _during(condition: During, base: str) -> str:
    clock, period = condition.clock, condition.period
    whose = "" if clock.table == base else f" with {plain(clock.table)}"
    if period.month and clock.month:
        return f"{whose} in {month_name[period.month]} of any year"
    return f"{whose} {_days(period)}"


def _days(period: Period) -> str:
    """The days in the words of the calendar, so that it can be seen what "last month" was taken for."""
    start, end = period.start, period.end
    if start is None:
        return f"before {end}"
    if end is None:
        return f"since {start}"
    last = end - timedelta(days=1)
    if start == last:
        return f"on {start}"
    if start == date(start.year, 1, 1) and end == date(start.year + 1, 1, 1):
        return f"in {start.year}"
    return f"from {start} to {last}"
