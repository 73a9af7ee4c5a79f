"""Every statement of the data files through the real pool: verdicts hold, nothing leaks or changes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trio

from appliance.changes import ChangePlan
from appliance.datarules import DataRules
from appliance.messages import QueryOutcome
from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_pool import SqlPool
from tests.hostile import data

FOLDER = Path(__file__).parent
THEMES = ("reads", "row_rules", "writes", "attached", "parameters", "bombs", "honest")
CASES = {theme: json.loads((FOLDER / f"{theme}.json").read_text()) for theme in THEMES}
HONEST = "SELECT count(*) FROM products"
ANSWER_BYTES_MAX = 400_000
"""No answer to a statement may be larger: values are bounded by the policy, the rest is names and texts."""

Case = dict[str, Any]
Given = QueryOutcome | ChangePlan


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[SqlPool]:
    async with SqlPool(data.make(tmp_path), workers_max=2) as pool:
        yield pool


@pytest.mark.parametrize("theme", THEMES)
async def test_each_statement_gets_its_verdict_and_leaks_nothing(
    theme: str, pool: SqlPool, tmp_path: Path
) -> None:
    policies, before = data.policies(tmp_path), digests(tmp_path)
    wrong: list[str] = []
    todo = iter(CASES[theme])

    async def judge() -> None:
        for case in todo:
            policy = policies[case["policy"]]
            given = await pool.query(case["sql"], policy, parameters=case.get("parameters"))
            honest = await pool.query(HONEST, policy)
            assert isinstance(honest, QueryOutcome)
            found = faults(case, given, policy)
            if honest.error:
                found.append(f"an honest statement fails behind it: {honest.error}")
            wrong.extend(f"{case['sql'][:200]} ({case['reason']}): {fault}" for fault in found)

    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(judge)
    assert not wrong, "\n".join(wrong)
    assert digests(tmp_path) == before


def digests(folder: Path) -> dict[str, str]:
    """Every file of the folder but those that SQLite makes beside a database."""
    return {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.iterdir()
        if not file.name.endswith(("-wal", "-shm"))
    }


def faults(case: Case, given: Given, policy: SqlPolicy) -> list[str]:
    """What is wrong with an answer; empty when all is as it should be."""
    found = []
    text = told(given)
    if data.CANARY in text:
        found.append("shows what nobody may see")
    if re.search("[snrtc][0-9a-f]{32}", text):
        found.append(f"shows a hidden name: {text[:300]}")
    if len(text) > ANSWER_BYTES_MAX:
        found.append(f"is not bounded: {len(text)} bytes")
    return found + verdict_faults(case, given, policy)


def told(given: Given) -> str:
    """All that an answer tells, without the statement itself."""
    if isinstance(given, ChangePlan):
        given = msgspec.structs.replace(given, parameters={})
    return msgspec.json.encode(msgspec.structs.replace(given, sql="")).decode()


def verdict_faults(case: Case, given: Given, policy: SqlPolicy) -> list[str]:
    match case["verdict"], given:
        case "refused", QueryOutcome(error=str(), rows=[]):
            return []
        case "bounded", QueryOutcome() if given.row_count <= policy.rows_max:
            return []
        case "allowed", ChangePlan() if len(given.rows) == case.get("changes"):
            return []
        case "allowed", QueryOutcome(error=None) if given.rows == case.get("rows"):
            return []
    what = given.rows if isinstance(given, ChangePlan) else given.error or given.rows
    return [f"is not {case['verdict']} with {case.get('rows', case.get('changes'))}: {str(what)[:300]}"]


def test_the_corpus_is_large_and_each_statement_is_there_once() -> None:
    cases = [case for theme in CASES.values() for case in theme]
    keys = {(case["sql"], case["policy"], json.dumps(case.get("parameters"))) for case in cases}
    assert len(keys) == len(cases) >= 300
    assert len(CASES["honest"]) >= 60
    assert all(case["reason"] and case["verdict"] in ("refused", "bounded", "allowed") for case in cases)


HOSTILE_IDS = (
    "' OR 1=1 --",
    "x') OR 1=1 --",
    "alice' --",
    "alice\0",
    "\0alice",
    "bob\0",
    "älice",
    "ALICE",
    "alice ",
    "%",
    "*",
    "x" * 10_000,
    "1",
    "0",
    "NULL",
    ":role",
    ":claims.team",
    "1e999",
    "alice\ud800",
    "user_id",
    '"user_id"',
    "alice' UNION SELECT * FROM users --",
    "(SELECT 1)",
    "/*",
    "*/",
    "\n) OR (1",
    "; DROP TABLE orders",
    "x''",
)


async def test_no_user_id_role_or_claim_opens_a_row_rule(pool: SqlPool, tmp_path: Path) -> None:
    base = data.policies(tmp_path)["alice"]
    rules = [
        DataRules(row_rules={"orders": f"user_id = {value}"})
        for value in (":user_id", ":role", ":claims.team")
    ]
    wrong = []
    for text in HOSTILE_IDS:
        for rule in rules:
            own = "x" if rule is not rules[0] else text
            policy = msgspec.structs.replace(
                base, rules=[rule], user_id=own, role=text, claims={"team": text}
            )
            given = await pool.query("SELECT id FROM orders", policy)
            assert isinstance(given, QueryOutcome)
            wrong += [(text[:30], rule, given.rows)] if given.rows else []
    assert wrong == []
