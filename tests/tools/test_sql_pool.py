from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import msgspec
import pytest
import trio

from appliance.changes import ChangePlan
from appliance.datarules import DataRules
from appliance.errors import StoreError
from appliance.sqlguard import Demands, SqlPolicy
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_worker import CONNECTIONS_MAX
from tests.tools import data

POLICY = SqlPolicy(allowed_tables=data.TABLES)
ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r"
UNSTOPPABLE = (
    "WITH s AS (SELECT printf('%.*c', 150000, 'a') AS t, printf('%.*c', 14000, 'c') || 'a' AS chars) "
    "SELECT length(trim(t, chars)) FROM s"
)
"""One step of SQLite that takes many seconds and looks at no flag."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return data.make(tmp_path)


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


def pids(pool: SqlPool) -> list[int]:
    return sorted(worker._process.pid for worker in pool._all)


async def test_a_good_query_gives_rows_tables_and_a_summary(pool: SqlPool) -> None:
    sql = "SELECT name, city FROM public.customers ORDER BY name"
    outcome = await pool.query(sql, POLICY, description="who is there")
    assert outcome.sql == sql
    assert outcome.description == "who is there"
    assert outcome.columns == ["name", "city"]
    assert outcome.rows == [["Ada", "London"], ["Bob", "Paris"], ["Cyd", "London"]]
    assert (outcome.row_count, outcome.truncated, outcome.error) == (3, False, None)
    assert outcome.tables == ["customers"]
    assert outcome.summary == "3 rows from customers. name: Ada, Bob, Cyd"
    assert outcome.duration_ms > 0


async def test_no_rows_says_that_nothing_matched(pool: SqlPool) -> None:
    outcome = await pool.query("SELECT name FROM customers WHERE id > 99", POLICY)
    assert outcome.columns == ["name"]
    assert outcome.summary == "No rows from customers: nothing matched."


BAD = [
    ("SELECT * FROM users", "Table not allowed: users. Allowed: change log, customers,"),
    ("SELECT * FROM custmers", "Did you mean customers?"),
    ("SELECT * FROM public.custmers", "Table not allowed: custmers."),
    ("DELETE FROM customers", "Operation not allowed: DELETE. Allowed: SELECT"),
    ("SELECT load_extension('x')", "Permission denied: the function load_extension"),
    (
        "SELECT emial FROM customers",
        "No such column: emial. Did you mean email? Columns of customers: id, name,",
    ),
    ("SELECT c.emial FROM customers c", "No such column: c.emial. Did you mean email?"),
    ("SELECT lenght(name) FROM customers", "No such function: lenght. Did you mean length?"),
    ("SELECT name FORM customers", 'SQL syntax error near "customers"'),
    ("SELCT name FROM customers", "Did you mean SELECT?"),
    ("SELECT 1; SELECT 2", "Only one statement at a time"),
    ("SELECT \ud800", "not valid Unicode"),
]


async def test_a_bad_query_is_answered_with_what_to_do(pool: SqlPool) -> None:
    for sql, error in BAD:
        outcome = await pool.query(sql, POLICY)
        assert error in (outcome.error or "")
        assert outcome.summary == f"Query rejected: {outcome.error}"
        assert outcome.rows == []
        msgspec.json.encode(outcome)


async def test_an_operation_that_is_not_allowed_is_named(pool: SqlPool) -> None:
    policy = msgspec.structs.replace(POLICY, allowed_operations=["SELECT", "DELETE"])
    outcome = await pool.query("INSERT INTO customers (name) VALUES ('x')", policy)
    assert outcome.error == "Operation not allowed: INSERT. Allowed: SELECT, DELETE"
    only_writes = msgspec.structs.replace(POLICY, allowed_operations=["INSERT"])
    outcome = await pool.query("SELECT 1", only_writes)
    assert outcome.error == "Operation not allowed: SELECT. Allowed: INSERT"
    outcome = await pool.query("WITH a AS (SELECT 1) UPDATE customers SET name = 'x'", only_writes)
    assert outcome.error == "Operation not allowed: UPDATE. Allowed: INSERT"
    outcome = await pool.query("DROP TABLE customers", only_writes)
    assert "Operation not allowed" in (outcome.error or "")


async def test_a_permitted_write_gives_a_plan_and_writes_nothing(pool: SqlPool) -> None:
    policy = msgspec.structs.replace(POLICY, allowed_operations=["INSERT"])
    plan = await pool.query("INSERT INTO customers (name) VALUES ('Dan')", policy, description="new")
    assert isinstance(plan, ChangePlan)
    assert (plan.operation, plan.table) == ("INSERT", "customers")
    assert [row.after for row in plan.rows] == [{"name": "Dan"}]
    assert (await pool.query("SELECT count(*) FROM customers", POLICY)).rows == [[3]]


async def test_values_become_json(pool: SqlPool) -> None:
    outcome = await pool.query(
        "SELECT x'00ff', 1e999, 9007199254740993, NULL, 0.5, 'ä', 1 AS a, 2 AS a, 3 AS A", POLICY
    )
    assert outcome.rows == [["x'00ff'", None, "9007199254740993", None, 0.5, "ä", 1, 2, 3]]
    kinds = ["blob", "number", "integer", "mixed", "number", "text", "integer", "integer", "integer"]
    assert outcome.types == kinds
    assert outcome.columns[-3:] == ["a", "a_2", "A"]
    assert len(set(outcome.columns)) == 9
    msgspec.json.encode(outcome)


async def test_rows_and_bytes_are_cut_at_the_caps(pool: SqlPool) -> None:
    many = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 50) "
    outcome = await pool.query(many + "SELECT n FROM r", msgspec.structs.replace(POLICY, rows_max=10))
    assert (outcome.row_count, outcome.truncated) == (10, True)
    assert "10 rows (limited to 10; there are more)" in outcome.summary
    outcome = await pool.query(many + "SELECT n FROM r", msgspec.structs.replace(POLICY, rows_max=50))
    assert (outcome.row_count, outcome.truncated) == (50, False)
    policy = msgspec.structs.replace(POLICY, bytes_max=1080)
    outcome = await pool.query(many + "SELECT printf('%.*c', 100, 'x') FROM r", policy)
    assert (outcome.row_count, outcome.truncated) == (10, True)


async def test_parameters_are_bound_by_name(pool: SqlPool) -> None:
    sql = "SELECT name FROM customers WHERE city = :city AND id < :most AND :yes AND :none IS NULL"
    values = {"city": "London", "most": 3, "yes": True, "none": None, "unused": 1.5}
    assert (await pool.query(sql, POLICY, parameters=values)).rows == [["Ada"]]
    values["city"] = "London' OR 1 --"
    assert (await pool.query(sql, POLICY, parameters=values)).rows == []
    outcome = await pool.query(sql, POLICY, parameters={"most": 3, "yes": 1})
    assert (outcome.error or "").startswith("No value for :city, :none. Given: :most, :yes.")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ([1], "The parameter a must be text, a number, a boolean or null, not list"),
        (b"x", "not bytes"),
        (2**63, "The parameter a is too large a number"),
        ("\ud800", "not valid Unicode"),
        ("x" * 300_000, "too long"),
    ],
)
async def test_a_parameter_that_cannot_be_bound_is_a_clear_answer(
    pool: SqlPool, value: object, error: str
) -> None:
    outcome = await pool.query("SELECT :a", POLICY, parameters={"a": value})
    assert error in (outcome.error or "")
    assert (await pool.query("SELECT :a", POLICY, parameters={"a": -(2**63)})).error is None


async def test_parameters_without_a_name_are_refused(pool: SqlPool) -> None:
    for sql in ("SELECT ?", "SELECT :a, ?"):
        outcome = await pool.query(sql, POLICY, parameters={"a": 1})
        assert outcome.error == "Parameters need names like :name; the place holder ? has none"


@pytest.mark.parametrize(
    ("sql", "demands", "error"),
    [
        ("SELECT 1", Demands(required_tables=["orders"]), "must be answered from orders. Read orders"),
        (
            "SELECT name FROM customers",
            Demands(required_tables=["public.Orders"]),
            "from orders, not only from customers",
        ),
        (
            "SELECT count(*) FROM orders",
            Demands(forbidden_tables=["orders"], required_tables=["order_totals"]),
            "without orders. Use order_totals instead",
        ),
        (
            "SELECT name FROM customers",
            Demands(required_columns={"customers": ["ID", "name", "no_such"]}),
            "A statement that reads customers must also read its columns id; add them",
        ),
        ("SELECT total FROM orders", Demands(required_tables=["orders", "no_such"]), None),
        ("SELECT total FROM orders", Demands(required_columns={"customers": ["id"]}), None),
        ("SELECT * FROM customers", Demands(required_columns={"public.customers": ["id", "name"]}), None),
        ("SELECT 1 FROM orders WHERE 0", Demands(required_tables=["orders"]), None),
    ],
)
async def test_what_a_bots_rules_ask_for_is_refused_or_met(
    pool: SqlPool, sql: str, demands: Demands, error: str | None
) -> None:
    for _ in range(2):
        outcome = await pool.query(sql, POLICY, demands=demands)
        assert outcome.against_rules is (error is not None)
        assert (error or "") in (outcome.error or "")
        assert (outcome.error is None) == (error is None)
    assert (await pool.query(sql, POLICY)).error is None


async def test_a_table_that_only_a_row_rule_reads_is_not_what_a_statement_mentions(pool: SqlPool) -> None:
    layer = DataRules(row_rules={"orders": "customer_id IN (SELECT id FROM customers)"})
    policy = msgspec.structs.replace(POLICY, rules=[layer], user_id="1")
    demands = Demands(forbidden_tables=["customers"])
    for sql in ("SELECT count(*) FROM orders", "SELECT o.total FROM orders o JOIN products USING (id)"):
        outcome = await pool.query(sql, policy, demands=demands)
        assert outcome.error is None
        assert "customers" not in outcome.tables
    both = await pool.query("SELECT name FROM orders, customers", policy, demands=demands)
    assert both.against_rules


async def test_a_query_sees_what_a_running_server_has_just_committed(pool: SqlPool, path: Path) -> None:
    count = "SELECT count(*) FROM customers"
    assert (await pool.query(count, POLICY)).rows == [[3]]
    server = apsw.Connection(str(path))
    server.execute("INSERT INTO customers (name) VALUES ('Dan')")
    assert (await pool.query(count, POLICY)).rows == [[4]]
    server.close()


async def test_a_table_made_meanwhile_is_guarded_and_an_allowed_one_is_seen(
    pool: SqlPool, path: Path
) -> None:
    everything = SqlPolicy()
    await pool.query("SELECT 1", POLICY)
    await pool.query("SELECT 1", everything)
    server = apsw.Connection(str(path))
    server.execute("CREATE TABLE fresh (a); INSERT INTO fresh VALUES (1); CREATE TABLE _ours (a)").fetchall()
    assert "Table not allowed: fresh" in ((await pool.query("SELECT * FROM fresh", POLICY)).error or "")
    assert (await pool.query("SELECT * FROM fresh", everything)).rows == [[1]]
    assert "Table not allowed: _ours" in ((await pool.query("SELECT * FROM _ours", everything)).error or "")
    assert "fresh" in [table.name for table in (await pool.schema(everything)).tables]
    server.execute("DROP TABLE fresh")
    assert "Table not allowed: fresh" in ((await pool.query("SELECT * FROM fresh", everything)).error or "")
    server.close()


async def test_row_rules_show_each_caller_only_own_rows(pool: SqlPool) -> None:
    rules = {"orders": "customer_id = :user_id OR :role = 'admin' -- staff sees all"}

    def caller(user_id: str, role: str = "authenticated") -> SqlPolicy:
        return msgspec.structs.replace(POLICY, rules=[DataRules(row_rules=rules)], user_id=user_id, role=role)

    async def ids(policy: SqlPolicy) -> list[int]:
        outcome = await pool.query("SELECT id FROM orders ORDER BY id", policy)
        assert outcome.error is None
        return [row[0] for row in outcome.rows]

    assert await ids(caller("1")) == [1, 2]
    assert await ids(caller("2")) == [3]
    assert await ids(caller("")) == []
    assert await ids(caller("1' OR '1'='1")) == []
    assert await ids(caller("9", "admin")) == [1, 2, 3]
    assert await ids(caller("1")) == [1, 2]
    for sql in (
        "SELECT * FROM main.orders WHERE id = 3",
        "SELECT id FROM orders UNION SELECT id FROM orders WHERE customer_id = 2",
        "SELECT o.id FROM (SELECT 3 AS id) JOIN orders o USING (id)",
    ):
        assert 3 not in [row[0] for row in (await pool.query(sql, caller("1"))).rows]


async def test_rows_behind_a_rule_or_view_cannot_betray_themselves_by_an_error(
    pool: SqlPool, path: Path
) -> None:
    server = apsw.Connection(str(path))
    costly = "EXISTS (SELECT 1 FROM customers c WHERE c.id = orders.customer_id AND c.name = 'Ada')"
    server.execute(f"CREATE VIEW of_ada AS SELECT * FROM orders WHERE {costly}")
    server.close()
    fails = "CASE WHEN total = 10.5 THEN abs(-9223372036854775807 - 1) ELSE 1 END"
    ruled = msgspec.structs.replace(POLICY, rules=[DataRules(row_rules={"orders": costly})], user_id="1")
    view = SqlPolicy(allowed_tables=["of_ada"])
    for table, policy in (("orders", ruled), ("of_ada", view)):
        for sql in (
            f"SELECT id FROM {table} WHERE {fails}",
            f"SELECT o.id FROM (SELECT 1 AS one) JOIN {table} o ON {fails}",
        ):
            outcome = await pool.query(sql, policy)
            assert (outcome.error, outcome.rows) == (None, [[1], [2]])


async def test_a_view_over_a_restricted_table_needs_a_rule_of_its_own(pool: SqlPool) -> None:
    rules = {"orders": "customer_id = :user_id"}
    policy = msgspec.structs.replace(POLICY, rules=[DataRules(row_rules=rules)], user_id="1")
    outcome = await pool.query("SELECT * FROM order_totals", policy)
    assert "it reads orders, which is restricted" in (outcome.error or "")
    assert "order_totals" not in [table.name for table in (await pool.schema(policy)).tables]
    own = msgspec.structs.replace(
        policy, rules=[DataRules(row_rules={**rules, "order_totals": "customer_id = :user_id"})]
    )
    assert (await pool.query("SELECT total FROM order_totals", own)).rows == [[10.5]]


async def test_a_rule_sees_other_tables_as_the_caller_does(pool: SqlPool) -> None:
    rules = {"orders": "customer_id IN (SELECT id FROM customers)", "customers": "name = :user_id"}
    policy = msgspec.structs.replace(POLICY, rules=[DataRules(row_rules=rules)], user_id="Bob")
    assert (await pool.query("SELECT id FROM orders", policy)).rows == [[3]]
    forbidden = msgspec.structs.replace(
        policy, rules=[DataRules(row_rules={"orders": "id IN (SELECT id FROM users)"})]
    )
    assert "It cannot be shown" in ((await pool.query("SELECT id FROM orders", forbidden)).error or "")


async def test_a_broken_rule_closes_its_table_and_no_other(pool: SqlPool) -> None:
    layer = DataRules(row_rules={"orders": "no_such = 1"})
    policy = msgspec.structs.replace(POLICY, rules=[layer], user_id="1")
    assert "no such column: no_such" in ((await pool.query("SELECT * FROM orders", policy)).error or "")
    assert (await pool.query("SELECT count(*) FROM customers", policy)).rows == [[3]]


async def test_hidden_columns_do_not_exist(pool: SqlPool) -> None:
    layer = DataRules(hidden_columns={"customers": ["EMAIL"]})
    policy = msgspec.structs.replace(POLICY, rules=[layer])
    outcome = await pool.query("SELECT * FROM customers", policy)
    assert outcome.columns == ["id", "name", "city"]
    for sql in (
        "SELECT email FROM customers",
        "SELECT 1 FROM (SELECT 'ada@example.org' AS email) JOIN customers USING (email)",
        "SELECT name FROM customers ORDER BY email",
    ):
        outcome = await pool.query(sql, policy)
        assert outcome.rows == []
        assert "email" in (outcome.error or "").lower()
        assert "Columns of customers: id, name, city" in (outcome.error or "")
    schema = await pool.schema(policy)
    assert "email" not in msgspec.json.encode(schema).decode()


async def test_one_worker_serves_many_policies_without_mixing_them(pool: SqlPool) -> None:
    policies = {table: SqlPolicy(allowed_tables=[table]) for table in (*data.TABLES, "users", "salaries")}
    policies |= {str(n): SqlPolicy(allowed_tables=["customers", f"other{n}"]) for n in range(20)}
    for _ in range(2):
        for policy in policies.values():
            allowed = policy.allowed_tables[0]
            for table in ("customers", "users", "salaries"):
                outcome = await pool.query(f"SELECT count(*) FROM {table}", policy)
                assert (outcome.error is None) == (table == allowed)
    assert len(pids(pool)) == 1


async def test_sqlite_stops_itself_at_the_deadline_and_the_worker_lives_on(pool: SqlPool) -> None:
    await pool.warm()
    before = pids(pool)
    outcome = await pool.query(ENDLESS, msgspec.structs.replace(POLICY, timeout_s=0.2))
    assert outcome.summary.startswith("Query failed: The query took longer than 0.2 s")
    assert pids(pool) == before


async def test_a_step_that_nothing_can_stop_is_killed_and_the_worker_replaced(pool: SqlPool) -> None:
    await pool.warm()
    before = pids(pool)
    outcome = await pool.query(UNSTOPPABLE, msgspec.structs.replace(POLICY, timeout_s=0.1))
    assert outcome.summary.startswith("Query failed: The query took longer than 0.1 s")
    assert (await pool.query("SELECT 1", POLICY)).rows == [[1]]
    assert pids(pool) != before


async def test_a_hungry_query_hits_the_memory_cap_and_the_next_one_works(pool: SqlPool) -> None:
    sql = "WITH RECURSIVE r(n) AS (SELECT 1 UNION SELECT n + 1 FROM r) SELECT max(n) FROM r"
    policy = msgspec.structs.replace(POLICY, memory_mib=16, timeout_s=30)
    outcome = await pool.query(sql, policy)
    assert outcome.summary.startswith("Query failed: The query needed more than 16 MiB")
    assert (await pool.query("SELECT 1", POLICY)).rows == [[1]]


async def test_a_worker_that_has_grown_is_replaced_by_a_slim_one(pool: SqlPool) -> None:
    await pool.warm()
    assert len(pids(pool)) == 1
    # One such character makes Python keep four bytes for each of the text's characters.
    sql = (
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 200) "
        "SELECT printf('%.*c', 150000, 'x') || '\N{GRINNING FACE}' FROM r"
    )
    policy = msgspec.structs.replace(POLICY, bytes_max=100_000_000, timeout_s=30)
    assert (await pool.query(sql, policy)).row_count == 200
    assert pids(pool) == []
    assert (await pool.query("SELECT 1", POLICY)).rows == [[1]]


async def test_as_many_callers_as_a_worker_keeps_may_read_a_big_table(path: Path, tmp_path: Path) -> None:
    big = (
        "CREATE TABLE big (owner TEXT, text); "
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r LIMIT 6000) "
        "INSERT INTO big SELECT n % 50, printf('%.*c', 1000, 'x') FROM r"
    )
    for file in (path, tmp_path / "archive.db"):
        db = apsw.Connection(str(file))
        db.execute(big).fetchall()
        db.close()
    policy = SqlPolicy(
        allowed_tables=["big", "archive.big"],
        files={"archive": str(tmp_path / "archive.db")},
        rules=[DataRules(row_rules={"*": "owner = :user_id"})],
    )
    sql = "SELECT max(length(text)) FROM public.big a UNION ALL SELECT max(length(text)) FROM archive.big b"
    async with SqlPool(path, workers_max=1) as pool:
        await pool.warm()
        worker = pids(pool)
        for number in range(CONNECTIONS_MAX + 5):
            outcome = await pool.query(sql, msgspec.structs.replace(policy, user_id=str(number)))
            assert (outcome.error, outcome.rows) == (None, [[1000], [1000]])
        assert pids(pool) == worker


async def test_cancelling_the_caller_ends_the_process_at_once(pool: SqlPool) -> None:
    await pool.warm()
    (pid,) = pids(pool)
    with trio.move_on_after(0.2) as scope:
        await pool.query(UNSTOPPABLE, POLICY)
    assert scope.cancelled_caught
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert (await pool.query("SELECT 1", POLICY)).rows == [[1]]


async def test_a_worker_that_died_while_idle_is_replaced_unnoticed(pool: SqlPool) -> None:
    await pool.warm()
    (pid,) = pids(pool)
    os.kill(pid, signal.SIGKILL)
    await trio.to_thread.run_sync(os.waitid, os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert (await pool.query("SELECT 1", POLICY)).rows == [[1]]


async def test_more_callers_than_workers_wait_their_turn(path: Path) -> None:
    results: list[int] = []

    async def ask(number: int) -> None:
        results.append((await pool.query(f"SELECT {number}", POLICY)).rows[0][0])

    async with SqlPool(path, workers_max=2) as pool:
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(ask, number)
        assert len(pids(pool)) <= 2
    assert sorted(results) == list(range(40))


async def test_closing_ends_every_process_and_answers_who_still_waits(path: Path) -> None:
    pool = SqlPool(path, workers_max=1)
    await pool.warm()
    (pid,) = pids(pool)
    answers: list[str] = []

    async def ask() -> None:
        answers.append((await pool.query(ENDLESS, POLICY)).summary)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(ask)
        nursery.start_soon(ask)
        await trio.sleep(0.1)
        await pool.aclose()
    assert answers == ["Query failed: The SQL worker was stopped"] * 2
    assert "stopped" in ((await pool.query("SELECT 1", POLICY)).error or "")
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_worker_knows_no_secret_of_the_server(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with SqlPool(path, workers_max=1) as pool:
        await pool.warm()
        environ = await trio.Path(f"/proc/{pids(pool)[0]}/environ").read_bytes()
    assert b"sk-secret" not in environ


async def test_a_missing_or_damaged_file_is_a_clear_answer(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.db"
    damaged.write_bytes(b"no database at all " * 100)
    for path, reason in ((tmp_path / "missing.db", "unable to open"), (damaged, "not a database")):
        async with SqlPool(path, workers_max=1) as pool:
            outcome = await pool.query("SELECT 1", POLICY)
            assert reason in (outcome.error or "")
            with pytest.raises(StoreError, match=reason):
                await pool.schema(POLICY)


async def test_paths_with_odd_characters_work(tmp_path: Path) -> None:
    folder = tmp_path / "a b?mode=rw#c%41'ä"
    folder.mkdir()
    async with SqlPool(data.make(folder), workers_max=1) as pool:
        assert (await pool.query("SELECT count(*) FROM customers", POLICY)).rows == [[3]]
        assert (await pool.schema(POLICY)).tables
