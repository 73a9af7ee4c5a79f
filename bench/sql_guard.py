"""What the SQL guard costs over plain SQLite, and what reading a large schema costs.

Run: python bench/sql_guard.py [--rows 336776] [--repeat 500]
Prints milliseconds per query (median) for a plain connection in this process, a guarded connection in
this process, and the pool with its worker process; then the time of `read_schema`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import trio

from appliance.sqlguard import SqlPolicy
from appliance.tools.sql_connection import GuardedConnection
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_schema import open_read_only, read_schema

POLICY = SqlPolicy(allowed_tables=["flights", "airlines"])
QUERIES = {
    "one row": "SELECT name FROM airlines WHERE carrier = 'A7'",
    "top ten": "SELECT carrier, count(*) AS n FROM flights GROUP BY carrier ORDER BY n DESC LIMIT 10",
    "1000 rows": "SELECT * FROM flights LIMIT 1000",
}


def make(path: Path, rows: int) -> None:
    db = apsw.Connection(str(path))
    db.pragma("journal_mode", "wal")
    db.execute("CREATE TABLE airlines (carrier TEXT, name TEXT)")
    db.execute(
        "CREATE TABLE flights (year INTEGER, carrier TEXT, flight INT, origin TEXT, dest TEXT, delay REAL)"
    )
    with db:
        db.executemany("INSERT INTO airlines VALUES (?, ?)", [(f"A{n}", f"Airline {n}") for n in range(16)])
        db.executemany(
            "INSERT INTO flights VALUES (2013, ?, ?, ?, ?, ?)",
            ((f"A{n % 16}", n, f"O{n % 3}", f"D{n % 105}", n % 97) for n in range(rows)),
        )
    db.close()


def median_ms(run: Callable[[], object], repeat: int) -> float:
    run()
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        run()
        times.append((time.perf_counter() - started) * 1000)
    return statistics.median(times)


async def pooled_ms(pool: SqlPool, sql: str, repeat: int) -> float:
    await pool.query(sql, POLICY)
    times = []
    for _ in range(repeat):
        started = time.perf_counter()
        outcome = await pool.query(sql, POLICY)
        times.append((time.perf_counter() - started) * 1000)
        assert outcome.error is None, outcome.error
    return statistics.median(times)


async def main(rows: int, repeat: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "team.db"
        make(path, rows)
        plain = open_read_only(path)
        guarded = GuardedConnection(path, POLICY)
        async with SqlPool(path, workers_max=1) as pool:
            started = time.perf_counter()
            await pool.warm()
            print(f"worker started in {(time.perf_counter() - started) * 1000:.0f} ms")
            print(f"{'query':12}{'plain':>10}{'guarded':>10}{'pool':>10}   pool / plain")
            for name, sql in QUERIES.items():
                times = repeat if name == "one row" else max(3, repeat // 25)
                base = median_ms(lambda sql=sql: list(plain.execute(sql)), times)
                inside = median_ms(lambda sql=sql: guarded.run(sql, POLICY), times)
                outside = await pooled_ms(pool, sql, times)
                print(f"{name:12}{base:8.3f}ms{inside:8.3f}ms{outside:8.3f}ms   {outside / base:.2f}")
        print(f"schema of {rows} rows: {median_ms(lambda: read_schema(plain, POLICY), 5):.1f} ms")
        guarded.close()
        plain.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=336_776)
    parser.add_argument("--repeat", type=int, default=500)
    arguments = parser.parse_args()
    trio.run(main, arguments.rows, arguments.repeat)
