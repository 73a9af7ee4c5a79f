import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from appliance.errors import DataFolderInUse, InvalidInput, StoreError
from appliance.store.backup import back_up, restore
from appliance.store.database import connect, database_path
from appliance.store.lock import hold

NOW = 1_700_000_000.0
STAMP = "20231114T221320Z"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def db(data: Path) -> Iterator[apsw.Connection]:
    with closing(connect(database_path(data))) as connection:
        connection.execute("CREATE TABLE t (x); INSERT INTO t VALUES ('backed up')")
        yield connection


@pytest.fixture
def saved(db: apsw.Connection, tmp_path: Path) -> Path:
    """A good backup; after it the database has changed."""
    back_up(db, tmp_path / "saved")
    db.execute("UPDATE t SET x = 'later'")
    return tmp_path / "saved"


def values(path: Path) -> list[object]:
    with closing(connect(path)) as db:
        return [row[0] for row in db.execute("SELECT x FROM t")]


def test_a_backup_is_one_file_that_opens_where_nothing_can_be_written(
    db: apsw.Connection, tmp_path: Path
) -> None:
    target = tmp_path / "copy"
    copied = back_up(db, target)
    assert (copied.path, copied.bytes, copied.tables) == (str(target), target.stat().st_size, ["t"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "data"]
    with closing(
        apsw.Connection(f"file:{target}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    ) as copy:
        assert copy.execute("SELECT x FROM t").get == "backed up"
        assert copy.pragma("journal_mode") == "delete"


def test_a_backup_is_one_moment_of_a_database_that_is_written_all_the_time(
    db: apsw.Connection, data: Path, tmp_path: Path
) -> None:
    db.execute("CREATE TABLE a (n, pad); CREATE TABLE b (n)")
    stop = threading.Event()

    def write() -> None:
        with closing(connect(database_path(data))) as other:
            while not stop.is_set():
                with other:
                    other.execute("INSERT INTO a VALUES ((SELECT count(*) FROM a), zeroblob(40000))")
                    other.execute("INSERT INTO b VALUES ((SELECT count(*) FROM b))")

    thread = threading.Thread(target=write)
    thread.start()
    seen: list[int] = []
    try:
        for number in range(5):
            back_up(db, tmp_path / f"copy{number}")
            with closing(apsw.Connection(str(tmp_path / f"copy{number}"))) as copy:
                ((a, b),) = copy.execute(
                    "SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)"
                ).fetchall()
            assert a == b
            seen.append(a)
    finally:
        stop.set()
        thread.join()
    assert seen[-1] > seen[0]


def test_a_backup_overwrites_only_when_told_and_never_a_database_in_use(
    db: apsw.Connection, data: Path, tmp_path: Path
) -> None:
    target = tmp_path / "copy"
    target.write_text("precious")
    with pytest.raises(InvalidInput, match="--force"):
        back_up(db, target)
    assert target.read_text() == "precious"
    back_up(db, target, force=True)
    with pytest.raises(InvalidInput, match="is the database itself"):
        back_up(db, database_path(data), force=True)
    other = tmp_path / "other" / "appliance.db"
    with closing(connect(other)), pytest.raises(InvalidInput, match="database in use"):
        back_up(db, other, force=True)
    with pytest.raises(InvalidInput, match="is a folder"):
        back_up(db, tmp_path, force=True)
    with pytest.raises(InvalidInput, match="There is no folder"):
        back_up(db, tmp_path / "none" / "copy")


def test_a_damaged_database_is_not_backed_up_as_if_it_were_whole(
    db: apsw.Connection, data: Path, tmp_path: Path
) -> None:
    db.execute("CREATE TABLE big (x); CREATE INDEX i ON big (x)")
    with db:
        db.executemany("INSERT INTO big VALUES (?)", [("x" * 100 + str(n),) for n in range(5000)])
    db.close()
    path = database_path(data)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = os.urandom(20_000)
    path.write_bytes(content)
    with closing(connect(path)) as again, pytest.raises(StoreError, match="damaged"):
        back_up(again, tmp_path / "copy")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_restore_brings_the_rows_back_and_keeps_the_old_file(
    saved: Path, db: apsw.Connection, data: Path
) -> None:
    db.close()
    database_path(data).chmod(0o640)
    restored = restore(saved, data, NOW)
    kept = data / f"appliance.db.before-restore-{STAMP}"
    assert (restored.path, restored.kept, restored.tables) == (str(database_path(data)), str(kept), ["t"])
    assert values(database_path(data)) == ["backed up"]
    assert values(kept) == ["later"]
    assert database_path(data).stat().st_mode & 0o777 == 0o640
    assert saved.exists()
    again = restore(saved, data, NOW)
    assert again.kept == f"{kept}-2"


def test_restore_into_a_new_folder(saved: Path, tmp_path: Path) -> None:
    restored = restore(saved, tmp_path / "new", NOW)
    assert restored.kept is None
    assert values(database_path(tmp_path / "new")) == ["backed up"]


def crash(data: Path) -> None:
    """Leave the folder as a killed process does: rows that only the WAL has."""
    child = os.fork()
    if not child:
        db = connect(database_path(data))
        db.execute("UPDATE t SET x = 'only in the WAL'")
        os.kill(os.getpid(), 9)
    os.waitpid(child, 0)
    assert database_path(data).with_name("appliance.db-wal").stat().st_size > 0


def test_rows_in_the_wal_of_a_crash_go_with_the_old_file(
    saved: Path, db: apsw.Connection, data: Path
) -> None:
    db.close()
    crash(data)
    restored = restore(saved, data, NOW)
    assert values(database_path(data)) == ["backed up"]
    assert restored.kept is not None
    assert values(Path(restored.kept)) == ["only in the WAL"]


def test_a_wal_without_its_database_does_not_get_into_the_restored_one(
    saved: Path, db: apsw.Connection, data: Path
) -> None:
    db.close()
    crash(data)
    database_path(data).unlink()
    assert restore(saved, data, NOW).kept is None
    assert values(database_path(data)) == ["backed up"]


def test_an_old_file_that_is_damaged_is_kept_as_it_is(saved: Path, db: apsw.Connection, data: Path) -> None:
    db.close()
    crash(data)
    database_path(data).write_bytes(b"rubbish" * 10_000)
    wal = database_path(data).with_name("appliance.db-wal").read_bytes()
    restored = restore(saved, data, NOW)
    assert values(database_path(data)) == ["backed up"]
    assert restored.kept is not None
    assert Path(restored.kept).read_bytes() == b"rubbish" * 10_000
    assert Path(restored.kept + "-wal").read_bytes() == wal


def test_restore_waits_for_nobody_who_uses_the_database(saved: Path, db: apsw.Connection, data: Path) -> None:
    with hold(data, "process 7 at port 1"), pytest.raises(DataFolderInUse, match="process 7 at port 1"):
        restore(saved, data, NOW)
    with pytest.raises(DataFolderInUse, match="open in another command"):
        restore(saved, data, NOW)
    assert db.execute("SELECT x FROM t").get == "later"
    assert not list(data.glob("*restore*"))
    assert not list(data.glob("*.tmp*"))


def foreign(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.execute("CREATE TABLE _migrations (number)")


def newer(path: Path) -> None:
    with closing(connect(path)) as db:
        db.execute("INSERT INTO _migrations VALUES (9999, 'future', 0)")


def torn(path: Path) -> None:
    with closing(connect(path)) as db:
        db.execute("CREATE TABLE t (x); CREATE INDEX i ON t (x)")
        with db:
            db.executemany("INSERT INTO t VALUES (?)", [("x" * 100 + str(n),) for n in range(5000)])
    os.truncate(path, path.stat().st_size * 2 // 3 // 4096 * 4096)


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (foreign, "not a backup of the appliance"),
        (newer, "newer version .migration 9999, known here: "),
        (torn, "damaged"),
        (lambda path: path.write_bytes(b"no database" * 1000), "damaged or is no backup"),
        (lambda path: path.touch(), "not a backup of the appliance"),
        (lambda path: path.mkdir(), "There is no backup file"),
        (lambda path: None, "There is no backup file"),
    ],
)
def test_files_that_are_no_good_backup_change_nothing(
    saved: Path, db: apsw.Connection, data: Path, tmp_path: Path, make: object, complaint: str
) -> None:
    db.close()
    assert callable(make)
    make(tmp_path / "bad")
    before = database_path(data).read_bytes()
    with pytest.raises(InvalidInput, match=complaint):
        restore(tmp_path / "bad", data, NOW)
    assert database_path(data).read_bytes() == before
    assert {path.name for path in data.iterdir()} <= {"appliance.db", "server.lock"}


def test_the_database_is_no_backup_of_itself(db: apsw.Connection, data: Path) -> None:
    with pytest.raises(InvalidInput, match="the database itself"):
        restore(database_path(data), data, NOW)
