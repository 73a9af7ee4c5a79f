"""What stays on disk of questions, statements, rows and changes."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import httpx
import pytest
import trio

from appliance.store.database import database_path
from tests.data_security.shop import CONFIRMS, WRITES, asked, audited, bot, make_data, results, script, sql
from tests.support.stack import Stack, stack
from tests.support.wire import wire

SELECT = "SELECT status FROM orders WHERE id = 3"


async def test_the_audit_has_every_statement_and_who_asked_it_but_no_rows_of_reads(tmp_path: Path) -> None:
    refused = "SELECT * FROM salaries"
    make_data(tmp_path)
    async with stack(tmp_path, script(SELECT, refused), bots=bot()) as served:
        await asked(served)
    good, bad = audited(tmp_path, "sql.execute")
    assert (good.actor, good.target, good.details["sql"]) == ("user:alice", "bot:default/shop", SELECT)
    assert (good.details["success"], good.details["rows"], good.details["tables"]) == (True, 1, ["orders"])
    assert good.details["ip"] == "127.0.0.1"
    assert (bad.details["sql"], bad.details["success"]) == (refused, False)
    assert "sent" not in str(good.details)


async def test_without_execution_logs_reads_are_not_audited_and_changes_still_are(tmp_path: Path) -> None:
    make_data(tmp_path)
    quiet = bot(f"{WRITES}\ndisable-execution-logs: true")
    async with stack(tmp_path, script(SELECT, "DELETE FROM orders WHERE id = 1"), bots=quiet) as served:
        await asked(served)
    assert audited(tmp_path, "sql.execute") == []
    [entry] = audited(tmp_path, "data.change")
    assert entry.details["rows"][0]["before"]["total"] == 10.5


async def test_each_step_of_a_proposal_is_audited(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with (
        stack(tmp_path, script("DELETE FROM orders WHERE id = 1"), bots=bot(CONFIRMS)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        for approve in (False, True):
            [result] = results(await client.ask(id))
            change_id = result["change"]["id"]
            await client.send("confirm", conversation_id=id, change_id=change_id, approve=approve)
            await client.until("query_result")
            await client.until("done")
    assert len(audited(tmp_path, "data.propose")) == 2
    [declined] = audited(tmp_path, "data.decline")
    [changed] = audited(tmp_path, "data.change")
    assert changed.details["change_id"] != declined.details["change_id"]
    assert changed.details["rows"] == [
        {"before": {"id": 1, "user_id": "alice", "status": "new", "total": 10.5}, "after": None}
    ]


async def test_rows_of_a_result_are_kept_in_the_database_with_the_conversation(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(SELECT), bots=bot()) as served:
        await asked(served)
    [(kept,)] = sql(tmp_path, "SELECT outcome FROM _results")
    assert b"sent" in kept


async def test_a_deleted_conversation_is_out_of_reach_at_once_and_out_of_the_tables_after_a_week(
    tmp_path: Path,
) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script(SELECT), bots=bot()) as served:
        result_id = await delete_conversation(served)
        async with httpx.AsyncClient(base_url=served.url, headers=as_alice(served)) as http:
            assert (await http.get(f"/api/v1/ai/results/{result_id}")).status_code == 404
        assert sql(tmp_path, "SELECT count(*) FROM _results") == [(1,)]
    week = 7 * 86_400 + 60
    async with stack(tmp_path, script(SELECT), bots=bot(), clock=lambda: time.time() + week):
        with trio.fail_after(20):
            while sql(tmp_path, "SELECT count(*) FROM _results") != [(0,)]:  # noqa: ASYNC110  # nobody is told
                await trio.sleep(0.02)
        assert sql(tmp_path, "SELECT count(*) FROM _messages") == [(0,)]
    assert len(audited(tmp_path, "sql.execute")) == 1


async def delete_conversation(served: Stack) -> str:
    """Ask, delete; the id of the result that there was."""
    async with wire(served.ws_url, served.token("alice")) as client:
        id = await client.start()
        [result] = results(await client.ask(id))
    async with httpx.AsyncClient(base_url=served.url, headers=as_alice(served)) as http:
        assert (await http.delete(f"/api/v1/ai/conversations/{id}")).is_success
    return str(result["result_id"])


def as_alice(served: Stack) -> dict[str, str]:
    return {"Authorization": f"Bearer {served.token('alice')}"}


async def test_the_log_has_no_rows_statements_or_questions(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_data(tmp_path)
    statements = (SELECT, "SELECT * FROM salaries", "DELETE FROM orders WHERE id = 1")
    with caplog.at_level(logging.INFO):
        async with stack(tmp_path, script(*statements), bots=bot(WRITES)) as served:
            await asked(served, question="An unusual question")
    for text in ("unusual question", "SELECT", "DELETE FROM", "sent", "10.5"):
        assert text not in caplog.text


async def test_bytes_of_what_was_deleted_may_stay_in_the_file(tmp_path: Path) -> None:
    make_data(tmp_path)
    marked = "SELECT 'a-mark-' || 'of-its-own' AS text"
    async with stack(tmp_path, script(marked), bots=bot()) as served:
        await delete_conversation(served)
    sql(tmp_path, "DELETE FROM _conversations")
    assert sql(tmp_path, "SELECT count(*) FROM _results") == [(0,)]
    sql(tmp_path, "PRAGMA wal_checkpoint(TRUNCATE)")
    assert b"a-mark-of-its-own" in await trio.Path(database_path(tmp_path)).read_bytes()
