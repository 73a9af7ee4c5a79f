"""How fast 100,000 chunks are searched, what is lost by not comparing all of them, and what it takes.

Manual pages as they are, chunked as the appliance chunks them, with their real words. As many have real
vectors as were embedded before (`python -m bench.retrieval` fills the cache); the others get mixtures of
real ones with noise, which is said with the figures. Recall is told for all, and for real vectors alone.

Needs what bench/retrieval needs. The first run with `--keep DIR` fills the database, which takes minutes; the
next ones take less than one. A database that was kept has to be made anew when the tables have changed.
"""

from __future__ import annotations

import argparse
import base64
import gc
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import apsw
import numpy as np

from appliance.chunking import chunk
from appliance.knowledge import Document, KnowledgeBase, Outline, Piece, Search, Viewer
from appliance.store.database import connect, database_path
from appliance.store.knowledge import bases, chunks, documents, kept_planes, vectors, word_parts
from appliance.store.knowledge.kept_planes import KeptPlanes
from appliance.store.knowledge.scope import scope_of, size_of
from appliance.store.knowledge.search import search
from appliance.store.pragmas import open_connection
from appliance.store.store import READER_CACHE_KIB
from bench.retrieval.__main__ import questions
from bench.retrieval.minilm import MiniLM
from bench.retrieval.pages import CACHE, Page, load

