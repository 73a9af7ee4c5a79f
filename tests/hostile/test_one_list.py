"""A list of allowed tables and no rules: each statement gets its verdict, and nothing leaks."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
import trio

from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_pool import SqlPool
from tests.tools import data

STATEMENTS = json.loads(Path(__file__).with_name("one_list.json").read_text())
POLICY = SqlPolicy(
    allowed_tables=[*data.TABLES, "keys_in_disguise", "_api_keys", "notes", "sqlite_sequence"],
    timeout_s=0.5,
    memory_mib=64,
    rows_max=100,
    bytes_max=100_000,
)


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=2) as pool:
        yield pool


async def test_each_hostile_statement_gets_its_verdict_and_leaks_nothing(pool: SqlPool) -> None:
    wrong: list[str] = []

    async def judge(case: dict[str, str]) -> None:
        outcome = await pool.query(case["sql"], POLICY)
        wrong.extend(f"{case['sql'][:100]} ({case['reason']}): {fault}" for fault in faults(case, outcome))

    async with trio.open_nursery() as nursery:
        for case in STATEMENTS:
            nursery.start_soon(judge, case)
    assert not wrong, "\n".join(wrong)
    verdicts = [case["verdict"] for case in STATEMENTS]
    assert (verdicts.count("refused"), verdicts.count("allowed")) > (60, 30)


def faults(case: dict[str, str], outcome: QueryOutcome) -> list[str]:
    """What is wrong with an outcome; empty when all is as it should be."""
    found = []
    text = msgspec.json.encode(msgspec.structs.replace(outcome, sql="")).decode()
    if data.CANARY in text:
        found.append("leaks a secret")
    if re.search("s[0-9a-f]{32}", text):
        found.append(f"leaks the hidden name: {text}")
    match case["verdict"]:
        case "refused" if outcome.error is None or outcome.rows or not _is_rejection(outcome):
            found.append(f"not refused: {outcome.summary} {outcome.rows[:2]}")
        case "allowed" if outcome.error is not None or not outcome.rows:
            found.append(f"not allowed: {outcome.summary}")
        case "bounded" if outcome.row_count > POLICY.rows_max or len(text) > 2 * POLICY.bytes_max:
            found.append(f"not bounded: {outcome.row_count} rows, {len(text)} bytes")
    return found


def _is_rejection(outcome: QueryOutcome) -> bool:
    return outcome.summary == f"Query rejected: {outcome.error}"


async def test_too_long_and_too_deep_statements_are_refused(pool: SqlPool) -> None:
    for sql in (
        f"SELECT '{'x' * 30_000}'",
        f"SELECT {'(' * 5_000}1{')' * 5_000}",
        "SELECT " + "1+" * 9_000 + "1",
    ):
        outcome = await pool.query(sql, POLICY)
        assert outcome.error is not None
        assert outcome.rows == []


async def test_after_all_attacks_the_data_is_as_before(tmp_path: Path) -> None:
    path = data.make(tmp_path)
    async with SqlPool(path, workers_max=1) as pool:
        for case in STATEMENTS:
            if case["verdict"] == "refused":
                await pool.query(case["sql"], POLICY)
        outcome = await pool.query("SELECT count(*), max(name) FROM customers", POLICY)
    assert outcome.rows == [[3, "Cyd"]]
    assert databases(tmp_path) == ["team.db"]


def databases(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir() if not file.name.endswith(("-wal", "-shm"))]
