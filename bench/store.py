"""Durable inserts a second of the store, against a thread hop and a commit for each write.

    python -m bench.store [--seconds 2] [--tasks 100] [--folder .]

Every task inserts a row of 200 bytes, waits until it is durable, and inserts the next. Both ways have the
same file format, pragmas and `synchronous=FULL`, on the same disk, in turn. The limit is one thread that
commits row by row without any task: what the disk and SQLite can do when nothing is shared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import apsw
import trio

from appliance.store.database import connect
from appliance.store.store import Store
from bench import rig

TEXT = "x" * 200
Insert = Callable[[], Awaitable[object]]


class Found(NamedTuple):
    """Milliseconds that each insert took, in wall and CPU seconds of all of them."""

    times: list[float]
    wall_s: float
    cpu_s: float


def make_table(db: apsw.Connection) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS bench (id INTEGER PRIMARY KEY, text TEXT NOT NULL)")


def insert(db: apsw.Connection) -> None:
    db.execute("INSERT INTO bench (text) VALUES (?)", (TEXT,))


def commit_one(db: apsw.Connection) -> None:
    with db:
        insert(db)


async def hurry(one: Insert, tasks: int, seconds: float) -> Found:
    """Let all tasks insert for that long."""
    times: list[float] = []
    begin_cpu, begin = time.process_time(), trio.current_time()
    end = begin + seconds

    async def task() -> None:
        while (started := trio.current_time()) < end:
            await one()
            times.append((trio.current_time() - started) * 1000)

    async with trio.open_nursery() as nursery:
        for _ in range(tasks):
            nursery.start_soon(task)
    return Found(times, trio.current_time() - begin, time.process_time() - begin_cpu)


async def grouped(folder: Path, tasks: int, seconds: float) -> Found:
    """Ours: one writer thread commits all that waits."""
    async with Store.open(folder / "grouped.db") as store:
        await store.write(make_table)
        return await hurry(partial(store.write, insert), tasks, seconds)


async def hopping(folder: Path, tasks: int, seconds: float) -> Found:
    """The usual way: each write goes to a thread and commits there; one at a time, as SQLite demands."""
    db = connect(folder / "hopping.db")
    make_table(db)
    one_at_a_time = trio.CapacityLimiter(1)
    try:
        return await hurry(
            partial(trio.to_thread.run_sync, commit_one, db, limiter=one_at_a_time), tasks, seconds
        )
    finally:
        db.close()


async def alone(folder: Path, tasks: int, seconds: float) -> Found:
    """The limit without sharing: no tasks, no hops."""
    db = connect(folder / "alone.db")
    make_table(db)

    async def one() -> None:
        commit_one(db)

    try:
        return await hurry(one, 1, seconds)
    finally:
        db.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tasks", type=int, default=100)
    parser.add_argument("--folder", type=Path, default=Path(), help="where the database files are made")
    options = parser.parse_args()
    ways = {
        "commit each, no tasks": alone,
        "thread hop, commit each": hopping,
        "store, group commit": grouped,
    }
    found: dict[str, list[Found]] = {}
    print(rig.load())
    with tempfile.TemporaryDirectory(dir=options.folder, prefix=".bench-store-") as folder:
        for _ in range(options.rounds):
            for name, way in ways.items():
                once = trio.run(way, Path(folder), options.tasks, options.seconds)
                found.setdefault(name, []).append(once)
    print(f"{f'{options.tasks} tasks':26}{'inserts/s':>11}{'per CPU-s':>11}{'p50 ms':>9}{'p99 ms':>9}")
    for name, rounds in found.items():
        best = max(rounds, key=lambda once: len(once.times) / once.wall_s)
        count = len(best.times)
        rates = f"{count / best.wall_s:11,.0f}{count / best.cpu_s:11,.0f}"
        print(f"{name:26}{rates}{rig.quantile(best.times, 0.5):9.1f}{rig.quantile(best.times, 0.99):9.1f}")
    ours, theirs = found["store, group commit"], found["thread hop, commit each"]
    rate = max(len(one.times) / one.wall_s for one in ours) / max(
        len(one.times) / one.wall_s for one in theirs
    )
    cpu = max(len(one.times) / one.cpu_s for one in ours) / max(len(one.times) / one.cpu_s for one in theirs)
    print(f"{'store / thread hop':26}{rate:11.1f}{cpu:11.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
