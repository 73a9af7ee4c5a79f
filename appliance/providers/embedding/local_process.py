"""The process of the local model, seen from the server: started, asked, ended."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Self

import msgspec
import trio

from appliance.providers.embedding.local_files import LocalModel
from appliance.providers.embedding.local_wire import FRAME_BYTES_MAX, Ask, Ready, Told, frame
from appliance.workers.pipe import ENVIRONMENT, WorkerEnded, WorkerPipe

START_TIMEOUT_S = 60.0
"""About a second on an idle machine; a large model on a busy one takes longer."""

_ENVIRONMENT = {
    # Each arena of malloc takes 64 MiB of the address space that the process may have.
    "MALLOC_ARENA_MAX": "2",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}


class NoModel(Exception):
    """The model cannot be loaded or did not take a text; the text says why."""


class LocalProcess:
    """One process and its pipes, which one task uses."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._pipe = WorkerPipe(process, bytes_max=FRAME_BYTES_MAX)

    @classmethod
    async def start(cls, model: LocalModel) -> Self:
        """Start one and wait until it is ready; raises `NoModel`. A cancel leaves no process behind."""
        options = msgspec.json.encode(model).decode()
        known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        try:
            with trio.CancelScope(shield=True):
                process = await trio.lowlevel.open_process(
                    [sys.executable, "-m", "appliance.providers.embedding.local_worker", options],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    # Ctrl-C in a terminal is for the server alone.
                    start_new_session=True,
                    env=known | _ENVIRONMENT,
                )
        except OSError as error:
            raise NoModel(f"its process cannot be started: {error}") from None
        started = cls(process)
        try:
            await started._wait_until_ready()
        except BaseException:
            await started.kill()
            raise
        return started

    async def _wait_until_ready(self) -> None:
        try:
            with trio.fail_after(START_TIMEOUT_S):
                ready = msgspec.msgpack.decode(await self._pipe.receive(), type=Ready)
        except WorkerEnded as ended:
            raise NoModel(f"its process ended with status {ended.status} while it loaded") from None
        except trio.TooSlowError:
            raise NoModel(f"it was not loaded within {START_TIMEOUT_S:g} s") from None
        if ready.fault:
            raise NoModel(ready.fault)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def ask(self, texts: list[str]) -> list[tuple[int, bytes]]:
        """Weight and vector of each text; raises `WorkerEnded`, and `NoModel` for what it does not take."""
        await self._pipe.send(frame(Ask(texts)))
        try:
            told = msgspec.msgpack.decode(await self._pipe.receive(), type=Told)
        except msgspec.MsgspecError:
            raise WorkerEnded(None) from None
        if told.fault:
            raise NoModel(told.fault)
        if len(told.vectors) != len(texts) or len(told.weights) != len(texts):
            raise WorkerEnded(None)
        return list(zip(told.weights, told.vectors, strict=True))

    async def kill(self) -> None:
        """End the process and wait until it has gone; not held up by a cancel."""
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    await stream.aclose()
