"""Dates in plain English: "in March 2013", "last week", "between 2026-01-01 and 2026-03-31".

Days are UTC days; weeks start on Monday. "Last month" is the calendar month before this one, "last 3
months" are the three months up to and including today.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from appliance.providers.offline.intent import Period, Unclear

MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"),
            ("february", "feb"),
            ("march", "mar"),
            ("april", "apr"),
            ("may",),
            ("june", "jun"),
            ("july", "jul"),
            ("august", "aug"),
            ("september", "sep", "sept"),
            ("october", "oct"),
            ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}
UNITS = {form: unit for unit in ("day", "week", "month", "quarter", "year") for form in (unit, f"{unit}s")}
IN = {"in", "on", "during", "of", "for", "from", "within", "about"}
AFTER = {"since", "from", "after"}
BEFORE = {"before", "until", "till"}

Found = tuple[Period, int]
"""A period and how many words say it."""


def find_period(words: Sequence[str], today: date | None) -> Found | None:
    """The period that the words begin with, or None.

    `words` are in lower case. Raises `Unclear` for words like "yesterday" when `today` is not known.
    """
    return _between(words, today) or _open(words, today) or _inside(words, today)


def shifted(day: date, months: int) -> date:
    """So many months later, on the last day of the month where it has no such day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    for day_of_month in range(day.day, 27, -1):
        try:
            return date(year, month + 1, day_of_month)
        except ValueError:
            continue
    return date(year, month + 1, min(day.day, 28))


def unit_around(day: date, unit: str, step: int = 0) -> Period:
    """The calendar unit that the day lies in, or the one `step` units later."""
    match unit:
        case "day":
            start = day + timedelta(days=step)
            return Period(start, start + timedelta(days=1))
        case "week":
            start = day - timedelta(days=day.weekday()) + timedelta(weeks=step)
            return Period(start, start + timedelta(weeks=1))
        case "quarter":
            start = shifted(date(day.year, day.month - (day.month - 1) % 3, 1), 3 * step)
            return Period(start, shifted(start, 3))
        case "month":
            start = shifted(day.replace(day=1), step)
            return Period(start, shifted(start, 1))
        case _:
            return Period(date(day.year + step, 1, 1), date(day.year + step + 1, 1, 1))


def _between(words: Sequence[str], today: date | None) -> Found | None:
    """`between A and B`, `from A to B`: both included."""
    if not words or words[0] not in {"between", "from"}:
        return None
    first = _moment(words[1:], today, bare_year=True)
    if not first:
        return None
    at = 1 + first[1]
    if at >= len(words) or words[at] not in {"and", "to", "until", "till", "-"}:
        return None
    last = _moment(words[at + 1 :], today, bare_year=True)
    if not last:
        return None
    start = first[0].start
    if first[0].month and start and last[0].start:  # "between January and March 2026"
        start = start.replace(year=last[0].start.year)
    return Period(start, last[0].end), at + 1 + last[1]


def _open(words: Sequence[str], today: date | None) -> Found | None:
    """`since A`, `after A`, `before A`, `until A`. "From A" alone is inside A, so it is not here."""
    word = words[0] if words else ""
    if word not in (AFTER | BEFORE) - {"from"}:
        return None
    moment = _moment(words[1:], today, bare_year=True)
    if not moment:
        return None
    period, length = moment
    match word:
        case "since":
            return Period(period.start, None), length + 1
        case "after":
            return Period(period.end, None), length + 1
        case "before":
            return Period(None, period.start), length + 1
        case _:
            return Period(None, period.end), length + 1


def _inside(words: Sequence[str], today: date | None) -> Found | None:
    """`in A`, `during the A`, or just A where A cannot be anything else."""
    if words and words[0] in IN:
        skip = 2 if words[1:2] == ["the"] else 1
        moment = _moment(words[skip:], today, bare_year=True)
        return (moment[0], moment[1] + skip) if moment else None
    return _moment(words, today, bare_year=False)


