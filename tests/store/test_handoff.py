"""Who answers in a conversation, in the store: changes leave notes, and a crash loses none of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.engine import replay
from appliance.errors import Conflict, ConversationNotFound
from appliance.events import HandoffChanged, OperatorMessage
from appliance.identity import Caller
from appliance.store import conversations, handoff, message_rows, posts, settling, traces
from appliance.store.database import connect
from appliance.store.handoff import Ask, Operator

ANNA, BERT = Operator("anna", "Anna A."), Operator("bert", "Bert")
NOW = 1_000.0


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    db = connect(tmp_path / "appliance.db")
    conversations.create(
        db,
        id="c1",
        caller=Caller(user_id="alice", role="authenticated"),
        namespace="default",
        bot="shop",
        persist=True,
        expires_at=None,
        now=NOW,
    )
    yield db
    db.close()


def ask(note_id: str, *, tenant: str = "default", now: float = NOW) -> Ask:
    return Ask(conversation_id="c1", tenant=tenant, note_id=note_id, now=now)


def state(db: apsw.Connection) -> tuple[str, str, bool]:
    found = conversations.find_in_tenant(db, "c1", "default", NOW)
    assert found is not None
    return found.handoff, found.operator_name, found.paused


def test_joined_is_paused_and_leaving_gives_back_what_was(db: apsw.Connection) -> None:
    assert handoff.call(db, ask("n1")) is not None
    assert handoff.call(db, ask("n2")) is None
    assert state(db) == ("waiting", "", False)
    assert handoff.join(db, ask("n3"), ANNA, force=False) is not None
    assert handoff.join(db, ask("n4"), ANNA, force=False) is None
    assert handoff.call_off(db, ask("n5")) is None
    assert state(db) == ("joined", "Anna A.", True)
    with pytest.raises(Conflict, match="Anna A") as refused:
        handoff.join(db, ask("n6"), BERT, force=False)
    assert refused.value.details == {"operator_name": "Anna A."}
    with pytest.raises(Conflict):
        handoff.leave(db, ask("n7"), BERT, force=False)
    with pytest.raises(Conflict):
        handoff.resolve(db, ask("n8"), BERT)
    handoff.leave(db, ask("n9"), ANNA, force=False)
    assert state(db) == ("", "", False)
    conversations.set_paused(db, "c1", True, NOW)
    handoff.join(db, ask("n10"), ANNA, force=False)
    handoff.leave(db, ask("n11"), ANNA, force=False)
    assert state(db) == ("", "", True)  # somebody else paused it, and has not gone on


def test_another_tenants_conversation_looks_missing(db: apsw.Connection) -> None:
    for change in (
        lambda: handoff.join(db, ask("n1", tenant="other"), ANNA, force=True),
        lambda: handoff.call(db, ask("n1", tenant="other")),
        lambda: handoff.resolve(db, ask("n1", tenant="other"), ANNA),
    ):
        with pytest.raises(ConversationNotFound):
            change()
    assert state(db) == ("", "", False)


def test_a_client_id_is_one_message_and_nobody_elses(db: apsw.Connection) -> None:
    handoff.join(db, ask("n1"), ANNA, force=False)
    first = handoff.say(db, ask("m1"), ANNA, "Hello", client_id="x", expires_at=None)
    again = handoff.say(db, ask("m2"), ANNA, "Hello", client_id="x", expires_at=None)
    assert first == again
    handoff.join(db, ask("n2"), BERT, force=True)
    with pytest.raises(Conflict, match="client_id"):
        handoff.say(db, ask("m3"), BERT, "Hello", client_id="x", expires_at=None)
    with pytest.raises(Conflict, match="Take over"):
        handoff.say(db, ask("m4"), ANNA, "Me again", client_id=None, expires_at=None)


def test_what_a_crash_kept_from_being_told_comes_next_in_the_log(db: apsw.Connection) -> None:
    handoff.join(db, ask("n1"), ANNA, force=False)
    handoff.say(db, ask("m1"), ANNA, "Hello", client_id=None, expires_at=None)
    assert message_rows.history(db, "c1") == []
    settling.recover(db, NOW + 1)
    handoff.recover(db)
    (said,) = message_rows.history(db, "c1")
    (note,) = handoff.notes(db, "c1")
    assert (said.status, said.operator_name) == ("done", "Anna A.")
    last_seq, reserved_seq = db.execute("SELECT last_seq, reserved_seq FROM _conversations").get
    assert 0 < min(said.last_seq, note.seq) < max(said.last_seq, note.seq) == last_seq == reserved_seq
    told = [entry.event for entry in replay.entries([said], last_seq, [note])]
    assert {type(event) for event in told} == {OperatorMessage, HandoffChanged}
    posts.place(db, "c1", last_seq + 1)
    assert handoff.notes(db, "c1", after_seq=last_seq) == []


def test_old_traces_go_a_few_at_a_time(db: apsw.Connection) -> None:
    for number in range(5):
        traces.put(db, f"t{number}", "c1", b"x", NOW + number)
    assert traces.forget(db, NOW + 4, limit=3) == 3
    assert traces.forget(db, NOW + 4, limit=3) == 1
    assert traces.forget(db, NOW + 4, limit=3) == 0
    assert db.execute("SELECT turn_id FROM _traces").get == "t4"
