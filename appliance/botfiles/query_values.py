"""Examples and saved queries of a bot file: SQL that its author wrote. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any, Literal, cast

from appliance.bot import Example, QueryParameter, SavedQuery
from appliance.botfiles import values
from appliance.botfiles.entries import EntryError, each, json_value, known_keys, sentence, verbatim
from appliance.botfiles.sql_scan import parameters

SQL_CHARS_MAX = 20_000
"""What the worker reads at most."""
TYPES = ("string", "integer", "number", "boolean")
QUERIES_FORM = '`{"orders_of": {"description": "…", "sql": "… :city …", "parameters": {"city": "string"}}}`'
_QUERY_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_PARAMETER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


def examples_json(value: str) -> list[Example]:
    """A JSON object with question and sql, or an array of them."""
    data = json_value(value)
    return examples([data] if isinstance(data, dict) else data)


def examples(data: Any) -> list[Example]:
    """Questions with the SQL that answers them."""
    if not isinstance(data, list) or not data:
        raise ValueError("must be a list of objects with question and sql")
    return [_numbered(_example, one, position) for position, one in enumerate(data, 1)]


def _numbered(read: Callable[[Any], Example], data: Any, position: int) -> Example:
    try:
        return read(data)
    except ValueError as error:
        raise ValueError(f"{position}: {error}") from None


def _example(data: Any) -> Example:
    fields = known_keys(data, ("question", "sql"), required=("question", "sql"))
    return Example(question=sentence(fields["question"], "question"), sql=_sql(fields["sql"]))


def queries_json(taken: Collection[str]) -> Callable[[str], list[SavedQuery]]:
    """A parser of one query, an array of them, or an object of them by name, as JSON."""
    convert = queries(taken)
    return lambda value: convert(json_value(value))


def queries(taken: Collection[str]) -> Callable[[Any], list[SavedQuery]]:
    """A reader of saved queries, none of which may have a name that is `taken`."""

    def convert(data: Any) -> list[SavedQuery]:
        if isinstance(data, dict) and isinstance(data.get("sql"), str):
            data = [data]
        named = _by_name(data) if isinstance(data, list) else data
        return list(each(named, lambda name, one: _query(name, one, taken), form=QUERIES_FORM).values())

    return convert


def _by_name(data: list[Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for position, one in enumerate(data, 1):
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str):
            raise ValueError(f"{position}: needs a name")
        if name in named:
            raise EntryError(name, "is the name of two queries")
        named[name] = one
    return named


def _query(name: str, data: Any, taken: Collection[str]) -> SavedQuery:
    if not _QUERY_NAME.fullmatch(name):
        raise ValueError("a name is up to 64 of a to z, 0 to 9 and _, and starts with a letter")
    if name in taken:
        raise ValueError("is the name of a built-in tool; take another one")
    known = ("name", "description", "sql", "parameters")
    fields = known_keys(data, known, required=("description", "sql"))
    if fields.get("name", name) != name:
        raise ValueError(f"has another name inside: {fields['name']!r}")
    sql = _sql(fields["sql"])
    given = fields.get("parameters")
    declared = each(given, _parameter, form='`{"city": "string"}`') if given else {}
    _compare(sql, declared)
    description = sentence(fields["description"], "description")
    return SavedQuery(name=name, description=description, sql=sql, parameters=list(declared.values()))


def _compare(sql: str, declared: Collection[str]) -> None:
    try:
        used = parameters(sql)
    except ValueError as error:
        raise ValueError(f"its SQL {error}") from None
    if undeclared := [name for name in used if name not in declared]:
        raise ValueError(f"its SQL has :{undeclared[0]}, which is not among its parameters")
    if unused := [name for name in declared if name not in used]:
        raise ValueError(f"its SQL does not have :{unused[0]}, which is among its parameters")


def _parameter(name: str, data: Any) -> QueryParameter:
    if not _PARAMETER_NAME.fullmatch(name):
        raise ValueError("a parameter's name has only letters, digits and _, and starts with no digit")
    fields = known_keys(
        {"type": data} if isinstance(data, str) else data, ("type", "description", "required")
    )
    kind = fields.get("type", "string")
    if kind not in TYPES:
        raise ValueError(f"type must be one of {', '.join(TYPES)}, not {kind!r}")
    description = fields.get("description")
    return QueryParameter(
        name=name,
        type=cast("Literal['string', 'integer', 'number', 'boolean']", kind),
        description=sentence(description, "description") if description else "",
        required=_flag(fields.get("required", True)),
    )


def _flag(data: Any) -> bool:
    if not isinstance(data, str | bool):
        raise ValueError("required must be true or false")
    try:
        return data if isinstance(data, bool) else values.flag(data)
    except ValueError as error:
        raise ValueError(f"required {error}") from None


def _sql(data: Any) -> str:
    sql = verbatim(data, "sql")
    if len(sql) > SQL_CHARS_MAX:
        raise ValueError(f"sql is longer than {SQL_CHARS_MAX} characters")
    return sql


def merge_queries(first: list[SavedQuery], second: list[SavedQuery]) -> list[SavedQuery]:
    """Both lists; two queries of one name must be the same."""
    known = {query.name: query for query in first}
    for query in second:
        if known.setdefault(query.name, query) != query:
            raise EntryError(query.name, "is the name of two queries")
    return list(known.values())
