"""What it costs when somebody attacks, and what becomes of secrets on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from appliance.store import settings as stored_settings
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault
from tests.data_security.shop import (
    WRITES,
    asked,
    audited,
    bot,
    make_data,
    read_by_model,
    results,
    script,
    sql,
    write_tools,
)
from tests.support.model_replies import Reply
from tests.support.model_server import Recorded
from tests.support.stack import stack
from tests.support.wire import wire

SECRET = "tok-Zx81-Zx81-Zx81"
ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
MEMORY = "WITH RECURSIVE n(i) AS (SELECT 1 UNION SELECT i + 1 FROM n) SELECT max(i) FROM n"
LONG_STEP = (
    "WITH s AS (SELECT printf('%.*c', 150000, 'a') AS t, printf('%.*c', 14000, 'c') || 'a' AS chars) "
    "SELECT length(trim(t, chars)) FROM s"
)


@pytest.mark.parametrize(
    ("attack", "reason"),
    [
        pytest.param(ENDLESS, "took longer than 1 s", id="endless"),
        pytest.param(MEMORY, "needed more than 16 MiB", id="memory"),
        pytest.param(LONG_STEP, "took longer than 1 s", id="one long step"),
    ],
)
async def test_an_attack_is_ended_and_others_get_their_answer(
    tmp_path: Path, attack: str, reason: str
) -> None:
    limits: dict[str, Any] = {
        "sql_timeout_s": 10.0 if attack == MEMORY else 1.0,
        "sql_workers_max": 1,
        "sql_memory_mib_max": 16,
    }
    answers: dict[str, str] = {}

    async def ask(user: str, question: str) -> None:
        [result] = results(await asked(served, user, question))
        answers[question] = str(result.get("error") or result["data"])

    asks = by_question({"attack": attack, "honest": "SELECT count(*) AS n FROM people"})
    async with stack(make_data(tmp_path), asks, bots=bot(), **limits) as served:
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(ask, "alice", "attack")
            nursery.start_soon(ask, "bob", "honest")
        assert answers["honest"] == "[{'n': 2}]"
        assert reason in answers["attack"]


def by_question(statements: dict[str, str]) -> Callable[[Recorded], Reply]:
    """A model whose statement depends on what it is asked."""

    def reply(request: Recorded) -> Reply:
        question = next(m["content"] for m in reversed(request.body["messages"]) if m["role"] == "user")
        return script(statements[question])(request)

    return reply


async def test_a_result_is_cut_at_the_servers_caps_and_says_so(tmp_path: Path) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    async with stack(make_data(tmp_path), script(many), bots=bot(), sql_rows_max=7) as served:
        [result] = results(await asked(served))
        assert (len(result["data"]), result["truncated"]) == (7, True)


async def test_a_model_that_never_stops_asking_is_stopped(tmp_path: Path) -> None:
    greedy = bot().copy()
    greedy["shop"] = greedy["shop"].replace("max-iterations: 20", "max-iterations: 3")
    statements = [f"SELECT {n}" for n in range(50)]
    async with stack(make_data(tmp_path), script(*statements), bots=greedy) as served:
        assert len(results(await asked(served))) == 3


async def test_somebody_who_asks_too_often_is_refused(tmp_path: Path) -> None:
    slow = {"shop": bot()["shop"].replace("rate-limit: 1000", "rate-limit: 2")}
    async with (
        stack(make_data(tmp_path), script(), bots=slow) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        kinds = [(await client.ask(id))[-1]["type"] for _ in range(3)]
        assert kinds == ["done", "done", "error"]


# -- secrets -----------------------------------------------------------------------------------------

LEAKY = '''
from appliance.botkit import Context, ToolError

def tell(context: Context) -> str:
    """Tells the token."""
    return "It is " + context.settings["crm.token"]

def fail(context: Context) -> str:
    """Fails with the token."""
    raise ToolError("Not accepted: " + context.settings["crm.token"])

def keep(context: Context) -> str:
    """Writes the token into a table."""
    context.query("INSERT INTO notes (id, text) VALUES (1, :t)", t=context.settings["crm.token"])
    return "kept"

def look(context: Context) -> str:
    """Selects the token."""
    return str(context.query("SELECT '" + context.settings["crm.token"] + "' AS t"))
'''


ENVIRONMENT = '''
import os

def environment() -> str:
    """Tells its environment."""
    return str(dict(os.environ))
'''


def store_secret(data: Path) -> None:
    vault = Vault(load_encryption_key(data, ""))
    db = connect(database_path(data))
    stored_settings.prepare(db, vault)
    stored_settings.put(
        db, vault, tenant="default", user_id="", key="crm.token", value=SECRET, secret=True, now=time.time()
    )
    db.close()


@pytest.mark.parametrize("function", ["tell", "fail"])
async def test_a_secret_that_a_function_lets_slip_reaches_neither_model_nor_person_nor_audit(
    tmp_path: Path, function: str
) -> None:
    make_data(tmp_path)
    store_secret(tmp_path)
    write_tools(tmp_path, LEAKY)
    prompt = "The token is '{{crm.token}}'."
    async with stack(tmp_path, script((function, {})), bots=bot(prompt=prompt)) as served:
        frames = await asked(served)
        assert "***" in read_by_model(served)
        assert SECRET not in read_by_model(served)
        assert SECRET not in str(frames)
    [entry] = audited(tmp_path, "tool.call")
    assert SECRET not in str(entry.details)


async def test_a_secret_that_a_function_pastes_into_a_statement_is_masked_for_people_and_the_audit(
    tmp_path: Path,
) -> None:
    make_data(tmp_path)
    store_secret(tmp_path)
    write_tools(tmp_path, LEAKY)
    async with stack(tmp_path, script(("keep", {}), ("look", {})), bots=bot(WRITES)) as served:
        frames = await asked(served)
        assert results(frames)
        assert SECRET not in str(frames)
        assert SECRET not in read_by_model(served)
    for action in ("data.change", "sql.execute"):
        assert audited(tmp_path, action)
        assert SECRET not in str(audited(tmp_path, action))
    assert SECRET in str(sql(tmp_path, "SELECT * FROM notes"))  # the function wrote it there, so there it is


async def test_a_worker_inherits_no_key_of_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    make_data(tmp_path)
    write_tools(tmp_path, ENVIRONMENT)
    async with stack(tmp_path, script(("environment", {})), bots=bot()) as served:
        await asked(served)
        assert "PATH" in read_by_model(served)
        assert SECRET not in read_by_model(served)
