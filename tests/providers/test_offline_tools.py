"""The offline model where a bot has more tools than SQL, or other rules: it goes on, or says why not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from appliance.providers.offline import told
from appliance.store.database import connect, database_path
from tests.providers.test_offline import QUESTIONS
from tests.server.test_data_access import runs
from tests.support.stack import Stack, stack
from tests.support.wire import Frame, text_of, wire

TODAY = 1_781_524_800.0  # 2026-06-15: the demo data ends there


def bot(*settings: str, tables: str = "[users, orders, order_items, products]") -> dict[str, str]:
    lines = ["allow-unauthenticated: true", "persist-conversations: true", "rate-limit: 1000"]
    lines += ["daily-limit: 10000", "token-budget: 10000000", f"allowed-tables: {tables}", *settings]
    return {"shop": "---\n" + "\n".join(lines) + "\n---\nYou are the shop's assistant.\n"}


async def asked(served: Stack, *questions: str) -> list[Frame]:
    """The frames of the last question, as alice."""
    async with wire(served.ws_url, served.token("alice")) as client:
        id = await client.start()
        for question in questions:
            frames = await client.ask(id, question)
    return frames


def results(frames: list[Frame]) -> list[Frame]:
    return [frame for frame in frames if frame["type"] == "query_result"]


def steps(frames: list[Frame]) -> list[str]:
    return [frame["step"] for frame in frames if frame["type"] == "progress"]


def demo(tmp_path: Path, **bots: Any) -> Any:
    return stack(tmp_path, demo=True, clock=lambda: TODAY, **bots)


async def test_with_reasoning_a_question_is_thought_about_and_then_looked_up(tmp_path: Path) -> None:
    for mode in ("react", "strict"):
        bots = bot(f"reasoning-mode: {mode}", "show-reasoning: true")
        async with demo(tmp_path / mode, bots=bots) as served:
            frames = await asked(served, "How many orders are there?")
            [thought] = [frame for frame in frames if frame.get("step") == "reasoning"]
            assert "number of orders" in thought["message"]
            assert "1. Query orders with one SELECT." in thought["message"]
            assert len(results(frames)) == 1
            assert text_of(frames) == "Let me look that up. There are **1,200** orders."
            assert frames[-1]["type"] == "done"


async def test_with_reasoning_small_talk_and_what_is_unclear_are_answered_at_once(tmp_path: Path) -> None:
    async with demo(tmp_path, bots=bot("reasoning-mode: react", "show-reasoning: true")) as served:
        for question, words in (
            ("Hello", "Hello! I am the offline model"),
            ("Which tables are there?", "These are the tables"),
            ("Delete all orders", "I only read data"),
        ):
            frames = await asked(served, question)
            assert "reasoning" not in steps(frames), question
            assert steps(frames).count("generating") == 1
            assert words in text_of(frames)


async def test_thinking_first_takes_none_of_the_rounds_that_a_bot_allows(tmp_path: Path) -> None:
    async with demo(tmp_path, bots=bot("reasoning-mode: react", "max-iterations: 1")) as served:
        assert "1,200" in text_of(await asked(served, "How many orders are there?"))


@pytest.mark.parametrize(
    "setting",
    [
        "mcp-tools: [query_table]",
        "intent-rules: [{keywords: [orders], forbidden-tool: execute_sql}]",
        "mcp-tools: [query_table]\nreasoning-mode: react",
    ],
)
async def test_without_the_sql_tool_it_says_that_it_cannot_and_is_not_caught_asking(
    tmp_path: Path, setting: str
) -> None:
    async with demo(tmp_path, bots=bot(setting)) as served:
        frames = await asked(served, "How many orders are there?")
        assert results(frames) == []
        assert "does not offer it for this question" in text_of(frames)
        assert frames[-1]["type"] == "done"


@pytest.mark.parametrize(
    ("rule", "question", "words"),
    [
        (
            "intent-rules: [{keywords: [orders], forbidden-table: orders}]",
            "How many orders are there?",
            "without",
        ),
        (
            "intent-rules: [{keywords: [orders], required-table: users}]",
            "How many orders are there?",
            "from users",
        ),
        ("required-columns: {orders: [id, status]}", "How many orders are there?", "id, status"),
        ("required-columns: {users: [email], orders: [status]}", "users with more than 3 orders", "status"),
    ],
)
async def test_what_the_bot_s_rules_refuse_is_asked_once_and_said(
    tmp_path: Path, rule: str, question: str, words: str
) -> None:
    async with demo(tmp_path, bots=bot(rule)) as served:
        frames = await asked(served, question)
        [refused] = results(frames)
        assert words in refused["error"]
        assert "The rules of this bot do not let me look that up." in text_of(frames)
        assert frames[-1]["type"] == "done"


async def test_columns_that_the_bot_s_rules_want_are_added_to_a_list(tmp_path: Path) -> None:
    async with demo(tmp_path, bots=bot("required-columns: {users: [city, email]}")) as served:
        refused, good = results(frames := await asked(served, "show the name of users in Berlin"))
        assert "email" in refused["error"]
        assert "email" in good["data"][0]
        assert "The rules of this bot want more columns" in text_of(frames)
        assert frames[-1]["type"] == "done"


async def test_the_user_s_decision_on_a_change_gets_one_right_sentence(tmp_path: Path) -> None:
    """A change that another model proposed; the offline one has the last word on it."""
    operations = "allowed-operations: [SELECT, UPDATE]\nconfirm-writes: true"
    update = "UPDATE orders SET status = 'lost' WHERE id <= 2"
    async with (
        stack(tmp_path, runs(update) * 3, bots=bot(operations), demo=True) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):
        id = await client.start()
        changes = [results(await client.ask(id, "Lose them"))[0]["change"]["id"] for _ in range(3)]
    async with (
        stack(tmp_path, bots=bot(operations)) as served,
        wire(served.ws_url, served.token("alice")) as client,
    ):

        async def decide(change: str, *, approve: bool) -> str:
            begin = len(client.frames)
            await client.send("confirm", conversation_id=id, change_id=change, approve=approve)
            await client.until("done")
            return text_of(client.frames[begin:])

        assert await decide(changes[0], approve=False) == "As you decided, nothing was changed."
        assert await decide(changes[1], approve=True) == "It is done: 2 rows were changed in orders."
        failed = await decide(changes[2], approve=True)
        assert failed.startswith("Nothing was changed. The reason: ")
        frames = await client.ask(id, "How many orders are there?")
        assert "There are **1,200** orders." in text_of(frames)


def test_results_of_other_tools_are_not_taken_for_rows() -> None:
    assert told.sentence("http_get", '{"success": true}').startswith("The tool http_get has answered")
    assert "It said: no such city" in told.sentence("weather", '{"error": "no such city"}')
    assert told.sentence("save", "no JSON [").startswith("The tool save has answered")
    applied = json.dumps({"status": "applied", "operation": "DELETE", "table": "a b", "row_count": 1})
    assert told.sentence("delete_record", applied) == "It is done: 1 row was deleted from a b."


async def test_questions_of_the_collection_work_through_a_whole_appliance(tmp_path: Path) -> None:
    """With all that a prompt may hold beside the schema: examples, ranges, restricted tables, rules."""
    settings = (
        "row-rules: {order_items: \":user_id = 'alice'\"}",
        "schema-notes: {orders: 'What people | bought; 12 rows.', orders.total: '# from 1 to 2'}",
        "examples:\n  - question: How many orders are there by status?\n    sql: |\n"
        "      SELECT status, count(*)\n      # Database schema\n      FROM orders GROUP BY status",
        "default-table: orders",
        "intent-rules: [{keywords: [zebra], forbidden-table: orders}]",
    )
    counted = [case for case in QUESTIONS["shop"] if str(case.get("sql")).startswith("SELECT count(*)")]
    db_path = database_path(tmp_path)
    async with demo(tmp_path, bots=bot(*settings)) as served:
        async with wire(served.ws_url, served.token("alice")) as client:
            db = connect(db_path)
            right = 0
            for case in counted[:12]:
                if isinstance(case["ask"], list) or "date" in case["sql"] or "2026" in case["sql"]:
                    continue
                frames = await client.ask(await client.start(), case["ask"])
                [result] = results(frames) or [{"error": text_of(frames)}]
                assert "error" not in result, case["ask"]
                [(expected,)] = db.execute(case["sql"]).fetchall()
                assert list(result["data"][0].values()) == [expected], case["ask"]
                right += 1
            db.close()
        assert right >= 8
