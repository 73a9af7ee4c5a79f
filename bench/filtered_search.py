"""How much slower a search is that may look at some documents only, against one that may look at all.

Takes the database that `python -m bench.search --keep DIR` has filled and works on a copy of it: documents
get tags by chance, and others' private ones are put among them. Each question is asked in all ways in turn,
so that what else the machine does falls on all of them.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

import apsw

from appliance.knowledge import DocumentFilter, Search, Viewer
from appliance.store.backup import back_up
from appliance.store.database import connect, database_path
from appliance.store.knowledge.scope import scope_of, size
from appliance.store.knowledge.search import search
from appliance.store.pragmas import open_connection
from appliance.store.store import READER_CACHE_KIB
from bench.retrieval.__main__ import questions
from bench.retrieval.minilm import MiniLM
from bench.retrieval.pages import CACHE

BASE = 1
VIEWER = Viewer(tenant="default", user_id="somebody")
TAGS = {"half": 0.5, "few": 0.05, "rare": 0.001}
OTHERS = 300
PRIVATE = {"ten private documents": 10, "half of them private": None}
TIMES_MAX = {"ten private documents": 1.5}
TIMES_MAX_ELSE = 3.0


class Way:
    """A kind of search in a database, with what it took."""

    def __init__(self, name: str, path: Path, *tags: str) -> None:
        self.name = name
        self.filter = DocumentFilter(tags=list(tags))
        self.db = open_connection(path, read_only=True, cache_kib=READER_CACHE_KIB)
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def chunks(self) -> int:
        return size(self.db, scope_of(self.db, [BASE], VIEWER, self.filter))

    def ask(self, text: str, vector: bytes) -> None:
        asked = Search(text=text, vector=vector, viewer=VIEWER, filter=self.filter)
        began, spent = time.perf_counter(), time.process_time()
        search(self.db, [BASE], asked)
        self.wall.append(1000 * (time.perf_counter() - began))
        self.cpu.append(1000 * (time.process_time() - spent))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", type=Path, required=True, help="the folder that bench.search has filled")
    parser.add_argument("--queries", type=int, default=60)
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    texts = [one.text for one in questions()][: given.queries]
    vectors = MiniLM(given.cache / "minilm.db").embed(texts)
    with tempfile.TemporaryDirectory(prefix="bench-filtered-") as folder:
        ways = _ways(database_path(given.keep), Path(folder))
        for again in range(2):  # the first time fills what is kept in memory
            for way in ways:
                way.wall, way.cpu = [], []
            for text, vector in list(zip(texts, vectors, strict=True))[: None if again else 20]:
                for way in ways:
                    way.ask(text, vector)
        good = _told(ways)
    sys.exit(not good)


def _ways(filled: Path, folder: Path) -> list[Way]:
    ways: list[Way] = []
    for name, count in ({"tags": 0} | PRIVATE).items():
        path = database_path(folder / name.replace(" ", "-"))
        path.parent.mkdir()
        source = open_connection(filled, read_only=True)
        back_up(source, path)
        source.close()
        db = connect(path)
        _mark(db, count)
        db.close()
        if count == 0:
            ways.append(Way("open", path))
            ways += [Way(f"a tag of {share:.1%}", path, tag) for tag, share in TAGS.items()]
        else:
            ways.append(Way(name, path))
    return ways


def _mark(db: apsw.Connection, private: int | None) -> None:
    """Tags by chance, and as many documents of others; None for half of all."""
    chance = random.Random(1)
    numbers = [number for (number,) in db.execute("SELECT number FROM _documents WHERE base = ?", (BASE,))]
    others = set(chance.sample(numbers, len(numbers) // 2 if private is None else private))
    with db:
        for number in numbers:
            tags = json.dumps([tag for tag, share in TAGS.items() if chance.random() < share]).encode()
            user = f"user{chance.randrange(OTHERS)}" if number in others else ""
            db.execute("UPDATE _documents SET tags = ?, user_id = ? WHERE number = ?", (tags, user, number))


def _told(ways: list[Way]) -> bool:
    first = ways[0]
    good = True
    print(f"{'ms':<24} {'chunks':>8} {'p50':>8} {'CPU p50':>8} {'times open':>11} {'of CPU':>7}")
    for way in ways:
        wall, cpu = (statistics.median(figures) for figures in (way.wall, way.cpu))
        times = wall / statistics.median(first.wall)
        print(
            f"{way.name:<24} {way.chunks():8,} {wall:8.2f} {cpu:8.2f} {times:11.2f} "
            f"{cpu / statistics.median(first.cpu):7.2f}"
        )
        most = TIMES_MAX.get(way.name, TIMES_MAX_ELSE)
        if times > most:
            good = False
            print(f"NOT KEPT  at most {most:g} times an open search")
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    return good


if __name__ == "__main__":
    main()
