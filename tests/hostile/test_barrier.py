"""A statement's own conditions are never tried on rows that a rule leaves out: errors and time would tell."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_pool import SqlPool

SECRET = 424242
RULE = "EXISTS (SELECT 1 FROM members WHERE members.team = tasks.team AND members.user_id = :user_id)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "team.db"
    db = apsw.Connection(str(path))
    db.execute(f"""
        CREATE TABLE members (user_id TEXT, team INTEGER);
        INSERT INTO members VALUES ('alice', 1), ('bob', 2);
        CREATE TABLE tasks (id INTEGER PRIMARY KEY, team INTEGER, cost INTEGER);
        INSERT INTO tasks VALUES (1, 1, 5), (2, 2, {SECRET});
        CREATE VIEW own AS SELECT * FROM tasks WHERE EXISTS (SELECT 1 FROM members WHERE members.team = 1
            AND tasks.team = members.team);
    """).fetchall()
    db.close()
    return path


ORACLES = [
    "SELECT id FROM {} WHERE CASE WHEN cost = {} THEN json('{{') ELSE 1 END",
    "SELECT id FROM {} WHERE cost != {} OR abs(-9223372036854775807 - (cost > 0)) > 0",
    "SELECT sum(CASE WHEN cost = {1} THEN json('{{') ELSE 1 END) FROM {0}",
    "SELECT id FROM {} JOIN (SELECT 1) ON CASE WHEN cost = {} THEN json('{{') ELSE 1 END",
    "SELECT id FROM {} WHERE json_extract(CASE WHEN cost = {} THEN '{{' ELSE '1' END, '$') = 1",
]


@pytest.mark.parametrize("oracle", ORACLES)
@pytest.mark.parametrize("table", ["tasks", "own"])
async def test_an_error_does_not_tell_of_a_row_that_is_left_out(path: Path, oracle: str, table: str) -> None:
    rules = DataRules(row_rules={"tasks": RULE, "own": "all"})
    policy = SqlPolicy(rules=[rules], user_id="alice", role="authenticated")
    async with SqlPool(path, workers_max=1) as pool:
        told = await pool.query(oracle.format(table, SECRET), policy)
        assert isinstance(told, QueryOutcome)
        assert told.error is None, told.error
        # The oracle works: on a row that the caller sees it does tell.
        seen = await pool.query(oracle.format(table, 5), policy)
        assert isinstance(seen, QueryOutcome)
        assert seen.error or "abs" in oracle
