"""Kept results belong to the owner of their conversation and go with it."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from appliance.identity import Caller
from appliance.messages import QueryOutcome
from appliance.store import conversations, results
from appliance.store.database import connect, database_path
from appliance.store.migrate import migrate

ALICE = Caller(role="authenticated", user_id="alice")
OUTCOME = QueryOutcome(
    sql="SELECT 1", summary="2 rows", columns=["a", "b"], rows=[[1, "ä\0"], [None, 1.5]], row_count=2
)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[apsw.Connection]:
    connection = connect(database_path(tmp_path))
    migrate(connection)
    conversations.create(
        connection,
        id="c",
        caller=ALICE,
        namespace="default",
        bot="shop",
        persist=True,
        expires_at=100.0,
        now=1.0,
    )
    results.keep(connection, "r", "c", OUTCOME, 1.0)
    yield connection
    connection.close()


def test_the_owner_gets_all_of_it_back(db: apsw.Connection) -> None:
    assert results.find(db, "r", ALICE, 2.0) == OUTCOME


@pytest.mark.parametrize(
    "other",
    [
        Caller(role="authenticated", user_id="bob"),
        Caller(role="admin", user_id="root"),
        Caller(role="authenticated", user_id="alice", tenant="acme"),
    ],
)
def test_nobody_else_does(db: apsw.Connection, other: Caller) -> None:
    assert results.find(db, "r", other, 2.0) is None


def test_an_unknown_id_is_nothing(db: apsw.Connection) -> None:
    assert results.find(db, "R", ALICE, 2.0) is None


def test_it_cannot_be_had_after_its_conversation_has_expired(db: apsw.Connection) -> None:
    assert results.find(db, "r", ALICE, 99.0) is not None
    assert results.find(db, "r", ALICE, 100.0) is None


def test_it_is_gone_with_its_conversation(db: apsw.Connection) -> None:
    assert conversations.delete(db, "c", ALICE, 2.0)
    assert results.find(db, "r", ALICE, 2.0) is None
    conversations.purge(db, 1e9, busy=frozenset())
    assert db.execute("SELECT count(*) FROM _results").fetchall() == [(0,)]


def test_expired_ones_leave_the_file(db: apsw.Connection) -> None:
    conversations.purge(db, 101.0, busy=frozenset())
    assert db.execute("SELECT count(*) FROM _results").fetchall() == [(0,)]


def test_a_result_needs_a_conversation(db: apsw.Connection) -> None:
    with pytest.raises(apsw.ConstraintError):
        results.keep(db, "s", "none", OUTCOME, 1.0)


def test_the_oldest_results_of_a_conversation_make_room_and_the_newest_never_goes(
    db: apsw.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "BYTES_MAX", 2_500)
    large = QueryOutcome(sql="SELECT 2", columns=["a"], rows=[["x" * 1_000]], row_count=1)
    for number in range(4):
        results.keep(db, f"n{number}", "c", large, 10.0 + number)
    kept = [name for name in ("r", "n0", "n1", "n2", "n3") if results.find(db, name, ALICE, 2.0)]
    assert kept == ["n2", "n3"]
    huge = QueryOutcome(sql="SELECT 3", columns=["a"], rows=[["x" * 9_000]], row_count=1)
    results.keep(db, "huge", "c", huge, 20.0)
    assert results.find(db, "huge", ALICE, 2.0) == huge
    assert results.find(db, "n3", ALICE, 2.0) is None
