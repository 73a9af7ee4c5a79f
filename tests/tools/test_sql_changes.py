"""A writing statement becomes exactly the rows that it may change, through the real pool."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from appliance.changes import ChangePlan, still_allows
from appliance.datarules import DataRules
from appliance.messages import QueryOutcome, RowChange
from appliance.sqlguard import Demands, SqlPolicy
from appliance.store import changes
from appliance.store.database import connect, database_path
from appliance.store.store import Store
from appliance.tools.sql_changes import PlanningConnection, plan_change
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_wire import Query
from appliance.tools.sql_writing import read_writing

CANARY = "CANARY-51c0"
SCRIPT = f"""
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, user_id TEXT DEFAULT 'nobody', item TEXT NOT NULL DEFAULT 'tea', total REAL,
    tax REAL GENERATED ALWAYS AS (total * 0.2) STORED, secret TEXT DEFAULT 'hush'
);
INSERT INTO orders (id, user_id, item, total, secret) VALUES
    (1, 'ann', 'tea', 3.5, '{CANARY}'), (2, 'ann', 'cup', 7, '{CANARY}'),
    (3, 'bob', 'pot', 20, '{CANARY}'), (4, 'bob', 'jug', 9, '{CANARY}');
CREATE TABLE members (team INTEGER, user_id TEXT);
INSERT INTO members VALUES (5, 'ann'), (6, 'bob');
CREATE TABLE tasks (id INTEGER PRIMARY KEY, team INTEGER, title TEXT);
INSERT INTO tasks VALUES (1, 5, 'sweep'), (2, 6, 'paint');
CREATE TABLE stock (place TEXT, item TEXT, amount INTEGER, PRIMARY KEY (place, item)) WITHOUT ROWID;
INSERT INTO stock VALUES ('north', 'tea', 5), ('south', 'tea', 6);
CREATE TABLE odd (rowid TEXT, data);
INSERT INTO odd VALUES ('x', x'00ff'), ('y', 1), ('z', NULL);
CREATE TABLE full (rowid, oid, _rowid_);
CREATE TABLE numbered (id INTEGER PRIMARY KEY, title TEXT);
CREATE TABLE users (name TEXT, password TEXT);
INSERT INTO users VALUES ('root', '{CANARY}');
CREATE TABLE audited (id INTEGER PRIMARY KEY, n INTEGER);
INSERT INTO audited VALUES (1, 1);
CREATE TRIGGER audited_t AFTER UPDATE ON audited BEGIN UPDATE orders SET total = 0; END;
CREATE VIEW cheap AS SELECT * FROM tasks;
CREATE TRIGGER cheap_t INSTEAD OF INSERT ON cheap BEGIN INSERT INTO users VALUES ('x', 'y'); END;
CREATE VIRTUAL TABLE notes USING fts5(body);
"""
TABLES = [
    "orders",
    "members",
    "tasks",
    "stock",
    "odd",
    "full",
    "numbered",
    "audited",
    "cheap",
    "notes",
    "_users",
]
RULES = DataRules(
    row_rules={
        "orders": "user_id = :user_id",
        "tasks": "team IN (SELECT team FROM members WHERE user_id = :user_id)",
        "members": "user_id = :user_id",
        "numbered": "id % 2 = 1",
    },
    hidden_columns={"orders": ["secret"]},
)
OPEN = SqlPolicy(allowed_tables=TABLES, allowed_operations=["SELECT", "INSERT", "UPDATE", "DELETE"])
ANN = msgspec.structs.replace(OPEN, rules=[RULES], user_id="ann")
FIRST = {"id": 1, "user_id": "ann", "item": "tea", "total": 3.5, "tax": 0.7000000000000001}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = database_path(tmp_path)
    db = connect(path)
    db.execute(SCRIPT).fetchall()
    db.close()
    return path


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


async def planned(pool: SqlPool, sql: str, policy: SqlPolicy = ANN, **parameters: Any) -> ChangePlan:
    plan = await pool.query(sql, policy, parameters=parameters)
    assert isinstance(plan, ChangePlan), (sql, plan.error)
    return plan


async def refused(pool: SqlPool, sql: str, policy: SqlPolicy = ANN) -> str:
    outcome = await pool.query(sql, policy)
    assert isinstance(outcome, QueryOutcome), (sql, outcome.rows)
    assert outcome.error, sql
    assert CANARY not in outcome.error
    return outcome.error


def direct(path: Path, sql: str, policy: SqlPolicy = ANN, **more: Any) -> ChangePlan | QueryOutcome:
    return plan_change(path, policy, Query(sql=sql, policy=policy, **more))


def content(path: Path) -> list[Any]:
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    tables = ("orders", "members", "tasks", "stock", "odd", "users", "audited", "_users")
    found = [db.execute(f"SELECT * FROM {table}").fetchall() for table in tables]
    db.close()
    return found


async def test_an_update_plans_only_what_differs_and_only_the_callers_rows(pool: SqlPool, path: Path) -> None:
    before = content(path)
    plan = await planned(pool, "UPDATE public.orders SET total = total + 1, item = 'cup'")
    assert (plan.operation, plan.table, plan.key_columns) == ("UPDATE", "orders", ["rowid"])
    assert plan.columns == ["id", "user_id", "item", "total", "tax"]
    assert [(row.key, row.after) for row in plan.rows] == [
        ([1], {"item": "cup", "total": 4.5}),
        ([2], {"total": 8.0}),
    ]
    assert plan.rows[0].before == FIRST
    assert content(path) == before


async def test_without_rules_all_rows_are_there(pool: SqlPool) -> None:
    plan = await planned(pool, "UPDATE orders SET item = 'x' WHERE total > 5", OPEN)
    assert [row.key for row in plan.rows] == [[2], [3], [4]]
    assert "secret" in plan.columns
    assert len((await planned(pool, "DELETE FROM orders", OPEN)).rows) == 4


async def test_an_insert_plans_the_columns_that_it_names(pool: SqlPool) -> None:
    plan = await planned(
        pool, "INSERT INTO orders (user_id, total) VALUES (:me, '5'), ('ann', NULL)", me="ann"
    )
    assert [row.after for row in plan.rows] == [
        {"user_id": "ann", "total": "5"},
        {"user_id": "ann", "total": None},
    ]
    assert plan.parameters == {"me": "ann"}
    [row] = (await planned(pool, "INSERT INTO orders VALUES (9, 'ann', 'x', 1.0)")).rows
    assert row.after == {"id": 9, "user_id": "ann", "item": "x", "total": 1.0}
    [row] = (await planned(pool, "INSERT INTO audited DEFAULT VALUES")).rows
    assert row.after == {}


async def test_an_insert_from_a_query_sees_the_callers_rows_only(pool: SqlPool) -> None:
    sql = "INSERT INTO orders (user_id, item) SELECT user_id, item || '!' FROM orders"
    assert [row.after["item"] for row in (await planned(pool, sql)).rows] == ["tea!", "cup!"]


async def test_a_delete_plans_the_callers_rows(pool: SqlPool) -> None:
    plan = await planned(pool, "DELETE FROM orders WHERE id IN (1, 3)")
    assert [(row.key, row.before, row.after) for row in plan.rows] == [([1], FIRST, {})]


GOOD = [
    ("WITH big AS (SELECT id FROM orders WHERE total > 5) DELETE FROM orders WHERE id IN big", [[2]]),
    (
        "WITH orders AS (SELECT 1 AS id) UPDATE orders SET total = 0 WHERE id IN (SELECT id FROM orders)",
        [[1]],
    ),
    ("UPDATE orders AS o SET total = m.team FROM members m WHERE m.user_id = o.user_id AND o.id = 1", [[1]]),
    ("UPDATE orders SET total = (SELECT max(o.total) FROM orders o) WHERE orders.id = 1 RETURNING *", [[1]]),
    ("UPDATE \"orders\" SET (item, total) = ('x', 1) WHERE id = 2 -- done; really", [[2]]),
    (
        "/* say */ update [ORDERS] set total = 1 where (id, user_id) in (select id, user_id from orders);",
        [[1], [2]],
    ),
    (
        "DELETE FROM orders WHERE EXISTS (SELECT * FROM members WHERE members.user_id = orders.user_id)",
        [[1], [2]],
    ),
    ("DELETE FROM orders WHERE id = 1 RETURNING id, (SELECT count(*) FROM orders)", [[1]]),
    ("UPDATE orders SET total = total", []),
    ("UPDATE orders SET total = 1 WHERE id = 99", []),
    ("DELETE FROM orders WHERE user_id = 'bob'", []),
    ("UPDATE orders SET total = total WHERE id = 1 OR 1 = 1", []),
]


async def test_statements_of_all_shapes_reach_the_callers_rows(pool: SqlPool) -> None:
    for sql, keys in GOOD:
        assert [row.key for row in (await planned(pool, sql)).rows] == keys, sql


async def test_a_row_with_several_partners_is_planned_once(pool: SqlPool) -> None:
    sql = "UPDATE tasks SET title = t.n FROM (SELECT 'a' AS n UNION ALL SELECT 'b') t WHERE tasks.id = 1"
    [row] = (await planned(pool, sql)).rows
    assert row.after["title"] in ("a", "b")


NOT_YOURS = [
    "INSERT INTO orders (user_id) VALUES ('bob')",
    "INSERT INTO orders (item) VALUES ('whose?')",
    "INSERT INTO orders DEFAULT VALUES",
    "INSERT INTO orders (user_id) VALUES ('ann'), ('bob')",
    "INSERT INTO orders (user_id, item) SELECT 'bob', item FROM orders",
    "INSERT INTO orders (user_id) VALUES (NULL)",
    "UPDATE orders SET user_id = 'bob' WHERE id = 1",
    "UPDATE orders SET user_id = x.u FROM (SELECT 'bob' AS u) x WHERE id = 1",
    "UPDATE orders SET user_id = NULL",
    "UPDATE orders SET user_id = x'616e6e'",
    "UPDATE tasks SET team = 6 WHERE id = 1",
    "UPDATE tasks SET team = '6' WHERE id = 1",
    "INSERT INTO tasks (team, title) VALUES ('6', 'x')",
    "INSERT INTO tasks (title) VALUES ('x')",
]


async def test_no_row_can_be_given_to_somebody_else(pool: SqlPool) -> None:
    for sql in NOT_YOURS:
        assert "A row would not be yours: the row rule of" in await refused(pool, sql), sql


async def test_a_rule_sees_a_written_value_as_its_column_keeps_it(pool: SqlPool) -> None:
    await planned(pool, "INSERT INTO tasks (team, title) VALUES ('5', 'x')")
    assert (await planned(pool, "UPDATE tasks SET title = 'y', team = '5' WHERE id = 1")).rows[0].after == {
        "title": "y"
    }


async def test_a_rule_over_the_number_of_a_new_row_wants_it_given(pool: SqlPool) -> None:
    assert "give a value for id" in await refused(pool, "INSERT INTO numbered (title) VALUES ('x')")
    assert "give a value for id" in await refused(pool, "INSERT INTO numbered (id) VALUES (NULL)")
    assert "not be yours" in await refused(pool, "INSERT INTO numbered (id) VALUES (4)")
    await planned(pool, "INSERT INTO numbered (id) VALUES (5)")


async def test_a_caller_without_a_user_id_writes_no_ruled_table(pool: SqlPool) -> None:
    nobody = msgspec.structs.replace(ANN, user_id="")
    assert "signed in" in await refused(pool, "INSERT INTO orders (user_id) VALUES ('')", nobody)
    assert "signed in" in await refused(pool, "UPDATE orders SET total = 1", nobody)
    assert (await planned(pool, "DELETE FROM orders", nobody)).rows == []


async def test_a_rule_over_a_hidden_or_computed_column_holds_for_updates(pool: SqlPool) -> None:
    rules = DataRules(
        row_rules={"orders": f"secret = '{CANARY}' AND tax < 1"}, hidden_columns={"orders": ["secret"]}
    )
    policy = msgspec.structs.replace(ANN, rules=[rules])
    assert len((await planned(pool, "UPDATE orders SET total = 4 WHERE id = 1", policy)).rows) == 1
    assert "not be yours" in await refused(pool, "UPDATE orders SET total = 40 WHERE id = 1", policy)
    assert "not be yours" in await refused(pool, "INSERT INTO orders (id, total) VALUES (9, 1)", policy)


async def test_more_rows_than_the_cap_are_refused_early(pool: SqlPool) -> None:
    capped = msgspec.structs.replace(OPEN, changed_rows_max=3)
    text = "The statement would change more than 3 rows"
    assert text in await refused(pool, "DELETE FROM orders", capped)
    assert text in await refused(pool, "UPDATE orders SET total = 1", capped)
    many = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 99999) "
    assert text in await refused(pool, f"INSERT INTO tasks (title) {many} SELECT n FROM r", capped)
    assert len((await planned(pool, "DELETE FROM orders WHERE id < 4", capped)).rows) == 3
    # Rows that stay as they are do not count.
    assert len((await planned(pool, "UPDATE orders SET total = 9", capped)).rows) == 3


REFUSED = [
    ("UPDATE orders SET secret = 'x'", "No such column: secret"),
    ("UPDATE orders SET item = secret", "No such column: secret"),
    ("INSERT INTO orders (user_id, secret) VALUES ('ann', 'x')", "secret"),
    ("DELETE FROM orders WHERE secret > 'a'", "No such column: secret"),
    ("DELETE FROM orders RETURNING secret", "No such column: secret"),
    ("UPDATE orders SET tax = 1", "tax of orders cannot be set"),
    ("INSERT INTO orders (user_id, tax) VALUES ('ann', 1)", "tax"),
    ("UPDATE orders SET rowid = 9", "rowid of orders cannot be set"),
    ("INSERT OR REPLACE INTO orders (id, user_id) VALUES (3, 'ann')", "Conflict clauses"),
    ("REPLACE INTO orders (id, user_id) VALUES (3, 'ann')", "Conflict clauses"),
    ("UPDATE OR IGNORE orders SET total = 1", "Conflict clauses"),
    ("INSERT INTO orders (id) VALUES (3) ON CONFLICT (id) DO UPDATE SET total = 1", "Conflict clauses"),
    ("UPDATE orders SET total = 1; DELETE FROM orders", "Only one statement"),
    ("UPDATE orders SET total = 1; DROP TABLE orders", "Only one statement"),
    ("UPDATE users SET password = 'x'", "Table not allowed: users"),
    ("INSERT INTO orders (user_id, item) SELECT 'ann', password FROM users", "Table not allowed: users"),
    ("UPDATE orders SET item = (SELECT password FROM users)", "Table not allowed: users"),
    ("UPDATE orders SET item = password FROM users", "Table not allowed: users"),
    ("DELETE FROM orders WHERE item IN (SELECT password FROM users)", "Table not allowed: users"),
    ("UPDATE orders SET item = 'x' FROM orders o NATURAL JOIN users", "Table not allowed: users"),
    ("DELETE FROM _users", "Table not allowed: _users"),
    ("INSERT INTO _users (tenant) VALUES ('x')", "Table not allowed: _users"),
    ("DELETE FROM sqlite_schema", "Table not allowed: sqlite_schema"),
    ("UPDATE sqlite_temp_schema SET sql = ''", "Table not allowed: sqlite_temp_schema"),
    ("INSERT INTO cheap (id) VALUES (9)", "Table not allowed: cheap"),
    ("INSERT INTO notes VALUES ('x')", "Table not allowed: notes"),
    ("DELETE FROM temp.orders", "Only tables of the data file"),
    ("DELETE FROM other.orders", "Only tables of the data file"),
    ("DELETE FROM full", "cannot be told apart"),
    ("DELETE FROM missing", "Table not allowed: missing"),
    ("UPDATE orders SET total = load_extension('x')", "load_extension"),
    ("UPDATE orders SET item = readfile('/etc/passwd')", "readfile"),
    ("UPDATE orders SET total = :n", "No value for :n"),
    ("UPDATE orders SET total =", "cannot be understood"),
    ("WITH x AS (DELETE FROM orders RETURNING *) DELETE FROM tasks", ""),
    ("DELETE FROM orders WHERE id IN (DELETE FROM tasks RETURNING id)", ""),
    ("UPDATE orders INDEXED BY by_total SET total = 1", "index"),
    ("EXPLAIN DELETE FROM orders", "EXPLAIN"),
]


async def test_what_may_not_be_written_is_refused_and_names_nothing_hidden(pool: SqlPool, path: Path) -> None:
    before = content(path)
    for sql, text in REFUSED:
        error = await refused(pool, sql)
        assert text in error, sql
        assert not [word for word in error.split() if len(word) > 32], error
        assert content(path) == before, sql


async def test_a_table_whose_key_is_hidden_can_only_be_added_to(pool: SqlPool) -> None:
    """Else `*` in a subquery would show it."""
    hidden = DataRules(hidden_columns={"orders": ["id"], "stock": ["item"]})
    policy = msgspec.structs.replace(OPEN, rules=[hidden])
    for sql in ("DELETE FROM orders", "UPDATE stock SET amount = 1"):
        assert "what identifies them is hidden" in await refused(pool, sql, policy)
    assert (await planned(pool, "INSERT INTO orders (item) VALUES ('x')", policy)).rows


async def test_an_alias_may_not_be_the_name_of_another_table(pool: SqlPool) -> None:
    for alias in ("users", "members", "_users", "sqlite_schema"):
        assert "another alias" in await refused(pool, f"DELETE FROM orders AS {alias} WHERE 1")
    assert len((await planned(pool, "DELETE FROM orders AS Orders WHERE Orders.id = 1")).rows) == 1


async def test_update_from_keeps_whole_rows_with_and_without_rules(pool: SqlPool) -> None:
    sql = "UPDATE orders SET item = x.u FROM (SELECT 'box' AS u, 1 AS n) x WHERE id = x.n"
    for policy in (ANN, OPEN):
        [row] = (await planned(pool, sql, policy)).rows
        assert (row.key, row.after) == ([1], {"item": "box"})
        assert row.before | FIRST == row.before


async def test_operations_that_the_bot_does_not_allow_are_refused(path: Path) -> None:
    policy = msgspec.structs.replace(ANN, allowed_operations=["SELECT", "INSERT"])
    outcome = direct(path, "DELETE FROM orders", policy)
    assert isinstance(outcome, QueryOutcome)
    assert outcome.error == "Operation not allowed: DELETE. Allowed: SELECT, INSERT"


async def test_tables_without_rowids_and_with_columns_of_that_name_have_keys(pool: SqlPool) -> None:
    plan = await planned(pool, "UPDATE stock SET place = 'east' WHERE place = 'north'")
    assert (plan.key_columns, [(row.key, row.after) for row in plan.rows]) == (
        ["place", "item"],
        [(["north", "tea"], {"place": "east"})],
    )
    plan = await planned(pool, "UPDATE odd SET rowid = 'q', data = 1.0 WHERE rowid = 'y'")
    assert (plan.key_columns, plan.rows[0].key, plan.rows[0].after) == (
        ["_rowid_"],
        [2],
        {"rowid": "q", "data": 1.0},
    )
    assert type(plan.rows[0].after["data"]) is float


async def test_values_come_exactly(pool: SqlPool) -> None:
    rows = "('a', 9223372036854775807), ('b', x'4100'), ('c', 1e999), ('d', ''), ('e', 0.1)"
    sql = f"INSERT INTO odd VALUES {rows}"
    values = [row.after["data"] for row in (await planned(pool, sql)).rows]
    assert values == [2**63 - 1, b"A\x00", float("inf"), "", 0.1]
    before = [row.before["data"] for row in (await planned(pool, "DELETE FROM odd")).rows]
    assert before == [b"\x00\xff", 1, None]


BOMBS = [
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
    "UPDATE tasks SET title = (SELECT count(*) FROM r)",
    "DELETE FROM orders WHERE id = (WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) "
    "SELECT sum(a.n * b.n) FROM r a, r b)",
    "UPDATE tasks SET title = (WITH s AS (SELECT printf('%.*c', 150000, 'a') AS t, "
    "printf('%.*c', 14000, 'c') || 'a' AS chars) SELECT length(trim(t, chars)) FROM s)",
]


@pytest.mark.parametrize("sql", BOMBS)
async def test_endless_statements_end_at_the_deadline_and_the_next_one_works(pool: SqlPool, sql: str) -> None:
    quick = msgspec.structs.replace(OPEN, timeout_s=0.3)
    assert "took longer than 0.3 s" in await refused(pool, sql, quick)
    assert (await planned(pool, "DELETE FROM tasks WHERE id = 1")).rows


async def test_an_attached_file_cannot_be_written(pool: SqlPool, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    db = apsw.Connection(str(other))
    db.execute(
        "CREATE TABLE sales (id INTEGER PRIMARY KEY, item TEXT); INSERT INTO sales VALUES (1, 'tea')"
    ).fetchall()
    db.close()
    policy = msgspec.structs.replace(
        OPEN, files={"warehouse": str(other)}, allowed_tables=[*TABLES, "warehouse.*"]
    )
    for sql in ("DELETE FROM warehouse.sales", "DELETE FROM sales", 'UPDATE "warehouse.sales" SET id = 2'):
        assert await refused(pool, sql, policy)
    sql = "INSERT INTO tasks (title) SELECT item FROM warehouse.sales"
    assert [row.after for row in (await planned(pool, sql, policy)).rows] == [{"title": "tea"}]


async def test_a_bots_own_rules_steer_writes_too(path: Path) -> None:
    demands = Demands(forbidden_tables=["members"])
    outcome = direct(path, "UPDATE orders SET total = team FROM members", OPEN, demands=demands)
    assert isinstance(outcome, QueryOutcome)
    assert outcome.error
    needs = Demands(required_columns={"orders": ["user_id"]})
    assert isinstance(direct(path, "UPDATE orders SET total = 1", OPEN, demands=needs), ChangePlan)


def test_the_files_own_triggers_do_not_run_and_nothing_else_can_be_written(path: Path) -> None:
    """Even a statement that knows all our names writes nothing but the one view."""
    before = content(path)
    plan = direct(path, "UPDATE audited SET n = 2", OPEN)
    assert isinstance(plan, ChangePlan)
    assert len(plan.rows) == 1
    connection = PlanningConnection(path, OPEN, read_writing("UPDATE audited SET n = 2"))
    hidden = connection.hidden_name
    for sql in (
        f"UPDATE {hidden}.audited SET n = 2",
        f"INSERT INTO {connection._record} VALUES (1, 1, 1, 1, 1)",
        f"DELETE FROM {connection._record}",
        f"INSERT INTO {connection._view} (id) VALUES (1)",
        f"DELETE FROM {connection._view}",
        f"SELECT * FROM {connection._record}",
        f"SELECT * FROM {hidden}.users",
        "UPDATE tasks SET title = 'x'",
        "CREATE TEMP TABLE mine (x)",
        "DROP VIEW tasks",
        "PRAGMA query_only = 0",
        "ATTACH ':memory:' AS more",
        "DELETE FROM sqlite_temp_schema",
        "ROLLBACK",
    ):
        with pytest.raises(apsw.Error):
            connection._db.execute(sql).fetchall()
    connection.close()
    assert content(path) == before


async def test_a_plan_is_applied_by_the_writer_as_it_was_planned(path: Path) -> None:
    async with Store.open(path) as store, SqlPool(path, workers_max=1) as pool:
        sqls = [
            "UPDATE orders SET total = total * 2 WHERE id = 1",
            "INSERT INTO orders (user_id, item) VALUES ('ann', 'jug')",
            "DELETE FROM orders WHERE id = 2",
            "UPDATE stock SET place = 'east', amount = '7' WHERE place = 'north'",
            "UPDATE odd SET data = x'01' WHERE rowid = 'x'",
        ]
        told: list[RowChange] = []
        for sql in sqls:
            plan = await planned(pool, sql)
            assert still_allows(plan, await planned(pool, sql))
            told += await store.write(changes.apply, plan, rows_max=5)
        assert [row.after for row in told] == [
            FIRST | {"total": 7.0, "tax": 1.4000000000000001},
            {"id": 5, "user_id": "ann", "item": "jug", "total": None, "tax": None},
            None,
            {"place": "east", "item": "tea", "amount": 7},
            {"rowid": "x", "data": "x'01'"},
        ]
        others = "SELECT id, total, secret FROM orders WHERE user_id = 'bob'"
        assert await store.read(lambda db: db.execute(others).fetchall()) == [
            (3, 20.0, CANARY),
            (4, 9.0, CANARY),
        ]
        kept = "SELECT secret FROM orders WHERE id IN (1, 5)"
        assert await store.read(lambda db: db.execute(kept).fetchall()) == [(CANARY,), ("hush",)]


async def test_a_change_with_the_time_or_chance_in_it_is_still_what_was_agreed_to(path: Path) -> None:
    async with SqlPool(path, workers_max=1) as pool:
        for sql in (
            "UPDATE orders SET total = random() WHERE id = 1",
            "INSERT INTO orders (user_id, total) VALUES ('ann', random()), ('ann', random())",
            "UPDATE stock SET amount = random()",
        ):
            one, again = await planned(pool, sql), await planned(pool, sql)
            assert one.rows != again.rows
            assert still_allows(one, again)


async def test_no_value_that_a_row_rule_looks_at_may_be_another_than_the_one_that_was_judged(
    path: Path,
) -> None:
    db = connect(path)
    db.execute("INSERT INTO members VALUES (7, 'ann'), (8, 'ann')").fetchall()
    db.execute(
        "CREATE TABLE made (id INTEGER PRIMARY KEY, who TEXT, title TEXT, owner TEXT AS (substr(who, 1, 3)));"
        "INSERT INTO made (who) VALUES ('ann-1')"
    ).fetchall()
    db.execute("CREATE TABLE counted (id INTEGER PRIMARY KEY, n)").fetchall()
    db.close()
    rules = DataRules(
        row_rules={
            **RULES.row_rules,
            "made": "owner = :user_id",
            "counted": "ROWID <> 3 OR :user_id = 'root'",
        }
    )
    policy = SqlPolicy(
        allowed_tables=["tasks", "members", "made", "counted"],
        allowed_operations=["SELECT", "INSERT", "UPDATE", "DELETE"],
        rules=[rules],
        user_id="ann",
    )

    def plan(sql: str) -> ChangePlan:
        made = plan_change(path, policy, Query(sql=sql, policy=policy))
        assert isinstance(made, ChangePlan), made
        return made

    for one, other in (
        ("UPDATE tasks SET Team = 7", "UPDATE tasks SET Team = 8"),
        ("INSERT INTO tasks (TEAM) VALUES (5)", "INSERT INTO tasks (TEAM) VALUES (7)"),
        # SQLite does not say which columns a generated one is made of, so all of them may matter.
        ("UPDATE made SET who = 'ann-2'", "UPDATE made SET who = 'ann-3'"),
        ("INSERT INTO counted (id) VALUES (1)", "INSERT INTO counted (id) VALUES (2)"),
    ):
        assert still_allows(plan(one), plan(one))
        assert not still_allows(plan(one), plan(other)), one
    assert still_allows(plan("UPDATE tasks SET title = 'a'"), plan("UPDATE tasks SET title = 'b'"))
