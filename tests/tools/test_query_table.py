from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from appliance.datarules import DataRules
from appliance.sqlguard import SqlPolicy
from appliance.tools.base import RunSql, Tool, ToolError
from appliance.tools.query_table import LIMIT_MAX, TOOL, statement
from appliance.tools.sql_pool import SqlPool
from tests.tools import structured

tool: Tool = TOOL


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return structured.make(tmp_path)


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


@pytest.fixture
def run_sql(pool: SqlPool) -> RunSql:
    return structured.guarded(pool)


async def test_rows_come_as_a_json_array_and_people_get_the_outcome(run_sql: RunSql) -> None:
    output, rows = await structured.use(
        tool,
        run_sql,
        {"table": "public.people", "select": "id, name", "filter": {"age": "gte.36"}, "order": "age.desc"},
    )
    assert output.ok
    assert rows == [{"id": 3, "name": 'Bob, the "builder"'}, {"id": 1, "name": "Ada"}]
    assert output.query is not None
    assert (output.query.row_count, output.query.tables) == (2, ["people"])
    assert output.query.description == "Reading public.people"


async def test_every_kind_of_filter_passes_the_guard(run_sql: RunSql) -> None:
    filters: list[tuple[dict[str, Any], list[int]]] = [
        ({"zip": "007"}, [1]),
        ({"age": ["gt.9", "lte.36"]}, [1]),
        ({"loose": "eq.5"}, [1, 2]),
        ({"height": "in.(1.65,2)"}, [1, 4]),
        ({"id": "nin.(1,2)"}, [3, 4]),
        ({"name": "like.A*"}, [1]),
        ({"name": "ilike.ADA"}, [1, 2]),
        ({"active": "isnot.true"}, [2, 3]),
        ({"tags": "cs.{tea}"}, [1, 2]),
        ({"tags": "cd.{math,tea}"}, [1]),
        ({"tags": "ov.[5]"}, [2]),
    ]
    for conditions, expected in filters:
        output, rows = await structured.use(
            tool, run_sql, {"table": "people", "select": "id", "filter": conditions, "order": "id"}
        )
        assert (output.ok, [row["id"] for row in rows]) == (True, expected), output.content


async def test_views_compare_what_they_compute_also_behind_the_guard(run_sql: RunSql) -> None:
    arguments = {"table": "years", "select": "id", "filter": {"year": "gte.1990", "twice": "gt.2"}}
    assert (await structured.use(tool, run_sql, arguments))[1] == [{"id": 2}]


async def test_each_user_reads_only_own_rows_whatever_the_filter(pool: SqlPool) -> None:
    rules = [DataRules(row_rules={"people": "id = :user_id"}, hidden_columns={"people": ["born"]})]
    for user, name in (("1", "Ada"), ("2", "ada")):
        policy = msgspec.structs.replace(structured.POLICY, rules=rules, user_id=user)
        run_sql = structured.guarded(pool, policy)
        for conditions in ({}, {"id": "gte.0"}, {"name": "ilike.*"}, {"id": [1, 2, 3, 4]}):
            _, rows = await structured.use(tool, run_sql, {"table": "people", "filter": conditions})
            assert [row["name"] for row in rows] == [name]
            assert "born" not in rows[0]
        _, content = await structured.use(tool, run_sql, {"table": "people", "filter": {"born": "gt.1"}})
        assert "No such column" in content["error"]


async def test_tables_and_columns_may_be_called_anything(run_sql: RunSql) -> None:
    output, rows = await structured.use(
        tool,
        run_sql,
        {
            "table": '"odd "" table"',
            "select": 'select, "first name", größe, "a.b"',
            "filter": {"value": "cs.{b}", "select": "eq.y"},
            "order": '"first name".desc.nullslast,select',
        },
    )
    assert output.ok, output.content
    assert rows == [{"select": "y", "first name": "Bob", "größe": 2.5, "a.b": "dash"}]


