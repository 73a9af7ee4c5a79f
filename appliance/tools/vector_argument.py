"""The argument `vector_search` of `query_table`: rows by what they mean instead of by an order."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.tools.argument_names import refuse_unknown
from appliance.tools.base import ToolError
from appliance.tools.column_lists import column_names

LIMIT = 10

PARAMETER: dict[str, Any] = {
    "type": "object",
    "description": (
        "Find the rows whose meaning is nearest to a text, in a table with a column of vectors. Rows come "
        "nearest first, with their distance: 0 is the same meaning, 1 has nothing to do with it."
    ),
    "properties": {
        "query": {"type": "string", "description": "What to look for, in words."},
        "column": {"type": "string", "description": "The column of vectors, such as embedding."},
        "limit": {"type": "integer", "description": f"Rows at most: {LIMIT} by default."},
        "threshold": {
            "type": "number",
            "description": "Leave out rows that are less similar than this, 0 to 1.",
        },
    },
    "required": ["query", "column"],
}


class VectorSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What the argument asks for; `limit` is None when it names none."""

    query: str
    column: str
    limit: int | None = None
    threshold: float | None = None


def vector_search(arguments: Any) -> VectorSearch:
    """The argument as it was given; raises `ToolError` that says how to write it."""
    if not isinstance(arguments, dict):
        raise ToolError(
            'vector_search must be an object like {"query": "broken screen", "column": "embedding"}.'
        )
    try:
        refuse_unknown(arguments, PARAMETER["properties"])
        asked = msgspec.convert(arguments, VectorSearch)
    except ToolError as error:
        raise ToolError(f"vector_search: {error}") from None
    except msgspec.ValidationError as error:
        raise ToolError(f"vector_search: {error}.") from error
    if not asked.query.strip():
        raise ToolError("vector_search: query is empty; write what to look for in words.")
    if asked.threshold is not None and not 0 <= asked.threshold <= 1:
        raise ToolError("vector_search: threshold must be between 0 and 1.")
    columns = column_names(asked.column, "vector_search.column")
    if len(columns) != 1:
        raise ToolError("vector_search: column must name one column.")
    return msgspec.structs.replace(asked, column=columns[0])
