"""Finds `schema.table` in statements of the usual shape without a parser, which takes a millisecond.

Usual is a SELECT in which each mention of such a schema follows FROM or JOIN, and where words alone tell what
stands behind it. For all else there is no answer here, and the parser is asked (`sql_names.py`), with which
every answer given here agrees.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import apsw

from appliance.sqlguard import fold
from appliance.sqltext import quoted


class Place(NamedTuple):
    """Where FROM or JOIN names a table with its schema: from `start` to before `end`, its table at `name`."""

    start: int
    name: int
    end: int
    schema: str
    """In lower case."""
    table: str
    is_renamed: bool
    """It has an alias of its own."""


Edit = tuple[int, int, str]
"""Where it begins, where it ends, and what stands there instead."""
PREFIXES = ("public", "main")
"""Schema names that stand for the data file; inside SQLite they would mean nothing, or something else."""

_OPAQUE = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\[\]]*\]")
_ODD = re.compile(r"['\"`\[\]]|--|/\*|\b(?:DISTINCT|DELETE)\s+FROM\b", re.IGNORECASE)
"""An open literal, a comment, or a FROM that is not a SELECT's."""
_SELECT = re.compile(r"[\s(]*(?:SELECT|WITH)\b", re.IGNORECASE)
_WORD = r"[A-Za-z_]\w*"
_BARE = re.compile(r"\b\w+\b(?![\"`\]]?\s*\.)")
"""A word, also in a literal, that is not the table in `table.column`."""
_JOINS = ("JOIN", "LEFT", "RIGHT", "FULL", "INNER", "CROSS", "NATURAL", "ON", "USING")
_CLAUSES = ("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "UNION", "EXCEPT", "INTERSECT")
_BEHIND = frozenset((*_JOINS, *_CLAUSES))
"""What may follow a table without an alias; without AS none of them is one."""
_ENDS = ("", ",", ")", ";")


def mentions(sql: str, schemas: tuple[str, ...]) -> int:
    """How often one of the schemas may stand before a dot, also in literals and comments."""
    return len(_mention(schemas).findall(sql)) if "." in sql else 0


def named(view: str, bare: str, *, is_renamed: bool) -> str:
    """What a table of another schema is called instead: it keeps its bare name, but for one of its own."""
    return quoted(view) if is_renamed else f"{quoted(view)} AS {quoted(bare)}"


def usual_places(sql: str, schemas: tuple[str, ...]) -> list[Place] | None:
    """All mentions of the schemas, in order; None when only a parser can tell what they are."""
    plain = _OPAQUE.sub(lambda opaque: "\0" * len(opaque[0]), sql)
    if not plain.isascii() or _ODD.search(plain) or not _SELECT.match(plain):
        return None
    places = list(_places(plain, schemas))
    if len(places) == mentions(sql, schemas) and all(_is_clear(place, sql) for place in places):
        return places
    return None


def _places(plain: str, schemas: tuple[str, ...]) -> Iterator[Place]:
    """Those with FROM or JOIN before and something plain behind."""
    for found in _place(schemas).finditer(plain):
        is_renamed = _is_renamed(found["as"], found["next"], found["after"])
        if is_renamed is not None and found["table"].upper() not in apsw.keywords:
            start, name, end = found.start("schema"), found.start("table"), found.end("table")
            yield Place(start, name, end, fold(found["schema"]), found["table"], is_renamed)


def _is_renamed(as_: str | None, word: str | None, after: str) -> bool | None:
    """Whether the word behind a table is its alias; None when it may be something else."""
    if word is None:
        return None if after not in _ENDS else False
    if word.upper() not in apsw.keywords:
        return True if after in _ENDS or after.isalpha() else None
    return False if word.upper() in _BEHIND and not as_ else None


def _is_clear(place: Place, sql: str) -> bool:
    """Whether no alias has to be made up, or nothing else in the text goes by the table's name alone."""
    if place.is_renamed or place.schema in PREFIXES:
        return True
    return _BARE.findall(sql.lower()).count(place.table.lower()) == 1


@lru_cache(maxsize=64)
def _mention(schemas: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{_any(schemas)})\b[\"`\]]?\s*\.", re.IGNORECASE)


@lru_cache(maxsize=64)
def _place(schemas: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(
        rf"(?<![\w$.:@#])(?:FROM|JOIN)\s+(?P<schema>{_any(schemas)})\s*\.\s*(?P<table>{_WORD})(?![\w$])"
        rf"(?=(?:\s+(?P<as>AS\s+)?(?P<next>{_WORD})(?![\w$]))?\s*(?P<after>.?))",
        re.IGNORECASE | re.DOTALL,
    )


def _any(schemas: tuple[str, ...]) -> str:
    return "|".join(map(re.escape, schemas))
