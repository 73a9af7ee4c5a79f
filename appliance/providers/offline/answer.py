"""What came back for an `Intent`, as a sentence that names the first rows.

Clients show the rows themselves as a table, from the query's result; here they would stand twice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from appliance.providers.offline.intent import Intent, Is, Order
from appliance.providers.offline.lexicon import Lexicon
from appliance.providers.offline.wording import describe, measured, plain, singular, sorting, subject, where

ROWS_NAMED = 3
MARKDOWN = re.compile(r"([\\`*\[\]<>|~])")
"""Characters that would do something in a cell."""


class Result(msgspec.Struct, frozen=True):
    """What the SQL tool tells: rows, or an error. `rows` may be fewer than `row_count`."""

    columns: list[str] = []
    rows: list[list[Any]] = []
    row_count: int = 0
    error: str | None = None


def read_result(content: str) -> Result:
    """The tool's JSON; anything else counts as an error and is told as it is."""
    try:
        return msgspec.json.decode(content, type=Result)
    except msgspec.DecodeError:
        return Result(error=content.strip() or "The tool gave no answer.")


def answer(intent: Intent, result: Result, lexicon: Lexicon) -> str:
    """What came back, as a sentence."""
    if not result.rows or (intent.measure and not intent.groups and result.rows[0][0] in {None, 0}):
        return _nothing(intent, lexicon)
    if intent.measure and (not intent.groups or intent.measure.outer):
        return _scalar(intent, result.rows[0][0])
    if intent.measure:
        return _groups(intent, result)
    found = _found(intent, result, lexicon)
    if not intent.columns and not lexicon.label(intent.base):  # a code says to nobody which row it is
        return f"{found}."
    return f"{found}: {naming(result)}"


def plain_answer(result: Result) -> str:
    """Only the rows, when it is not known what was asked."""
    if not result.rows:
        return "The query found nothing."
    return f"This is what the query found: {naming(result)}"


def naming(result: Result, *, counted: bool = False) -> str:
    """The first rows in words and how many more there are; `counted` adds each row's last value."""
    column = 0 if counted else _naming_column(result)
    names = [_named(row, column, counted) for row in result.rows[:ROWS_NAMED]]
    more = max(result.row_count, len(result.rows)) - len(names)
    return f"{', '.join(names)} and {more} more." if more else f"{_joined(names)}."


def _naming_column(result: Result) -> int:
    """Where a row's name most likely is: in the first text, else in the first column."""
    kinds = [isinstance(value, str) for value in result.rows[0]]
    return kinds.index(True) if True in kinds else 0


def _named(row: Sequence[object], column: int, counted: bool) -> str:
    if not counted:
        return _plain_text(shown(row[column]))
    label = ", ".join(shown(value) for value in row[:-1])
    return f"{_plain_text(label)} ({shown(row[-1], grouped=_is_number(row[-1]))})"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def shown(value: object, *, grouped: bool = False) -> str:
    """A value for people; `grouped` numbers get thousands separators and two decimals."""
    if value is None:
        return "-"
    if isinstance(value, float):
        if value == int(value) and abs(value) < 1e15:
            value = int(value)
        else:
            return f"{value:,.2f}" if grouped else f"{value:.12g}"
    return f"{value:,}" if grouped and isinstance(value, int) else str(value)


def _plain_text(value: object) -> str:
    """A value on one line that Markdown shows just as it is."""
    return MARKDOWN.sub(r"\\\1", " ".join(str(value).split()))


def _bold(value: object) -> str:
    return f"**{_plain_text(shown(value, grouped=_is_number(value)))}**"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scalar(intent: Intent, value: object) -> str:
    measure = intent.measure
    assert measure is not None
    if measure.function == "count" and not measure.outer:
        if value == 1:
            return f"There is {_bold(value)} {singular(intent.base)}{where(intent)}."
        return f"There are {_bold(value)} {plain(intent.base)}{where(intent)}."
    return f"The {subject(intent)}{where(intent)} is {_bold(value)}."


def _groups(intent: Intent, result: Result) -> str:
    assert intent.measure is not None
    order = intent.order
    if order is None or order.refs:
        return f"The {describe(intent)}: {naming(result, counted=True)}"
    first, side = result.rows[0], "highest" if order.descending else "lowest"
    label = _plain_text(", ".join(shown(value) for value in first[:-1]))
    what = measured(intent.measure, intent.base).removeprefix(f"{side} ")
    lead = f"**{label}** has the {side} {what}{where(intent)}: {_bold(first[-1])}."
    if len(result.rows) == 1:
        return lead
    others = Result(rows=result.rows[1:], row_count=max(result.row_count, len(result.rows)) - 1)
    return f"{lead} Then come {naming(others, counted=True)}"


def _found(intent: Intent, result: Result, lexicon: Lexicon) -> str:
    """How many rows there are, as far as the limit lets us know."""
    rows = max(result.row_count, len(result.rows))
    cut = rows >= intent.limit
    what = singular(intent.base) if rows == 1 and not intent.columns else subject(intent)
    what += where(intent)
    if intent.columns:
        return f"These are the first {rows} rows of {what}" if cut else f"This is the {what}"
    if not cut:
        return f"I found {rows} {what}{',' * bool(intent.order)}{sorting(intent)}"
    if intent.order is None:
        return f"These are the first {rows} {what}"
    return (
        f"{'This is the' if rows == 1 else f'These are the {rows}'} {what}{_extreme(intent.order, lexicon)}"
    )


def _extreme(order: Order, lexicon: Lexicon) -> str:
    """` with the highest price`, ` with the latest created at`."""
    timely = len(order.refs) > 1 or lexicon.kind(order.refs[0]) != "number"
    sides = ("latest", "earliest") if timely else ("highest", "lowest")
    columns = ", ".join(plain(ref.column) for ref in order.refs)
    return f" with the {sides[0] if order.descending else sides[1]} {columns}"


def _nothing(intent: Intent, lexicon: Lexicon) -> str:
    """Nothing matched; where a value was not known, some that are."""
    measure = intent.measure
    hints = [
        f" Values of {plain(ref.column)} are for example {', '.join(samples[:5])}."
        for condition in intent.filters
        if isinstance(condition, Is) and not condition.exact
        for ref in condition.refs
        if (samples := lexicon.column(ref).samples)
    ]
    if measure and measure.function == "count" and not intent.groups:
        lead = f"There are **0** {plain(intent.base)}{where(intent)}."
    elif measure and measure.column and not intent.groups:
        lead = (
            f"There is no {subject(intent)}{where(intent)}: no rows match, or all of them are zero or empty."
        )
    else:
        lead = f"I found no {plain(intent.base)}{where(intent)}."
    return lead + "".join(dict.fromkeys(hints))
