"""Filters of the structured tools, `{column: "op.value"}`, as SQL conditions with bound values.

Values come as text, columns hold what they hold, and SQLite never finds 5 and '5' equal where a column has no
type, as those that a view computes. So text that reads as a number is bound twice, as it stands and as a
number, and the stored value's own type decides which of them it meets: numbers compare with numbers, text
with text, in columns of any type or none. Ordering never crosses types: `lt.abc` finds no numbers, which
SQLite alone would take for less than any text.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from appliance.sqltext import quoted
from appliance.tools.base import ToolError
from appliance.tools.bound import INTEGER_MAX, Bound
from appliance.tools.column_lists import checked_name
from appliance.tools.filter_lists import listed
from appliance.tools.filter_mistakes import mistake, short
from appliance.tools.filter_patterns import glob_pattern, like_pattern

CONDITIONS_MAX = 30
"""Each lies one level deeper in SQLite's expression; it accepts 100 levels."""
VALUES_MAX = 1000

ORDERING = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
OPERATORS = ("eq", "neq", *ORDERING, "like", "ilike", "is", "isnot", "in", "nin", "cs", "cd", "ov")

HELP = (
    'Conditions by column, like {"city": "eq.London", "total": "gte.10"}. Operators: eq neq gt gte lt lte, '
    "like and ilike (with * as wildcard), is and isnot (null, true, false), in and nin like in.(a,b), cs cd "
    "ov for JSON arrays like cs.{a,b}; not. before one turns it round. A list of them means all of them."
)
"""What a model is told about filters."""

_CONDITION = re.compile(r"(not\.)?([a-z]+)\.(.*)", re.DOTALL)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_NUMBER_CHARS_MAX = 40
_MISTAKES_MAX = 50
"""A longer list is judged by its first values."""


class Operand(NamedTuple):
    """A value as text, and the number that it reads as, if any."""

    text: str
    number: int | float | None

    @property
    def is_plain(self) -> bool:
        """Whether both forms say the same in a text column: `5`, but not `007`, `5.0` or `true`."""
        return self.number is not None and str(self.number) == self.text


def where(conditions: Mapping[str, Any], bound: Bound) -> str:
    """All conditions joined by AND; '' for none. Raises `ToolError` that says how to write it."""
    parts = [
        part
        for column, value in conditions.items()
        for part in _conditions(quoted(checked_name(column)), column, value, bound)
    ]
    if len(parts) > CONDITIONS_MAX:
        raise ToolError(f"filter: {len(parts)} conditions are too many; {CONDITIONS_MAX} are allowed.")
    return " AND ".join(parts)


def _conditions(sql: str, column: str, value: Any, bound: Bound) -> list[str]:
    try:
        if isinstance(value, list) and any(isinstance(item, str) and _is_condition(item) for item in value):
            if not all(isinstance(item, str) for item in value):
                raise ToolError("conditions and values cannot stand in one list.")
            if strange := [item for item in value if not _is_condition(item)]:
                _refuse_mistaken(strange[0])
                raise ToolError(f"{short(strange[0])} has no operator; write eq.{short(strange[0])}.")
            return [_from_text(sql, item, bound) for item in value[: CONDITIONS_MAX + 1]]
        return [_from_text(sql, value, bound) if isinstance(value, str) else _from_json(sql, value, bound)]
    except ToolError as error:
        raise ToolError(f"filter of {short(column)}: {error}") from None


def _from_json(sql: str, value: Any, bound: Bound) -> str:
    """A value that was given as JSON rather than as `op.value`."""
    match value:
        case None:
            return f"{sql} IS NULL"
        case bool():
            return _truth(sql, value=value)
        case int() | float():
            return _equal(sql, operand(value), bound)
        case list():
            _refuse_mistaken_list(value)
            return _among(sql, value, bound)
        case _:
            raise ToolError('an object is no condition; write text like "gte.10", or a list of them.')


def _is_condition(text: str) -> bool:
    found = _CONDITION.fullmatch(text)
    return found is not None and found[2] in OPERATORS


def _from_text(sql: str, text: str, bound: Bound) -> str:
    """`op.value`, `not.op.value`, or a bare value to be equal to."""
    found = _CONDITION.fullmatch(text)
    if found is None or found[2] not in OPERATORS:
        _refuse_mistaken(text)
        return _equal(sql, operand(text), bound)
    condition = _condition(sql, found[2], found[3], bound)
    return f"NOT ({condition})" if found[1] else condition


def _condition(sql: str, name: str, value: str, bound: Bound) -> str:
    match name:
        case "eq":
            return _equal(sql, operand(value), bound)
        case "neq":
            return f"NOT ({_equal(sql, operand(value), bound)})"
        case "like":
            return f"{sql} GLOB {bound.add(glob_pattern(value))}"
        case "ilike":
            return f"{sql} LIKE {bound.add(like_pattern(value))} ESCAPE '\\'"
        case "is":
            return _is(sql, value)
        case "isnot":
            return f"NOT ({_is(sql, value)})"
        case "in":
            return _among(sql, listed(value, "("), bound)
        case "nin":
            return f"NOT ({_among(sql, listed(value, '('), bound)})"
        case "cs" | "cd" | "ov":
            return _arrays(sql, name, listed(value, "{("), bound)
        case _:
            return _ordered(sql, ORDERING[name], operand(value), bound)


