"""Texts of settings -> values. Each kind of value is read by the same code in `index.ts` and `bot.md`.

A parser gets a non-empty text and returns the value, or raises `ValueError` with a sentence that
continues "<key> …": what the value must be. YAML lists and mappings arrive with texts as leaves.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from appliance.bot import IntentRule

WHOLE_MAX = 2**53 - 1
"""The largest number that every JSON reader keeps exactly."""

HOUR_S = 3600
UNITS_S = {"d": 24 * HOUR_S, "h": HOUR_S, "m": 60, "s": 1}
OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def text(value: str) -> str:
    """One line of text; runs of white space become one space."""
    return " ".join(value.split())


def flag(value: str) -> bool:
    """`true|false|yes|no|1|0` in any case."""
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    if value.lower() not in words:
        raise ValueError(f"must be true or false, not {value!r}")
    return words[value.lower()]


def whole(minimum: int, *, maximum: int = WHOLE_MAX, clamp_to: int | None = None) -> Callable[[str], int]:
    """A parser of whole numbers from `minimum` to `maximum`; larger ones than `clamp_to` become it."""
    most = f" and at most {maximum}" if maximum < WHOLE_MAX else ""

    def parse(value: str) -> int:
        digits = value.replace("_", "")
        number = int(digits) if re.fullmatch(r"[+-]?[0-9]{1,16}", digits) else None
        if number is None or not minimum <= number <= maximum:
            raise ValueError(f"must be a whole number of at least {minimum}{most}, not {value!r}")
        return number if clamp_to is None else min(number, clamp_to)

    return parse


def number(minimum: float, maximum: float) -> Callable[[str], float]:
    """A parser of decimal numbers within a closed range."""

    def parse(value: str) -> float:
        is_decimal = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)", value)
        if not is_decimal or not minimum <= float(value) <= maximum:
            raise ValueError(f"must be a number from {minimum:g} to {maximum:g}, not {value!r}")
        return float(value)

    return parse


def per(unit: str, *spellings: str) -> Callable[[str], int]:
    """A parser of `20` or `20/min`: a count for one fixed `unit`."""
    count = whole(0)

    def parse(value: str) -> int:
        amount, slash, given = (part.strip() for part in value.partition("/"))
        if slash and given.lower() not in (unit, *spellings):
            raise ValueError(f"is counted per {unit} and must look like 20 or 20/{unit}, not {value!r}")
        return count(amount)

    return parse


def duration_s(value: str) -> int:
    """Seconds of `24` (hours), `90m`, `1h30m`, `2d`; 0 means for ever."""
    compact = value.replace(" ", "").lower()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", compact):
        compact += "h"
    parts = re.findall(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)([dhms])", compact)
    if not parts or "".join(amount + unit for amount, unit in parts) != compact:
        raise ValueError(f"must be hours like 24, or a time like 90m, 1h30m or 2d, not {value!r}")
    return round(sum(float(amount) * UNITS_S[unit] for amount, unit in parts))


def choice(*words: str) -> Callable[[str], str]:
    """A parser of one of a few words, in any case."""

    def parse(value: str) -> str:
        if value.lower() not in words:
            raise ValueError(f"must be one of {', '.join(words)}, not {value!r}")
        return value.lower()

    return parse


def comma_separated(value: str) -> list[str]:
    """`a, b` -> a list without empty and doubled items, in the order given; never empty."""
    return items(value.split(","))


def items(value: Any) -> list[str]:
    """A YAML list of texts -> the same list, trimmed, without empty and doubled items; never empty."""
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("must be a list of names")
    found = list(dict.fromkeys(filter(None, map(str.strip, value))))
    if not found:
        raise ValueError("needs at least one name")
    return found


def all_or(names: list[str]) -> list[str]:
    """`*` among the names means all, which is an empty list."""
    return [] if "*" in names else names


def operations(names: list[str]) -> list[str]:
    """SQL operations, upper-cased."""
    upper = [name.upper() for name in names]
    for name in upper:
        if name not in OPERATIONS:
            raise ValueError(f"may name {', '.join(OPERATIONS)}, not {name!r}")
    return list(dict.fromkeys(upper))


def lower(names: list[str]) -> list[str]:
    """Names that are compared without regard to case, such as roles."""
    return list(dict.fromkeys(name.lower() for name in names))


def rules_json(value: str) -> list[IntentRule]:
    """A JSON array of intent rules."""
    try:
        data = json.loads(value)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"must be a JSON array of rules: {error}") from None
    return rules(data)


def rules(data: Any) -> list[IntentRule]:
    """Intent rules from JSON or YAML data; keys may be `requiredTable` or `required-table`."""
    if not isinstance(data, list) or not all(isinstance(rule, dict) for rule in data):
        raise ValueError("must be a list of rules, each an object with keywords")
    return [_rule(rule, position) for position, rule in enumerate(data, 1)]


def _rule(data: dict[str, Any], position: int) -> IntentRule:
    camel = {re.sub(r"-([a-z])", lambda hit: hit[1].upper(), key): data[key] for key in data}
    known = [field.encode_name for field in msgspec.structs.fields(IntentRule)]
    for key in camel:
        if key not in known:
            raise ValueError(f"rule {position}: unknown key {key!r}; known: {', '.join(known)}")
    try:
        rule = msgspec.convert(camel, IntentRule)
    except msgspec.ValidationError as error:
        raise ValueError(f"rule {position}: {error}") from None
    if not rule.keywords or not all(word.strip() for word in rule.keywords):
        raise ValueError(f"rule {position}: keywords must be a list of words, none of them empty")
    return rule


def columns_text(value: str) -> dict[str, list[str]]:
    """`table=col1,col2 other=col` -> columns by table."""
    compact = re.sub(r"\s*([=,])\s*", r"\1", value)
    found: dict[str, list[str]] = {}
    for part in compact.split():
        table, equals, names = part.partition("=")
        if not (table and equals and names.strip(",")) or "=" in names:
            raise ValueError(f"must look like table=col1,col2 other=col, not {value!r}")
        found = merge_columns(found, {table: comma_separated(names)})
    return found


def columns(data: Any) -> dict[str, list[str]]:
    """A YAML mapping of table to columns (a list, or names separated by commas)."""
    if not isinstance(data, dict) or not data:
        raise ValueError("must map tables to their columns, like `users: [id, name]`")
    return {
        table: comma_separated(names) if isinstance(names, str) else items(names)
        for table, names in data.items()
    }


def merge_lists(first: Iterable[Any], second: Iterable[Any]) -> list[Any]:
    """Both lists in order, without doubles."""
    merged: list[Any] = []
    for item in (*first, *second):
        if item not in merged:
            merged.append(item)
    return merged


def merge_columns(first: dict[str, list[str]], second: dict[str, list[str]]) -> dict[str, list[str]]:
    """The union of two tables of required columns."""
    return {
        table: merge_lists(first.get(table, []), second.get(table, []))
        for table in dict.fromkeys((*first, *second))
    }
