import apsw
import pytest

from appliance.store.migrate import migrate
from appliance.store.users import SEEN_EVERY_S, is_remembered, remember_user, user_exists


@pytest.fixture
def db() -> apsw.Connection:
    db = apsw.Connection(":memory:")
    migrate(db)
    return db


def test_a_user_is_written_at_most_once_an_hour(db: apsw.Connection) -> None:
    assert remember_user(db, "default", "alice", 1000.0)
    assert not remember_user(db, "default", "alice", 1000.0 + SEEN_EVERY_S - 1)
    assert remember_user(db, "default", "alice", 1000.0 + SEEN_EVERY_S)
    row = db.execute("SELECT created_at, seen_at FROM _users").fetchall()
    assert row == [(1000.0, 1000.0 + SEEN_EVERY_S)]


def test_the_cheap_read_foretells_the_write(db: apsw.Connection) -> None:
    for now in (0.0, 10.0, SEEN_EVERY_S - 1, SEEN_EVERY_S, SEEN_EVERY_S + 1, 3 * SEEN_EVERY_S):
        foretold = not is_remembered(db, "default", "alice", now)
        assert remember_user(db, "default", "alice", now) is foretold


def test_a_clock_that_goes_back_changes_nothing(db: apsw.Connection) -> None:
    remember_user(db, "default", "alice", 10_000.0)
    assert not remember_user(db, "default", "alice", 5.0)


def test_users_of_two_tenants_with_one_id_are_two(db: apsw.Connection) -> None:
    db.execute("INSERT INTO _tenants VALUES ('acme', 0)")
    remember_user(db, "acme", "alice", 1.0)
    assert user_exists(db, "acme", "alice")
    assert not user_exists(db, "default", "alice")
    assert not user_exists(db, "acme", "ALICE")
