"""`appliance backup` and `appliance restore` as operators use them."""

import json
import os
import resource
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from appliance.store.database import connect, database_path
from appliance.store.lock import hold
from tests.support.commands import run_command

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}

WRITER = """
import sys
from pathlib import Path
from appliance.store.database import connect
db = connect(Path(sys.argv[1]))
while True:
    with db:
        db.execute("INSERT INTO a VALUES ((SELECT count(*) FROM a), zeroblob(20000))")
        db.execute("INSERT INTO b VALUES ((SELECT count(*) FROM b))")
"""
"""A process that keeps two tables equal in each of its transactions."""


def appliance(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    if not options:
        return run_command(*arguments, env=CLEAN)
    return subprocess.run(
        [sys.executable, "-m", "appliance", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=60,
        env=CLEAN,
        **options,  # type: ignore[call-overload]
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with closing(connect(database_path(tmp_path / "data"))) as db:
        db.execute("CREATE TABLE orders (x); INSERT INTO orders VALUES (1)")
    return tmp_path / "data"


def orders(data: Path) -> int:
    with closing(connect(database_path(data))) as db:
        count = db.execute("SELECT count(*) FROM orders").get
    assert isinstance(count, int)
    return count


def test_a_backup_is_taken_and_put_back(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.db"
    done = appliance("backup", file, "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"Wrote {file}: {file.stat().st_size / 1e6:.1f} MB; tables of yours: orders\n"
    with closing(connect(database_path(data))) as db:
        db.execute("DELETE FROM orders")
    done = appliance("restore", file, "--data", data)
    assert (done.returncode, done.stderr, orders(data)) == (0, "", 1)
    assert f"The database before it is kept as {data}/appliance.db.before-restore-" in done.stdout


def test_both_can_answer_in_json(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "saved.db"
    made = json.loads(appliance("backup", file, "--data", data, "--json").stdout)
    assert made == {"path": str(file), "bytes": file.stat().st_size, "tables": ["orders"]}
    put = json.loads(appliance("restore", file, "--data", data, "--json").stdout)
    assert put["path"] == str(database_path(data))
    assert Path(put["kept"]).exists()


def test_a_backup_beside_a_process_that_writes_is_consistent(data: Path, tmp_path: Path) -> None:
    with closing(connect(database_path(data))) as db:
        db.execute("CREATE TABLE a (n, pad); CREATE TABLE b (n)")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(database_path(data))], env=CLEAN)
    try:
        with closing(connect(database_path(data))) as db:
            deadline = time.monotonic() + 20
            while not db.execute("SELECT count(*) > 50 FROM b").get:
                assert writer.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.01)
            before = db.execute("SELECT count(*) FROM b").get
            done = appliance("backup", tmp_path / "saved.db", "--data", data)
            after = db.execute("SELECT count(*) FROM b").get
        refused = appliance("restore", tmp_path / "saved.db", "--data", data)
    finally:
        writer.kill()
        writer.wait()
    assert done.returncode == 0, done.stderr
    assert (refused.returncode, "open in another command" in refused.stderr) == (1, True)
    with closing(connect(tmp_path / "saved.db")) as copy:
        ((a, b),) = copy.execute("SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b)").fetchall()
    assert a == b
    assert before <= b <= after


def test_a_restore_is_refused_while_a_server_has_the_folder(data: Path, tmp_path: Path) -> None:
    appliance("backup", tmp_path / "saved.db", "--data", data)
    with hold(data, "process 7 at port 1"):
        done = appliance("restore", tmp_path / "saved.db", "--data", data)
        beside = appliance("backup", tmp_path / "other.db", "--data", data)
    assert (done.returncode, beside.returncode) == (1, 0)
    assert "already served by process 7 at port 1. Stop that server" in done.stderr
    assert not list(data.glob("*restore*"))


def test_a_backup_that_cannot_be_written_leaves_nothing_behind(data: Path, tmp_path: Path) -> None:
    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    with closing(connect(database_path(data))) as db:
        db.execute("INSERT INTO orders VALUES (zeroblob(2000000))")
    target = tmp_path / "out"
    target.mkdir()
    done = appliance("backup", target / "saved.db", "--data", data, preexec_fn=limit_file_size)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert str(target / "saved.db") in done.stderr
    assert list(target.iterdir()) == []


def test_wrong_files_and_folders_are_named(data: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("not a database")
    for arguments, complaint in [
        (("backup", tmp_path / "x", "--data", tmp_path / "none"), "There is no database in"),
        (("backup", tmp_path / "notes.txt", "--data", data), "add --force to overwrite it"),
        (("backup", tmp_path / "none" / "x", "--data", data), "There is no folder"),
        (("restore", tmp_path / "none", "--data", data), "There is no backup file"),
        (("restore", tmp_path / "notes.txt", "--data", data), "is damaged or is no backup"),
    ]:
        done = appliance(*arguments)
        assert (done.returncode, done.stdout) == (1, "")
        assert complaint in done.stderr
        assert "Traceback" not in done.stderr
    assert orders(data) == 1
