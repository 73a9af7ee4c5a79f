"""What the SQL guard costs over plain SQLite, for the same statements on the same file.

Run: python bench/sql_guard.py [--rows 336776] [--repeat 1000] [--callers 60]
Prints milliseconds per query: plain apsw, a guarded connection in this process, and the pool with its worker
process, with statements whose text is new each time (as a model writes them) in turns, so that all meet the
same machine. Then the first query of a new caller, larger results, and the reading of the schema.
Exits with 1 when pool less plain takes more than `PROMISE_MS` at p50 for a caller who has asked before.
"""

from __future__ import annotations

import argparse
import itertools
import math
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw
import msgspec
import trio

from appliance.datarules import DataRules
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.tools.sql_connection import GuardedConnection
from appliance.tools.sql_names import localize
from appliance.tools.sql_pool import SqlPool
from appliance.tools.sql_schema import open_read_only, read_schema

PROMISE_MS = 2.0
ROUNDS = 20
"""Turns that plain, guarded and pool take with each other."""
TABLES = 40
"""Further tables of the file: each has a shadow, so they count for new connections."""

OPEN = SqlPolicy(allowed_tables=["flights", "airlines"])
ROW_RULE = msgspec.structs.replace(
    OPEN, user_id="u1", role="authenticated", rules=[DataRules(row_rules={"airlines": "owner = :user_id"})]
)
TWO_LAYERS = msgspec.structs.replace(
    ROW_RULE,
    allowed_schemas=[PUBLIC, "fleet"],
    allowed_tables=["flights", "airlines", "fleet.planes"],
    rules=[
        DataRules(row_rules={"airlines": "owner = :user_id", "fleet.planes": "all", "*": "none"}),
        DataRules(row_rules={"airlines": ":role <> 'anon'"}, hidden_columns={"airlines": ["note"]}),
    ],
)
SMALL = "SELECT name FROM airlines WHERE carrier = 'A1' AND {n} = {n}"
JOINED = (
    "SELECT a.name, p.seats FROM airlines AS a JOIN fleet.planes AS p ON p.carrier = a.carrier "
    "WHERE a.carrier = 'A1' AND {n} = {n}"
)
LARGE = {
    "top ten": "SELECT carrier, count(*) AS n FROM flights GROUP BY carrier ORDER BY n DESC LIMIT 10",
    "1000 rows": "SELECT * FROM flights LIMIT 1000",
}


class Case(NamedTuple):
    """A small statement under one policy; `{n}` in it makes its text a new one."""

    name: str
    policy: SqlPolicy
    sql: str


class Files(NamedTuple):
    """The data file and the one that is attached to it."""

    team: Path
    fleet: Path


def make(folder: Path, rows: int) -> Files:
    """Two files in WAL mode with `rows` flights, and many small tables as teams have them."""
    files = Files(folder / "team.db", folder / "fleet.db")
    with opened(files.team) as db:
        db.pragma("journal_mode", "wal")
        db.execute("CREATE TABLE airlines (carrier TEXT PRIMARY KEY, name TEXT, owner TEXT, note TEXT)")
        db.execute(
            "CREATE TABLE flights "
            "(year INTEGER, carrier TEXT, flight INT, origin TEXT, dest TEXT, delay REAL)"
        )
        for number in range(TABLES):
            db.execute(
                f"CREATE TABLE other_{number} (id INTEGER PRIMARY KEY, one TEXT, two REAL, three TEXT)"
            )
        with db:
            airlines = [(f"A{n}", f"Airline {n}", f"u{n}", "") for n in range(16)]
            db.executemany("INSERT INTO airlines VALUES (?, ?, ?, ?)", airlines)
            db.executemany(
                "INSERT INTO flights VALUES (2013, ?, ?, ?, ?, ?)",
                ((f"A{n % 16}", n, f"O{n % 3}", f"D{n % 105}", n % 97) for n in range(rows)),
            )
    with opened(files.fleet) as db:
        db.pragma("journal_mode", "wal")
        db.execute("CREATE TABLE planes (carrier TEXT PRIMARY KEY, seats INTEGER)")
        db.executemany("INSERT INTO planes VALUES (?, ?)", [(f"A{n}", 100 + n) for n in range(16)])
    return files


@contextmanager
def opened(path: Path) -> Iterator[apsw.Connection]:
    """A connection that writes."""
    db = apsw.Connection(str(path))
    try:
        yield db
    finally:
        db.close()