async def test_tables_of_attached_files_are_read_the_same_way(pool: SqlPool, path: Path) -> None:
    warehouse = path.with_name("warehouse.db")
    with apsw.Connection(str(warehouse)) as db:
        db.execute(
            'CREATE TABLE sales (id INTEGER PRIMARY KEY, total REAL, "value" TEXT); '
            "INSERT INTO sales VALUES (1, 9, '[\"a\"]'), (2, 10, '[]')"
        ).fetchall()
    policy = SqlPolicy(allowed_schemas=["warehouse"], files={"warehouse": str(warehouse)})
    run_sql = structured.guarded(pool, policy)
    for conditions, expected in (({"total": "gt.9"}, [2]), ({"value": "cs.{a}"}, [1]), ({}, [1, 2])):
        output, rows = await structured.use(
            tool, run_sql, {"table": "warehouse.sales", "select": "id", "filter": conditions, "order": "id"}
        )
        assert (output.ok, [row["id"] for row in rows]) == (True, expected), output.content
    _, content = await structured.use(tool, run_sql, {"table": "public.people"})
    assert "not allowed" in content["error"]


async def test_what_is_not_allowed_is_an_error_that_tells_the_reason(run_sql: RunSql) -> None:
    for table in (
        "users",
        "public.users",
        "_api_keys",
        "sqlite_schema",
        "main.users",
        '"users"',
        "temp.users",
    ):
        output, content = await structured.use(tool, run_sql, {"table": table})
        assert not output.ok
        assert "not allowed" in content["error"]
    _, content = await structured.use(tool, run_sql, {"table": "people", "select": "nmae"})
    assert "Did you mean name?" in content["error"]


async def test_hostile_values_and_names_are_only_values_and_names(run_sql: RunSql, path: Path) -> None:
    hostile = ["' OR 1=1 --", '"; DROP TABLE people; --', "a\0b", "\\", ":p0", "(SELECT password FROM users)"]
    for text in hostile:
        output, rows = await structured.use(
            tool, run_sql, {"table": "people", "filter": {"name": f"eq.{text}"}}
        )
        assert (output.ok, rows) == (True, [])
    for table in (
        '"people"" UNION SELECT * FROM ""users"',
        "people; DROP TABLE people",
        "people--",
        "x" * 150,
    ):
        output, content = await structured.use(tool, run_sql, {"table": table})
        assert "not allowed" in content["error"]
    with pytest.raises(ToolError, match="is not a table"):
        await structured.use(tool, run_sql, {"table": 'people" UNION SELECT * FROM "users'})
    long = {"table": "people", "filter": {"name": "eq." + "x" * 1_000_000}}
    output, content = await structured.use(tool, run_sql, long)
    assert "too long" in content["error"] if content else output.ok
    assert apsw.Connection(str(path)).execute("SELECT count(*) FROM people").get == 4


async def test_limit_and_offset_page_through_the_rows(run_sql: RunSql) -> None:
    base = {"table": "people", "select": "id", "order": "id.desc"}
    _, rows = await structured.use(tool, run_sql, base | {"limit": 2})
    assert rows == [{"id": 4}, {"id": 3}]
    _, rows = await structured.use(tool, run_sql, base | {"limit": 2, "offset": 3})
    assert rows == [{"id": 1}]
    _, rows = await structured.use(tool, run_sql, {"table": "people", "order": "height.desc.nullsfirst"})
    assert [row["id"] for row in rows] == [3, 4, 2, 1]


async def test_rows_beyond_what_a_model_should_read_are_left_out_and_it_is_told(path: Path) -> None:
    with apsw.Connection(str(path)) as db:
        db.execute(
            "WITH RECURSIVE r(n) AS (SELECT 10 UNION ALL SELECT n + 1 FROM r LIMIT 300) "
            "INSERT INTO people (id, name) SELECT n, printf('%.*c', 1000, 'x') FROM r"
        ).fetchall()
    async with SqlPool(path, workers_max=1) as pool:
        output, content = await structured.use(
            tool, structured.guarded(pool), {"table": "people", "limit": 200}
        )
    assert output.query is not None
    assert output.query.row_count == 200
    assert 10 < len(content["rows"]) < 25
    assert content["truncated"] is True
    assert "Only the first" in content["note"]


