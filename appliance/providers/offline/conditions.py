"""Takes the conditions out of a question: dates, `over 100`, `status is paid`, `in Berlin`, `without orders`.

The order matters: what is said plainly goes first, words that nobody knows are looked at last.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from appliance.providers.offline.cursor import Cursor
from appliance.providers.offline.intent import Number, Operator, Unclear
from appliance.providers.offline.lexicon import Value
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.reading import Condition

OPERATORS: dict[str, Operator] = {"gt": ">", "ge": ">=", "lt": "<", "le": "<=", "eq": "="}
PREPOSITIONS = {"in", "from", "to", "of", "with", "by", "is"}
LISTED = {"and", "or"}
SPENDING = {"spent", "spend", "spends"}


def take_conditions(marks: Cursor) -> list[Condition]:
    """All conditions of the question; their marks are taken away."""
    stages = (_periods, _comparisons, _row_numbers, _column_tests, _withouts, _values, _mentions)
    return [condition for stage in stages for condition in stage(marks)]


def _periods(marks: Cursor) -> Iterator[Condition]:
    for at in range(len(marks) - 1, -1, -1):
        if period := marks[at].period:
            yield Condition(kind="period", period=period)
            marks.cut(at, at + 1)


def _comparisons(marks: Cursor) -> Iterator[Condition]:
    """`over 100`, `at least 5 orders`, `10 or more`, `between 10 and 20`, each with its column or table."""
    at = 0
    while at < len(marks):
        found = _comparison(marks, at)
        if found is None:
            at += 1
            continue
        tests, length = found
        duration = next((m.duration for m in list(marks)[at : at + length] if m.duration), "")
        start, end, target = _target(marks, at, at + length)
        kind: Literal["has", "compare"] = "has" if target and target.tables else "compare"
        for operator, number in tests:
            yield Condition(kind=kind, mark=target, operator=operator, values=(number,), duration=duration)
        marks.cut(start, end)
        at = start


def _comparison(marks: Cursor, at: int) -> tuple[list[tuple[Operator, Number]], int] | None:
    """The tests that begin here and how many marks they take."""
    word, number, next_number = marks.keyword(at), marks.number(at), marks.number(at + 1)
    if word in OPERATORS and next_number is not None:
        return [(OPERATORS[word], next_number)], 2
    if number is not None and marks.keyword(at + 1) in {"or_more", "or_less"}:
        return [(">=" if marks.keyword(at + 1) == "or_more" else "<=", number)], 2
    last = marks.number(at + 3)
    if word == "between" and next_number is not None and marks.keyword(at + 2) == "and" and last is not None:
        return [(">=", next_number), ("<=", last)], 4
    if number is not None and marks.keyword(at - 1) == "with" and _counts(marks, at + 1):
        return [("=", number)], 1
    return None


def _counts(marks: Cursor, at: int) -> bool:
    """Whether rows or things are counted here: "with 5 orders", "with 2 engines"."""
    found = marks.get(at)
    return found is not None and (bool(found.tables) or marks.is_numeric(found))


def _target(marks: Cursor, start: int, end: int) -> tuple[int, int, Mark | None]:
    """The column before or the column or table after a comparison, and the marks to take with it."""
    left = start - 1
    while marks.keyword(left) == "is":
        left -= 1
    if marks.keyword(left) == "money" and not marks.is_numeric(marks[left]):
        if marks[left].text.lower() in SPENDING:
            raise Unclear(
                "I can compare the numbers of single rows, not sums. Try a “top 10 … by …” instead."
            )
        return left, end, None
    if marks.is_numeric(marks.get(left)) and marks.keyword(left - 1) != "by":
        return left, end, marks[left]
    if _counts(marks, end):
        return start, end + 1, marks[end]
    if (named := marks.get(left)) and named.columns and not named.tables and marks.keyword(left - 1) != "by":
        return left, end, named  # no numbers: that is said when the column is known
    return start, end, None


def _row_numbers(marks: Cursor) -> Iterator[Condition]:
    """`order 5`: the row with that key."""
    for at in range(len(marks) - 2, -1, -1):
        number = marks.number(at + 1)
        if marks[at].tables and not marks[at].plural and number is not None:
            yield Condition(kind="row", mark=marks[at], values=(number,))
            marks.cut(at + 1, at + 2)


def _column_tests(marks: Cursor) -> Iterator[Condition]:
    """`status is pending`, `in category Books or Tea`, `name contains x`, `dep_time is missing`."""
    at = 0
    while at < len(marks):
        if marks[at].columns and marks.keyword(at - 1) != "by" and (found := _column_test(marks, at)):
            condition, end = found
            start = at - 1 if marks.keyword(at - 1) in {"with", "in", "of"} else at
            yield condition
            marks.cut(start, end)
            at = start
        else:
            at += 1


def _column_test(marks: Cursor, at: int) -> tuple[Condition, int] | None:
    column, verb = marks[at], at + 1
    sure, negated = marks.keyword(at - 1) in {"with", "in"}, False
    while marks.keyword(verb) in {"is", "not", "eq"}:
        sure, negated = True, negated or marks.keyword(verb) == "not"
        verb += 1
    if marks.keyword(verb) == "missing":
        return Condition(kind="missing", mark=column, negated=negated), verb + 1
    match = marks.keyword(verb)
    if match in {"contains", "starts", "ends"} and (text := marks.get(verb + 1)):
        return Condition(kind="matches", mark=column, word=match, values=(text.text,)), verb + 2
    values, end = _operands(marks, column, verb, sure)
    if not values:
        return None
    return Condition(kind="is", mark=column, values=values, negated=negated), end


def _operands(
    marks: Cursor, column: Mark, at: int, sure: bool
) -> tuple[tuple[str | Number | Value, ...], int]:
    """One value or several with "or", "and" between; unknown words only where a value has to come."""
    values: list[str | Number | Value] = []
    while True:
        value, end = _operand(marks, column, at, sure)
        if value is None:
            return tuple(values), at - 1 if values and marks.keyword(at - 1) in LISTED else at
        values.append(value)
        if marks.keyword(end) not in LISTED:
            return tuple(values), end
        at = end + 1


def _operand(marks: Cursor, column: Mark, at: int, sure: bool) -> tuple[str | Number | Value | None, int]:
    found = marks.get(at)
    if found is None:
        return None, at
    for value in found.values:
        if value.ref in column.columns:
            return value, at + 1
    if found.quoted:
        return found.text, at + 1
    if sure and found.number is not None:
        return found.number, at + 1
    words, end = marks.unknown_run(at)
    return (words, end) if sure and words else (None, at)


def _withouts(marks: Cursor) -> Iterator[Condition]:
    """`users without orders`, `flights without dep_time`."""
    for at in range(len(marks) - 2, -1, -1):
        target = marks.get(at + 1)
        if marks.keyword(at) in {"without", "not"} and target and (target.tables or target.columns):
            if target.tables:
                found = Condition(kind="has", mark=target, operator="=", values=(0,))
            else:
                found = Condition(kind="missing", mark=target)
            yield found
            marks.cut(at, at + 2)


def _values(marks: Cursor) -> Iterator[Condition]:
    """Known values that stand for themselves: `cancelled orders`, `in Berlin or Rome`, `not pending`."""
    at = 0
    while at < len(marks):
        if not _is_value(marks, at):
            at += 1
            continue
        values: list[str | Number | Value] = list(marks[at].values)
        start, end = at, at + 1
        while marks.keyword(end) in LISTED and (more := _like_value(marks, end + 1)):
            values += more
            end += 2
        while marks.keyword(start - 1) in LISTED and (more := _like_value(marks, start - 2)):
            values += more
            start -= 2
        if (after := marks.get(end)) and _is_its_column(after, values):  # "in the Coffee category"
            end += 1
        start, words = _leading(marks, start, PREPOSITIONS | {"not", "without"})
        yield Condition(
            kind="value",
            values=tuple(values),
            negated=bool(words & {"not", "without"}),
            word=next(iter(sorted(words - {"not", "without"})), ""),
        )
        marks.cut(start, end)
        at = start


def _is_value(marks: Cursor, at: int) -> bool:
    found = marks.get(at)
    return found is not None and bool(found.values) and not found.is_name


def _is_its_column(mark: Mark, values: list[str | Number | Value]) -> bool:
    return any(isinstance(value, Value) and value.ref in mark.columns for value in values)


def _like_value(marks: Cursor, at: int) -> tuple[Value | str, ...]:
    """Known values, or a word that nobody knows: beside a known value it is one, too."""
    found = marks.get(at)
    if found is None or found.is_name or found.keyword:
        return ()
    return found.values or (() if found.known and not found.quoted else (found.text,))


def _leading(marks: Cursor, at: int, keywords: set[str]) -> tuple[int, set[str]]:
    """Where the keywords right before this mark begin, and which they are."""
    words: set[str] = set()
    while marks.keyword(at - 1) in keywords and marks.keyword(at - 1):
        at -= 1
        words.add(marks.keyword(at))
    return at, words


def _mentions(marks: Cursor) -> Iterator[Condition]:
    """Values that nobody told us of: `in Springfield`, `from SFO`, `by Alice`, `how many red products`."""
    at = 0
    while at < len(marks):
        words, end = marks.unknown_run(at)
        quoted = marks.get(at)
        if not words and quoted and quoted.quoted:
            words, end = quoted.text, at + 1
        before, after = marks.keyword(at - 1), marks.get(end)
        named = words[:1].isupper() or bool(quoted and quoted.quoted)
        if words and (before in {"in", "from", "to", "of"} or (before == "by" and named)):
            yield Condition(kind="mention", word=before, values=(words,))
            marks.cut(at - 1, end)
        elif words and named and at > 0:  # "orders that Ben Fischer placed"
            yield Condition(kind="mention", word="of", values=(words,))
            marks.cut(at, end)
        elif words and len(words.split()) == 1 and after and after.tables:
            yield Condition(kind="mention", values=(words,))
            marks.cut(at, end)
        else:
            at = max(end, at + 1)