def operand(value: str | int | float | bool) -> Operand:
    """The value and its number; `true` and `false` are 1 and 0 where truths are kept as numbers."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    text = value if isinstance(value, str) else str(value)
    if text in ("true", "false"):
        return Operand(text, int(text == "true"))
    if len(text) > _NUMBER_CHARS_MAX or not _NUMBER.fullmatch(text):
        return Operand(text, None)
    try:
        whole = int(text)
    except ValueError:
        number = float(text)
        return Operand(text, number if math.isfinite(number) else None)
    return Operand(text, whole if abs(whole) <= INTEGER_MAX else float(whole))


def _equal(sql: str, value: Operand, bound: Bound) -> str:
    text = bound.add(value.text)
    if value.number is None:
        return f"{sql} = {text}"
    number = bound.add(value.number)
    if value.is_plain:
        return f"{sql} IN ({number}, {text})"  # an index can help here
    return f"CASE typeof({sql}) WHEN 'text' THEN +{sql} = {text} ELSE {sql} = {number} END"


def _ordered(sql: str, sign: str, value: Operand, bound: Bound) -> str:
    text = bound.add(value.text)
    if value.number is None:
        return f"(typeof({sql}) = 'text' AND {sql} {sign} {text})"
    number = bound.add(value.number)
    return (
        f"CASE typeof({sql}) WHEN 'text' THEN +{sql} {sign} {text} WHEN 'blob' THEN 0 "
        f"ELSE {sql} {sign} {number} END"
    )


def _is(sql: str, value: str) -> str:
    if value not in ("null", "true", "false"):
        raise ToolError(f"is and isnot take null, true or false, not {short(value)}.")
    return f"{sql} IS NULL" if value == "null" else _truth(sql, value=value == "true")


def _truth(sql: str, *, value: bool) -> str:
    """Truths are numbers or words in SQLite; never NULL, so that it can be turned round."""
    words = "('true', '1')" if value else "('false', '0')"
    truth = "TRUE" if value else "FALSE"
    return f"CASE typeof({sql}) WHEN 'text' THEN lower({sql}) IN {words} ELSE {sql} IS {truth} END"


def _among(sql: str, values: list[Any], bound: Bound) -> str:
    """One bound JSON array, however many values: columns of text meet its texts, numeric ones its numbers."""
    _check_list(values)
    operands = [operand(value) for value in values if value is not None]
    forms = [form for one in operands for form in one if form is not None]
    among = f"{sql} IN (SELECT value FROM json_each({bound.add(_json(forms))}))"  # noqa: S608  # quoted
    return f"({among} OR {sql} IS NULL)" if None in values else among


_ELEMENT = "CASE WHEN {0}.type IN ('true', 'false', 'null') THEN {0}.type ELSE CAST({0}.value AS TEXT) END"
_HAS, _WANTED = _ELEMENT.format("_has"), _ELEMENT.format("_wanted")


def _arrays(sql: str, name: str, values: list[Any], bound: Bound) -> str:
    """Whether the JSON array in a column contains all of, is contained in, or overlaps the values.

    Elements compare as text. What is no JSON array matches nothing. The column is read outside of
    the queries on json_each: beside that a column called `value` would be another one.
    """
    _check_list(values)
    wanted, has = f"json_each({bound.add(_json(values))}) AS _wanted", "json_each(_row._list) AS _has"
    wants, haves = f"(SELECT {_WANTED} FROM {wanted})", f"(SELECT {_HAS} FROM {has})"  # noqa: S608  # quoted
    match name:
        case "cs":
            test = f"NOT EXISTS (SELECT 1 FROM {wanted} WHERE {_WANTED} NOT IN {haves})"  # noqa: S608  # quoted
        case "cd":
            test = f"NOT EXISTS (SELECT 1 FROM {has} WHERE {_HAS} NOT IN {wants})"  # noqa: S608  # quoted
        case _:
            test = f"EXISTS (SELECT 1 FROM {has} WHERE {_HAS} IN {wants})"  # noqa: S608  # quoted
    array = f"SELECT json_type(_row._list) = 'array' AND {test} FROM (SELECT {sql} AS _list) AS _row"  # noqa: S608  # quoted
    return f"CASE WHEN json_valid({sql}) THEN ({array}) ELSE 0 END"


def _check_list(values: list[Any]) -> None:
    if not values:
        raise ToolError("the list is empty; name at least one value.")
    if len(values) > VALUES_MAX:
        raise ToolError(f"{len(values)} values are too many; {VALUES_MAX} are allowed.")
    if any(isinstance(value, list | dict) for value in values):
        raise ToolError("a list holds only text, numbers, true, false and null.")


def _refuse_mistaken(text: str) -> None:
    """Raise for what was meant to be an operator; a value that only looks so can be written `eq.value`."""
    if wrong := mistake(text, OPERATORS):
        raise ToolError(f"{wrong} For this very text write eq.{short(text)}.")


def _refuse_mistaken_list(values: list[Any]) -> None:
    """Raise for values that all look like conditions; a few may well be names with dots in them."""
    first = ""
    for value in values[:_MISTAKES_MAX]:
        wrong = mistake(value, OPERATORS) if isinstance(value, str) else ""
        if not wrong:
            return
        first = first or wrong
    if first:
        raise ToolError(f"{first} For these very texts write in.(a,b).")


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
