"""Attached data files, through the real pool: what they show, what they hide, and what they break."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import msgspec
import pytest
import trio

from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_pool import SqlPool
from tests.tools import data

SALES = f"""
CREATE TABLE sales (id INTEGER PRIMARY KEY, amount REAL, secret TEXT);
INSERT INTO sales VALUES (1, 10.0, 'a'), (2, 20.0, 'b');
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT);
INSERT INTO customers VALUES (7, 'warehouse customer');
CREATE TABLE staff (id INTEGER, pin TEXT);
INSERT INTO staff VALUES (1, '{data.CANARY}');
CREATE TABLE _keys (hash TEXT);
INSERT INTO _keys VALUES ('{data.CANARY}');
CREATE VIEW big_sales AS SELECT id, amount FROM sales WHERE amount > 15;
"""


def write(path: Path, script: str = SALES, journal: str = "wal") -> Path:
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", journal)
    db.execute(script).fetchall()
    db.close()
    return path


@pytest.fixture
def warehouse(tmp_path: Path) -> Path:
    return write(tmp_path / "warehouse.db")


@pytest.fixture
def policy(warehouse: Path) -> SqlPolicy:
    tables = ["customers", "orders", "warehouse.sales", "warehouse.customers", "warehouse.big_sales"]
    return SqlPolicy(allowed_tables=tables, files={"warehouse": str(warehouse)}, user_id="1")


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=1) as pool:
        yield pool


async def asked(pool: SqlPool, sql: str, policy: SqlPolicy) -> QueryOutcome:
    outcome = await pool.query(sql, policy)
    assert isinstance(outcome, QueryOutcome)
    text = msgspec.json.encode(msgspec.structs.replace(outcome, sql="")).decode()
    assert data.CANARY not in text
    return outcome


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT amount FROM warehouse.sales ORDER BY id", [[10.0], [20.0]]),
        ("SELECT sales.amount FROM Warehouse.SALES WHERE warehouse.sales.id = 1", [[10.0]]),
        ('SELECT s.amount FROM "warehouse"."sales" s WHERE 1 IN (s.id)', [[10.0]]),
        ("SELECT amount FROM sales WHERE id = 1", [[10.0]]),
        ("SELECT name FROM customers WHERE id IN (7, 1)", [["Ada"]]),
        ("SELECT name FROM warehouse.customers", [["warehouse customer"]]),
        (
            "SELECT customers.name, warehouse.customers.name FROM customers "
            "JOIN warehouse.customers ON customers.id = 1",
            [["Ada", "warehouse customer"]],
        ),
        ("SELECT id FROM warehouse.big_sales", [[2]]),
        ("WITH sales AS (SELECT * FROM warehouse.sales) SELECT count(*) FROM sales", [[2]]),
        ("SELECT 'warehouse.sales' -- warehouse.sales\nFROM warehouse.sales LIMIT 1", [["warehouse.sales"]]),
        ("SELECT o.total FROM orders o JOIN warehouse.sales USING (id) WHERE amount > 15", [[7.0]]),
    ],
)
async def test_attached_tables_go_by_their_schema(
    pool: SqlPool, policy: SqlPolicy, sql: str, rows: list[list[object]]
) -> None:
    outcome = await asked(pool, sql, policy)
    assert (outcome.error, outcome.rows) == (None, rows)


async def test_the_tables_of_an_outcome_have_their_schema(pool: SqlPool, policy: SqlPolicy) -> None:
    outcome = await asked(pool, "SELECT amount FROM sales, customers", policy)
    assert outcome.tables == ["customers", "warehouse.sales"]
    assert outcome.types == ["number"]


OUT_OF_REACH = [
    "SELECT * FROM warehouse.staff",
    "SELECT * FROM staff",
    "SELECT count(*) FROM staff",
    'SELECT * FROM "warehouse.staff"',
    "SELECT 1 FROM (SELECT 1 AS id) NATURAL JOIN staff",
    "SELECT 1 FROM customers JOIN warehouse.staff USING (id)",
    "SELECT * FROM warehouse._keys",
    "SELECT * FROM _keys",
    "SELECT * FROM warehouse.sqlite_schema",
    "SELECT 1 IN staff",
    "SELECT 1 IN warehouse.staff",
    "SELECT * FROM warehouse.no_such",
    "SELECT * FROM archive.sales",
]


async def test_no_name_reaches_other_tables_of_an_attached_file(pool: SqlPool, policy: SqlPolicy) -> None:
    for sql in OUT_OF_REACH:
        outcome = await asked(pool, sql, policy)
        assert outcome.rows == [], sql
        assert (outcome.error or "").startswith(("Table not allowed", "Permission denied")), sql


async def test_an_unqualified_name_of_a_file_that_may_not_be_read_does_not_resolve(
    pool: SqlPool, warehouse: Path
) -> None:
    closed = SqlPolicy(files={"warehouse": str(warehouse)})
    for sql in ("SELECT * FROM staff", "SELECT * FROM warehouse.sales", "SELECT * FROM sales"):
        assert (await asked(pool, sql, closed)).error is not None


async def test_a_bare_name_that_two_files_have_is_refused_with_both(
    pool: SqlPool, policy: SqlPolicy, tmp_path: Path
) -> None:
    other = write(tmp_path / "archive.db", "CREATE TABLE sales (id, amount)")
    both = msgspec.structs.replace(
        policy,
        allowed_tables=["archive.*", *policy.allowed_tables],
        files={**policy.files, "archive": str(other)},
    )
    outcome = await asked(pool, "SELECT * FROM sales", both)
    assert "Did you mean archive.sales or warehouse.sales?" in (outcome.error or "")
    assert (await asked(pool, "SELECT count(*) FROM archive.sales", both)).rows == [[0]]


async def test_rules_and_hidden_columns_hold_for_attached_tables(pool: SqlPool, policy: SqlPolicy) -> None:
    layer = DataRules(
        row_rules={"warehouse.sales": "id = :user_id AND id IN (SELECT id FROM warehouse.big_sales)"},
        hidden_columns={"warehouse.sales": ["secret"]},
    )
    ruled = msgspec.structs.replace(policy, rules=[layer], user_id="2")
    outcome = await asked(pool, "SELECT * FROM warehouse.sales", ruled)
    assert "It cannot be shown: it needs a table that is refused: warehouse.big_sales" in (
        outcome.error or ""
    )
    simple = DataRules(row_rules={"sales": "id = :user_id"}, hidden_columns=layer.hidden_columns)
    ruled = msgspec.structs.replace(policy, rules=[simple], user_id="2")
    fails = "CASE WHEN id = 1 THEN abs(-9223372036854775807 - 1) ELSE 1 END"
    for sql in (
        "SELECT * FROM warehouse.sales",
        "SELECT * FROM sales",
        f"SELECT * FROM warehouse.sales WHERE {fails}",
        f"SELECT * FROM sales WHERE {fails}",
    ):
        assert (await asked(pool, sql, ruled)).rows == [[2, 20.0]]
    outcome = await asked(pool, "SELECT id FROM warehouse.big_sales", ruled)
    assert "it reads sales, which is restricted" in (outcome.error or "")
    outcome = await asked(pool, "SELECT secret FROM warehouse.sales", ruled)
    assert "No such column: secret" in (outcome.error or "")


async def test_a_changed_attached_file_is_noticed(pool: SqlPool, policy: SqlPolicy, warehouse: Path) -> None:
    everything = msgspec.structs.replace(policy, allowed_tables=["customers", "warehouse.*"])
    assert (await asked(pool, "SELECT 1 FROM warehouse.fresh", everything)).error is not None
    write(warehouse, "CREATE TABLE fresh (a); INSERT INTO fresh VALUES (5); CREATE TABLE _new (a)")
    assert (await asked(pool, "SELECT a FROM warehouse.fresh", everything)).rows == [[5]]
    assert (await asked(pool, "SELECT a FROM _new", everything)).error is not None
    other = write(warehouse.with_name("other.db"), "CREATE TABLE sales (id); INSERT INTO sales VALUES (9)")
    for suffix in ("-wal", "-shm"):
        warehouse.with_name(warehouse.name + suffix).unlink(missing_ok=True)
    os.replace(other, warehouse)
    assert (await asked(pool, "SELECT id FROM warehouse.sales", everything)).rows == [[9]]


@pytest.mark.parametrize("kind", ["missing", "folder", "text", "pipe", "relative", "locked"])
async def test_a_file_that_cannot_be_read_closes_its_own_schema_only(
    pool: SqlPool, policy: SqlPolicy, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / "bad.db"
    lock: apsw.Connection | None = None
    match kind:
        case "folder":
            path.mkdir()
        case "text":
            path.write_bytes(b"no database at all " * 100)
        case "pipe":
            os.mkfifo(path)
        case "relative":
            path = Path("bad.db")
        case "locked":
            write(path, journal="delete")
            lock = apsw.Connection(str(path))
            lock.execute("BEGIN EXCLUSIVE")
    both = msgspec.structs.replace(
        policy, allowed_tables=["bad.*", *policy.allowed_tables], files={**policy.files, "bad": str(path)}
    )
    outcome = await asked(pool, "SELECT * FROM bad.sales", both)
    assert (outcome.error or "").startswith(
        "Table not available: bad.sales. The data of bad cannot be read now: "
    )
    assert str(tmp_path) not in (outcome.error or "")
    sql = "SELECT count(*) FROM customers JOIN warehouse.sales USING (id)"
    assert (await asked(pool, sql, both)).rows == [[2]]
    if lock is not None:
        lock.close()


async def test_a_file_that_appears_later_is_attached_then(
    pool: SqlPool, policy: SqlPolicy, tmp_path: Path
) -> None:
    path = tmp_path / "later.db"
    both = msgspec.structs.replace(policy, allowed_tables=["later.*"], files={"later": str(path)})
    assert "is not there" in ((await asked(pool, "SELECT * FROM later.sales", both)).error or "")
    write(path)
    assert (await asked(pool, "SELECT id FROM later.sales WHERE id = 1", both)).rows == [[1]]


async def test_a_file_that_turns_bad_while_it_is_used_closes_its_own_schema_only(
    pool: SqlPool, policy: SqlPolicy, warehouse: Path
) -> None:
    assert (await asked(pool, "SELECT count(*) FROM warehouse.sales", policy)).rows == [[2]]
    await trio.Path(warehouse).unlink()
    assert (await asked(pool, "SELECT count(*) FROM customers", policy)).rows == [[3]]
    assert "cannot be read now" in ((await asked(pool, "SELECT * FROM warehouse.sales", policy)).error or "")


@pytest.mark.parametrize("journal", ["wal", "delete"])
async def test_files_work_in_both_journal_modes_and_where_nothing_can_be_written(
    pool: SqlPool, policy: SqlPolicy, tmp_path: Path, journal: str
) -> None:
    path = write(tmp_path / "frozen.db", journal=journal)
    # Stands where SQLite wants to put its own file, as if the folder were read-only.
    (tmp_path / "frozen.db-shm").mkdir()
    frozen = msgspec.structs.replace(policy, allowed_tables=["frozen.*"], files={"frozen": str(path)})
    assert (await asked(pool, "SELECT count(*) FROM frozen.sales", frozen)).rows == [[2]]
    (tmp_path / "frozen.db-shm").rmdir()
    write(path, "INSERT INTO sales VALUES (3, 1.0, 'c')", journal)
    assert (await asked(pool, "SELECT count(*) FROM frozen.sales", frozen)).rows == [[3]]


async def test_at_most_ten_files_with_sensible_names_are_attached(pool: SqlPool, tmp_path: Path) -> None:
    files = {f"f{n:02}": str(write(tmp_path / f"{n}.db")) for n in range(11)}
    files |= {"main": files["f00"], "no.dots": files["f01"]}
    policy = SqlPolicy(allowed_tables=[f"{schema}.*" for schema in files] + ["customers"], files=files)
    assert (await asked(pool, "SELECT id FROM f09.sales", policy)).row_count == 2
    assert "at most 10 files" in ((await asked(pool, "SELECT id FROM f10.sales", policy)).error or "")
    assert (await asked(pool, "SELECT id FROM main.sales", policy)).rows == []
    assert (await asked(pool, "ATTACH 'x' AS y", policy)).rows == []


async def test_a_table_of_the_data_file_with_a_dot_in_its_name_keeps_it(
    policy: SqlPolicy, tmp_path: Path
) -> None:
    own = write(
        tmp_path / "own.db", 'CREATE TABLE "warehouse.sales" (pin); INSERT INTO "warehouse.sales" VALUES (1)'
    )
    async with SqlPool(own, workers_max=1) as pool:
        for sql in (
            'SELECT * FROM "warehouse.sales"',
            "SELECT pin FROM warehouse.sales",
            "SELECT * FROM sales",
        ):
            assert (await asked(pool, sql, policy)).rows == []
        mine = msgspec.structs.replace(
            policy, allowed_tables=["public.warehouse.sales", "warehouse.customers"]
        )
        assert (await asked(pool, 'SELECT pin FROM "warehouse.sales"', mine)).rows == [[1]]