def _moment(words: Sequence[str], today: date | None, *, bare_year: bool) -> Found | None:
    """A day, month, year or a stretch before today. A lone year or month needs a preposition before it."""
    if words and words[0] == "the":
        found = _moment(words[1:], today, bare_year=bare_year)
        return (found[0], found[1] + 1) if found else None
    return _numeric(words, bare_year) or _named_month(words, today, bare_year) or _relative(words, today)


def _numeric(words: Sequence[str], bare_year: bool) -> Found | None:
    """2026-03-01, 2026-03, and 2026 after a preposition or "year"."""
    if not words:
        return None
    if words[0] == "year" and _year(words[1:2]):
        return unit_around(date(int(words[1]), 1, 1), "year"), 2
    parts = words[0].split("-")
    if not all(part.isdecimal() for part in parts) or len(parts[0]) != 4:
        return None
    try:
        match [int(part) for part in parts]:
            case [year, month, day]:
                return unit_around(date(year, month, day), "day"), 1
            case [year, month]:
                return unit_around(date(year, month, 1), "month"), 1
            case [year] if bare_year and _year(words):
                return unit_around(date(year, 1, 1), "year"), 1
    except ValueError:
        raise Unclear(f"“{words[0]}” is not a date of the calendar.") from None
    return None


def _named_month(words: Sequence[str], today: date | None, bare: bool) -> Found | None:
    """March, March 2013, 5 March 2013, March 5 2013."""
    if words and words[0] in MONTHS:
        month = MONTHS[words[0]]
        if len(words) > 2 and _day(words[1]) and _year(words[2:]):
            return _one_day(int(words[2]), month, _day(words[1])), 3
        if _year(words[1:]):
            return unit_around(date(int(words[1]), month, 1), "month"), 2
        if bare and today:
            year = today.year if month <= today.month else today.year - 1
            whole = unit_around(date(year, month, 1), "month")
            return Period(whole.start, whole.end, month), 1
    if len(words) > 2 and _day(words[0]) and words[1] in MONTHS and _year(words[2:]):
        return _one_day(int(words[2]), MONTHS[words[1]], _day(words[0])), 3
    return None


def _relative(words: Sequence[str], today: date | None) -> Found | None:
    """today, yesterday, this week, last month, last 30 days, 3 days ago."""
    match list(words[:3]):
        case ["today" | "yesterday" as word, *_]:
            return unit_around(_known(today), "day", -(word == "yesterday")), 1
        case ["this" | "current" | "last" | "previous" | "past" as word, unit, *_] if unit in UNITS:
            step = 0 if word in {"this", "current"} else -1
            return unit_around(_known(today), UNITS[unit], step), 2
        case ["last" | "past" | "previous", count, unit] if count.isdecimal() and unit in UNITS:
            return _up_to_today(_known(today), int(count), UNITS[unit]), 3
        case [count, unit, "ago"] if count.isdecimal() and unit in UNITS:
            return unit_around(_known(today), UNITS[unit], -int(count)), 3
    return None


def _up_to_today(today: date, count: int, unit: str) -> Period:
    months = {"month": 1, "quarter": 3, "year": 12}
    end = today + timedelta(days=1)
    try:
        if unit in months:
            return Period(shifted(end, -count * months[unit]), end)
        return Period(end - timedelta(days=count * (7 if unit == "week" else 1)), end)
    except (ValueError, OverflowError):
        raise Unclear(f"The last {count} {unit}s reach back before the calendar begins.") from None


def _known(today: date | None) -> date:
    if today is None:
        raise Unclear("I was not told today's date, so please name the days, like 2026-03-01.")
    return today


def _year(words: Sequence[str]) -> bool:
    return bool(words) and len(words[0]) == 4 and words[0].isdecimal() and 1900 <= int(words[0]) <= 2100


def _day(word: str) -> int:
    """The day of the month that the word says, or 0."""
    digits = word.rstrip("stndrh")
    return int(digits) if digits.isdecimal() and 1 <= int(digits) <= 31 else 0


def _one_day(year: int, month: int, day: int) -> Period:
    try:
        return unit_around(date(year, month, day), "day")
    except ValueError:
        raise Unclear(f"There is no day {day} in month {month} of {year}.") from None
