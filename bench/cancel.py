"""From a cancel frame to the model provider seeing its connection closed.

    python -m bench.cancel [--times 20]

The appliance is a process of its own; the model server and the clients share this process and so one clock.
The limit to compare with is httpx closing the same stream itself, in this process, with nothing between.
The last line cancels one of 50 streams of 10 tokens a second while the others go on.
"""

from __future__ import annotations

import argparse
import sys
import uuid
from functools import partial
from typing import NamedTuple

import httpx
import trio

from bench import rig
from tests.support.model_replies import Reply, openai_text, stream, text
from tests.support.model_server import ModelServer, Recorded, model_server
from tests.support.wire import Wire, wire

PROMISE_MS = 100.0
OTHERS = 49
FLOWING = openai_text(*(f"word{n} " for n in range(2000)), delay_s=0.1)
SILENT = stream(text("Well, "), then="hang")
UNANSWERED = Reply(head_delay_s=300.0)


class Case(NamedTuple):
    """A reply, in the midst of which is cancelled, beside so many other streams."""

    name: str
    reply: Reply
    others: int = 0


CASES = [
    Case("before the first byte", UNANSWERED),
    Case("while the model is silent", SILENT),
    Case("while text flows", FLOWING),
    Case("one of 50 streams", FLOWING, OTHERS),
]


class Times(NamedTuple):
    """Milliseconds from the cancel to the provider's connection closed, and to the client being told."""

    closed: list[float]
    told: list[float]


async def asked(model: ModelServer, question: str) -> Recorded:
    """The request with that question, as soon as it reaches the model."""
    while True:
        for request in reversed(model.requests):
            if question.encode() in request.raw:
                return request
        await trio.sleep(0.002)


async def cancel_one(socket: Wire, model: ModelServer, case: Case) -> tuple[float, float]:
    """Ask, cancel in mid-answer; milliseconds until the connection was closed and the client was told."""
    conversation, question = await socket.start("bench"), str(uuid.uuid4())
    await socket.say(conversation, question)
    request = await asked(model, question)
    if case.reply is not UNANSWERED:
        await socket.until("content")
    sent = trio.current_time()
    await socket.send("cancel", conversation_id=conversation)
    await socket.until("cancelled")
    told = trio.current_time()
    with trio.fail_after(10):
        await request.closed.wait()
    assert request.closed_at is not None
    return (request.closed_at - sent) * 1000, (told - sent) * 1000


async def close_one(client: httpx.AsyncClient, model: ModelServer) -> float:
    """The same stream, closed by httpx itself."""
    question = str(uuid.uuid4())
    async with client.stream("POST", f"{model.url}/v1/chat/completions", json=question) as response:
        await anext(response.aiter_raw())
        request = await asked(model, question)
        sent = trio.current_time()
    await request.closed.wait()
    assert request.closed_at is not None
    return (request.closed_at - sent) * 1000


async def go_on(url: str, task_status: trio.TaskStatus[None]) -> None:
    """Another stream; returns never."""
    async with wire(url) as socket:
        await socket.say(await socket.start("bench"))
        await socket.until("content")
        task_status.started()
        while True:
            await socket.receive()


async def measure(case: Case, times: int) -> Times:
    found = Times([], [])
    async with model_server(lambda _: case.reply) as model:
        with rig.appliance(model.url, "mcp-tools: [think]") as server:
            async with trio.open_nursery() as nursery, wire(server.ws_url) as socket:
                for _ in range(case.others):
                    await nursery.start(go_on, server.ws_url)
                for _ in range(times):
                    closed, told = await cancel_one(socket, model, case)
                    found.closed.append(closed)
                    found.told.append(told)
                nursery.cancel_scope.cancel()
    return found


async def measure_limit(times: int) -> Times:
    async with model_server(lambda _: FLOWING) as model, httpx.AsyncClient(trust_env=False) as client:
        return Times([await close_one(client, model) for _ in range(times)], [])


def show(name: str, times: Times) -> None:
    figures = [rig.quantile(times.closed, 0.5), rig.quantile(times.closed, 0.99)]
    if times.told:
        figures.append(rig.quantile(times.told, 0.5))
    print(f"{name:28}" + "".join(f"{figure:10.1f}" for figure in figures), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    options = parser.parse_args()
    print(rig.load())
    print(f"{'cancel, ms until':28}{'closed p50':>10}{'p99':>10}{'told p50':>10}")
    show("httpx alone (the limit)", trio.run(measure_limit, options.times))
    worst = 0.0
    for case in CASES:
        times = trio.run(partial(measure, case, options.times))
        worst = max(worst, *times.closed)
        show(case.name, times)
    print(f"{'slowest of all':28}{worst:10.1f}    (promise: under {PROMISE_MS:.0f})")
    return int(worst >= PROMISE_MS)


if __name__ == "__main__":
    sys.exit(main())
