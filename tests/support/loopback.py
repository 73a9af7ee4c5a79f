"""Real servers on the loopback interface, on a free port, each stopped by its own process id.

- `app_server("module:factory", …)`: a Quart application behind `serve`, in a process of its own;
- `cli_server("serve", …)`: the command `appliance`, in a process of its own;
- `serving(app, …)`: a Quart application behind `serve`, inside the test's own trio loop.
"""

from __future__ import annotations

import importlib
import json
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any

import trio
from quart_trio import QuartTrio

from appliance.server.run import ServerLimits, serve

ROOT = Path(__file__).parents[2]
START_S = 40.0
STOP_S = 15.0
URL = re.compile(r"https?://(\[[^\]]+\]|[^\s:/]+):(\d+)")


class LoopbackServer:
    """A server process that answers at `url`; its output is in `log()`."""

    def __init__(self, process: subprocess.Popen[bytes], output: IO[bytes]) -> None:
        self.process = process
        self._output = output
        self.url = ""
        self.host = ""
        self.port = 0

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self.process.poll() is None

    def log(self) -> str:
        """Everything the process has written so far, to both streams."""
        return Path(self._output.name).read_text(errors="replace")

    def rss_kib(self) -> int:
        """Resident memory of the process, in KiB (Linux)."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1])

    def cpu_s(self) -> float:
        """CPU seconds the process has used, user and system (Linux, in steps of 10 ms)."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def wait_until_ready(self) -> None:
        """Wait for the first URL in the output; raises with the whole output if none comes."""
        until = time.monotonic() + START_S
        while not (found := URL.search(self.log())):
            if not self.alive or time.monotonic() > until:
                raise RuntimeError(f"the server did not start:\n{self.log()}")
            time.sleep(0.02)
        self.url, self.host, self.port = found[0], found[1].strip("[]"), int(found[2])

    def stop(self, *, within_s: float = STOP_S) -> float:
        """Ask the process to end (SIGTERM) and return after how many seconds it did."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(within_s)
        return time.monotonic() - begun


@contextmanager
def _running(command: list[str], env: Mapping[str, str] | None) -> Iterator[LoopbackServer]:
    with tempfile.NamedTemporaryFile(prefix="loopback-") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
        server = LoopbackServer(process, output)
        try:
            server.wait_until_ready()
            yield server
        finally:
            if server.alive:
                process.terminate()
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


@contextmanager
def app_server(
    factory: str, *, env: Mapping[str, str] | None = None, **limits: Any
) -> Iterator[LoopbackServer]:
    """Serve what `factory` ("package.module:function") returns; `limits` are fields of `ServerLimits`."""
    command = [sys.executable, "-m", "tests.support.loopback", factory, json.dumps(limits)]
    with _running(command, env) as server:
        yield server


@contextmanager
def cli_server(*arguments: str, env: Mapping[str, str] | None = None) -> Iterator[LoopbackServer]:
    """Run `appliance …`; give `--port 0` so that servers do not meet."""
    with _running([sys.executable, "-u", "-m", "appliance", *arguments], env) as server:
        yield server


@asynccontextmanager
async def serving(app: QuartTrio, limits: ServerLimits | None = None) -> AsyncIterator[str]:
    """Serve `app` while the block runs; the value is its URL."""
    shutdown = trio.Event()
    async with trio.open_nursery() as nursery:
        urls = await nursery.start(
            partial(
                serve,
                app,
                host="127.0.0.1",
                port=0,
                limits=limits or ServerLimits(grace_s=0),
                shutdown=shutdown,
            )
        )
        try:
            yield urls[0]
        finally:
            shutdown.set()


def readable(sock: Any, seconds: float) -> bool:
    """Whether something, or the end, can be read from `sock` within `seconds`."""
    return bool(select.select([sock], [], [], seconds)[0])


async def _main(factory: str, limits: str) -> None:
    module, _, function = factory.partition(":")
    app = getattr(importlib.import_module(module), function)()
    shutdown = trio.Event()
    run = partial(
        serve,
        app,
        host="127.0.0.1",
        port=0,
        limits=ServerLimits(**json.loads(limits)),
        shutdown=shutdown,
    )
    with trio.open_signal_receiver(signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:
            print("ready", (await nursery.start(run))[0], flush=True)
            async for _ in signals:
                break
            shutdown.set()


if __name__ == "__main__":
    import logging

    logging.basicConfig()
    trio.run(_main, *sys.argv[1:])
