"""Rows of the team's tables that are nearest to a text or a vector, as a caller may see them.

Everything goes through the SQL workers under a policy, as all other reads do: a table, column or row that the
policy does not show is not there.
"""

from __future__ import annotations

import math
import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from appliance.engine.data import Data
from appliance.engine.services import Services
from appliance.errors import ApplianceError, InvalidInput, NoEmbedder, NotFound
from appliance.messages import QueryOutcome
from appliance.providers.embedding.base import Embedder
from appliance.providers.embedding.vectors import DIMENSIONS_MAX
from appliance.schema import Table
from appliance.sqlguard import PUBLIC, SqlPolicy, fold
from appliance.sqltext import quoted
from appliance.tools import nearest
from appliance.tools.base import ToolError
from appliance.tools.bound import Bound
from appliance.tools.column_lists import table_name
from appliance.tools.filters import where
from appliance.tools.nearest import Metric

QUERY_CHARS_MAX = 8_000
"""Models read no more of a question."""
LIMIT_MAX = 1000
NAMES_TOLD = 20


class RowSearch(msgspec.Struct, frozen=True, kw_only=True):
    """What to look for: a `query` in words, or a `vector`. `table` may be `schema.table`.

    `columns` are those to give, all but the vectors' own when there are none; `filter` is that of
    `query_table`. `within` is a distance that rows have to be nearer than. `model` is for the embedder.
    """

    table: str
    column: str
    query: str | None = None
    vector: Sequence[float] | None = None
    metric: Metric = "cosine"
    within: float | None = None
    limit: int = 10
    offset: int = 0
    columns: Sequence[str] = ()
    filter: Mapping[str, Any] = {}
    model: str = ""


class NearRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, nearest first: `outcome` has a last column for the distance; `model` has made the vector."""

    table: Table
    outcome: QueryOutcome
    model: str = ""


class Run(Protocol):
    """Runs a statement of ours under the policy; the outcome tells what went wrong."""

    async def __call__(
        self, sql: str, description: str, parameters: Mapping[str, Any] | None = None, vector: bytes = b""
    ) -> QueryOutcome:
        """The outcome of one statement that reads."""
        ...


class RowFinder:
    """For the tools of one turn: what `tools.base.FindRows` promises, under the turn's own policy."""

    def __init__(self, services: Services, data: Data) -> None:
        self._services = services
        self._data = data

    async def __call__(
        self,
        query: str,
        *,
        table: str,
        column: str,
        columns: Sequence[str] = (),
        filter: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        limit: int = 10,
        offset: int = 0,
    ) -> QueryOutcome:
        """The nearest rows and, in the last column, their distances; raises `ToolError`."""
        asked = RowSearch(
            table=table,
            column=column,
            query=query,
            within=within(threshold),
            limit=limit,
            offset=offset,
            columns=columns,
            filter=filter or {},
        )
        try:
            found = await find(self._services, self._data.policy, self._data.run_sql, asked)
        except ApplianceError as error:
            raise ToolError(error.public_text) from error
        return found.outcome


async def find(services: Services, policy: SqlPolicy, run: Run, asked: RowSearch) -> NearRows:
    """Look for rows; `run` has to keep to `policy`.

    Raises `NotFound` for a table that is not there for this policy, `InvalidInput` for what cannot be asked,
    `NoEmbedder`, `EmbeddingFailed`. A statement that failed is told by the outcome.
    """
    _check(asked)
    table = await table_of(services, policy, asked.table)
    column, columns = _columns(table, asked)
    bound = Bound()
    wanted = nearest.Wanted(
        table=_sql_name(table),
        column=column,
        columns=columns,
        known=[one.name for one in table.columns],
        conditions=_conditions(asked.filter, bound),
        metric=asked.metric,
        within=asked.within,
        limit=asked.limit,
        offset=asked.offset,
    )
    sql = nearest.statement(wanted, bound)
    vector, model = await _vector(services, asked)
    outcome = await run(sql, f"Searching {table.sql_name} by meaning", bound.values, vector=vector)
    if outcome.error is None and not outcome.rows:
        await _check_kinds(policy, services, table, column, vector, model)
    return NearRows(table=table, outcome=outcome, model=model)


async def table_of(services: Services, policy: SqlPolicy, name: str) -> Table:
    """A table or view that the policy allows, by its name; raises `NotFound`, `InvalidInput`."""
    try:
        wanted = fold(table_name(name))
    except ToolError as error:
        raise InvalidInput(str(error)) from error
    known = await services.schemas.get(policy, (services.data().notes,), services.store, services.sql)
    tables = known.schema.tables
    found = [one for one in tables if fold(_sql_name(one)) == wanted]
    # A bare name stands for a table of an attached file where no other has it, as in SQL.
    found = found or [one for one in tables if fold(quoted(one.name)) == wanted]
    if len(found) != 1:
        raise NotFound(f"There is no table {name[: NAMES_TOLD * 10]!r} here.")
    return found[0]


