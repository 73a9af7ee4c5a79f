"""Reads SQL text with a real parser, for friendlier names and error texts only.

Whether a statement may run is never decided here: text that the parser does not understand comes back
as it is, and SQLite and its authorizer judge it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.sql_places import PREFIXES, mentions, usual_places

DIALECT = "sqlite"
_BODY = ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE")
Edit = tuple[int, int, str]
"""Where it begins, where it ends, and what stands there instead."""
_Scopes = dict[int, list[exp.Table]]
"""The tables of each SELECT, by its `id`."""

PARSED_CHARS_MAX = 20_000
"""SQLite refuses longer statements (`sql_setup.LIMITS`), so nothing is gained by parsing them."""

_FIRST_WORD = re.compile(r"[\s(]*([A-Za-z]+)\b")


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
            edits.add((place.start, place.end, _named(view, place.table, is_renamed=place.is_renamed)))
    return edits


def parsed_edits(sql: str, attached: dict[str, str]) -> set[Edit]:
    """What `localize` changes in any statement that the parser understands."""
    return {edit for statement in _parse(sql) for edit in _edits(statement, attached)}


def statement_kind(sql: str) -> str:
    """The first word of the first statement, or for `WITH …` the word behind its CTEs; '' for no words."""
    if (found := _FIRST_WORD.match(sql)) and found[1].upper() != "WITH":
        return found[1].upper()  # nearly all statements: tokens of the whole text cost much more
    words = _words(sql)
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
    statements = _parse(sql)
    ctes = {cte.alias.lower() for statement in statements for cte in statement.find_all(exp.CTE)}
    found = [table.name for statement in statements for table in statement.find_all(exp.Table)]
    return list(dict.fromkeys(name for name in found if name and name.lower() not in ctes))


def _edits(statement: exp.Expression, attached: dict[str, str]) -> Iterator[Edit]:
    scopes: _Scopes = {}
    for table in statement.find_all(exp.Table):
        scopes.setdefault(id(table.find_ancestor(exp.Select)), []).append(table)
    for node in statement.find_all(exp.Table, exp.Column, exp.In):
        schema, name = _qualified(node)
        if schema is None or name is None or node.args.get("catalog"):
            continue
        if "start" not in schema.meta or "start" not in name.meta:
            continue
        start, end = schema.meta["start"], name.meta["end"] + 1
        if fold(schema.name) in PREFIXES:
            yield start, name.meta["start"], ""
        elif known := attached.get(fold(schema.name)):
            yield start, end, _local(node, f"{known}.{name.name}", name.name, scopes)


def _qualified(node: exp.Expression) -> tuple[exp.Expression | None, exp.Expression | None]:
    """Schema and table of a node that may name both."""
    if isinstance(node, exp.Table):
        return node.args.get("db"), node.this
    if isinstance(node, exp.Column):
        return node.args.get("db"), node.args.get("table")
    # `x IN schema.table` reads like a column.
    field = node.args.get("field")
    if isinstance(field, exp.Column) and not field.args.get("db"):
        return field.args.get("table"), field.this
    return None, None


def _local(node: exp.Expression, view: str, bare: str, scopes: _Scopes) -> str:
    """What stands for `schema.table` there. Without an alias of its own a table keeps its bare name."""
    if isinstance(node, exp.In):
        return quoted(view)
    if isinstance(node, exp.Table):
        return _named(view, bare, is_renamed=bool(node.alias) or _is_taken(node, bare, scopes))
    source = _source(node, view, scopes)
    return quoted(view if source is not None and _is_taken(source, bare, scopes) else bare)


def _named(view: str, bare: str, *, is_renamed: bool) -> str:
    return quoted(view) if is_renamed else f"{quoted(view)} AS {quoted(bare)}"


def _is_taken(table: exp.Table, bare: str, scopes: _Scopes) -> bool:
    """Whether another table of the same SELECT goes by the bare name."""
    others = scopes[id(table.find_ancestor(exp.Select))]
    return any(other is not table and fold(other.alias_or_name) == fold(bare) for other in others)


def _source(column: exp.Expression, view: str, scopes: _Scopes) -> exp.Table | None:
    """The table without an alias that a column's `schema.table` means, in its SELECT or one around it."""
    scope = column.find_ancestor(exp.Select)
    while scope is not None:
        for table in scopes.get(id(scope), []):
            if not table.alias and fold(f"{table.db}.{table.name}") == fold(view):
                return table
        scope = scope.find_ancestor(exp.Select)
    return None


def _parse(sql: str) -> list[exp.Expression]:
    try:
        parsed = sqlglot.parse(sql, read=DIALECT)
    except MemoryError:
        raise
    except Exception:
        # Whatever it stumbles over: the parser's faults must not become the statement's.
        return []
    return [statement for statement in parsed if isinstance(statement, exp.Expression)]


def _words(sql: str) -> list[str]:
    """All tokens in upper case."""
    try:
        return [token.text.upper() for token in sqlglot.tokenize(sql, read=DIALECT)]
    except SqlglotError:
        # An open literal, most often; the words before it are still the words before it.
        return [word.upper() for word in re.findall(r"\w+|[()]", sql)]
