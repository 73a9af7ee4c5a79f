"""The local sentence model: chunks a second, memory of its process, and what a question waits.

    python -m bench.embed [--chunks N]

Compared in the same run: one text at a time with all of them at once, and a question asked alone with one
asked while documents are being embedded. Promises: the process stays below 400 MiB, and a question beside
documents waits less than a tenth of what the documents take.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from appliance.providers.embedding.local import Local
from appliance.providers.embedding.local_files import find
from bench.rig import ROOT, load, quantile

CHUNK_CHARACTERS = 900
RSS_MIB_MAX = 400
QUESTIONS = 20


def chunks(count: int) -> list[str]:
    """Prose of our own pages."""
    text = "\n".join(file.read_text() for file in sorted(Path(ROOT, "docs").glob("*.md")))
    starts = range(0, len(text) - CHUNK_CHARACTERS, CHUNK_CHARACTERS)
    return [text[start : start + CHUNK_CHARACTERS] for start in starts][:count]


def resident_mib(local: Local) -> float:
    status = Path(f"/proc/{local.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


async def took(work: Callable[[], Awaitable[object]]) -> float:
    began = trio.current_time()
    await work()
    return trio.current_time() - began


async def question(local: Local, number: int) -> float:
    return await took(lambda: local.embed([f"How is the limit number {number} set?"], purpose="query"))


async def measure(local: Local, texts: list[str]) -> bool:
    start = await took(lambda: local.embed(["warm"], purpose="query"))
    alone = [await question(local, number) for number in range(QUESTIONS)]
    few = texts[: max(1, len(texts) // 4)]

    async def one_by_one() -> None:
        for text in few:
            await local.embed([text])

    single = len(few) / await took(one_by_one)
    beside: list[float] = []
    async with trio.open_nursery() as nursery:

        async def ask() -> None:
            while True:
                beside.append(await question(local, QUESTIONS + len(beside)))

        nursery.start_soon(ask)
        asked_s = await took(lambda: local.embed(texts))
        nursery.cancel_scope.cancel()
    whole_s = await took(lambda: local.embed(texts))
    rss = resident_mib(local)
    print(f"{len(texts)} chunks of {CHUNK_CHARACTERS} characters, 2 threads, {load()}")
    print(f"{'start and first question, s':34} {start:8.2f}")
    print(f"{'chunks/s, one at a time':34} {single:8.1f}")
    together = len(texts) / whole_s
    print(f"{'chunks/s, all at once':34} {together:8.1f}   {together / single:.2f} times")
    print(f"{'question alone, ms p50':34} {quantile(alone, 0.5) * 1000:8.1f}")
    p50, worst = quantile(beside, 0.5), max(beside)
    print(f"{'question beside documents, ms p50':34} {p50 * 1000:8.1f}   worst {worst * 1000:.0f}")
    print(f"{'worst wait / the documents':34} {worst / asked_s:8.3f}   (promise: 0.1)")
    print(f"{'resident at most, MiB':34} {rss:8.0f}   (promise: {RSS_MIB_MAX})")
    return rss < RSS_MIB_MAX and worst < asked_s / 10


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=40)
    texts = chunks(parser.parse_args().chunks)
    local = Local(find(""))
    kept = False
    async with trio.open_nursery() as nursery:
        nursery.start_soon(local.run)
        kept = await measure(local, texts)
        nursery.cancel_scope.cancel()
    if not kept:
        sys.exit("not kept")


if __name__ == "__main__":
    trio.run(main)
