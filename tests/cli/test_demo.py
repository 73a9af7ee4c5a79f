"""`appliance demo` as people use it: in a process of its own, on folders with and without data."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from appliance.store.database import connect, database_path

CLEAN = {key: value for key, value in os.environ.items() if not key.startswith("APPLIANCE_")}


def demo(data: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "appliance", "demo", "--data", str(data), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=CLEAN,
    )


def errors_once_served(data: Path) -> str:
    """Serve the demo, stop it at its first line, and return what it said on stderr."""
    process = demo(data)
    try:
        assert process.stdout
        assert process.stdout.readline().startswith("Serving http")
    finally:
        process.terminate()
        _, errors = process.communicate(timeout=30)
    return errors


def test_a_new_folder_is_filled_and_served_again_as_it_is(tmp_path: Path) -> None:
    data = tmp_path / "demo"
    assert f"Added the demo shop to {data}: tables users, products, orders" in errors_once_served(data)
    assert f"The demo shop is in {data} already: nothing added" in errors_once_served(data)


def test_a_folder_with_data_of_its_own_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(connect(database_path(tmp_path))) as db:
        db.execute("CREATE TABLE orders (mine)")
    process = demo(tmp_path)
    output, errors = process.communicate(timeout=30)
    assert (process.returncode, output) == (1, "")
    assert f"{tmp_path} already has a table orders; choose another --data." in errors
    with closing(connect(database_path(tmp_path))) as db:
        assert not db.table_exists(None, "users")