def within(threshold: float | None) -> float | None:
    """The distance that rows with at least this cosine are nearer than."""
    return None if threshold is None else math.nextafter(1 - threshold, math.inf)


def embedder_of(services: Services, model: str = "") -> Embedder:
    """Who makes vectors of questions; raises `NoEmbedder`."""
    library = services.library
    assert library is not None, "the server makes it"
    found = library.embedders.choose(model)
    if found is None:
        raise NoEmbedder(library.embedders.why_none(model))
    return found


# -- what is asked -----------------------------------------------------------------------------------


def _check(asked: RowSearch) -> None:
    if (asked.query is None) == (asked.vector is None):
        raise InvalidInput("Send query, the words to look for, or vector, its numbers: one of them.")
    if asked.query is not None and not asked.query.strip():
        raise InvalidInput("query is empty.")
    if not 1 <= asked.limit <= LIMIT_MAX:
        raise InvalidInput(f"The number of rows must be between 1 and {LIMIT_MAX}.")
    if asked.within is not None and not math.isfinite(asked.within):
        raise InvalidInput("The threshold must be a finite number.")


def _columns(table: Table, asked: RowSearch) -> tuple[str, list[str]]:
    """The vectors' column and those to give, as the table spells them; raises `InvalidInput`."""
    known = {fold(one.name): one.name for one in table.columns}
    missing = [name for name in (asked.column, *asked.columns) if fold(name) not in known]
    if missing:
        told = ", ".join(list(known.values())[:NAMES_TOLD])
        raise InvalidInput(f"{table.sql_name} has no column {missing[0][:200]!r}. Its columns: {told}.")
    column = known[fold(asked.column)]
    chosen = [known[fold(name)] for name in asked.columns]
    return column, chosen or [name for name in known.values() if name != column] or [column]


def _conditions(filter: Mapping[str, Any], bound: Bound) -> str:
    try:
        return where(filter, bound)
    except ToolError as error:
        raise InvalidInput(str(error)) from error


def _sql_name(table: Table) -> str:
    return quoted(table.name) if table.schema == PUBLIC else f"{quoted(table.schema)}.{quoted(table.name)}"


# -- the vector --------------------------------------------------------------------------------------


async def _vector(services: Services, asked: RowSearch) -> tuple[bytes, str]:
    """The vector to look for, and which model made it, if one did."""
    if asked.vector is not None:
        return packed(asked.vector, asked.metric), ""
    assert asked.query is not None
    embedder = embedder_of(services, asked.model)
    (vector,) = await embedder.embed([asked.query[:QUERY_CHARS_MAX]], purpose="query")
    return vector, embedder.model


def packed(numbers: Sequence[float], metric: Metric) -> bytes:
    """Little-endian float32 of the numbers as they are; raises `InvalidInput` for what no distance is to."""
    if not 1 <= len(numbers) <= DIMENSIONS_MAX:
        raise InvalidInput(f"The vector has {len(numbers)} numbers; 1 to {DIMENSIONS_MAX} can be looked for.")
    row = array("f", numbers)
    if not all(map(math.isfinite, row)):
        raise InvalidInput("The vector has a number that is not finite, or too large for 32 bits.")
    if metric != "l2" and not any(row):
        raise InvalidInput("The vector is all zeros, which has no direction: look for another, or use l2.")
    if sys.byteorder == "big":
        row.byteswap()
    return row.tobytes()


async def _check_kinds(
    policy: SqlPolicy, services: Services, table: Table, column: str, vector: bytes, model: str
) -> None:
    """Raises `InvalidInput` when nothing was found because nothing in the column could have been."""
    sql = nearest.kinds_statement(_sql_name(table), column)
    outcome = await services.sql.query(sql, policy)
    if not isinstance(outcome, QueryOutcome) or outcome.error is not None or not outcome.rows:
        return
    lengths = [row[0] for row in outcome.rows if row[0] is not None]
    count = len(vector) // 4
    if count in lengths:
        return
    if not lengths:
        raise InvalidInput(
            f"{table.sql_name}.{column} holds no vectors: they are blobs of little-endian float32, or JSON "
            "arrays of numbers."
        )
    whose = f"{model} makes vectors of {count} numbers" if model else f"the vector has {count} numbers"
    told = " or ".join(map(str, lengths))
    raise InvalidInput(f"The vectors in {table.sql_name}.{column} have {told} numbers, but {whose}.")
