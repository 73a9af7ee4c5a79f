"""Fluxbase's search in tables by a column of vectors (6.9)."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

import msgspec

from appliance.engine import table_search
from appliance.engine.engine import Engine
from appliance.engine.nearest_rows import NearRows, RowSearch
from appliance.engine.table_search import Condition
from appliance.wire import Reply, Request

COUNT = 10


class SearchBody(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `vector.search`: words to look for as `query`, or a `vector`.

    `match_threshold` is a distance: rows have to be nearer. `match_count` is 1 to 1000. `select` names
    columns, separated by commas or as a list; `*` is all but the vectors. Ours are `model`, for the embedder,
    and `chatbot`: see what this bot may read.
    """

    table: str
    column: str
    query: str | None = None
    vector: list[float] | None = None
    metric: Literal["cosine", "l2", "inner_product"] = "cosine"
    match_threshold: float | None = None
    match_count: int | None = None
    select: str | list[str] | None = None
    filters: list[Condition] | None = None
    model: str | None = None
    chatbot: str | None = None


class SearchedRows(TypedDict, total=False):
    """The rows, nearest first, and their distances; `model` made the query's vector.

    Ours is `truncated`: there would have been more, but they were too much for one answer.
    """

    data: list[dict[str, Any]]
    distances: list[float]
    model: str
    truncated: bool


async def search(engine: Engine, request: Request) -> Reply:
    """`POST /vector/search`: only rows and columns that the caller may read through a bot."""
    asked = request.json(SearchBody)
    wanted = RowSearch(
        table=asked.table,
        column=asked.column,
        query=asked.query,
        vector=asked.vector,
        metric=asked.metric,
        within=asked.match_threshold,
        limit=COUNT if asked.match_count is None else asked.match_count,
        columns=table_search.columns_of(asked.select),
        filter=table_search.as_filter(asked.filters or []),
        model=asked.model or "",
    )
    found = await table_search.search(engine, request.caller, wanted, bot=asked.chatbot or "")
    return Reply(body=_told(found))


def _told(found: NearRows) -> SearchedRows:
    names = found.outcome.columns[:-1]
    answer = SearchedRows(
        data=[dict(zip(names, row[:-1], strict=True)) for row in found.outcome.rows],
        distances=[row[-1] for row in found.outcome.rows],
    )
    if found.model:
        answer["model"] = found.model
    if found.outcome.truncated:
        answer["truncated"] = True
    return answer
