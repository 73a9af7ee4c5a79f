"""Reads SQL text, with a real parser where that is needed, for friendlier names and error texts only.

Whether a statement may run is never decided here: text that the parser does not understand comes back
as it is, and SQLite and its authorizer judge it. The parser (`sql_parsing.py`) is loaded when first needed.
"""

from __future__ import annotations

import re
from functools import lru_cache

from appliance.sqlguard import fold
from appliance.tools.sql_places import PREFIXES, Edit, mentions, named, usual_places

_BODY = ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE")

PARSED_CHARS_MAX = 20_000
"""SQLite refuses longer statements (`sql_setup.LIMITS`), so nothing is gained by parsing them."""

_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)\b")
_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]]*\]|\w+|\S", re.DOTALL
)


def strip_prefixes(sql: str) -> str:
    """The same text with `public.` and `main.` before table names left out, also before `table.column`."""
    return localize(sql)


@lru_cache(maxsize=256)
def localize(sql: str, schemas: tuple[str, ...] = ()) -> str:
    """The same text with the names by which a guarded connection knows its tables.

    `public.` and `main.` go; `warehouse.sales` becomes "warehouse.sales" AS "sales" for each of the attached
    `schemas`. Literals, comments and everything else stay as they are, byte for byte.
    """
    if len(sql) > PARSED_CHARS_MAX or not mentions(sql, (*PREFIXES, *schemas)):
        return sql
    attached = {fold(schema): schema for schema in schemas}
    edits = usual_edits(sql, attached)
    if edits is None:
        edits = parsed_edits(sql, attached)
    for start, end, text in sorted(edits, reverse=True):
        sql = sql[:start] + text + sql[end:]
    return sql


def usual_edits(sql: str, attached: dict[str, str]) -> set[Edit] | None:
    """What `localize` changes in a statement of the usual shape; None when that takes a parser.

    `attached` are the schemas by their folded names.
    """
    places = usual_places(sql, (*PREFIXES, *attached.values()))
    if places is None:
        return None
    edits: set[Edit] = set()
    for place in places:
        if place.schema in PREFIXES:
            edits.add((place.start, place.name, ""))
        else:
            view = f"{attached[place.schema]}.{place.table}"
            edits.add((place.start, place.end, named(view, place.table, is_renamed=place.is_renamed)))
    return edits


def parsed_edits(sql: str, attached: dict[str, str]) -> set[Edit]:
    """What `localize` changes in any statement that the parser understands."""
    from appliance.tools.sql_parsing import edits_of

    return edits_of(sql, attached)


def statement_kind(sql: str) -> str:
    """The first word of the first statement, or for `WITH …` the word behind its CTEs; '' for no words."""
    if (found := _FIRST_WORD.match(sql)) and found[1].upper() != "WITH":
        return found[1].upper()  # nearly all statements: tokens of the whole text cost much more
    words: list[str] = [token.upper() for token in _TOKEN.findall(sql) if not token.startswith(("--", "/*"))]
    first = next((word for word in words if word != "("), "")
    if first != "WITH":
        return first
    depth = 0
    for word in words:
        depth += (word == "(") - (word == ")")
        if depth == 0 and word in _BODY:
            return word
    return first


def table_names(sql: str) -> list[str]:
    """The tables that the text names, without schema, in order of mention; CTEs are not tables."""
    from appliance.tools.sql_parsing import tables_of

    return tables_of(sql)
