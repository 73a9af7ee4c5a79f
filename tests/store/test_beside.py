"""Two halves of one reading on two connections: at once, and of the same moment."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest

from appliance.store.beside import Beside
from appliance.store.pragmas import open_connection


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.db"
    db = open_connection(path)
    db.execute("CREATE TABLE t (n INTEGER); INSERT INTO t VALUES (1)").fetchall()
    db.close()
    return path


@pytest.fixture
def beside(path: Path) -> Iterator[Beside]:
    beside = Beside(lambda: open_connection(path, read_only=True))
    yield beside
    beside.close()


def total(db: apsw.Connection) -> int:
    return int(db.execute("SELECT sum(n) FROM t").get)


def write(path: Path) -> None:
    db = open_connection(path)
    db.execute("INSERT INTO t VALUES (10)")
    db.close()


def test_what_is_committed_between_is_seen_by_both_or_by_none(path: Path, beside: Beside) -> None:
    db = open_connection(path, read_only=True)
    with beside.looking() as look, db:
        assert look is not None
        assert total(db) == 1
        its_turn = threading.Event()

        def later(other: apsw.Connection) -> int:
            assert its_turn.wait(10)
            return total(other)

        waiting = look.start(later)
        assert waiting is not None
        write(path)
        its_turn.set()
        assert (total(db), waiting()) == (1, 1)
    with beside.looking() as look, db:
        assert look is not None
        assert total(db) == 11
        waiting = look.start(total)
        assert waiting is not None
        assert waiting() == 11


@pytest.mark.parametrize("when", ["before the first one begins", "after it"])
def test_nothing_runs_when_something_was_committed_just_then(path: Path, beside: Beside, when: str) -> None:
    db = open_connection(path, read_only=True)
    with beside.looking() as look:
        assert look is not None
        if when == "before the first one begins":
            write(path)
        with db:
            total(db)
            if when == "after it":
                write(path)
            assert look.start(total) is None
    with beside.looking() as look, db:
        assert look is not None
        assert total(db) == 11
        assert look.start(total) is not None


def test_a_second_reading_does_not_wait_for_it(path: Path, beside: Beside) -> None:
    with beside.looking() as first, beside.looking() as second:
        assert first is not None
        assert second is None
    with beside.looking() as again:
        assert again is not None


def test_an_error_on_either_side_leaves_it_ready_for_the_next(path: Path, beside: Beside) -> None:
    db = open_connection(path, read_only=True)

    def begun(fn: Callable[[apsw.Connection], int]) -> Callable[[], int]:
        total(db)
        assert look is not None
        waiting = look.start(fn)
        assert waiting is not None
        return waiting

    def wrong(other: apsw.Connection) -> int:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"), beside.looking() as look, db:
        begun(wrong)()
    release = threading.Event()

    def slow(other: apsw.Connection) -> int:
        assert release.wait(10)
        return total(other)

    def fails() -> None:
        begun(slow)
        release.set()
        raise ValueError("of the first")

    with pytest.raises(ValueError, match="of the first"), beside.looking() as look, db:
        fails()
    with beside.looking() as look, db:
        assert begun(total)() == 1


def test_it_is_opened_when_it_is_first_needed(path: Path) -> None:
    opened: list[apsw.Connection] = []

    def opening() -> apsw.Connection:
        opened.append(open_connection(path, read_only=True))
        return opened[-1]

    beside = Beside(opening)
    assert not opened
    for _ in range(2):
        with beside.looking():
            pass
    assert len(opened) == 1
    beside.close()
    with pytest.raises(apsw.ConnectionClosedError):
        opened[0].execute("SELECT 1")
