"""`vector_search` of `query_table`: through a chat, and what models get wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.tools.base import ToolError
from appliance.tools.query_table import TOOL
from appliance.tools.vector_argument import vector_search
from tests.data_security.shop import asked, audited, script
from tests.support.row_vectors import TEXTS, bots, embed_letters, make_rows
from tests.support.stack import Stack, stack
from tests.tools import structured

TOOLS = "mcp-tools: [query_table]\nmax-iterations: 20"


async def told(served: Stack, user: str = "alice") -> list[dict[str, Any]]:
    """What the model read of each of its calls, decoded."""
    await asked(served, user)
    assert served.model is not None
    messages = served.model.requests[-1].body["messages"]
    return [json.loads(message["content"]) for message in messages if message["role"] == "tool"]


def call(**arguments: Any) -> tuple[str, dict[str, Any]]:
    search = {"query": "puncture", "column": "embedding"} | arguments.pop("vector_search", {})
    return "query_table", {"table": "letters", "vector_search": search} | arguments


async def test_a_model_finds_the_callers_rows_by_meaning(tmp_path: Path) -> None:
    calls = script(
        call(select="body"),
        call(vector_search={"limit": 1}),
        call(vector_search={"threshold": 0.2}, select="body"),
        call(filter={"body": "ilike.*tax*"}, select="body"),
    )
    async with stack(make_rows(tmp_path), calls, bots=bots(TOOLS)) as served:
        await embed_letters(served)
        rows, one, near, tax = await told(served)
    assert [row["body"] for row in rows] == TEXTS["alice"]
    assert 0 < rows[0]["distance"] < rows[1]["distance"]
    assert list(one[0]) == ["id", "user_id", "body", "distance"]
    assert [row["body"] for row in near] == TEXTS["alice"][:1]
    assert [row["body"] for row in tax] == TEXTS["alice"][1:]
    assert [entry.details["tables"] for entry in audited(tmp_path, "sql.execute")] == [["letters"]] * 4


async def test_it_reads_nothing_that_the_caller_may_not_read(tmp_path: Path) -> None:
    calls = script(
        call(),
        call(table="salaries"),
        call(table="_audit"),
        call(table="things", vector_search={"column": "secret"}),
        call(select="nothing"),
        call(filter={"body": "eq.x' OR 1=1 --"}),
        call(table="things"),
    )
    async with stack(make_rows(tmp_path), calls, bots=bots(TOOLS)) as served:
        await embed_letters(served)
        own, salaries, audit, secret, nothing, filtered, other = await told(served, "carol")
    assert own == []
    assert salaries["error"].replace("salaries", "_audit") == audit["error"]
    assert "has no column 'secret'" in secret["error"]
    assert "has no column 'nothing'" in nothing["error"]
    assert filtered == []
    assert "have 3 numbers, but all-MiniLM-L6-v2 makes vectors of 384" in other["error"]


@pytest.mark.parametrize(
    ("argument", "error"),
    [
        ("words", "must be an object"),
        ([], "must be an object"),
        ({}, "missing required field"),
        ({"query": "x"}, "missing required field `column`"),
        ({"query": 5, "column": "e"}, "Expected `str`"),
        ({"query": " ", "column": "e"}, "query is empty"),
        ({"query": "x", "column": "e, f"}, "must name one column"),
        ({"query": "x", "column": "e + 1"}, "is not a column name"),
        ({"query": "x", "column": "e", "threshold": 2}, "between 0 and 1"),
        ({"query": "x", "column": "e", "threshold": -0.1}, "between 0 and 1"),
        ({"query": "x", "column": "e", "colum": "e"}, "Unknown argument 'colum'. Did you mean column?"),
    ],
)
def test_what_models_get_wrong_is_told(argument: Any, error: str) -> None:
    with pytest.raises(ToolError) as caught:
        vector_search(argument)
    assert error in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"order": "id"}, "leave order out"),
        ({"limit": 0}, "between 1 and 1000"),
        ({"vector_search": {"query": "x", "column": "e", "limit": 10**6}}, "between 1 and 1000"),
        ({"limit": 1001}, "between 1 and 1000"),
        ({"offset": -1}, "between 0"),
        ({"filter": []}, "must be an object"),
        ({"select": "count(*)"}, "is not a column name"),
        ({"nearest": 1}, "Unknown argument"),
    ],
)
async def test_the_other_arguments_are_checked_as_ever(arguments: dict[str, Any], error: str) -> None:
    given = {"table": "people", "vector_search": {"query": "x", "column": "e"}} | arguments

    async def never(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing is searched")

    with pytest.raises(ToolError) as caught:
        await structured.use(TOOL, never, given, find_rows=never)
    assert error in str(caught.value)


async def test_where_nobody_searches_by_meaning_the_model_is_told(tmp_path: Path) -> None:
    async with stack(
        make_rows(tmp_path), script(call()), bots=bots(TOOLS), embedding_provider="none"
    ) as served:
        (answer,) = await told(served)
    assert answer["error"] == "Embeddings are not configured on this server."
