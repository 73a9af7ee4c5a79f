"""Conditions on a document's metadata (Fluxbase 5.2): a tree of groups, joined by AND or OR.

How it becomes SQL is `store/knowledge/filters.py`; a group is always one closed condition there, so that an
OR inside cannot reach over what stands around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from appliance.errors import InvalidInput

Operator: TypeAlias = Literal[
    "=", "!=", "LIKE", "ILIKE", "IN", "NOT IN", ">", ">=", "<", "<=", "BETWEEN", "IS NULL", "IS NOT NULL"
]

CONDITIONS_MAX = 64
DEPTH_MAX = 6
VALUES_MAX = 200
"""Of IN and NOT IN, in all conditions together: each makes the query deeper, and SQLite has a limit."""

NUMBER_MAX = 10**308
"""JSON lets numbers have any length; floating point ends a little above this one."""

_WITHOUT_VALUE = ("IN", "NOT IN", "BETWEEN", "IS NULL", "IS NOT NULL")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a key. `values` are for IN, `min` and `max` for BETWEEN, nothing for the NULL tests.

    All others need a `value`; null is one for `=` and `!=` only.
    """

    key: str
    operator: Operator = "="
    value: Any = msgspec.UNSET
    values: list[Any] = []
    min: Any = None
    max: Any = None


class MetadataFilter(msgspec.Struct, frozen=True, kw_only=True):
    """All or any of the conditions and groups. An empty one is refused: it would mean everything."""

    conditions: list[Condition] = []
    logical_op: Literal["AND", "OR"] = "AND"
    groups: list[MetadataFilter] = []


def read_filter(value: Any) -> MetadataFilter | None:
    """A filter as clients send it: the tree, or `{key: value, …}` for equality; None for nothing.

    Raises `InvalidInput` that says what is wrong.
    """
    if value in (None, {}):
        return None
    if not isinstance(value, dict):
        raise InvalidInput("metadata_filter must be an object.")
    if not {"conditions", "groups"} & value.keys():
        value = {"conditions": [{"key": key, "value": given} for key, given in value.items()]}
    try:
        found = msgspec.convert(value, MetadataFilter)
    except msgspec.ValidationError as error:
        raise InvalidInput(
            f"metadata_filter is not of the expected form: {error}. Operators are "
            f"{', '.join(get_args(Operator))}; groups are joined by AND or OR."
        ) from error
    _check(found, 1)
    conditions = list(_all(found))
    if len(conditions) > CONDITIONS_MAX:
        raise InvalidInput(f"metadata_filter has more than {CONDITIONS_MAX} conditions.")
    if sum(len(condition.values) for condition in conditions) > VALUES_MAX:
        raise InvalidInput(f"metadata_filter has more than {VALUES_MAX} values for IN and NOT IN.")
    return found


def is_too_large(value: object) -> bool:
    """Is it a number that no database can hold, not even rounded?"""
    return isinstance(value, int) and abs(value) > NUMBER_MAX


def _all(filter: MetadataFilter) -> Iterator[Condition]:
    yield from filter.conditions
    for group in filter.groups:
        yield from _all(group)


def _check(filter: MetadataFilter, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise InvalidInput(f"metadata_filter has more than {DEPTH_MAX} levels of groups.")
    if not filter.conditions and not filter.groups:
        raise InvalidInput("metadata_filter has a group without conditions.")
    for condition in filter.conditions:
        _check_condition(condition)
    for group in filter.groups:
        _check(group, depth + 1)


def _check_condition(condition: Condition) -> None:
    if not condition.key or len(condition.key) > 200:
        raise InvalidInput("Each condition of metadata_filter needs a key of 1 to 200 characters.")
    given = [condition.value, condition.min, condition.max, *condition.values]
    if any(isinstance(value, dict | list) for value in given):
        raise InvalidInput(f"metadata_filter: {condition.key} must be compared with plain values.")
    if any(is_too_large(value) for value in given):
        raise InvalidInput(f"metadata_filter: {condition.key} is compared with a number that is too large.")
    if condition.operator in ("IN", "NOT IN") and not condition.values:
        raise InvalidInput(f"metadata_filter: {condition.operator} on {condition.key} needs values.")
    if condition.operator == "BETWEEN" and (condition.min is None or condition.max is None):
        raise InvalidInput(f"metadata_filter: BETWEEN on {condition.key} needs min and max.")
    if condition.operator not in _WITHOUT_VALUE:
        _check_value(condition)


def _check_value(condition: Condition) -> None:
    """A forgotten value must not come to mean null: a deletion would take all that lack the key."""
    if condition.value is msgspec.UNSET:
        raise InvalidInput(f"metadata_filter: {condition.operator} on {condition.key} needs a value.")
    if condition.operator not in ("=", "!=") and isinstance(condition.value, bool | None):
        raise InvalidInput(
            f"metadata_filter: {condition.operator} on {condition.key} needs a text or a number as its value."
        )
