"""The store promises durable writes that share commits, reads beside them, and clear refusals."""

import subprocess
import sys
import textwrap
from pathlib import Path

import apsw
import pytest
import trio

from appliance.errors import DataFolderInUse, StoreError, StoreFull
from appliance.store import lock
from appliance.store.database import connect, database_path
from appliance.store.migrate import APPLICATION_ID, applied, migrations
from appliance.store.pragmas import open_connection
from appliance.store.store import Store


def add(db: apsw.Connection, key: str, value: str) -> None:
    sql = "INSERT INTO _settings (tenant, key, value, updated_at) VALUES ('default', ?, CAST(? AS BLOB), 0)"
    db.execute(sql, (key, value))


def count(db: apsw.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM _settings").get)


def add_then_fail(db: apsw.Connection, key: str) -> None:
    add(db, key, "lost")
    raise ValueError(key)


async def test_an_acknowledged_write_is_seen_by_every_reader(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        await store.write(add, "a", "1")
        assert await store.read(count) == 1
        assert store.read_now(count) == 1


async def test_one_failing_write_undoes_only_itself_in_a_shared_commit(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        failures: list[str] = []

        async def good(key: str) -> None:
            await store.write(add, key, "x")

        async def bad(key: str) -> None:
            with pytest.raises(ValueError, match=key):
                await store.write(add_then_fail, key)
            failures.append(key)

        async with trio.open_nursery() as nursery:
            for index in range(100):
                nursery.start_soon(good, f"good{index}")
                nursery.start_soon(bad, f"bad{index}")
        assert len(failures) == 100
        assert await store.read(count) == 100


async def test_an_error_of_sqlite_is_one_of_ours_and_the_writer_goes_on(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        await store.write(add, "a", "1")
        with pytest.raises(StoreError):
            await store.write(add, "a", "again")
        await store.write(add, "b", "2")
        assert await store.read(count) == 2


async def test_a_reader_connection_cannot_write(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        with pytest.raises(StoreError):
            await store.read(add, "a", "1")


async def test_a_cancelled_write_waits_for_its_outcome(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(store.write, add, "a", "1")
                await trio.testing.wait_all_tasks_blocked()
                scope.cancel()
        assert await store.read(count) == 1


async def test_a_full_disk_is_told_and_the_store_recovers(tmp_path: Path) -> None:
    async with Store.open(database_path(tmp_path)) as store:
        await store.write(add, "a", "1")

        def limit(db: apsw.Connection, pages: int) -> None:
            db.pragma("max_page_count", pages)

        await store.write(limit, 1)
        with pytest.raises(StoreFull, match="full"):
            await store.write(add, "big", "x" * 5_000_000)
        await store.write(limit, 1_000_000)
        await store.write(add, "b", "2")
        assert await store.read(count) == 2


def test_a_kill_at_any_moment_loses_no_acknowledged_write(tmp_path: Path) -> None:
    """The child prints each key after its write was acknowledged, and is killed while it writes."""
    program = textwrap.dedent(
        """
        import sys, trio
        from pathlib import Path
        from appliance.store.database import database_path
        from appliance.store.store import Store
        from tests.store.test_store import add
        async def main():
            async with Store.open(database_path(Path(sys.argv[1]))) as store:
                async def one(task):
                    for n in range(10_000):
                        await store.write(add, f"{task}-{n}", "v")
                        print(f"{task}-{n}", flush=True)
                async with trio.open_nursery() as nursery:
                    for task in range(10):
                        nursery.start_soon(one, task)
        trio.run(main)
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout
    acknowledged = [child.stdout.readline().strip() for _ in range(500)]
    child.kill()
    acknowledged += [line.strip() for line in child.stdout if line.endswith("\n")]
    child.wait()
    child.stdout.close()
    db = connect(database_path(tmp_path))
    stored = {row[0] for row in db.execute("SELECT key FROM _settings")}
    db.close()
    assert set(acknowledged) <= stored


def test_a_new_file_has_all_migrations_and_our_mark(tmp_path: Path) -> None:
    db = connect(database_path(tmp_path))
    assert applied(db) == migrations()[-1].number
    assert db.pragma("application_id") == APPLICATION_ID
    assert db.pragma("journal_mode") == "wal"
    db.close()


def test_a_newer_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    db = connect(database_path(tmp_path))
    db.execute("INSERT INTO _migrations VALUES (9999, '9999_future', 0)")
    db.close()
    with pytest.raises(StoreError, match="newer version"):
        connect(database_path(tmp_path))


def test_a_pending_migration_makes_a_snapshot_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.store import migrate

    connect(database_path(tmp_path)).close()
    more = migrate.Migration(
        number=9998, name="9998_more", sql="CREATE TABLE _more (x) STRICT;".replace(" STRICT", "")
    )
    known = migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: [*known, more])
    db = connect(database_path(tmp_path))
    assert db.table_exists("main", "_more")
    db.close()
    [snapshot] = tmp_path.glob("*.before-migration-*")
    before = apsw.Connection(str(snapshot))
    assert applied(before) == known[-1].number
    before.close()


def test_a_broken_migration_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from appliance.store import migrate

    connect(database_path(tmp_path)).close()
    bad = migrate.Migration(number=9998, name="9998_bad", sql="CREATE TABLE _half (x); SELECT nonsense();")
    known = migrate.migrations()
    monkeypatch.setattr(migrate, "migrations", lambda: [*known, bad])
    with pytest.raises(StoreError):
        connect(database_path(tmp_path))
    monkeypatch.setattr(migrate, "migrations", lambda: known)
    db = connect(database_path(tmp_path))
    assert not db.table_exists("main", "_half")
    db.close()


def test_a_file_that_is_no_database_is_refused_with_what_to_do(tmp_path: Path) -> None:
    database_path(tmp_path).write_bytes(b"not a database at all " * 1000)
    with pytest.raises(StoreError, match="appliance restore"):
        connect(database_path(tmp_path))


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be created"):
        connect(database_path(tmp_path / "file"))


def test_an_old_sqlite_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(StoreError, match="corruption"):
        open_connection(":memory:")


def test_a_second_holder_of_the_folder_is_refused_with_the_name_of_the_first(tmp_path: Path) -> None:
    with (
        lock.hold(tmp_path, "process 1 at http://one"),
        pytest.raises(DataFolderInUse, match="process 1 at http://one"),
        lock.hold(tmp_path, "process 2"),
    ):
        pass
    assert lock.holder(tmp_path) is None
    with lock.hold(tmp_path, "process 3"):
        assert lock.holder(tmp_path) == "process 3"
