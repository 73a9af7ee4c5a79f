"""How running chats feel hostile SQL of others: a model that answers questions with bombs, all of it real.

    python -m bench.hostile [--seconds 6] [--rounds 2] [--chats 3]

Chats stream answers of 60 words, 33 a second, through `appliance serve`: alone, beside as many busy processes
as the server has SQL workers (what the machine itself makes of such work), and beside chats whose model sends
the statements of `tests/hostile/bombs.json` as `execute_sql`, one after the other. The three take turns.

Timed is from one piece of an answer being here to the next. Model and clients are in this process and meet
the same machine, so read the ratios. Exits with 1 when a chat has lost a word, or when the server or its
workers took more memory than they may.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trio

from appliance.store.database import connect, database_path
from bench import rig
from tests.hostile.test_beside_chats import (
    BOMBS,
    BOT,
    INTERPRETER_MIB,
    MEMORY_MIB,
    SERVER_GROWTH_MIB,
    WORDS,
    WORKERS,
    children,
    rss_kib,
    script,
)
from tests.support.loopback import LoopbackServer, cli_server
from tests.support.model_server import model_server
from tests.support.stack import write_bots
from tests.support.wire import text_of, wire

BOMBERS = 3
"""Chats that send bombs: one more than there are workers, so that these never rest."""
LOOK_S = 0.05
"""Between two looks at the memory."""


class Bench:
    """What one server's chats and memory did."""

    def __init__(self, server: LoopbackServer, chats: int) -> None:
        self.server = server
        self.chats = chats
        self.gaps: dict[str, list[float]] = {}
        self.answers = self.broken = self.bombs = 0
        self.began_kib = server.rss_kib()
        self.server_kib = self.workers_kib = 0
        self._numbers = itertools.cycle(range(len(BOMBS)))

    async def listen(self, name: str, seconds: float) -> None:
        """All chats for that long, each to the end of its answer."""
        gaps = self.gaps.setdefault(name, [])
        end = trio.current_time() + seconds
        async with trio.open_nursery() as nursery:
            for _ in range(self.chats):
                nursery.start_soon(self._talk, gaps, end)

    async def _talk(self, gaps: list[float], end: float) -> None:
        async with wire(self._url) as client:
            conversation = await client.start()
            while trio.current_time() < end:
                await client.say(conversation, "Tell me")
                begin, last = len(client.frames), None
                while (frame := await client.receive(60))["type"] not in ("done", "error"):
                    if frame["type"] == "content":
                        now = trio.current_time()
                        gaps += [(now - last) * 1000] if last else []
                        last = now
                self.answers += 1
                self.broken += text_of(client.frames[begin:]) != "".join(WORDS)

    @asynccontextmanager
    async def bombed(self) -> AsyncIterator[None]:
        """Bombs go off in other chats during the block."""
        async with trio.open_nursery() as nursery:
            for _ in range(BOMBERS):
                nursery.start_soon(self.bomb)
            yield
            nursery.cancel_scope.cancel()

    async def bomb(self, times: int = sys.maxsize) -> None:
        """Ask for one bomb after the other, each in a new conversation."""
        async with wire(self._url) as client:
            for _ in range(times):
                await client.say(await client.start(), str(next(self._numbers)))
                await client.until("done", "error", timeout_s=60)
                self.bombs += 1

    async def watch(self) -> None:
        """Keep the largest memory seen, until cancelled."""
        while True:
            self.server_kib = max(self.server_kib, self.server.rss_kib())
            self.workers_kib = max(self.workers_kib, sum(map(rss_kib, children(self.server.pid))))
            await trio.sleep(LOOK_S)

    @property
    def _url(self) -> str:
        return self.server.url.replace("http", "ws", 1) + "/ai/ws"


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """That many processes that do nothing but compute."""
    children = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for child in children:
            child.kill()
            child.wait()


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[LoopbackServer]:
    """`appliance serve` with the bot, the tables and the limits of the test of the same."""
    db = connect(database_path(folder))
    db.execute("CREATE TABLE products (id, title); CREATE TABLE stock (place, amount)").fetchall()
    db.close()
    write_bots(folder / "bots", {"shop": BOT})
    async with model_server(script) as model:
        limits = {"TIMEOUT_S": "0.5", "MEMORY_MIB_MAX": str(MEMORY_MIB), "WORKERS_MAX": str(WORKERS)}
        env = rig.environment(
            {
                "OPENAI_BASE_URL": f"{model.url}/v1",
                "OPENAI_MODEL": "scripted",
                "APPLIANCE_LOG_LEVEL": "warning",
                "APPLIANCE_STRANGERS_CONVERSATIONS_PER_MINUTE_MAX": "0",
            }
            | {f"APPLIANCE_SQL_{name}": value for name, value in limits.items()}
        )
        command = ("serve", "--data", str(folder), "--port", "0", "--bots", str(folder / "bots"))
        with cli_server(*command, env=env) as server:
            yield server


async def run(seconds: float, rounds: int, chats: int) -> bool:
    """Measure and print; whether nothing was lost and memory stayed within its bounds."""
    with tempfile.TemporaryDirectory() as folder:
        async with served(Path(folder)) as server, trio.open_nursery() as nursery:
            await Bench(server, 1).listen("warm", 1)
            bench = Bench(server, chats)
            nursery.start_soon(bench.watch)
            for _ in range(rounds):
                await bench.listen("alone", seconds)
                with busy(WORKERS):
                    await bench.listen(f"{WORKERS} busy processes", seconds)
                async with bench.bombed():
                    await bench.listen("bombs", seconds)
            nursery.cancel_scope.cancel()
        return show(bench)


def show(bench: Bench) -> bool:
    print(
        f"{f'{bench.chats} chats, ms between':24}{'p50':>8}{'p99':>8}{'max':>8}{'/ alone':>15}{'pieces':>8}"
    )
    alone = bench.gaps["alone"]
    for name, gaps in bench.gaps.items():
        p50, p99 = rig.quantile(gaps, 0.5), rig.quantile(gaps, 0.99)
        ratios = f"{p50 / rig.quantile(alone, 0.5):.2f} / {p99 / rig.quantile(alone, 0.99):.2f}"
        print(f"{name:24}{p50:8.1f}{p99:8.1f}{max(gaps):8.1f}{ratios:>15}{len(gaps):8}")
    server, workers = bench.server_kib / 1024, bench.workers_kib / 1024
    grown, workers_max = server - bench.began_kib / 1024, WORKERS * (MEMORY_MIB + INTERPRETER_MIB)
    print(f"\n{bench.bombs} bombs; {bench.broken} of {bench.answers} answers lost words")
    print(f"server: {server:.0f} MiB at most, {grown:.0f} more than before (promise: {SERVER_GROWTH_MIB})")
    print(f"all its workers: {workers:.0f} MiB at most (promise: {workers_max})")
    return not bench.broken and bench.bombs > 0 and grown < SERVER_GROWTH_MIB and workers < workers_max


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--chats", type=int, default=3)
    options = parser.parse_args()
    print(rig.load())
    return int(not trio.run(run, options.seconds, options.rounds, options.chats))


if __name__ == "__main__":
    sys.exit(main())
