"""What tests of the structured tools share: tables of awkward names and values, and a way to run a tool."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

from appliance.bot import Bot
from appliance.identity import Caller
from appliance.messages import Change, QueryOutcome, RowChange
from appliance.sqlguard import SqlPolicy
from appliance.store import changes
from appliance.tools.base import FindRows, RunSql, Tool, ToolContext, ToolOutput
from appliance.tools.sql_pool import SqlPool

SCRIPT = """
PRAGMA journal_mode = wal;
CREATE TABLE people (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, zip TEXT, age INTEGER, height REAL, loose, active BOOLEAN,
    tags TEXT, born TEXT
);
INSERT INTO people VALUES
    (1, 'Ada', '007', 36, 1.65, 5, 1, '["math","tea"]', '1815-12-10'),
    (2, 'ada', '7', 9, 1.7, '5', 0, '["tea", 5, true]', '1990-01-01'),
    (3, 'Bob, the "builder"', 'x', 100, NULL, x'05', NULL, 'no json', NULL),
    (4, '50% [off]_', NULL, NULL, 2.0, NULL, 1, '{"a": "math"}', '2000-06-01');
CREATE TABLE "odd "" table" ("select" TEXT, "first name" TEXT, "größe" REAL, "value" TEXT, "a.b" TEXT);
INSERT INTO "odd "" table" VALUES ('x', 'Ada', 1.5, '["a"]', 'dot'), ('y', 'Bob', 2.5, '["b"]', 'dash');
CREATE TABLE "select größe" ("select" TEXT, "first name" TEXT, "a""b" REAL, "a.b" TEXT);
CREATE VIEW years AS SELECT id, substr(born, 1, 4) AS year, age * 2 AS twice FROM people;
CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT);
CREATE TABLE _api_keys (id TEXT PRIMARY KEY);
"""

POLICY = SqlPolicy(allowed_tables=["people", 'odd " table', "select größe", "years"])


def make(folder: Path) -> Path:
    """Write the database into `folder` and return its path."""
    path = folder / "structured.db"
    db = apsw.Connection(str(path))
    db.execute(SCRIPT).fetchall()
    db.close()
    return path


def guarded(pool: SqlPool, policy: SqlPolicy = POLICY) -> RunSql:
    """Reads through real workers, as the engine does."""

    async def run_sql(
        sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        answer = await pool.query(sql, policy, description=description, parameters=dict(parameters or {}))
        assert isinstance(answer, QueryOutcome)
        return answer

    return run_sql


def writing(pool: SqlPool, path: Path, policy: SqlPolicy, *, confirm: bool = False) -> RunSql:
    """Plans in real workers and applies with the real store, or proposes only."""

    async def run_sql(
        sql: str, description: str, parameters: Mapping[str, Any] | None = None
    ) -> QueryOutcome:
        plan = await pool.query(sql, policy, description=description, parameters=dict(parameters or {}))
        if isinstance(plan, QueryOutcome):
            return plan
        if confirm:
            rows = [RowChange(before=row.before or None, after=row.after or None) for row in plan.rows]
        else:
            with apsw.Connection(str(path)) as db:
                rows = changes.apply(db, plan, rows_max=policy.changed_rows_max)
        change = Change(
            id="c1" if confirm else "",
            operation=plan.operation,
            table=plan.table,
            status="proposed" if confirm else "applied",
            rows=rows,
        )
        summary = "" if rows else "No rows changed: nothing matched."
        return QueryOutcome(sql=sql, description=description, change=change, summary=summary)

    return run_sql


async def use(
    tool: Tool,
    run_sql: RunSql,
    arguments: dict[str, Any],
    bot: Bot | None = None,
    find_rows: FindRows | None = None,
) -> tuple[ToolOutput, Any]:
    """The tool's output, and its content for the model decoded."""
    context = ToolContext(
        bot=bot or Bot(name="b"), caller=Caller(), user_message="?", run_sql=run_sql, find_rows=find_rows
    )
    output = await tool.run(context, arguments)
    return output, json.loads(output.content)
