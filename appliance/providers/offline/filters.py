"""`Condition` -> `Filter`: the column that a condition speaks of, and the values that it may have."""

from __future__ import annotations

import msgspec

from appliance.providers.offline import vocabulary
from appliance.providers.offline.intent import (
    Compare,
    During,
    Filter,
    Has,
    Is,
    Matches,
    Missing,
    Named,
    Number,
    Ref,
    Unclear,
)
from appliance.providers.offline.lexicon import Value
from appliance.providers.offline.marks import Mark
from appliance.providers.offline.reading import Condition
from appliance.providers.offline.scope import Scope, not_numbers
from appliance.providers.offline.words import parts

MENTIONED_IN = {
    "in": (vocabulary.PLACE_COLUMNS, vocabulary.KIND_COLUMNS),
    "from": (vocabulary.FROM_COLUMNS, vocabulary.PLACE_COLUMNS),
    "to": (vocabulary.TO_COLUMNS,),
    "": (vocabulary.KIND_COLUMNS,),
}
"""Preposition -> columns, best first, that a value nobody told us of may stand in; "" is an adjective."""
VERBS = {"contains": "contains", "starts": "starts with", "ends": "ends with"}


def resolve_filter(scope: Scope, base: str, condition: Condition) -> Filter:
    """The filter on rows of `base`. Raises `Unclear` where a column cannot be found or reached."""
    match condition.kind:
        case "period":
            assert condition.period is not None
            return During(scope.clock(base), condition.period)
        case "has":
            return _has(scope, base, condition)
        case "row":
            return _row(scope, base, condition)
        case "value":
            return _value(scope, base, condition)
        case "mention":
            return _mention(scope, base, condition)
        case "compare":
            return _compare(scope, base, condition)
    assert condition.mark is not None
    ref = scope.nearest(base, condition.mark.columns, condition.mark.text)
    if condition.kind == "missing":
        return Missing(ref, condition.negated)
    if condition.kind == "matches":
        return Matches((ref,), str(condition.values[0]), VERBS[condition.word])  # type: ignore[arg-type]
    return _is(scope, ref, condition)


def _compare(scope: Scope, base: str, condition: Condition) -> Compare:
    if condition.duration and condition.mark is None:
        raise Unclear(f"Which column of {base} should be compared with that many {condition.duration}s?")
    ref = _compared(scope, base, condition.mark)
    number = _number(condition.values[0], ref)
    if condition.duration:
        number = _in_unit_of(ref, number, condition.duration)
    return Compare(ref, condition.operator, number)


def _in_unit_of(ref: Ref, number: Number, unit: str) -> Number:
    """The duration in the unit that the column's name says, as `air_minutes` does; no other is guessed."""
    stored = next((part for part in parts(ref.column) if part in vocabulary.DURATIONS.values()), "")
    if stored == unit:
        return number
    if stored in vocabulary.SECONDS and unit in vocabulary.SECONDS:
        converted = number * vocabulary.SECONDS[unit] / vocabulary.SECONDS[stored]
        return int(converted) if converted == int(converted) else converted
    raise Unclear(
        f"{ref.column} is a plain number and does not say in which unit, so I cannot compare it with "
        f"{number} {unit}s. Please ask with the number as it is stored and without a unit."
    )


def _compared(scope: Scope, base: str, mark: Mark | None) -> Ref:
    """The column that the number is compared with; without one, what the row is worth."""
    if mark:
        refs = [ref for ref in mark.columns if scope.lexicon.kind(ref) in {"number", "key"}]
        if not refs:
            raise not_numbers(scope.lexicon, mark, "")
        return scope.nearest(base, refs, mark.text)
    worths = (*vocabulary.MONEY_COLUMNS, *vocabulary.PRICE_COLUMNS)
    if found := scope.lexicon.by_parts(base, worths, "number"):
        return found[0]
    raise Unclear(f"Which column of {base} should be compared with that number?")


