"""What the appliance adds to the model's time to first token, at 1, 10 and 50 concurrent streams.

    python -m bench.first_token [--seconds 4] [--rounds 1] [--pace 20]

The same scripted model server is asked directly with httpx and through the appliance over its WebSocket,
in turn, by the same number of streams. Each asks, reads to the end of the answer, and asks again, eight times
in one conversation. Timed is from the question being sent to the first text of the answer; added is the
difference of the quantiles. `CPU ms` is what a whole answer costs the appliance, all its threads together: it
tells of a change also where the machine does other work, and the waits do not.

At 10 and 50 streams the answers have 40 tokens, `--pace` of them a second, so that nearly all stream at any
moment. The bot with data has its schema read by the SQL worker before each answer (it has no tables here: the
way to the worker is measured, not the size of a schema). Model, appliance and client share the machine: where
`cores` says that the appliance (one thread) or all three have no CPU left, the figures tell of queueing, not
of the way of a token.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple

import httpx
import trio

from bench import rig
from tests.support.model_replies import Reply, openai_text
from tests.support.wire import wire

PROMISES_MS = {0.5: 5.0, 0.99: 25.0}
"""Quantile -> what may be added at most."""

WARM_S = 2.0
"""At first connections are made and caches are cold: what begins in this time of a round is not counted. As
long as an answer of 40 tokens takes, so that streams which begin spread over it stay spread."""

ASKED_IN_ONE = 8
"""Questions of a conversation: what was said before is sent along, and people do not talk for hours."""

BOTS = {"plain bot": "mcp-tools: [think]", "bot with data": "allowed-tables: [orders]"}

Tell = Callable[[float], None]
"""Called with the moment when a question was sent, at the moment when its first token is here."""


class Measured(NamedTuple):
    """Milliseconds to first token after the warming, and how many questions there were in all."""

    times: list[float]
    asked: int


class Found(NamedTuple):
    """Milliseconds to first token; cores that the appliance was using meanwhile, its CPU for an answer."""

    direct: list[float]
    through: list[float]
    cores: list[float]
    answer_ms: list[float]


async def ask_directly(client: httpx.AsyncClient, url: str, tell: Tell) -> None:
    body = {"model": "scripted", "stream": True, "messages": [{"role": "user", "content": "Hello"}]}
    while True:
        sent = trio.current_time()
        waiting = True
        async with client.stream("POST", f"{url}/v1/chat/completions", json=body) as response:
            async for line in response.aiter_lines():
                if waiting and "word" in line:
                    waiting = False
                    tell(sent)


async def ask_appliance(url: str, tell: Tell) -> None:
    async with wire(url) as socket:
        while True:
            conversation = await socket.start("bench")
            for _ in range(ASKED_IN_ONE):
                sent = trio.current_time()
                await socket.say(conversation)
                await socket.until("content")
                tell(sent)
                await socket.until("done")


async def measure(ask: Callable[[Tell], Awaitable[None]], streams: int, seconds: float) -> Measured:
    """Time to first token of streams that begin spread over the warming time."""
    times: list[float] = []
    asked = 0
    begin = trio.current_time() + WARM_S

    def tell(sent: float) -> None:
        nonlocal asked
        asked += 1
        if sent > begin:
            times.append((trio.current_time() - sent) * 1000)

    async def stream() -> None:
        await trio.sleep(random.uniform(0, WARM_S))
        await ask(tell)

    with trio.move_on_after(WARM_S + seconds):
        async with trio.open_nursery() as nursery:
            for _ in range(streams):
                nursery.start_soon(stream)
    return Measured(times, asked)


async def compare(model_url: str, server: rig.Served, streams: int, seconds: float, rounds: int) -> Found:
    found = Found([], [], [], [])
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, trust_env=False, timeout=30) as client:
        for _ in range(rounds):
            direct = await measure(partial(ask_directly, client, model_url), streams, seconds)
            before = rig.cpu_s(server.pid)
            through = await measure(partial(ask_appliance, server.ws_url), streams, seconds)
            used_s = rig.cpu_s(server.pid) - before
            found.direct.extend(direct.times)
            found.through.extend(through.times)
            found.cores.append(used_s / (WARM_S + seconds))
            found.answer_ms.append(used_s * 1000 / max(1, through.asked))
    return found


def show(label: str, found: Found) -> bool:
    """Print a line for each quantile; True when all promises were kept."""
    kept = True
    for share, at_most in PROMISES_MS.items():
        direct, through = rig.quantile(found.direct, share), rig.quantile(found.through, share)
        cores, answer_ms = (sum(values) / len(values) for values in (found.cores, found.answer_ms))
        line = f"{f'{label}, p{share * 100:.0f}':31}{direct:8.1f}{through:9.1f}{through - direct:8.1f}"
        print(f"{line}{at_most:9.0f}{len(found.through):9}{cores:7.2f}{answer_ms:8.1f}", flush=True)
        kept = kept and through - direct < at_most
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--pace", type=float, default=20.0, help="tokens a second of each of many streams")
    options = parser.parse_args()
    words = [f"word{n} " for n in range(40)]
    long = openai_text(*words, delay_s=1 / options.pace)
    cases: dict[int, Reply] = {1: openai_text(*words[:5], delay_s=0.01), 10: long, 50: long}
    print(rig.load())
    columns = f"{'direct':>8}{'through':>9}{'added':>8}{'promise':>9}{'answers':>9}{'cores':>7}{'CPU ms':>8}"
    print(f"{'time to first token, ms':31}{columns}")
    kept = True
    for streams, reply in cases.items():
        for name, settings in BOTS.items():
            with rig.model(reply) as model, rig.appliance(model.url, settings) as server:
                found = trio.run(compare, model.url, server, streams, options.seconds, options.rounds)
            kept &= show(f"{name}, {streams} stream{'s' * (streams > 1)}", found)
    return int(not kept)


if __name__ == "__main__":
    sys.exit(main())
