# ruff: noqa: S608 what is written into SQL here are numbers and names of our own
"""Which documents count, as conditions for a WHERE clause: for whom is asked, and what is asked for.

Values and keys are always bound, never written into the SQL. Every condition stands in its own parentheses:
what is around it cannot reach in, nor an OR inside reach out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from appliance import metadata_filter
from appliance.errors import InvalidInput
from appliance.knowledge import DocumentFilter, Viewer
from appliance.metadata_filter import MetadataFilter

INTEGER_MAX = 2**63 - 1
PATTERN_CHARS_MAX = 1_000
TAGS_EACH = 16
"""So many tags are looked for one by one, fast, and all others in one list."""

_NUMBER = "m.type IN ('integer', 'real')"
_PLAIN = "m.type IN ('text', 'integer', 'real')"


class Condition(msgspec.Struct, frozen=True):
    """SQL in parentheses with a `?` for each of `bindings`, in their order."""

    sql: str
    bindings: tuple[Any, ...] = ()

    def __and__(self, other: Condition) -> Condition:
        """Both have to hold."""
        return Condition(f"({self.sql} AND {other.sql})", self.bindings + other.bindings)


ALL = Condition("(1)")
NONE = Condition("(0)")


def visible(viewer: Viewer, documents: str = "d", bases: str = "b") -> Condition:
    """Documents that count for a viewer: those of nobody, the viewer's own, those granted to the viewer.

    The latter two in the base's tenant only. `documents` and `bases` are the tables' names in the query.
    """
    if viewer.everything:
        return ALL
    if not viewer.user_id or not _storable(viewer.user_id) or not _storable(viewer.tenant):
        return Condition(f"({documents}.user_id = '')")
    return Condition(
        f"({documents}.user_id = '' OR ({bases}.tenant = ? AND ({documents}.user_id = ? OR EXISTS ("
        f"SELECT 1 FROM _document_grants AS g WHERE g.document = {documents}.number AND g.user_id = ?))))",
        (viewer.tenant, viewer.user_id, viewer.user_id),
    )


def matches(filter: DocumentFilter, documents: str = "d") -> Condition:
    """Documents that have all the tags, fit the metadata and are among the named ones."""
    found = ALL
    if filter.documents:
        found &= Condition(
            f"({documents}.id IN (SELECT value FROM json_each(?)))", (_json(filter.documents),)
        )
    tags = list(dict.fromkeys(filter.tags))
    for tag in tags[:TAGS_EACH]:
        found &= _tagged(tag, documents)
    if tags[TAGS_EACH:]:
        found &= Condition(
            "(NOT EXISTS (SELECT 1 FROM json_each(?) AS wanted WHERE wanted.value NOT IN "
            f"(SELECT value FROM json_each(CAST({documents}.tags AS TEXT)))))",
            (_json(tags[TAGS_EACH:]),),
        )
    if filter.metadata is not None:
        found &= _group(filter.metadata, documents)
    return found


def is_empty(filter: DocumentFilter) -> bool:
    """Does it let everything through?"""
    return not (filter.tags or filter.documents or filter.metadata is not None)


def _tagged(tag: str, documents: str) -> Condition:
    """Most that do not have it are told by its letters, as `msgspec` writes them."""
    text = _text(tag)
    return Condition(
        f"(instr({documents}.tags, ?) AND EXISTS "
        f"(SELECT 1 FROM json_each(CAST({documents}.tags AS TEXT)) AS t WHERE t.value = ?))",
        (msgspec.json.encode(text), text),
    )


def _group(group: MetadataFilter, documents: str) -> Condition:
    parts = [_condition(condition, documents) for condition in group.conditions]
    parts += [_group(inner, documents) for inner in group.groups]
    if not parts:
        return NONE  # `read_filter` refuses it; here it must not come to mean everything
    joint = " AND " if group.logical_op == "AND" else " OR "
    return Condition(
        f"({joint.join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.bindings),
    )


def _condition(condition: metadata_filter.Condition, documents: str) -> Condition:
    """A key that is missing, or null, fits `IS NULL` alone, as in SQL."""
    match condition.operator:
        case "IS NULL":
            return _some(condition.key, documents, Condition("(m.type <> 'null')"), negated=True)
        case "IS NOT NULL":
            test = Condition("(m.type <> 'null')")
        case "=":
            if condition.value is None:
                return _some(condition.key, documents, Condition("(m.type <> 'null')"), negated=True)
            test = _equal(condition.value)
        case "!=":
            test = _unequal([condition.value])
        case "IN":
            test = _any_of(condition.values)
        case "NOT IN":
            test = _unequal(condition.values)
        case "BETWEEN":
            test = _compared(">=", condition.min) & _compared("<=", condition.max)
        case "LIKE":
            test = Condition("(m.type = 'text' AND m.value GLOB ?)", (_glob(_pattern(condition)),))
        case "ILIKE":
            test = Condition(r"(m.type = 'text' AND m.value LIKE ? ESCAPE '\')", (_pattern(condition),))
        case _:
            test = _compared(condition.operator, condition.value)
    return _some(condition.key, documents, test)


def _some(key: str, documents: str, test: Condition, *, negated: bool = False) -> Condition:
    word = "NOT EXISTS" if negated else "EXISTS"
    return Condition(
        f"({word} (SELECT 1 FROM json_each(CAST({documents}.metadata AS TEXT)) AS m "
        f"WHERE m.key = ? AND {test.sql}))",
        (_text(key), *test.bindings),
    )


def _any_of(values: Sequence[Any]) -> Condition:
    parts = [_equal(value) for value in values]
    if not parts:
        return NONE
    return Condition(
        f"({' OR '.join(part.sql for part in parts)})",
        tuple(value for part in parts for value in part.bindings),
    )


def _unequal(values: Sequence[Any]) -> Condition:
    inner = _any_of(values)
    return Condition(f"(m.type <> 'null' AND NOT {inner.sql})", inner.bindings)


def _equal(value: Any) -> Condition:
    """Numbers with numbers; a text also with a number that is written like it, as people type filters."""
    match value:
        case bool():
            return Condition(f"(m.type = '{'true' if value else 'false'}')")
        case int() | float():
            return Condition(f"({_NUMBER} AND m.value = ?)", (_number(value),))
        case None:
            return Condition("(m.type = 'null')")
        case _:
            return Condition(f"({_PLAIN} AND CAST(m.value AS TEXT) = ?)", (_text(value),))


def _compared(operator: str, value: Any) -> Condition:
    """Numbers by size, texts by their characters, as dates of the year-first form want it; never across."""
    match value:
        case bool() | None:
            return NONE
        case int() | float():
            return Condition(f"({_NUMBER} AND m.value {operator} ?)", (_number(value),))
        case _:
            return Condition(f"(m.type = 'text' AND m.value {operator} ?)", (_text(value),))


def _pattern(condition: metadata_filter.Condition) -> str:
    pattern = _text(condition.value)
    if len(pattern) > PATTERN_CHARS_MAX:
        raise InvalidInput(
            f"metadata_filter: the pattern for {condition.key} has {len(pattern)} characters; "
            f"at most {PATTERN_CHARS_MAX} are compared."
        )
    return pattern


def _glob(pattern: str) -> str:
    r"""A LIKE pattern (`%`, `_`, `\` before a sign that is meant) as GLOB, which minds the case."""
    found: list[str] = []
    signs = iter(pattern)
    for sign in signs:
        if sign == "\\":
            sign = next(signs, "\\")
            found.append(f"[{sign}]" if sign in "*?[" else sign)
        else:
            found.append({"%": "*", "_": "?", "*": "[*]", "?": "[?]", "[": "[[]"}.get(sign, sign))
    return "".join(found)


def _number(value: int | float) -> int | float:
    return value if isinstance(value, float) or abs(value) <= INTEGER_MAX else float(value)


def _text(value: Any) -> str:
    """What SQLite can be given; half a surrogate pair equals nothing that is stored."""
    return str(value).encode("utf-8", "replace").decode()


def _storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode([_text(value) for value in values]).decode()