BAD: list[tuple[dict[str, Any], str]] = [
    ({"table": ""}, "is not a table"),
    ({"table": "a.b.c.d" + '"'}, "is not a table"),
    ({"table": "a\0b"}, "cannot be a name"),
    ({"table": 5}, "'table' must be text"),
    ({"select": "count(*)"}, "select: count(*) is not a column name"),
    ({"select": "*, password"}, "* stands for all columns and must stand alone"),
    ({"select": "people.*"}, "is not a column name"),
    ({"select": "name AS x"}, "is not a column name"),
    ({"select": "id,,name"}, "is not a column name"),
    ({"select": "'id'"}, "is not a column name"),
    ({"select": '"id'}, "is not a column name"),
    ({"select": '"id" || password'}, "is not a column name"),
    ({"select": ",".join(["id"] * 101)}, "at most 100 columns"),
    ({"select": "x" * 1_000_000}, "too long"),
    ({"select": "x" * 1_000}, "cannot be a name"),
    ({"order": "id" + ".desc" * 100_000 + "."}, "too long"),
    ({"order": "id.down"}, "order: id.down is not a column name"),
    ({"order": "id.asc.desc"}, "says two things at once"),
    ({"order": "id desc"}, "order: write id.desc rather than id desc."),
    ({"order": "name,id DESC NULLS LAST"}, "order: write id.desc.nullslast rather than"),
    ({"order": '"first name" asc'}, 'order: write "first name".asc rather than'),
    ({"order": "id.DESC"}, "order: write id.desc rather than id.DESC."),
    ({"order": "id:descending"}, "order: write id.desc rather than"),
    ({"order": "a" + "_" * 9_000 + " desc x"}, "is not a column name"),
    ({"where": {"id": 1}}, "Unknown argument 'where'. Did you mean filter?"),
    ({"filter": {"id": 1}, "Conditions": {}}, "Unknown argument 'Conditions'. Did you mean filter?"),
    ({"columns": "id"}, "Unknown argument 'columns'. Did you mean select?"),
    ({"fields": ["id"]}, "Did you mean select?"),
    ({"sort": "id"}, "Did you mean order?"),
    ({"order_by": "id"}, "Did you mean order?"),
    ({"limt": 5}, "Unknown argument 'limt'. Did you mean limit?"),
    (
        {"group": "id"},
        "The arguments are: table, select, filter, order, limit, offset, vector_search, chart.",
    ),
    ({"x" * 1_000_000: 1}, "Unknown argument"),
    ({"order": "random()"}, "is not a column name"),
    ({"filter": "id=1"}, "'filter' must be an object"),
    ({"limit": 0}, "between 1 and 1000"),
    ({"limit": LIMIT_MAX + 1}, "between 1 and 1000"),
    ({"limit": True}, "whole number"),
    ({"offset": -1}, "'offset' must be between 0"),
    ({"offset": 10**30}, "'offset' must be between 0"),
]


@pytest.mark.parametrize(("arguments", "error"), BAD)
def test_bad_arguments_say_what_to_write(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ToolError) as caught:
        statement({"table": "people"} | arguments)
    assert error in str(caught.value)
    assert len(str(caught.value)) < 400


def test_null_is_the_same_as_nothing() -> None:
    names = ("select", "filter", "order", "limit", "offset", "vector_search", "where")
    assert statement({"table": "people"} | dict.fromkeys(names)) == statement({"table": "people"})


def test_schemas_keep_their_quotes_and_the_public_one_is_left_out() -> None:
    for table, expected in (
        ("orders", '"orders"'),
        ("public.orders", '"orders"'),
        ('PUBLIC."my orders"', '"my orders"'),
        ("my orders", '"my orders"'),
        ("warehouse.sales", '"warehouse"."sales"'),
        ('"ware.house"."a.b"', '"ware.house"."a.b"'),
    ):
        assert statement({"table": table})[0].startswith(f"SELECT * FROM {expected} LIMIT")


def test_the_label_never_fails() -> None:
    assert tool.label({"table": "people"}) == "Reading people"
    assert tool.label({}) == "Reading a table"
    assert len(tool.label({"table": ["x" * 1000]})) < 80