class Times:
    """Milliseconds that a way of asking took."""

    def __init__(self) -> None:
        self.ms: list[float] = []

    @contextmanager
    def measured(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self.ms.append((time.perf_counter() - started) * 1000)

    def quantile(self, share: float) -> float:
        ordered = sorted(self.ms)
        return ordered[max(0, math.ceil(share * len(ordered)) - 1)]

    @property
    def p50(self) -> float:
        return self.quantile(0.5)

    @property
    def p99(self) -> float:
        return self.quantile(0.99)


async def compare(
    case: Case, plain: apsw.Connection, files: Files, pool: SqlPool, repeat: int
) -> list[Times]:
    """Plain, guarded and pool in turns, after each has warmed up."""
    texts = (case.sql.format(n=n) for n in itertools.count())
    guarded = GuardedConnection(files.team, case.policy)
    ways = [Times(), Times(), Times()]
    for turn in range(ROUNDS + 1):
        times = ways if turn else [Times(), Times(), Times()]
        for _ in range(max(1, repeat // ROUNDS)):
            sql = next(texts)
            with times[0].measured():
                expected = plain.execute(sql).fetchall()
            assert len(expected) == 1
        for _ in range(max(1, repeat // ROUNDS)):
            # The worker does this, too, before the connection sees a statement.
            sql = localize(next(texts), tuple(case.policy.files))
            with times[1].measured():
                guarded.run(sql, case.policy)
        for _ in range(max(1, repeat // ROUNDS)):
            await ask(pool, next(texts), case.policy, times[2])
    guarded.close()
    return ways


async def ask(pool: SqlPool, sql: str, policy: SqlPolicy, times: Times, rows: int = 1) -> None:
    """One query through the pool, which must have given that many rows."""
    with times.measured():
        outcome = await pool.query(sql, policy)
    assert outcome.error is None, outcome.error  # type: ignore[union-attr]
    assert outcome.row_count == rows, outcome.row_count  # type: ignore[union-attr]


async def small(cases: Sequence[Case], files: Files, pool: SqlPool, repeat: int) -> bool:
    """Print the table of small queries; whether the promise was kept."""
    kept = True
    print(
        f"{'small query, ms':26}{'plain':>15}{'guarded':>15}{'pool':>15}{'pool-plain':>12}{'/ promise':>11}"
    )
    print(f"{'':26}{'p50    p99':>15}{'p50    p99':>15}{'p50    p99':>15}{'p50':>12}")
    plain = open_read_only(files.team)
    plain.execute("ATTACH ? AS fleet", (f"{files.fleet.as_uri()}?mode=ro",))
    for case in cases:
        ways = await compare(case, plain, files, pool, repeat)
        added = ways[2].p50 - ways[0].p50
        kept = kept and added <= PROMISE_MS
        pairs = "".join(f"{f'{way.p50:.3f}  {way.p99:.3f}':>15}" for way in ways)
        print(f"{case.name:26}{pairs}{added:12.3f}{added / PROMISE_MS:11.2f}")
    plain.close()
    return kept


async def new_callers(cases: Sequence[Case], pool: SqlPool, callers: int) -> None:
    """Print what the first query of callers costs whom the worker has not met, their second at once, and a
    third after all others: more callers than a worker keeps connections for.
    """
    print(f"\n{f'{callers} new callers, ms':26}{'first':>18}{'second':>18}{'third, in turns':>18}")
    print(f"{'':26}{'p50    p99':>18}{'p50    p99':>18}{'p50    p99':>18}")
    for case in cases:
        ways = [Times(), Times(), Times()]
        texts = (case.sql.format(n=n) for n in itertools.count(10_000_000))
        # Unknown to the rule, so that the result is empty for all of them alike.
        policies = [msgspec.structs.replace(case.policy, user_id=f"new {n}") for n in range(callers)]
        rows = 0 if case.policy.rules else 1
        for policy in policies:
            await ask(pool, next(texts), policy, ways[0], rows)
            await ask(pool, next(texts), policy, ways[1], rows)
        for policy in policies:
            await ask(pool, next(texts), policy, ways[2], rows)
        pairs = "".join(f"{f'{way.p50:.3f}  {way.p99:.3f}':>18}" for way in ways)
        print(f"{case.name:26}{pairs}")


def median_ms(run: Callable[[], object], repeat: int) -> float:
    """The median of some runs, the first one left out."""
    times = Times()
    run()
    for _ in range(repeat):
        with times.measured():
            run()
    return times.p50


async def large(files: Files, pool: SqlPool, repeat: int) -> None:
    """Print queries that read or give much."""
    print(f"\n{'larger query, ms (p50)':26}{'plain':>10}{'guarded':>10}{'pool':>10}{'pool / plain':>15}")
    plain, guarded = open_read_only(files.team), GuardedConnection(files.team, OPEN)
    for name, sql in LARGE.items():
        base = median_ms(lambda sql=sql: list(plain.execute(sql)), repeat)  # type: ignore[misc]
        inside = median_ms(lambda sql=sql: guarded.run(sql, OPEN), repeat)  # type: ignore[misc]
        outside = Times()
        for _ in range(repeat):
            await ask(pool, sql, OPEN, outside, 10 if name == "top ten" else 1000)
        print(f"{name:26}{base:10.3f}{inside:10.3f}{outside.p50:10.3f}{outside.p50 / base:15.2f}")
    print(f"\nschema: {median_ms(lambda: read_schema({PUBLIC: plain}, OPEN), 5):.1f} ms")
    guarded.close()
    plain.close()


async def main(rows: int, repeat: int, callers: int) -> bool:
    """Print everything; whether the promise was kept."""
    with tempfile.TemporaryDirectory() as folder:
        files = make(Path(folder), rows)
        layered = msgspec.structs.replace(TWO_LAYERS, files={"fleet": str(files.fleet)})
        cases = [
            Case("no rules", OPEN, SMALL),
            Case("a row rule", ROW_RULE, SMALL),
            Case("two layers", layered, SMALL),
            Case("two layers, attached file", layered, JOINED),
        ]
        print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        async with SqlPool(files.team, workers_max=1) as pool:
            started = time.perf_counter()
            await pool.warm()
            print(f"worker started in {(time.perf_counter() - started) * 1000:.0f} ms\n")
            kept = await small(cases, files, pool, repeat)
            await new_callers(cases[:2] + cases[3:], pool, callers)
            await large(files, pool, max(3, repeat // 25))
        return kept


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=336_776)
    parser.add_argument("--repeat", type=int, default=1000)
    parser.add_argument("--callers", type=int, default=60)
    arguments = parser.parse_args()
    sys.exit(0 if trio.run(main, arguments.rows, arguments.repeat, arguments.callers) else 1)
