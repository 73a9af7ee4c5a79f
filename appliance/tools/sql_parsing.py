"""What a real parser reads in SQL text; `sql_names.py` asks it where a statement is not of the usual shape.

It is large: a module of its own, imported by the first statement that needs it, so that workers start in a
third of the time and most never load it.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlglot
from sqlglot import exp

from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.sql_places import PREFIXES, Edit, named

DIALECT = "sqlite"
_Scopes = dict[int, list[exp.Table]]
"""The tables of each SELECT, by its `id`."""


def edits_of(sql: str, attached: dict[str, str]) -> set[Edit]:
    """What `sql_names.localize` changes; nothing in a text that the parser does not understand."""
    return {edit for statement in _parse(sql) for edit in _edits(statement, attached)}


def tables_of(sql: str) -> list[str]:
    """See `sql_names.table_names`."""
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
        return named(view, bare, is_renamed=bool(node.alias) or _is_taken(node, bare, scopes))
    source = _source(node, view, scopes)
    return quoted(view if source is not None and _is_taken(source, bare, scopes) else bare)


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