def _has(scope: Scope, base: str, condition: Condition) -> Has:
    assert condition.mark is not None
    table = scope.table(condition.mark)
    path = scope.graph.path(base, table)
    if not path or path[0].to_one:
        raise Unclear(f"I cannot count the {table} of each row of {base}: no key leads from {table} to it.")
    number = condition.values[0]
    assert isinstance(number, int | float)
    return Has(table, condition.operator, number)


def _row(scope: Scope, base: str, condition: Condition) -> Is:
    assert condition.mark is not None
    table = scope.table(condition.mark)
    key = scope.lexicon.key(table)
    if key is None or isinstance(condition.values[0], Value):
        raise Unclear(f"{table} has no key that “{condition.values[0]}” could be.")
    scope.reached(base, table)
    return Is((key,), (condition.values[0],))


def _is(scope: Scope, ref: Ref, condition: Condition) -> Is:
    values = condition.values
    if known := tuple(value.value for value in values if isinstance(value, Value)):
        others = tuple(value for value in values if not isinstance(value, Value))
        return Is((ref,), (*known, *others), condition.negated, exact=not others)
    if scope.lexicon.kind(ref) == "number":
        return Is((ref,), tuple(_number(value, ref) for value in values), condition.negated)
    plain = tuple(value for value in values if not isinstance(value, Value))
    return Is((ref,), plain, condition.negated, exact=False)


def _value(scope: Scope, base: str, condition: Condition) -> Is:
    values = [value for value in condition.values if isinstance(value, Value)]
    nearest = scope.nearest(base, [value.ref for value in values], values[0].value)
    refs = list(dict.fromkeys(value.ref for value in values if value.ref.table == nearest.table))
    names = {"from": vocabulary.FROM_COLUMNS, "to": vocabulary.TO_COLUMNS}.get(condition.word, ())
    if hinted := [ref for ref in scope.lexicon.by_parts(nearest.table, names, "text", "key") if ref in refs]:
        refs = hinted
    known = dict.fromkeys(value.value for value in values if value.ref in refs)
    others = [str(value) for value in condition.values if not isinstance(value, Value)]
    return Is(tuple(refs), (*known, *others), condition.negated, exact=not others)


def _mention(scope: Scope, base: str, condition: Condition) -> Filter:
    """A word that we never saw is looked for where it may stand: places, names, states."""
    text = str(condition.values[0])
    near = [table for table in scope.lexicon.tables if scope.graph.single(base, table)]
    near.sort(key=lambda table: scope.graph.distance(base, table))
    for names in MENTIONED_IN.get(condition.word, ()):
        for table in near:
            if refs := scope.lexicon.by_parts(table, names, "text", "key"):
                if named := _behind_code(scope, refs[0], text):
                    return named
                return Is(tuple(refs), (text,), exact=False)
    labels = [ref for table in near for ref in scope.lexicon.label(table)]
    if condition.word in {"of", "by"} and labels:
        return Matches(tuple(labels), text)
    raise scope.ask_back([text])


def _behind_code(scope: Scope, ref: Ref, text: str) -> Named | None:
    """The name of the row that the key column leads to, where rows there have names."""
    step = scope.graph.step_from(ref)
    labels = scope.lexicon.label(step.target.table) if step else ()
    return Named(ref, step.target, labels, text) if step and labels else None


def merged_filters(filters: list[Filter]) -> list[Filter]:
    """Two values of one column cannot both hold, so they are alternatives: cancelled and pending orders."""
    merged: list[Filter] = []
    for this in filters:
        at = next((i for i, old in enumerate(merged) if _same_column(old, this)), None)
        if at is None:
            merged.append(this)
        else:
            old = merged[at]
            assert isinstance(old, Is)
            assert isinstance(this, Is)
            merged[at] = msgspec.structs.replace(old, values=old.values + this.values)
    return merged


def _same_column(one: Filter, other: Filter) -> bool:
    return (
        isinstance(one, Is)
        and isinstance(other, Is)
        and (one.refs, one.negated, one.exact) == (other.refs, other.negated, other.exact)
    )


def _number(value: object, ref: Ref) -> Number:
    if isinstance(value, int | float):
        return value
    raise Unclear(f"{ref.column} holds numbers, so it cannot be “{value}”.")
