"""Reads what models write for a table, a list of columns and an order, and makes quoted SQL names of it.

Only names are understood, no expressions: whether they exist and may be used is for the guard to say.
"""

from __future__ import annotations

import re

from appliance.sqltext import quoted
from appliance.tools.base import ToolError

NAMES_MAX = 100
NAME_CHARS_MAX = 200
TEXT_CHARS_MAX = 10_000
OUR_SCHEMAS = ("public", "main")
"""Names that stand for the data file and are left out."""

_QUOTED = r'"(?:[^"]|"")+"'
_BARE = r"[^\W\d][\w$]*"
_ITEM = re.compile(rf"\s*({_QUOTED}|[^,\"]*)\s*([^,]*)(,|$)", re.DOTALL)
_SUFFIXES = re.compile(r"(?:\.(?:asc|desc|nullsfirst|nullslast))*\Z")
_SQL_ORDER = re.compile(
    rf"({_QUOTED}|{_BARE})[\s.:]+(asc|desc)(?:ending)?(?:[\s.:]+nulls[\s._]*(first|last))?",
    re.IGNORECASE,
)
_TABLE = re.compile(rf'(?:({_QUOTED}|[^".]+)\.)?({_QUOTED}|[^"]+)', re.DOTALL)


def table_name(text: str) -> str:
    """`orders`, `warehouse.sales`, `public."change log"` as a SQL name; raises `ToolError`."""
    found = _TABLE.fullmatch(text.strip())
    if found is None:
        raise ToolError(f'{_short(text)} is not a table: write table, or schema.table, or "table" in quotes.')
    schema, table = found[1], _name(found[2])
    if schema is None or _name(schema).lower() in OUR_SCHEMAS:
        return quoted(table)
    return f"{quoted(_name(schema))}.{quoted(table)}"


def plain_table(text: str) -> str:
    """The same for people: without quotes, cut; never raises."""
    return _short(text.strip().strip('"'))


def column_names(text: str, what: str) -> list[str]:
    """The names of `id, "first name"`; raises `ToolError` for anything that is not a name."""
    names = [_column(head + rest, what) for head, rest in _items(text, what)]
    return list(dict.fromkeys(names))


def select_list(text: str) -> str:
    """`*` or quoted columns for SELECT."""
    return "*" if text.strip() in ("", "*") else ", ".join(map(quoted, column_names(text, "select")))


def order_list(text: str) -> str:
    """`total.desc.nullslast,id` as the terms of ORDER BY; '' for no order."""
    return ", ".join(_term(head, rest) for head, rest in _items(text, "order")) if text.strip() else ""


def _term(head: str, rest: str) -> str:
    text = head + rest
    start = len(head) if head.startswith('"') else 0
    cut = _SUFFIXES.search(text, start)
    assert cut is not None  # it matches the empty end, too
    _refuse_sql_order(" ".join((head, rest)).strip() if start else text, text[: cut.start()])
    name, words = _column(text[: cut.start()], "order"), cut[0].split(".")[1:]
    if len(words) != len({word[:5] if word.startswith("nulls") else "way" for word in words}):
        raise ToolError(f"order: {_short(text)} says two things at once; write column.desc.nullslast.")
    sql = quoted(name) + (" DESC" if "desc" in words else "")
    nulls = {"nullsfirst": " NULLS FIRST", "nullslast": " NULLS LAST"}
    return sql + "".join(nulls.get(word, "") for word in words)


def _refuse_sql_order(text: str, column: str) -> None:
    """Raise for `id desc`, with the way to write it here."""
    found = None if re.fullmatch(f"{_QUOTED}|{_BARE}", column) else _SQL_ORDER.fullmatch(text)
    if found:
        words = [found[1], found[2].lower(), f"nulls{found[3].lower()}" if found[3] else ""]
        raise ToolError(f"order: write {_short('.'.join(filter(None, words)))} rather than {_short(text)}.")


def _items(text: str, what: str) -> list[tuple[str, str]]:
    """Each item as its (quoted) name and what stands behind it."""
    if len(text) > TEXT_CHARS_MAX:
        raise ToolError(f"{what}: the text is too long; {TEXT_CHARS_MAX} characters are allowed.")
    items, at = [], 0
    while True:
        found = _ITEM.match(text, at)
        assert found is not None  # it matches the empty item, too
        items.append((found[1].strip(), found[2].strip()))
        if len(items) > NAMES_MAX:
            raise ToolError(f"{what}: at most {NAMES_MAX} columns can be named.")
        if not found[3]:
            return items
        at = found.end()


def _column(text: str, what: str) -> str:
    if text == "*":
        raise ToolError(f"{what}: * stands for all columns and must stand alone.")
    if not re.fullmatch(f"{_QUOTED}|{_BARE}", text):
        raise ToolError(
            f"{what}: {_short(text)} is not a column name. Write plain columns like id,name, and others in "
            'double quotes like "first name"; for expressions, functions and joins use SQL.'
        )
    return _name(text)


def _name(text: str) -> str:
    name = text[1:-1].replace('""', '"') if text.startswith('"') else text
    return checked_name(name)


def checked_name(name: str) -> str:
    """`name`, if it can be one of a table or column; raises `ToolError`."""
    if not name or "\0" in name or len(name) > NAME_CHARS_MAX:
        raise ToolError(f"{_short(name)} cannot be a name: it is empty, too long, or holds a NUL.")
    return name


def _short(text: str) -> str:
    shown = text if len(text) <= 60 else text[:59] + "…"
    return repr(shown) if not shown.isprintable() or not shown else shown
