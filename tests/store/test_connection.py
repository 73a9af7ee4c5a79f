from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

import apsw
import pytest

from appliance.store.database import connect, database_path

ROWS = 20_000


class Failed(Exception):
    pass


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = database_path(tmp_path)
    db = connect(path)
    db.execute("CREATE TABLE notes (text TEXT)")
    db.close()
    return path


def noted(db: apsw.Connection) -> list[str]:
    return [text for (text,) in db.execute("SELECT text FROM notes ORDER BY text")]


def test_who_waits_for_the_lock_lets_the_thread_go_on_that_holds_it(path: Path) -> None:
    holder, waiter = connect(path), connect(path)
    holder.execute("BEGIN IMMEDIATE")
    waits = threading.Event()

    def go_on() -> None:
        waits.wait()
        for _ in range(ROWS):  # needs the interpreter again and again, long after the other has begun to wait
            holder.execute("INSERT INTO notes VALUES ('held')")
        holder.execute("COMMIT")

    thread = threading.Thread(target=go_on)
    thread.start()
    waits.set()
    with waiter:
        waiter.execute("INSERT INTO notes VALUES ('waited')")
    thread.join()
    assert noted(waiter) == ["held"] * ROWS + ["waited"]


def test_a_block_that_fails_leaves_nothing_and_one_inside_of_it_only_the_rest(path: Path) -> None:
    db = connect(path)
    with suppress(Failed), db:
        db.execute("INSERT INTO notes VALUES ('a')")
        with db:
            db.execute("INSERT INTO notes VALUES ('b')")
        raise Failed
    assert noted(db) == []
    with db:
        db.execute("INSERT INTO notes VALUES ('c')")
        with suppress(Failed), db:
            db.execute("INSERT INTO notes VALUES ('d')")
            raise Failed
    assert (noted(db), db.in_transaction) == (["c"], False)


def test_a_block_that_cannot_commit_leaves_no_transaction_open(path: Path) -> None:
    db = connect(path)
    db.execute("CREATE TABLE of (id INTEGER PRIMARY KEY)")
    db.execute("CREATE TABLE mine (of_id REFERENCES of (id) DEFERRABLE INITIALLY DEFERRED)")
    with pytest.raises(apsw.ConstraintError), db:
        db.execute("INSERT INTO mine VALUES (7)")
    assert not db.in_transaction
    with db:
        db.execute("INSERT INTO notes VALUES ('later')")
    assert noted(db) == ["later"]


def test_a_block_may_end_its_transaction_itself(path: Path) -> None:
    db = connect(path)
    with suppress(Failed), db:
        db.execute("INSERT INTO notes VALUES ('a')")
        db.execute("ROLLBACK")
        raise Failed
    assert noted(db) == []
