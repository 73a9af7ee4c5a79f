"""Reads SQL text with a real parser, for friendlier names and error texts only.

Whether a statement may run is never decided here: text that the parser does not understand comes back
as it is, and SQLite and its authorizer judge it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

DIALECT = "sqlite"
PREFIXES = ("public", "main")
"""Schema names that stand for the data file; inside SQLite they would mean nothing, or something else."""

_BODY = ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE")
_PREFIXED = re.compile(r"\b(?:public|main)\b[\"`\]]?\s*\.", re.IGNORECASE)


def strip_prefixes(sql: str) -> str:
    """The same text with `public.` and `main.` before table names left out, also before `table.column`.

    Literals, comments and everything else stay as they are, byte for byte.
    """
    if not _PREFIXED.search(sql):
        return sql
    cuts = sorted({cut for statement in _parse(sql) for cut in _prefixes(statement)}, reverse=True)
    for start, end in cuts:
        sql = sql[:start] + sql[end:]
    return sql


def statement_kind(sql: str) -> str:
    """The first word of the first statement, or for `WITH …` the word behind its CTEs; '' for no words."""
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


def _prefixes(statement: exp.Expression) -> Iterator[tuple[int, int]]:
    """Where `schema .` begins and where the name behind it begins."""
    for node in statement.find_all(exp.Table, exp.Column):
        schema = node.args.get("db")
        name = node.this if isinstance(node, exp.Table) else node.args.get("table")
        if schema is None or name is None or node.args.get("catalog"):
            continue
        if schema.name.lower() in PREFIXES and "start" in schema.meta and "start" in name.meta:
            yield schema.meta["start"], name.meta["start"]


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
