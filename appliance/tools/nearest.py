"""The SELECT that finds the rows of a table whose vectors are nearest to one. Pure.

Vectors stand in a column as blobs of little-endian float32, sqlite-vec's own form, or as JSON arrays of
numbers in text; what counts is each value, not how the column is declared. Whatever else stands there, NULL,
a vector of another number of numbers, or one to which there is no finite distance, is as if the row were not
there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import msgspec

from appliance.sqlguard import fold
from appliance.sqltext import quoted
from appliance.tools.bound import Bound
from appliance.tools.vector_functions import COSINE, EUCLIDEAN, OF_JSON

Metric: TypeAlias = Literal["cosine", "l2", "inner_product"]
"""The distance: 1 minus the cosine, the Euclidean one, or the negative inner product. Less is nearer."""

DISTANCE = "distance"
JSON_BYTES_MAX = 190_000
"""Longer text is no vector; it would be near the limit of a value, over which a whole statement fails."""
KINDS_MAX = 5
"""So many different numbers of numbers in one column are told."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows: `table` is SQL, `conditions` too; names of columns are plain.

    `within` is a distance that rows have to be nearer than, `known` all columns of the table.
    """

    table: str
    column: str
    columns: Sequence[str]
    known: Sequence[str]
    conditions: str = ""
    metric: Metric = "cosine"
    within: float | None = None
    limit: int = 10
    offset: int = 0


def statement(wanted: Wanted, bound: Bound) -> str:
    """The statement for a connection with distances; its last column is the distance."""
    near = quoted(_free(DISTANCE, wanted.known))
    shown = ", ".join(map(quoted, wanted.columns))
    where = f" WHERE {wanted.conditions}" if wanted.conditions else ""
    # SQLite does not look through LIMIT -1, so it computes each distance once.
    distance = _distance(wanted)
    inner = f"SELECT {shown}, {distance} AS {near} FROM {wanted.table}{where} LIMIT -1"  # noqa: S608  # quoted
    within = "" if wanted.within is None else f" AND {near} < {bound.add(wanted.within)}"
    sql = f"SELECT {shown}, {near} FROM ({inner}) WHERE abs({near}) < 9e999{within}"  # noqa: S608  # quoted names only
    sql += f" ORDER BY {near} LIMIT {bound.add(wanted.limit)}"
    return sql + (f" OFFSET {bound.add(wanted.offset)}" if wanted.offset else "")


def kinds_statement(table: str, column: str) -> str:
    """How many numbers the vectors of a column have, and how many rows have such; NULL for no vectors."""
    name = quoted(column)
    numbers = (
        f"CASE typeof({name}) WHEN 'blob' THEN iif(octet_length({name}) % 4, NULL, octet_length({name}) / 4) "
        f"WHEN 'text' THEN iif(octet_length({name}) <= {JSON_BYTES_MAX} AND json_valid({name}), "
        f"nullif(json_array_length({name}), 0), NULL) END"
    )
    return (
        f"SELECT {numbers} AS numbers, count(*) AS rows FROM {table} "  # noqa: S608  # quoted names only
        f"WHERE {name} IS NOT NULL GROUP BY 1 ORDER BY 2 DESC LIMIT {KINDS_MAX}"
    )


def _distance(wanted: Wanted) -> str:
    name = quoted(wanted.column)
    vector = (
        f"coalesce(CASE typeof({name}) WHEN 'blob' THEN iif(octet_length({name}) = :bytes, {name}, NULL) "
        f"WHEN 'text' THEN iif(octet_length({name}) <= {JSON_BYTES_MAX}, "
        f"{OF_JSON}(CAST({name} AS BLOB), :numbers), NULL) END, :unfit)"
    )
    match wanted.metric:
        case "cosine":
            return f"{COSINE}({vector}, :vector)"
        case "l2":
            return f"{EUCLIDEAN}({vector}, :vector)"
        case "inner_product":
            length = f"{EUCLIDEAN}({vector}, :zero)"
            return f"iif({length} = 0, 0.0, ({COSINE}({vector}, :vector) - 1) * {length} * :length)"


def _free(name: str, taken: Sequence[str]) -> str:
    """`name`, or one like it that no column of the table has."""
    names, candidate, number = {fold(one) for one in taken}, name, 1
    while fold(candidate) in names:
        number += 1
        candidate = f"{name}_{number}"
    return candidate
