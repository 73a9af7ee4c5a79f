"""Turns in the store: what they touch, and what a turn reads before its model is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from appliance import limits
from appliance.identity import Caller
from appliance.messages import TextPart, Usage
from appliance.store import client_tools, conversations, message_rows, settling, turns, usage
from appliance.store.database import connect
from appliance.store.message_rows import SHORT_BYTES_MAX, SHORT_MESSAGES_MAX

CALLER = Caller(guest_id="ann")
NOW = 1_000.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = connect(tmp_path / "appliance.db")
    for id in ("c", "other"):
        conversations.create(
            db, id=id, caller=CALLER, namespace="default", bot="shop", persist=True, expires_at=None, now=NOW
        )
    yield db
    db.close()


def admit(db: apsw.Connection, turn_id: str, conversation_id: str = "c") -> None:
    ask = turns.Admission(
        turn_id=turn_id,
        message_id=f"{turn_id} asked",
        answer_id=f"{turn_id} answered",
        conversation_id=conversation_id,
        caller=CALLER,
        bucket=usage.Bucket(tenant="default", namespace="default", bot="shop", principal="ip:"),
        policy=limits.Policy(),
        content="Hello",
        client_id=f"client {turn_id}",
        title="Hello",
        reserved_tokens=500,
        ttl_s=0,
        now=NOW,
    )
    turns.admit(db, ask)


def progressed(turn_id: str, text: str, conversation_id: str = "c") -> settling.Progressed:
    parts: list[Any] = [TextPart(seq=2, text=text)]
    return settling.Progressed(
        turn_id=turn_id, conversation_id=conversation_id, parts=parts, first_seq=1, last_seq=2 + len(text)
    )


def settle(db: apsw.Connection, turn_id: str, text: str = "Hi", conversation_id: str = "c") -> None:
    end = settling.Settlement(
        progressed=progressed(turn_id, text, conversation_id),
        status="done",
        usage=Usage(prompt_tokens=3, completion_tokens=2),
        expires_at=None,
        now=NOW,
    )
    settling.settle(db, end)


def plans(db: apsw.Connection, work: Callable[[], object]) -> dict[str, str]:
    """Each statement that `work` runs -> how SQLite finds its rows."""
    seen: dict[str, Any] = {}

    def note(_: apsw.Cursor, sql: str, bindings: Any) -> bool:
        seen[sql] = bindings
        return True

    db.exec_trace = note
    work()
    db.exec_trace = None
    return {
        sql: "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {sql}", bindings))
        for sql, bindings in seen.items()
    }


@pytest.mark.parametrize(
    "work",
    [
        lambda db: admit(db, "new"),
        lambda db: settling.flush(db, progressed("old", "H")),
        lambda db: settle(db, "old"),
        lambda db: message_rows.find_answer(db, "c", "old"),
        lambda db: message_rows.short_history(db, "c"),
        lambda db: client_tools.asked(db, "c"),
    ],
    ids=["admit", "flush", "settle", "answer", "history", "outputs"],
)
def test_no_statement_of_a_turn_looks_through_all_messages_or_turns(
    db: apsw.Connection, work: Callable[[apsw.Connection], object]
) -> None:
    admit(db, "old")
    found = plans(db, lambda: work(db))
    assert any("_messages" in sql for sql in found)
    for sql, plan in found.items():
        for line in plan.splitlines():
            assert not line.startswith("SCAN"), (sql, plan)


def test_a_turn_writes_into_its_own_two_messages_alone(db: apsw.Connection) -> None:
    for turn_id in ("one", "two", "three"):
        admit(db, turn_id)
    admit(db, "far", "other")
    settling.flush(db, progressed("two", "H"))
    running = {message.id: message.status for message in message_rows.messages(db, "c")}
    assert running.pop("two asked") == running.pop("two answered") == "running"
    assert set(running.values()) == {"queued"}
    settle(db, "two")
    told = {
        message.id: (message.status, message.content or message.text)
        for message in message_rows.messages(db, "c")
    }
    assert told.pop("two asked") == ("done", "Hello")
    assert told.pop("two answered") == ("done", "Hi")
    assert set(told.values()) == {("queued", "Hello"), ("queued", "")}
    assert {message.status for message in message_rows.messages(db, "other")} == {"queued"}
    answer = message_rows.find_answer(db, "c", "two")
    assert answer is not None
    assert (answer.id, answer.usage.total_tokens, answer.last_seq) == ("two answered", 5, 4)
    assert message_rows.find_answer(db, "other", "two") is None


def test_a_short_history_is_the_whole_and_a_long_one_is_left_to_a_thread(db: apsw.Connection) -> None:
    for number in range(SHORT_MESSAGES_MAX // 2):
        admit(db, f"t{number}")
        settle(db, f"t{number}")
    whole = message_rows.history(db, "c", limit=400)
    assert len(whole) == SHORT_MESSAGES_MAX
    assert message_rows.short_history(db, "c") == whole
    admit(db, "more")
    assert message_rows.short_history(db, "c") is None
    admit(db, "long", "other")
    settle(db, "long", "x" * SHORT_BYTES_MAX, "other")
    assert message_rows.short_history(db, "other") is None


def test_what_goes_with_a_conversation_is_found_by_an_index(db: apsw.Connection) -> None:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    owned = {
        (table, column)
        for table in tables
        for _, _, parent, column, *_ in db.execute("SELECT * FROM pragma_foreign_key_list(?)", (table,))
        if parent == "_conversations"
    }
    assert {("_messages", "conversation_id"), ("_turns", "conversation_id")} <= owned
    for table, column in owned:
        plan = db.execute(f"EXPLAIN QUERY PLAN DELETE FROM {table} WHERE {column} = 'c'").fetchall()
        assert [line for *_, line in plan if line.startswith("SCAN")] == [], table
