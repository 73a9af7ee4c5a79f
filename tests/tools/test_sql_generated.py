"""Generated columns of tables with hidden ones: shown only when they surely tell nothing of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import pytest

from appliance.changes import ChangePlan
from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.tools.sql_generated import telling
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_schema import open_read_only, read_schema

STAFF = """
CREATE TABLE staff (
    id INTEGER PRIMARY KEY, name TEXT, /* salary, ) */ salary TEXT,
    loud TEXT AS (upper(name)), first GENERATED ALWAYS AS (substr("name", 1, 1)) STORED,
    plain TEXT AS ('p' || salary), kept TEXT AS (1 || [SALARY]) STORED, via TEXT AS (loud || plain),
    far TEXT AS (`via`)
);
INSERT INTO staff (name, salary) VALUES ('Ann', 'HUSH');
"""
SHOWN = ["id", "name", "loud", "first"]
OPERATIONS = ["SELECT", "INSERT", "UPDATE", "DELETE"]
POLICY = SqlPolicy(rules=[DataRules(hidden_columns={"staff": ["salary"]})], allowed_operations=OPERATIONS)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "team.db"
    db = apsw.Connection(str(path))
    db.execute(STAFF).fetchall()
    db.execute("ALTER TABLE staff ADD COLUMN late TEXT AS (salary || name)").fetchall()
    db.close()
    return path


@pytest.fixture
async def pool(path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(path, workers_max=1) as pool:
        yield pool


async def test_a_generated_column_that_uses_a_hidden_one_is_hidden_too(pool: SqlPool) -> None:
    outcome = await pool.query("SELECT * FROM staff", POLICY)
    assert isinstance(outcome, QueryOutcome)
    assert (outcome.columns, outcome.rows) == (SHOWN, [[1, "Ann", "ANN", "A"]])
    for name in ("plain", "kept", "via", "far", "late"):
        refused = await pool.query(f"SELECT {name} FROM staff", POLICY)
        assert isinstance(refused, QueryOutcome)
        assert f"No such column: {name}" in (refused.error or "")
    everything = await pool.query("SELECT far FROM staff", SqlPolicy())
    assert isinstance(everything, QueryOutcome)
    assert everything.rows == [["ANNpHUSH"]]


def test_a_model_is_told_nothing_of_it(path: Path) -> None:
    db = open_read_only(path)
    [table] = read_schema({PUBLIC: db}, POLICY).tables
    db.close()
    assert [column.name for column in table.columns] == SHOWN
    assert "HUSH" not in str(table)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO staff (name) VALUES ('Bob')",
        "UPDATE staff SET name = 'Bob' WHERE loud = 'ANN'",
        "DELETE FROM staff",
    ],
)
async def test_such_a_table_can_still_be_written(pool: SqlPool, statement: str) -> None:
    plan = await pool.query(statement, POLICY)
    assert isinstance(plan, ChangePlan), plan
    assert len(plan.rows) == 1
    refused = await pool.query("UPDATE staff SET name = plain", POLICY)
    assert isinstance(refused, QueryOutcome)
    assert "No such column: plain" in (refused.error or "")


@pytest.mark.parametrize(
    ("definition", "hidden"),
    [
        ("g AS (a || 1)", "h"),
        ("g AS (a) -- h\n", "h"),
        ("g AS (a) /* h */", "h"),
        ("g AS (aé)", "h"),
        ("g AS (É)", "é"),
    ],
)
def test_what_surely_uses_no_hidden_column_is_shown(definition: str, hidden: str) -> None:
    assert telling(f"CREATE TABLE t (a, {definition}, h)", ["g"], [hidden]) == frozenset()


@pytest.mark.parametrize(
    ("definition", "hidden"),
    [
        ("g AS (a -- ),\n || H)", "h"),
        ("g AS (max(a, (h)))", "h"),
        ("'g' AS (h)", "h"),
        ("[g] AS (x$y)", "x$y"),
        ("g AS (\U0001f600)", "\U0001f600"),
        ('g AS ("x""y")', 'x"y'),
        ("g AS (`x``y`)", "x`y"),
        ("g AS (t.h)", "h"),
        ("g AS ('h')", "h"),
        ('g AS (")" || h)', "h"),
        ("other AS (a)", "h"),
        ("g AS (a), g AS (h)", "h"),
        ("G AS (f), f AS (H)", "h"),
        ("g AS (a) CHECK (h > 1", "h"),
    ],
)
def test_in_doubt_a_generated_column_is_hidden(definition: str, hidden: str) -> None:
    create = f"CREATE TABLE t (a, {definition}, z)"
    assert "g" in telling(create, ["g", "f"] if "f AS" in definition else ["g"], [hidden])


def test_a_table_without_its_text_shows_no_generated_column() -> None:
    assert telling("", ["g", "É"], ["h"]) == {"g", "É"}
