"""Names and values as SQL text. Nothing gets into a statement but through here."""

from __future__ import annotations

import re

from appliance.providers.offline.intent import Number

SIMPLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_KEYWORDS = """
abort action add after all alter always analyze and as asc attach autoincrement before begin between by
cascade case cast check collate column commit conflict constraint create cross current current_date
current_time current_timestamp database default deferrable deferred delete desc detach distinct do drop
each else end escape except exclude exclusive exists explain fail filter first following for foreign from
full generated glob group groups having if ignore immediate in index indexed initially inner insert
instead intersect into is isnull join key last left like limit match materialized natural no not nothing
notnull null nulls of offset on or order others outer over partition plan pragma preceding primary query
raise range recursive references regexp reindex release rename replace restrict returning right rollback
row rows savepoint select set table temp temporary then ties to transaction trigger unbounded union
unique update using vacuum values view virtual when where window with without
"""
RESERVED = frozenset(_KEYWORDS.split())
"""All keywords of SQLite, in lower case."""


def quoted(name: str) -> str:
    """The name as an identifier: bare where that is safe, in double quotes elsewhere."""
    if SIMPLE_NAME.fullmatch(name) and name.lower() not in RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | Number) -> str:
    """The value as SQL: numbers as they are, text in single quotes."""
    return "'" + value.replace("\0", "").replace("'", "''") + "'" if isinstance(value, str) else repr(value)
