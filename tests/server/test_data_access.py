"""What a bot can do to the team's data, through a whole appliance: rows, writes, consent, rules, results."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from appliance.store.audit import entries
from appliance.store.database import connect, database_path
from tests.support.model_replies import Reply, openai_text, openai_tool_calls
from tests.support.model_server import Recorded
from tests.support.stack import Stack, stack
from tests.support.wire import Frame, Wire, text_of, wire

BOT = """---
description: Knows the orders.
persist-conversations: true
rate-limit: 1000
daily-limit: 10000
token-budget: 10000000
allowed-tables: [orders, notes]
allowed-operations: [SELECT, INSERT, UPDATE, DELETE]
row-rules:
  orders: user_id = :user_id
{more}
---
You know the orders.
"""


def bot(*settings: str) -> dict[str, str]:
    return {"shop": BOT.format(more="\n".join(settings))}


def make_data(data: Path) -> None:
    data.mkdir(parents=True, exist_ok=True)
    db = connect(database_path(data))
    db.execute("""
        CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, status TEXT, total REAL);
        INSERT INTO orders VALUES (1, 'alice', 'new', 10.5), (2, 'bob', 'new', 99), (3, 'alice', 'sent', 1);
        CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT DEFAULT 'none', at TEXT DEFAULT '2026-01-01');
    """).fetchall()
    db.close()


def sql(data: Path, statement: str) -> list[tuple[Any, ...]]:
    db = connect(database_path(data))
    try:
        return db.execute(statement).fetchall()
    finally:
        db.close()


def runs(*statements: str, say: str = "Done.") -> list[Reply]:
    """A model that runs each statement in a call of its own and then says something."""
    calls = [openai_tool_calls(("execute_sql", {"sql": s, "description": "it"})) for s in statements]
    return [*calls, openai_text(say)]


def script(*statements: str) -> Callable[[Recorded], Reply]:
    """The same for every question, whoever asks."""

    def reply(request: Recorded) -> Reply:
        messages = request.body["messages"]
        last = max(i for i, message in enumerate(messages) if message["role"] == "user")
        done = sum(message["role"] == "tool" for message in messages[last:])
        if done < len(statements):
            return openai_tool_calls(("execute_sql", {"sql": statements[done], "description": "it"}))
        return openai_text("Done.")

    return reply


def results(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] == "query_result"]


async def asked(served: Stack, user: str, question: str = "Go") -> list[Frame]:
    async with wire(served.ws_url, served.token(user)) as client:
        return await client.ask(await client.start(), question)


async def test_two_users_who_ask_the_same_see_only_their_own_rows(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("SELECT id FROM orders ORDER BY id"), bots=bot()) as served:
        for user, ids in (("alice", [1, 3]), ("bob", [2]), ("carol", [])):
            [result] = results(await asked(served, user))
            assert [row["id"] for row in result["data"]] == ids


async def test_an_impersonated_user_s_rules_count_and_not_the_admin_s(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("SELECT id FROM orders"), bots=bot()) as served:
        served.token("bob")
        async with wire(served.ws_url, served.token("alice", "admin")) as admin:
            acting = await admin.start(impersonate_user_id="bob")
            own = await admin.start()
            [bobs] = results(await admin.ask(acting))
            [alices] = results(await admin.ask(own))
        assert [row["id"] for row in bobs["data"]] == [2]
        assert [row["id"] for row in alices["data"]] == [1, 3]


async def test_a_visitor_gets_no_rows_of_a_ruled_table(tmp_path: Path) -> None:
    make_data(tmp_path)
    bots = bot("allow-unauthenticated: true")
    async with stack(tmp_path, script("SELECT id FROM orders"), bots=bots) as served:
        async with wire(served.ws_url) as visitor:
            [result] = results(await visitor.ask(await visitor.start()))
        assert result["row_count"] == 0
        assert "error" not in result


async def test_a_write_changes_own_rows_only_and_is_audited_with_before_and_after(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("UPDATE orders SET status = 'paid'"), bots=bot()) as served:
        [result] = results(await asked(served, "alice"))
        assert result["change"]["status"] == "applied"
        assert result["row_count"] == 2
        assert [row["status"] for row in result["data"]] == ["paid", "paid"]
        assert sql(tmp_path, "SELECT status FROM orders ORDER BY id") == [("paid",), ("new",), ("paid",)]
        db = connect(database_path(tmp_path))
        changed = [entry for entry in entries(db, tenant="default") if entry.action == "data.change"]
        db.close()
        [entry] = changed
        assert entry.actor == "user:alice"
        assert entry.details["rows"][0]["before"]["status"] == "new"
        assert entry.details["rows"][0]["after"]["status"] == "paid"


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO orders (user_id, status) VALUES ('bob', 'new')",
        "UPDATE orders SET user_id = 'bob' WHERE id = 1",
        "UPDATE orders SET user_id = NULL WHERE id = 1",
        "INSERT INTO orders (user_id) SELECT 'bob'",
    ],
)
async def test_a_written_row_must_satisfy_the_rule(tmp_path: Path, statement: str) -> None:
    make_data(tmp_path)
    before = sql(tmp_path, "SELECT * FROM orders ORDER BY id")
    async with stack(tmp_path, script(statement), bots=bot()) as served:
        [result] = results(await asked(served, "alice"))
        assert result["error"]
        assert sql(tmp_path, "SELECT * FROM orders ORDER BY id") == before


async def test_a_row_that_somebody_inserts_gets_the_defaults_of_the_table(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("INSERT INTO notes (id) VALUES (7)"), bots=bot()) as served:
        [result] = results(await asked(served, "alice"))
        assert result["data"] == [{"id": 7, "text": "none", "at": "2026-01-01"}]


async def test_a_statement_over_too_many_rows_changes_none(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, script("DELETE FROM orders"), bots=bot("max-changed-rows: 1")) as served:
        [result] = results(await asked(served, "alice"))
        assert "1" in result["error"]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


# -- consent -----------------------------------------------------------------------------------------

CONFIRM = bot("confirm-writes: true")


async def propose(client: Wire) -> tuple[str, Frame]:
    id = await client.start()
    [result] = results(await client.ask(id, "Delete order 1"))
    assert result["change"]["status"] == "proposed"
    return id, result["change"]


async def test_nothing_changes_before_the_user_confirms(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        assert change["rows"] == [
            {"before": {"id": 1, "user_id": "alice", "status": "new", "total": 10.5}, "after": None}
        ]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
        await client.send("confirm", conversation_id=id, change_id=change["id"], approve=True, message_id="m")
        done = await client.until("query_result")
        assert done["change"]["status"] == "applied"
        assert done["change"]["id"] == change["id"]
        await client.until("done")
        assert sql(tmp_path, "SELECT id FROM orders ORDER BY id") == [(2,), (3,)]


async def test_a_declined_change_is_not_done_and_cannot_be_confirmed_later(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        await client.send("confirm", conversation_id=id, change_id=change["id"], approve=False)
        assert (await client.until("query_result"))["change"]["status"] == "declined"
        await client.until("done")
        await client.send("confirm", conversation_id=id, change_id=change["id"], approve=True)
        assert (await client.until("error"))["code"] == "CHANGE_DECIDED"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_a_proposal_survives_a_reconnect_and_a_restart(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
    async with stack(tmp_path, delete, bots=CONFIRM) as served:
        token = served.token("alice")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
            listed = (await http.get(f"/api/v1/ai/conversations/{id}/changes")).json()
            assert [one["id"] for one in listed["changes"]] == [change["id"]]
        async with wire(served.ws_url, token) as client:
            await client.send("resume", conversation_id=id, after=0)
            assert (await client.until("query_result"))["change"] == change
            await client.send("confirm", conversation_id=id, change_id=change["id"], approve=True)
            assert (await client.until("query_result"))["change"]["status"] == "applied"
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]


async def test_a_confirmation_that_is_sent_twice_acts_once(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        for _ in range(3):
            await client.send(
                "confirm", conversation_id=id, change_id=change["id"], approve=True, message_id="once"
            )
        await client.until("done")
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]
        applied = [r for r in results(client.frames) if r.get("change", {}).get("status") == "applied"]
        assert len(applied) == 1


async def test_a_row_that_has_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        sql(tmp_path, "UPDATE orders SET total = 77 WHERE id = 1")
        await client.send("confirm", conversation_id=id, change_id=change["id"], approve=True)
        outcome = await client.until("query_result")
        assert outcome["change"]["status"] == "failed"
        assert "changed" in outcome["error"]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


async def test_nobody_else_can_see_or_decide_a_proposal(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with stack(tmp_path, delete, bots=CONFIRM) as served:
        async with wire(served.ws_url, served.token("alice")) as client:
            id, change = await propose(client)
        async with wire(served.ws_url, served.token("bob")) as other:
            await other.send("confirm", conversation_id=id, change_id=change["id"], approve=True)
            assert (await other.until("error"))["code"] == "NO_SESSION"
            own = await other.start()
            await other.send("confirm", conversation_id=own, change_id=change["id"], approve=True)
            assert (await other.until("error"))["code"] == "CHANGE_NOT_FOUND"
        headers = {"Authorization": f"Bearer {served.token('bob')}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
            path = f"/api/v1/ai/conversations/{id}/changes"
            assert (await http.get(path)).status_code == 404
            assert (await http.post(f"{path}/{change['id']}", json={"approve": True})).status_code == 404
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]


# -- rules that steer --------------------------------------------------------------------------------


async def test_a_model_that_insists_on_a_forbidden_table_ends_the_turn(tmp_path: Path) -> None:
    make_data(tmp_path)
    rule = "intent-rules: [{keywords: [note], required-table: notes, forbidden-table: orders}]"
    statements = ["SELECT * FROM orders"] * 3
    async with stack(tmp_path, script(*statements), bots=bot(rule)) as served:
        frames = await asked(served, "alice", "Show my NOTES")
        kinds = [frame["type"] for frame in frames if frame["type"] != "progress"]
        assert kinds == ["query_result", "query_result", "error"]
        assert frames[-1]["code"] == "TOOL_LOOP"
        assert "notes" in results(frames)[0]["error"]
        # Without the keyword the rule is silent.
        assert (await asked(served, "alice", "Show my orders"))[-1]["type"] == "done"


async def test_a_refused_model_that_learns_gives_its_answer(tmp_path: Path) -> None:
    make_data(tmp_path)
    columns = "required-columns: {orders: [id, status]}"
    learns = script("SELECT id FROM orders", "SELECT id, status FROM orders")
    async with stack(tmp_path, learns, bots=bot(columns)) as served:
        frames = await asked(served, "alice")
        refused, good = results(frames)
        assert "status" in refused["error"]
        assert good["row_count"] == 2
        assert frames[-1]["type"] == "done"


async def test_done_follows_the_error_of_a_tool_loop_also_for_who_resumes(tmp_path: Path) -> None:
    make_data(tmp_path)
    rule = "intent-rules: [{keywords: [note], forbidden-tool: execute_sql}]"
    async with (
        stack(tmp_path, script("SELECT 1", "SELECT 1"), bots=bot(rule)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        error = (await client.ask(id, "a note"))[-1]
        done = await client.until("done")
        assert done["seq"] == error["seq"] + 1
        await client.send("resume", conversation_id=id, after=error["seq"])
        assert (await client.until("done"))["seq"] == done["seq"]


# -- results -----------------------------------------------------------------------------------------


async def test_a_result_can_be_fetched_as_a_file_by_its_owner_alone(tmp_path: Path) -> None:
    make_data(tmp_path)
    query = "SELECT id, total, '=1+1' AS formula, NULL AS empty FROM orders ORDER BY id"
    async with stack(tmp_path, script(query), bots=bot()) as served:
        [result] = results(await asked(served, "alice"))
        assert result["types"][:3] == ["integer", "number", "text"]
        path = f"/api/v1/ai/results/{result['result_id']}"
        for user, status in (("alice", 200), ("bob", 404)):
            headers = {"Authorization": f"Bearer {served.token(user)}"}
            async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
                assert (await http.get(path)).status_code == status
                csv = await http.get(path, params={"format": "csv"})
                assert csv.status_code == status
                if user == "alice":
                    assert csv.headers["content-type"].startswith("text/csv")
                    assert csv.text.splitlines()[0] == "id,total,formula,empty"
                    assert csv.text.splitlines()[1] == "1,10.5,'=1+1,"
                    assert (await http.get(path, params={"format": "xml"})).status_code == 400


async def test_history_keeps_the_first_rows_and_the_file_has_all(tmp_path: Path) -> None:
    make_data(tmp_path)
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) SELECT i FROM n"
    async with stack(tmp_path, script(query), bots=bot()) as served:
        token = served.token("alice")
        async with wire(served.ws_url, token) as client:
            id = await client.start()
            frames = await client.ask(id)
        [result] = results(frames)
        assert len(result["data"]) == 400
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=served.url, headers=headers) as http:
            detail = (await http.get(f"/api/v1/ai/conversations/{id}")).json()
            [kept] = detail["messages"][1]["query_results"]
            assert (kept["row_count"], len(kept["data"]), kept["query"]) == (400, 100, query)
            whole = (await http.get(f"/api/v1/ai/results/{kept['result_id']}")).json()
            assert len(whole["data"]) == 400


async def test_what_the_model_reads_of_a_write_says_what_happened(tmp_path: Path) -> None:
    make_data(tmp_path)
    async with stack(tmp_path, runs("DELETE FROM orders WHERE id = 3", say="Gone."), bots=bot()) as served:
        frames = await asked(served, "alice")
        assert text_of(frames) == "Gone."
        assert served.model
        told = json.loads(served.model.requests[-1].body["messages"][-1]["content"])
        assert told["success"] is True
        assert "applied" in json.dumps(told)


async def test_two_tabs_that_decide_at_once_are_told_the_same_end(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        for message_id in ("a", "b"):
            await client.send(
                "confirm", conversation_id=id, change_id=change["id"], approve=True, message_id=message_id
            )
        told = [(await client.until("query_result", "error")) for _ in range(2)]
        ends = [
            frame["change"]["status"] if frame["type"] == "query_result" else frame["code"] for frame in told
        ]
        assert ends in (["applied", "applied"], ["applied", "CHANGE_DECIDED"], ["CHANGE_DECIDED", "applied"])
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(2,)]


async def test_decisions_pass_the_limits_but_lead_to_one_answer_in_words_each(tmp_path: Path) -> None:
    make_data(tmp_path)
    limited = {"shop": CONFIRM["shop"].replace("rate-limit: 1000", "rate-limit: 1")}

    def proposes(request: Recorded) -> Reply:
        # A model that proposes anew whenever it may.
        if request.body.get("tools") and request.body["messages"][-1]["role"] == "user":
            arguments = {"sql": "DELETE FROM orders WHERE id = 1", "description": "it"}
            return openai_tool_calls(("execute_sql", arguments))
        return openai_text("Noted.")

    async with (
        stack(tmp_path, proposes, bots=limited) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id, change = await propose(client)
        assert served.model
        before = len(served.model.requests)
        await client.send("confirm", conversation_id=id, change_id=change["id"], approve=False)
        assert (await client.until("done", "error"))["type"] == "done"
        assert len(served.model.requests) == before + 1
        assert not served.model.requests[-1].body.get("tools")
        await client.say(id, "Go on")
        assert (await client.until("done", "error"))["code"] == "RATE_LIMIT"


async def test_the_id_of_another_message_is_no_decision(tmp_path: Path) -> None:
    make_data(tmp_path)
    delete = script("DELETE FROM orders WHERE id = 1")
    async with (
        stack(tmp_path, delete, bots=CONFIRM) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        [result] = results(await client.ask(id, "Delete it", message_id="mine"))
        change_id = result["change"]["id"]
        for message_id, end in (("mine", "CHANGE_DECIDED"), ("other", "applied")):
            await client.send(
                "confirm", conversation_id=id, change_id=change_id, approve=True, message_id=message_id
            )
            told = await client.until("query_result", "error")
            assert (told["code"] if told["type"] == "error" else told["change"]["status"]) == end


async def test_a_model_that_calls_very_many_tools_at_once_gets_some_of_them(tmp_path: Path) -> None:
    make_data(tmp_path)

    def reply(request: Recorded) -> Reply:
        if request.body["messages"][-1]["role"] == "tool":
            return openai_text("Done.")
        call = ("execute_sql", {"sql": "SELECT 1", "description": "it"})
        return openai_tool_calls(*[call] * 60)

    async with stack(tmp_path, reply, bots=bot()) as served:
        frames = await asked(served, "alice")
        assert len(results(frames)) == 20
        assert served.model
        told = [m["content"] for m in served.model.requests[-1].body["messages"] if m["role"] == "tool"]
        assert len(told) == 60
        assert "Too many calls" in told[-1]


async def test_calls_that_reach_no_data_are_audited_too(tmp_path: Path) -> None:
    make_data(tmp_path)
    rule = "intent-rules: [{keywords: [note], forbidden-tool: execute_sql}]"
    async with stack(tmp_path, script("SELECT 1"), bots=bot(rule)) as served:
        await asked(served, "alice", "a note")
    db = connect(database_path(tmp_path))
    [entry] = [entry for entry in entries(db, tenant="default") if entry.action == "tool.call"]
    db.close()
    assert entry.details["tool"] == "execute_sql"
    assert entry.details["success"] is False
    assert entry.details["conversation_id"]


async def test_what_cannot_be_done_is_refused_before_anybody_agrees_to_it(tmp_path: Path) -> None:
    make_data(tmp_path)
    taken = script("INSERT INTO orders (id, user_id) VALUES (2, 'alice')")
    async with stack(tmp_path, taken, bots=CONFIRM) as served:
        [result] = results(await asked(served, "alice"))
        assert result["change"]["status"] == "failed"
        assert sql(tmp_path, "SELECT count(*) FROM _changes") == [(0,)]
        assert sql(tmp_path, "SELECT count(*) FROM orders") == [(3,)]
