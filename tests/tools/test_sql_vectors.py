"""The guarded connection with distances: no looser than the others, whatever is run on it."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.bound import Bound
from appliance.tools.nearest import Wanted, statement
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_vectors import of_json, values_for
from tests.tools import data

VECTOR = struct.pack("<3f", 1, 0, 0)
POLICY = SqlPolicy(allowed_tables=data.TABLES)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=1) as pool:
        yield pool


async def run(pool: SqlPool, sql: str, policy: SqlPolicy = POLICY, vector: bytes = VECTOR) -> QueryOutcome:
    outcome = await pool.query(sql, policy, vector=vector)
    assert isinstance(outcome, QueryOutcome)
    return outcome


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM users",
        "SELECT * FROM all_users",
        "SELECT * FROM salaries",
        "SELECT * FROM _api_keys",
        "SELECT * FROM keys_in_disguise",
        "SELECT * FROM sqlite_schema",
        "SELECT vec_distance_l2((SELECT password FROM users), :vector)",
        "SELECT vec_version()",
        "SELECT vec_debug()",
        "SELECT vec_to_json(:vector)",
        "SELECT * FROM vec_each(:vector)",
        "CREATE VIRTUAL TABLE temp.v USING vec0(a float[3])",
        "SELECT load_extension('vec0')",
        "SELECT 1; SELECT 2",
    ],
)
async def test_beside_distances_nothing_more_is_open(pool: SqlPool, sql: str) -> None:
    good = await run(pool, "SELECT vec_distance_l2(:vector, :zero) AS far FROM customers LIMIT 1")
    assert good.rows == [[1.0]]
    outcome = await run(pool, sql)
    assert outcome.error
    assert data.CANARY not in str(outcome)


async def test_statements_without_a_vector_have_no_distances(pool: SqlPool) -> None:
    await run(pool, "SELECT vec_distance_l2(:vector, :vector)")
    for sql in ("SELECT vec_distance_l2('[1]', '[2]')", "SELECT vector_of_json('[1]', 1)"):
        assert (await run(pool, sql, vector=b"")).error
    rule = SqlPolicy(rules=[DataRules(row_rules={"customers": "vec_distance_l2('[1]', '[1]') = 0"})])
    assert (await run(pool, "SELECT * FROM customers", rule)).error


async def test_rows_of_another_tenant_are_not_there(pool: SqlPool) -> None:
    rules = [DataRules(row_rules={"customers": "email = :user_id"})]
    for tenant, rows in (("default", 1), ("acme", 0)):
        policy = SqlPolicy(rules=rules, user_id="ada@example.org", role="authenticated", tenant=tenant)
        outcome = await run(pool, "SELECT vec_distance_l2(:vector, :zero) FROM customers", policy)
        assert (outcome.error, len(outcome.rows)) == (None, rows)


async def test_it_learns_of_changed_tables_as_the_others_do(pool: SqlPool, tmp_path: Path) -> None:
    assert (await run(pool, "SELECT 1 FROM customers LIMIT 1")).rows == [[1]]
    db = apsw.Connection(str(tmp_path / "team.db"))
    db.execute("ALTER TABLE customers ADD COLUMN v")
    db.execute("UPDATE customers SET v = ? WHERE id = 2", (VECTOR,))
    db.close()
    bound = Bound()
    wanted = Wanted(table='"customers"', column="v", columns=["id"], known=["id", "v"])
    outcome = await pool.query(statement(wanted, bound), POLICY, parameters=bound.values, vector=VECTOR)
    assert isinstance(outcome, QueryOutcome)
    assert outcome.rows == [[2, 0.0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"[1, 0.5, -2e0]", [1, 0.5, -2]),
        (b"[1, 2]", None),
        (b"[1, 2, null]", None),
        (b"[1, 2, true]", None),
        (b'[1, 2, "3"]', None),
        (b"[1, 2, NaN]", None),
        (b"[1, 2, 1e999]", None),
        (b"{}", None),
        (b"", None),
        (b"\xff\xfe", None),
        ("[1, 2, 3]", None),
        (None, None),
        (b"[" * 100_000, None),
    ],
)
def test_json_is_a_vector_or_nothing(text: object, expected: list[float] | None) -> None:
    found = of_json(text, 3)
    assert found == (None if expected is None else struct.pack("<3f", *expected))


def test_what_a_statement_may_name_fits_the_vector() -> None:
    values = values_for(struct.pack("<2f", 3, 4))
    assert (values["numbers"], values["bytes"], values["length"], values["zero"]) == (2, 8, 5, b"\0" * 8)
