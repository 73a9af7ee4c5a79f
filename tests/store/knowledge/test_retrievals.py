"""What was looked up for answers."""

from collections.abc import Iterator

import apsw
import pytest

from appliance.store.database import connect
from appliance.store.knowledge import retrievals
from appliance.store.knowledge.retrievals import Retrieval


@pytest.fixture
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    connection = connect(tmp_path_factory.mktemp("data") / "appliance.db")
    yield connection
    connection.close()


def record(db: apsw.Connection, query: str, *, tenant: str = "default", at: float = 1.0) -> int:
    retrieval = Retrieval(
        conversation_id="c", message_id="m", query=query, mode="hybrid", found=[("k1", 0.5)], duration_ms=2.5
    )
    return retrievals.record(
        db, retrieval, tenant=tenant, namespace="default", bot="helper", user_id="alice", now=at
    )


def test_a_retrieval_is_read_back_by_its_message_in_its_tenant(db: apsw.Connection) -> None:
    number = record(db, "budget")
    (found,) = retrievals.of_message(db, "default", "m")
    assert (found.number, found.bot, found.user_id, found.at) == (number, "helper", "alice", 1.0)
    assert (found.retrieval.query, found.retrieval.found) == ("budget", [("k1", 0.5)])
    assert retrievals.of_message(db, "acme", "m") == []
    assert retrievals.of_message(db, "default", "other") == []


def test_pages_come_newest_first_and_old_ones_are_forgotten_some_at_a_time(db: apsw.Connection) -> None:
    for number in range(5):
        record(db, f"question {number}", at=float(number))
    record(db, "elsewhere", tenant="acme", at=9.0)
    first = retrievals.newest(db, "default", limit=2)
    second = retrievals.newest(db, "default", limit=2, before=first[-1].number)
    assert [one.retrieval.query for one in (*first, *second)] == [f"question {n}" for n in (4, 3, 2, 1)]
    assert [retrievals.forget(db, 3.0, 2), retrievals.forget(db, 3.0, 2), retrievals.forget(db, 3.0)] == [
        2,
        1,
        0,
    ]
    assert len(retrievals.newest(db, "default")) == 2


def test_a_long_question_is_cut(db: apsw.Connection) -> None:
    record(db, "x" * 100_000)
    assert len(retrievals.newest(db, "default")[0].retrieval.query) == retrievals.QUERY_CHARS_MAX
