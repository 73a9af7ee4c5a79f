from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from appliance.datarules import DataRules
from appliance.messages import Change, QueryOutcome, RowChange
from appliance.tools.base import RunSql, Tool, ToolError
from appliance.tools.for_model import MODEL_CHARS_MAX, outcome_text
from appliance.tools.records import DELETE, INSERT, ROWS_MAX, TOOLS, UPDATE
from appliance.tools.sql_pool import SqlPool
from tests.tools import structured

POLICY = msgspec.structs.replace(
    structured.POLICY, allowed_operations=["SELECT", "INSERT", "UPDATE", "DELETE"]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return structured.make(tmp_path)


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


@pytest.fixture
def run_sql(pool: SqlPool, path: Path) -> RunSql:
    return structured.writing(pool, path, POLICY)


def rows_of(path: Path, sql: str) -> list[tuple[Any, ...]]:
    with apsw.Connection(str(path)) as db:
        return list(db.execute(sql))


async def test_an_inserted_row_comes_back(run_sql: RunSql, path: Path) -> None:
    data = {"id": 10, "name": 'Cyd\'s "x"\0', "active": True, "height": 1.5, "tags": ["a", {"b": None}]}
    output, row = await structured.use(
        INSERT, run_sql, {"table": "people", "data": data, "returning": "id,NAME"}
    )
    assert output.ok, output.content
    assert row == {"id": 10, "name": data["name"]}
    found = rows_of(path, "SELECT name, active, height, tags, typeof(active) FROM people WHERE id = 10")
    assert found == [(data["name"], 1, 1.5, '["a",{"b":null}]', "integer")]
    assert output.query is not None
    assert output.query.description == "Inserting into people"


async def test_many_rows_are_inserted_at_once(run_sql: RunSql, path: Path) -> None:
    data = [{"name": f"n{n}", "age": n, "zip": None} for n in range(ROWS_MAX)]
    output, rows = await structured.use(INSERT, run_sql, {"table": "people", "data": data})
    assert output.ok, output.content
    assert len(rows) == ROWS_MAX
    assert rows_of(path, "SELECT count(*), sum(age) FROM people WHERE name LIKE 'n%' AND zip IS NULL") == [
        (ROWS_MAX, sum(range(ROWS_MAX)))
    ]


async def test_only_the_filtered_rows_are_changed(run_sql: RunSql, path: Path) -> None:
    arguments = {
        "table": "people",
        "data": {"name": "New", "tags": {"a": 1}},
        "filter": {"age": "lt.50", "tags": "cs.{math}"},
        "returning": "id,name",
    }
    output, rows = await structured.use(UPDATE, run_sql, arguments)
    assert output.ok, output.content
    assert rows == [{"id": 1, "name": "New"}]
    assert rows_of(path, "SELECT id, tags FROM people WHERE name = 'New'") == [(1, '{"a":1}')]


async def test_deleted_rows_come_back_as_they_were(run_sql: RunSql, path: Path) -> None:
    arguments = {"table": "people", "filter": {"id": "in.(1,2,99)"}, "returning": "name"}
    output, rows = await structured.use(DELETE, run_sql, arguments)
    assert output.ok, output.content
    assert rows == [{"name": "Ada"}, {"name": "ada"}]
    assert rows_of(path, "SELECT id FROM people") == [(3,), (4,)]


async def test_names_may_be_anything(run_sql: RunSql, path: Path) -> None:
    for tool, more in (
        (INSERT, {"data": {"select": "z", "first name": "Cyd", 'a"b': 3, "a.b": "x"}}),
        (INSERT, {"data": {"select": "y", "first name": "Dan", 'a"b': 1.5, "a.b": "x"}}),
        (UPDATE, {"data": {"select": "[]"}, "filter": {"first name": "Dan", "a.b": "x"}}),
        (DELETE, {"filter": {'a"b': "gt.2.7"}}),
    ):
        output, _ = await structured.use(tool, run_sql, {"table": "select größe"} | more)
        assert output.ok, output.content
    assert rows_of(path, 'SELECT * FROM "select größe"') == [("[]", "Dan", 1.5, "x")]


async def test_null_is_the_same_as_nothing(run_sql: RunSql) -> None:
    arguments = {"table": "people", "filter": {"id": 1}, "returning": None, "where": None}
    output, rows = await structured.use(DELETE, run_sql, arguments)
    assert output.ok, output.content
    assert (rows[0]["name"], rows[0]["age"]) == ("Ada", 36)


async def test_nothing_matched_is_said(run_sql: RunSql) -> None:
    _, content = await structured.use(DELETE, run_sql, {"table": "people", "filter": {"id": 99}})
    assert (content["rows"], content["note"]) == ([], "No rows changed: nothing matched.")


async def test_a_column_that_cannot_be_returned_does_not_undo_the_change(run_sql: RunSql) -> None:
    arguments = {"table": "people", "filter": {"id": 1}, "returning": "id,nmae"}
    _, content = await structured.use(DELETE, run_sql, arguments)
    assert content["rows"] == [{"id": 1}]
    assert content["note"] == "The change is done. There is no column nmae to return."


async def test_a_proposed_change_says_that_nothing_has_happened(pool: SqlPool, path: Path) -> None:
    run_sql = structured.writing(pool, path, POLICY, confirm=True)
    arguments = {"table": "people", "data": {"age": 37}, "filter": {"id": 1}}
    output, content = await structured.use(UPDATE, run_sql, arguments)
    assert output.ok
    assert (content["status"], content["change_id"]) == ("proposed", "c1")
    assert "Nothing has been changed yet: the user has to confirm" in content["note"]
    assert content["rows"][0]["before"]["age"] == 36
    assert content["rows"][0]["after"] == {"age": 37}
    assert rows_of(path, "SELECT age FROM people WHERE id = 1") == [(36,)]


async def test_refusals_of_the_guard_come_back_as_they_are(pool: SqlPool, path: Path) -> None:
    rules = [DataRules(row_rules={"people": "id = :user_id"})]
    for tool, more, policy, error in (
        (DELETE, {"filter": {"id": 1}}, structured.POLICY, "Operation not allowed: DELETE"),
        (DELETE, {"table": "users", "filter": {"id": 1}}, POLICY, "not allowed: users"),
        (UPDATE, {"data": {"nmae": 1}, "filter": {"id": 1}}, POLICY, "nmae"),
        (UPDATE, {"data": {"age": 1}, "filter": {"id": "gt.0"}}, {"changed_rows_max": 2}, "2"),
        (UPDATE, {"data": {"id": 2}, "filter": {"id": 1}}, {"rules": rules, "user_id": "1"}, ""),
    ):
        narrowed = msgspec.structs.replace(POLICY, **policy) if isinstance(policy, dict) else policy
        run_sql = structured.writing(pool, path, narrowed)
        output, content = await structured.use(tool, run_sql, {"table": "people"} | more)
        assert not output.ok
        assert error in content["error"]
    assert rows_of(path, "SELECT count(*), sum(age) FROM people") == [(4, 145)]


async def test_each_user_changes_only_own_rows(pool: SqlPool, path: Path) -> None:
    rules = [DataRules(row_rules={"people": "id = :user_id"})]
    run_sql = structured.writing(pool, path, msgspec.structs.replace(POLICY, rules=rules, user_id="2"))
    arguments = {"table": "people", "data": {"zip": "new"}, "filter": {"id": "isnot.null"}, "returning": "id"}
    assert (await structured.use(UPDATE, run_sql, arguments))[1] == [{"id": 2}]
    assert rows_of(path, "SELECT id FROM people WHERE zip = 'new'") == [(2,)]


async def never(*_: Any) -> QueryOutcome:
    raise AssertionError("a refused call must not run")


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


BAD: list[tuple[Tool, dict[str, Any], str]] = [
    (UPDATE, {"data": {"age": 1}, "filter": {}}, "An empty filter would change every row"),
    (DELETE, {"filter": {}}, "An empty filter would delete every row"),
    (DELETE, {}, "An empty filter would delete every row"),
    (DELETE, {"filter": {"id": []}}, "the list is empty"),
    (DELETE, {"filter": {"id": "nin.()"}}, "the list is empty"),
    (DELETE, {"filter": {"id": "eqq.1"}}, "Did you mean eq"),
    (DELETE, {"filter": "id=1"}, "'filter' must be an object"),
    (INSERT, {"data": {}}, "'data' is empty"),
    (INSERT, {"data": []}, "must be an object, or a list"),
    (INSERT, {"data": [1]}, "must be an object, or a list"),
    (INSERT, {}, "must be an object, or a list"),
    (INSERT, {"data": [{"a": 1}, {"b": 1}]}, "must have the same keys"),
    (INSERT, {"data": [{"a": 1}] * 101}, "100 rows with 1500 values are allowed"),
    (INSERT, {"data": [{f"c{n}": 1 for n in range(2000)}]}, "1500 values are allowed"),
    (INSERT, {"data": {"a": 2**63}}, "the number is too large"),
    (INSERT, {"data": {"Name": 1, "name": 2}}, "named twice"),
    (INSERT, {"data": {"a\0b": 1}}, "cannot be a name"),
    (INSERT, {"data": {"a": 1}, "returning": "count(*)"}, "returning: count"),
    (INSERT, {"data": {"a": nested(100_000)}}, "nested too deeply"),
    (UPDATE, {"data": {}, "filter": {"id": 1}}, "'data' is empty"),
    (UPDATE, {"data": {"age": 1}, "filter": {"id": 1}, "where": {"age": 2}}, "Did you mean filter?"),
    (UPDATE, {"set": {"age": 1}, "filter": {"id": 1}}, "Unknown argument 'set'. Did you mean data?"),
    (INSERT, {"values": {"age": 1}}, "Unknown argument 'values'. Did you mean data?"),
    (INSERT, {"data": {"age": 1}, "filter": {"id": 1}}, "The arguments are: table, data, returning."),
    (DELETE, {"filter": {"id": "gt.0"}, "limit": 1}, "Unknown argument 'limit'."),
    (DELETE, {"filter": {"id": "between.1.2"}}, "no operator between"),
    (DELETE, {"filter": None}, "An empty filter would delete every row"),
    (UPDATE, {"data": None, "filter": {"id": 1}}, "'data' is empty"),
    (UPDATE, {"data": [], "filter": {"id": 1}}, "'data' must be an object"),
]


@pytest.mark.parametrize(("tool", "arguments", "error"), BAD)
async def test_bad_arguments_say_what_to_write_and_do_nothing(
    tool: Tool, arguments: dict[str, Any], error: str
) -> None:
    with pytest.raises(ToolError) as caught:
        await structured.use(tool, never, {"table": "people"} | arguments)
    assert error in str(caught.value)
    assert len(str(caught.value)) < 300


def test_what_a_call_needs_is_in_its_schema() -> None:
    required = {tool.name: tool.parameters["required"] for tool in TOOLS}
    assert required == {
        "insert_record": ["table", "data"],
        "update_record": ["table", "data", "filter"],
        "delete_record": ["table", "filter"],
    }


def test_the_model_reads_a_change_of_free_sql_with_its_status_and_rows() -> None:
    def told(status: Any, **more: Any) -> dict[str, Any]:
        rows = [RowChange(before={"id": n, "t": "x" * 100}) for n in range(300)]
        change = Change(id="c1", operation="DELETE", table="people", status=status, rows=rows)
        text = outcome_text(QueryOutcome(sql="DELETE", change=change, summary="s", **more))
        assert len(text) < MODEL_CHARS_MAX + 1000
        decoded: dict[str, Any] = json.loads(text)
        return decoded

    applied = told("applied")
    assert (applied["success"], applied["status"], applied["operation"]) == (True, "applied", "DELETE")
    assert (applied["row_count"], applied["truncated"], applied["table"]) == (300, True, "people")
    assert applied["rows"][0] == {"before": {"id": 0, "t": "x" * 100}}
    assert "note" not in applied
    assert "the user has to confirm" in told("proposed")["note"]
    assert told("declined")["success"] is False
    failed = told("failed", error="it has changed")
    assert (failed["success"], failed["error"], failed["note"]) == (
        False,
        "it has changed",
        "Nothing was changed.",
    )