DIMENSIONS = 384
NOISE = 0.35
"""Of a mixture's length; neighbours of it are then as far as those of real vectors."""
P50_MS = 10.0
RECALL = 0.98
TIMES_FASTER = 4.0
RSS_MIB = 20.0
ROUNDING = 1e-6
ANYBODY = Viewer(tenant="default")
NO_BASE = 1_000_000
MEMORY_SEARCHES = 50
MEMORY_PROGRAM = """
import base64, gc, json, sys
from pathlib import Path
from appliance.knowledge import Search, Viewer
from appliance.store.knowledge.search import search
from appliance.store.pragmas import open_connection
path, db_kib = Path(sys.argv[1]), int(sys.argv[3])
db = open_connection(path, read_only=True, cache_kib=db_kib)
for line in sys.stdin:
    text, vector = json.loads(line)
    asked = Search(text=text, vector=base64.b64decode(vector), viewer=Viewer(tenant="default"), limit=10)
    found = search(db, [int(sys.argv[2])], asked)
    assert not found.passages or int(sys.argv[2]) == 1
gc.collect()
print(int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20)
"""
"""Imports, opens both readers, asks and tells what the process has resident; without the model and numpy."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--keep", type=Path, help="a folder whose database is used again, or made")
    parser.add_argument("--cache", type=Path, default=CACHE)
    given = parser.parse_args()
    model = MiniLM(given.cache / "minilm.db")
    asked = [one.text for one in questions()][: given.queries]
    asked_vectors = model.embed(asked)
    real = model.kept()
    with tempfile.TemporaryDirectory(prefix="bench-search-") as folder:
        path = database_path(given.keep or Path(folder))
        if not path.exists():
            _fill(path, load(given.cache).pages, real, given.chunks)
        _join_words(path)
        print(f"database: {path.stat().st_size / 2**20:,.0f} MiB")
        good = _measure(path, asked, asked_vectors)
    sys.exit(not good)


def _fill(path: Path, pages: Sequence[Page], real: list[bytes], count: int) -> None:
    """Base 1 has `count` chunks; base 2 real vectors only, with the text of their number."""
    began = time.perf_counter()
    db = connect(path)
    db.pragma("synchronous", "off")
    space = vectors.space(db, "minilm", DIMENSIONS)
    cut = [
        (page, chunk(page.text, page.outline, strategy="recursive", size=225, overlap=25)) for page in pages
    ]
    made = iter(_mixed(real, count))
    added = 0
    all_ = _base(db, "all", space)
    while added < count:
        for page, pieces in cut:
            own = pieces[: count - added]
            if own:
                _add(db, all_, page, own, [next(made) for _ in own], space)
                added += len(own)
    only = _base(db, "real", space)
    text = Page("real", "", "x " * len(real), Outline())
    pieces = [Piece(start=2 * at, end=2 * at + 1) for at in range(len(real))]
    _add(db, only, text, pieces, real, space)
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    db.close()
    print(f"filled in {time.perf_counter() - began:.0f} s, {count / (time.perf_counter() - began):,.0f}/s")


def _join_words(path: Path) -> None:
    """As the server does it when it has nothing else to do."""
    db = connect(path)
    began = time.perf_counter()
    while word_parts.join(db):
        pass
    db.close()
    print(f"index of words brought together in {time.perf_counter() - began:.1f} s")


def _base(db: apsw.Connection, name: str, space: vectors.EmbeddingSpace) -> int:
    draft = KnowledgeBase(number=0, id=name, tenant="default", namespace="default", name=name, space=space)
    return bases.add(db, draft).number


def _add(
    db: apsw.Connection,
    base: int,
    page: Page,
    pieces: Sequence[Piece],
    given: Sequence[bytes],
    space: vectors.EmbeddingSpace,
) -> None:
    with db:
        id = f"{base}-{page.name}-{random.getrandbits(64):x}"
        document = documents.add(db, Document(number=0, id=id, base=base, title=page.name, status="indexed"))
        chunks.replace(db, document, page.text, page.outline, pieces, given, space, 0.0)


def _mixed(real: list[bytes], count: int) -> list[bytes]:
    """The real ones, and then mixtures of two of them with noise."""
    known = np.stack([np.frombuffer(vector, "<f4") for vector in real[:count]])
    rest = count - len(known)
    source = np.random.default_rng(1)
    first, second = source.integers(0, len(known), (2, rest))
    share = source.uniform(0.5, 0.95, (rest, 1))
    noise = source.standard_normal((rest, DIMENSIONS)) / DIMENSIONS**0.5
    mixed = share * known[first] + (1 - share) * known[second] + NOISE * noise
    mixed /= np.linalg.norm(mixed, axis=1, keepdims=True)
    order = source.permutation(count)
    both = np.concatenate([known, mixed.astype("<f4")])[order]
    return [row.tobytes() for row in both]


def _measure(path: Path, asked: list[str], given: list[bytes]) -> bool:
    db = open_connection(path, read_only=True, cache_kib=READER_CACHE_KIB)
    without_room = open_connection(
        path, read_only=True, cache_kib=READER_CACHE_KIB, shared={kept_planes.NAME: KeptPlanes(room=0)}
    )
    space = vectors.space(db, "minilm", DIMENSIONS)
    all_, real = (size_of(db, [base]) for base in (1, 2))
    print(f"{all_:,} chunks; {real:,} of their vectors are real, the others mixtures of these")
    questions = list(zip(asked, given, strict=True))

    def hybrid(text: str, vector: bytes) -> object:
        return search(db, [1], Search(text=text, vector=vector, viewer=ANYBODY, limit=10))

    def keyword(text: str, vector: bytes) -> object:
        return search(db, [1], Search(text=text, mode="keyword", viewer=ANYBODY, limit=10))

    scope = scope_of(db, [1], ANYBODY, Search(text="", viewer=ANYBODY).filter)

    def near(text: str, vector: bytes) -> object:
        return vectors.nearest(db, space, scope, vector, 10)

    def by_table(text: str, vector: bytes) -> object:
        """As while documents come in."""
        return vectors.nearest(without_room, space, scope, vector, 10)

    first = _cpu_ms(near, *questions[0])
    print(f"first search of the base, which lays out the codes in memory: {first:.0f} ms of CPU")
    rows = {
        "hybrid": _times(hybrid, questions),
        "keyword": _times(keyword, questions),
    }
    rows["vectors only"] = _times(near, questions)
    rows["vectors, codes from their table"] = _times(by_table, questions[:40])
    empty, full = (_resident_mib(path, base, questions[:MEMORY_SEARCHES]) for base in (NO_BASE, 1))
    grown = full - empty
    plain, exact = _plain_vec0(path, db, space)
    rows["float vec0"] = _times(plain, questions[:40])
    _print_times(rows)
    recalls = {
        "all": _recall(near, exact(1), given),
        "real alone": _recall(
            lambda _, vector: vectors.nearest(db, space, scope_of_real(db), vector, 10), exact(2), given
        ),
    }
    for name, recall in recalls.items():
        print(f"recall@10 against exact search, {name:<12} {recall:.4f}")
    print(
        f"process of its own after {MEMORY_SEARCHES} searches: {full:.1f} MiB, {empty:.1f} in an empty base; "
        f"{grown:.1f} MiB more"
    )
    print(f"load of the machine: {os.getloadavg()[0]:.1f}")
    faster = rows["float vec0"][0] / rows["vectors only"][0]
    print(f"float vec0 / ours, p50: {faster:.1f}")
    promises = {
        f"hybrid p50 <= {P50_MS:g} ms": rows["hybrid"][0] <= P50_MS,
        f"recall@10 >= {RECALL}": min(recalls.values()) >= RECALL,
        f"{TIMES_FASTER:g} times faster than float vec0": faster >= TIMES_FASTER,
        f"at most {RSS_MIB:g} MiB": grown <= RSS_MIB,
    }
    for promise, good in promises.items():
        print(f"{'kept    ' if good else 'NOT KEPT'}  {promise}")
    return all(promises.values())


def scope_of_real(db: apsw.Connection) -> object:
    return scope_of(db, [2], ANYBODY, Search(text="", viewer=ANYBODY).filter)


def _plain_vec0(
    path: Path, db: apsw.Connection, space: vectors.EmbeddingSpace
) -> tuple[Callable[[str, bytes], object], Callable[[int], Callable[[bytes], float]]]:
    """The peer: all vectors as floats in one vec0 table of a file of its own; and exact search by numpy."""
    peer = open_connection(path.with_name("peer.db"))
    peer.pragma("synchronous", "off")
    if not peer.execute("SELECT 1 FROM sqlite_schema WHERE name = 'plain'").fetchone():
        with peer:
            peer.execute(
                f"CREATE VIRTUAL TABLE plain USING vec0(vector float[{DIMENSIONS}] distance_metric=cosine)"
            )
            own = f"SELECT chunk, vector FROM _vectors_{space.number} WHERE base = 1"
            peer.executemany("INSERT INTO plain (rowid, vector) VALUES (?, ?)", db.execute(own))

    def plain(text: str, vector: bytes) -> object:
        return peer.execute(
            "SELECT rowid, distance FROM plain WHERE vector MATCH ? AND k = 10", (vector,)
        ).fetchall()

    def exact(base: int) -> Callable[[bytes], float]:
        rows = list(db.execute(f"SELECT vector FROM _vectors_{space.number} WHERE base = ?", (base,)))
        matrix = np.stack([np.frombuffer(vector, "<f4") for (vector,) in rows])
        return lambda vector: float(np.sort(matrix @ np.frombuffer(vector, "<f4"))[-10])

    return plain, exact


def _recall(
    ours: Callable[[str, bytes], object], exact: Callable[[bytes], float], given: Sequence[bytes]
) -> float:
    """Which share of the ten found is as near as the tenth nearest of all; equal ones are as good."""
    shares = []
    for vector in given:
        cosines = [cosine for _, cosine in ours("", vector)]  # type: ignore[attr-defined]
        tenth = exact(vector) - ROUNDING
        shares.append(sum(cosine >= tenth for cosine in cosines) / 10)
    return statistics.mean(shares)


def _times(
    ask: Callable[[str, bytes], object], questions: Sequence[tuple[str, bytes]]
) -> tuple[float, float, float]:
    """p50, p99 and p50 of the CPU of all threads, in ms, each question once after a warm-up of 20."""
    for text, vector in questions[:20]:
        ask(text, vector)
    gc.collect()
    wall, cpu = [], []
    for text, vector in questions:
        began, spent = time.perf_counter(), time.process_time()
        ask(text, vector)
        wall.append(1000 * (time.perf_counter() - began))
        cpu.append(1000 * (time.process_time() - spent))
    wall.sort()
    return statistics.median(wall), wall[int(0.99 * (len(wall) - 1))], statistics.median(cpu)


def _cpu_ms(ask: Callable[[str, bytes], object], text: str, vector: bytes) -> float:
    spent = time.process_time()
    ask(text, vector)
    return 1000 * (time.process_time() - spent)


def _print_times(rows: dict[str, tuple[float, float, float]]) -> None:
    print(f"\n{'ms':<32} {'p50':>8} {'p99':>8} {'CPU p50':>8}")
    for name, figures in rows.items():
        print(f"{name:<32} " + " ".join(f"{figure:8.2f}" for figure in figures))


def _resident_mib(path: Path, base: int, questions: Sequence[tuple[str, bytes]]) -> float:
    """What a new process has resident that has searched one base."""
    lines = [json.dumps([text, base64.b64encode(vector).decode()]) for text, vector in questions]
    told = subprocess.run(
        [sys.executable, "-c", MEMORY_PROGRAM, *map(str, (path, base, READER_CACHE_KIB))],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        check=True,
    )
    return float(told.stdout)


if __name__ == "__main__":
    main()
