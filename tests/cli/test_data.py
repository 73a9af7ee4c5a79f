"""`appliance data` as people use it: in a process of its own, beside others, and when things go wrong."""

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from appliance.store.database import connect, database_path
from tests.support.commands import run_command

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}
BIG_ROWS = 200_000


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
    return tmp_path / "data"


@pytest.fixture
def people(tmp_path: Path) -> Path:
    path = tmp_path / "people.csv"
    path.write_text("id,Full Name\n1,Ada\n2,Bo\n")
    return path


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("big") / "big.csv"
    path.write_text("a,b\n" + "".join(f"{n},some text that takes space\n" for n in range(BIG_ROWS)))
    return path


@pytest.fixture
def little_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system with 68 MiB; only root can make one."""
    folder = tmp_path / "little"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=68m", "tmpfs", folder], check=False).returncode:
        pytest.skip("file systems can only be mounted by root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def tables(data: Path) -> list[tuple[str, int]]:
    done = appliance("data", "tables", "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    return [(table["name"], table["rows"]) for table in json.loads(done.stdout)]


def test_import_says_what_came_in_and_tables_lists_it(data: Path, people: Path) -> None:
    done = appliance("data", "import", people, "--data", data)
    assert (done.returncode, done.stderr.startswith("Done in ")) == (0, True)
    assert done.stdout == (
        f"people: 2 rows, 2 columns, from {people}\n  column 'Full Name' is called Full_Name\n"
    )
    done = appliance("data", "tables", "--data", data)
    assert done.stdout.split() == ["people", "2", "rows", "id", "INTEGER,", "Full_Name", "TEXT"]
    done = appliance("data", "tables", "--data", data, "--json")
    assert json.loads(done.stdout) == [
        {
            "name": "people",
            "rows": 2,
            "columns": [{"name": "id", "type": "INTEGER"}, {"name": "Full_Name", "type": "TEXT"}],
        }
    ]


def test_on_a_terminal_a_bar_shows_the_progress(data: Path, big: Path) -> None:
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "data", "import", str(big), "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=60,
        env={**CLEAN, "TERM": "xterm"},
    )
    os.close(theirs)
    shown = os.read(ours, 100_000).decode(errors="ignore")  # may end within a character
    os.close(ours)
    assert done.returncode == 0
    assert "Importing" in shown
    assert "%" in shown


def test_tables_of_an_empty_or_missing_folder(data: Path) -> None:
    done = appliance("data", "tables", "--data", data)
    assert (done.returncode, data.exists()) == (1, False)
    assert "appliance data import FILE" in done.stderr
    connect(database_path(data)).close()
    assert "There are no tables yet" in appliance("data", "tables", "--data", data).stdout


def test_names_and_replacing(data: Path, people: Path) -> None:
    assert appliance("data", "import", people, "--table", "staff", "--data", data).returncode == 0
    again = appliance("data", "import", people, "--table", "Staff", "--data", data)
    assert (again.returncode, again.stdout) == (1, "")
    assert "There is a table Staff already. Add --replace" in again.stderr
    people.write_text("id\n1\n2\n3\n")
    replaced = appliance("data", "import", people, "--table", "staff", "--replace", "--data", data)
    assert (replaced.returncode, tables(data)) == (0, [("staff", 3)])
    reserved = appliance("data", "import", people, "--table", "_users", "--data", data)
    assert (reserved.returncode, "reserved" in reserved.stderr) == (1, True)


def test_a_chosen_name_is_cleaned_like_a_files(data: Path, people: Path) -> None:
    done = appliance("data", "import", people, "--table", "bad name; drop", "--data", data)
    assert (done.returncode, tables(data)) == (0, [("bad_name_drop", 2)])
    assert "  table 'bad name; drop' is called bad_name_drop\n" in done.stdout
    nothing = appliance("data", "import", people, "--table", "; --", "--data", data)
    assert (nothing.returncode, nothing.stdout) == (1, "")
    assert "has no letter and no digit. Choose another with --table NAME." in nothing.stderr


def test_import_says_which_value_made_a_column_text(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "sales.csv"
    path.write_text(
        'note,amount,day\n"two\nlines",1,2024-01-31\n\nb,1e5,2024-02-30\nc,3,today\nd,4,2024-02-01\n'
    )
    done = appliance("data", "import", path, "--data", data)
    assert done.stdout.splitlines()[1:] == [
        "  amount is text because of '1e5' in line 5",
        "  day is text because of 'today' in line 6",
    ]
    path.write_text(",".join("abcdefg") + "\n" + "1,1,1,1,1,1,1\n" * 3 + ",".join(["x" * 50] * 7) + "\n")
    done = appliance("data", "import", path, "--replace", "--data", data)
    told = [f"  {column} is text because of '{'x' * 40}…' in line 5" for column in "abcde"]
    assert done.stdout.splitlines()[1:] == told


def test_one_row_is_no_rows(data: Path, tmp_path: Path) -> None:
    (tmp_path / "one.csv").write_text("a\nx\n")
    done = appliance("data", "import", tmp_path / "one.csv", "--data", data)
    assert done.stdout.startswith("one: 1 row, 1 column, from ")
    assert " 1 row   a TEXT" in appliance("data", "tables", "--data", data).stdout


def test_views_of_a_sqlite_file_are_told_to_stay_behind(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "shop.sqlite"
    with closing(apsw.Connection(str(file))) as db:
        db.execute(
            'CREATE TABLE a (x); CREATE TABLE b (y); CREATE VIEW v AS SELECT 1;CREATE VIEW "w\nz" AS SELECT 2'
        )
    ran = appliance("data", "import", file, "--data", data)
    assert ran.stdout.splitlines()[2:] == [f"2 views left behind: v, 'w\\nz', from {file}"]
    ran = appliance("data", "import", file, "--table", "a", "--replace", "--data", data)
    assert "behind" not in ran.stdout


def test_one_bad_file_keeps_all_out(data: Path, people: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n3\n")
    done = appliance("data", "import", people, bad, "--data", data)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"appliance: {bad}, line 3: 1 field, but the header has 2\n"
    assert tables(data) == []


def test_a_file_that_is_missing_makes_no_data_folder(data: Path, tmp_path: Path) -> None:
    done = appliance("data", "import", tmp_path / "none.csv", "--data", data)
    assert (done.returncode, data.exists()) == (1, False)
    assert "No such file" in done.stderr


def test_the_database_cannot_import_itself(data: Path, people: Path) -> None:
    appliance("data", "import", people, "--data", data)
    done = appliance("data", "import", database_path(data), "--data", data)
    assert (done.returncode, "cannot import itself" in done.stderr) == (1, True)


def test_a_broken_database_is_named(data: Path, people: Path) -> None:
    data.mkdir()
    database_path(data).write_bytes(b"this is no database " * 1000)
    done = appliance("data", "import", people, "--data", data)
    assert (done.returncode, "appliance restore FILE" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def start_import(big: Path, data: Path) -> subprocess.Popen[str]:
    """Start an import that replaces `big`, and wait until it is writing rows."""
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", "data", "import", str(big), "--replace", "--data", str(data)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
    )
    deadline = time.monotonic() + 30
    with closing(connect(database_path(data))) as db:
        while not staging(db):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
    return process


def staging(db: apsw.Connection) -> list[str]:
    found = db.execute("SELECT name FROM sqlite_schema WHERE name LIKE '\\_import%' ESCAPE '\\'")
    return [str(name) for (name,) in found]


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_import_that_is_ended_leaves_the_old_rows(data: Path, big: Path, end: signal.Signals) -> None:
    with closing(connect(database_path(data))) as db:
        db.execute("CREATE TABLE big (a); INSERT INTO big VALUES ('old')")
    process = start_import(big, data)
    process.send_signal(end)
    _, errors = process.communicate(timeout=30)
    assert process.returncode != 0
    assert "Traceback" not in errors
    with closing(connect(database_path(data))) as db:
        assert db.execute("SELECT * FROM big").fetchall() == [("old",)]
        assert db.execute("PRAGMA integrity_check").get == "ok"
        assert bool(staging(db)) == (end == signal.SIGKILL)  # a killed one cannot clean up behind itself
    assert appliance("data", "import", big, "--replace", "--data", data).returncode == 0
    with closing(connect(database_path(data))) as db:
        assert staging(db) == []
    assert tables(data) == [("big", BIG_ROWS)]


def test_a_full_disk_leaves_the_old_rows_and_room_for_the_server(
    little_disk: Path, big: Path, people: Path
) -> None:
    assert appliance("data", "import", people, "--data", little_disk).returncode == 0
    done = appliance("data", "import", big, people, "--replace", "--data", little_disk)
    assert (done.returncode, done.stdout) == (1, "")
    assert "is nearly full: 63 MiB are free" in done.stderr
    assert tables(little_disk) == [("people", 2)]
    assert appliance("keys", "create", "--type", "anon", "--data", little_disk).returncode == 0
    with closing(connect(database_path(little_disk))) as db:
        assert staging(db) == []


def test_a_write_that_fails_leaves_the_old_rows(data: Path, big: Path, people: Path) -> None:
    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))

    assert appliance("data", "import", people, "--data", data).returncode == 0
    done = appliance("data", "import", big, people, "--replace", "--data", data, preexec_fn=limit_file_size)
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (1, "", False)
    assert "Look at the disk" in done.stderr
    assert tables(data) == [("people", 2)]
    assert appliance("data", "import", big, "--data", data).returncode == 0
    assert tables(data) == [("big", BIG_ROWS), ("people", 2)]


def test_a_folder_that_cannot_be_written_is_named(little_disk: Path, people: Path) -> None:
    assert appliance("data", "import", people, "--data", little_disk).returncode == 0
    subprocess.run(["mount", "-o", "remount,ro", little_disk], check=True)
    done = appliance("data", "import", people, "--replace", "--data", little_disk)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)
    assert "writable" in done.stderr
