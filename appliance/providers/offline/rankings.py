"""Takes rankings: `top 10 users by orders`, `cheapest products`, `which airline has the most flights`."""

from __future__ import annotations

from appliance.providers.offline import vocabulary
from appliance.providers.offline.cursor import Cursor
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.metrics import metric_at
from appliance.providers.offline.reading import Metric, Ranking

BIGGEST = (*vocabulary.MONEY_COLUMNS, *vocabulary.PRICE_COLUMNS, *vocabulary.QUANTITY_COLUMNS, "size", "seat")
"""What "the largest orders" may be large in."""


def take_ranking(marks: Cursor) -> Ranking | None:
    """The ranking that is asked for, None when nothing is ranked."""
    for at, found in enumerate(marks):
        if found.hints:
            return _superlative(marks, at, found.hints, found.descending)
        match found.keyword:
            case "top" | "bottom" as word:
                return _top(marks, at, word == "top")
            case "newest" | "oldest" as word:
                return _by_time(marks, at, word == "newest")
            case "common":
                return _top(marks, at, True)
            case "most" | "fewest" as word:
                return _most(marks, at, word == "most")
            case "highest" | "lowest" as word:
                ranking = _highest(marks, at, word == "highest")
                if ranking:
                    return ranking
    return None


def _top(marks: Cursor, at: int, descending: bool) -> Ranking:
    """`top 10 users by order count`: the metric stands after a later "by" or "with"."""
    limit, at = _limit_beside(marks, at)
    marks.cut(at, at + 1)
    subject = marks.name_at(at)
    if subject:
        marks.cut(at, at + 1)
    for by in range(at, len(marks)):
        if marks.keyword(by) in {"by", "with"} and (found := metric_at(marks, by + 1)):
            metric, end = found
            marks.cut(by, end)
            return Ranking(descending=descending, limit=limit, subject=subject, metric=metric)
    return Ranking(descending=descending, limit=limit or _one_or_ten(subject), subject=subject)


def _by_time(marks: Cursor, at: int, newest: bool) -> Ranking:
    limit, at = _limit_beside(marks, at)
    marks.cut(at, at + 1)
    subject = marks.get(at)
    if subject and subject.tables:
        marks.cut(at, at + 1)
        if limit is None and not subject.plural:
            limit = 1
    else:
        subject = None
    return Ranking(descending=newest, limit=limit, subject=subject, by_time=True)


def _superlative(
    marks: Cursor, at: int, hints: tuple[str, ...], descending: bool, limit: int | None = None
) -> Ranking:
    """`5 cheapest products`, `which product is the most expensive`."""
    if limit is None:
        limit, at = _limit_beside(marks, at)
    marks.cut(at, at + 1)
    subject = marks.name_at(at)
    if subject:
        marks.cut(at, at + 1)
    else:
        subject = _subject_before(marks, at)
    return Ranking(descending=descending, limit=limit or _one_or_ten(subject), subject=subject, hints=hints)


def _most(marks: Cursor, at: int, descending: bool) -> Ranking:
    """`which airline has the most flights`, `who spent the most`, `which users ordered the most`."""
    metric: Metric | None
    if found := metric_at(marks, at + 1):
        metric, end = found
        marks.cut(at, end)
        if marks.keyword(at - 1) == "with":
            at -= 1
            marks.cut(at, at + 1)
    else:
        marks.cut(at, at + 1)
        metric, at = _verb_before(marks, at)
    subject = _subject_before(marks, at)
    limit = marks.take_limit() or _one_or_ten(subject)
    return Ranking(descending=descending, limit=limit, subject=subject, metric=metric)


def _verb_before(marks: Cursor, at: int) -> tuple[Metric | None, int]:
    """Takes what was done the most: "spent" is money, "ordered" counts orders. Also tells the place then."""
    before = marks.get(at - 1)
    if before and before.keyword == "money":
        metric = Metric(money=True)
    elif before and before.tables and before.text.lower().endswith("ed"):
        metric = Metric(function="count", table=before)
    else:
        return None, at
    marks.cut(at - 1, at)
    return metric, at - 1


def _highest(marks: Cursor, at: int, descending: bool) -> Ranking | None:
    """`products with the highest price`; None for a plain maximum, `highest price by category`."""
    limit, at = _limit_beside(marks, at)
    found = metric_at(marks, at + 1)
    if found is None:
        return _superlative(marks, at, BIGGEST, descending, limit) if marks.name_at(at + 1) else None
    metric, end = found
    if metric.function is None and metric.table:  # "largest orders", not "highest total of orders"
        return _superlative(marks, at, BIGGEST, descending, limit)
    if not _names_before(marks, at) and metric.function is None:
        return None
    marks.cut(at, end)
    if marks.keyword(at - 1) == "with":
        at -= 1
        marks.cut(at, at + 1)
    subject = _subject_before(marks, at)
    limit = limit or marks.take_limit() or _one_or_ten(subject)
    return Ranking(descending=descending, limit=limit, subject=subject, metric=metric)


def _limit_beside(marks: Cursor, at: int) -> tuple[int | None, int]:
    """Takes the number right after or before this mark; also tells where the mark is then."""
    for beside in (at + 1, at - 1):
        number = marks.number(beside)
        if isinstance(number, int) and number > 0:
            marks.cut(beside, beside + 1)
            return number, min(at, beside)
    return None, at


def _names_before(marks: Cursor, at: int) -> bool:
    return any(marks[i].is_name and marks.keyword(i - 1) != "by" for i in range(at))


def _subject_before(marks: Cursor, at: int) -> Mark | None:
    """Takes the nearest table, column or unit of time before this place that is not a group."""
    for i in range(min(at, len(marks)) - 1, -1, -1):
        found = marks[i]
        if found.is_name and marks.keyword(i - 1) != "by":
            marks.cut(i, i + 1)
            return found
    return None


def _one_or_ten(subject: Mark | None) -> int:
    """`which airline has …` asks for one, `which airlines have …` for some."""
    return 1 if subject and not subject.plural else 10
