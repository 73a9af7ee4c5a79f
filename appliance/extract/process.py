"""One worker process that reads documents: how it is started, spoken to and ended."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Self

import msgspec
import trio

from appliance.extract.wire import ANSWER_BYTES_MAX, Answer, Job, frame, parse_answer
from appliance.workers.frame import HEADER
from appliance.workers.pipe import ENVIRONMENT, WorkerEnded, WorkerPipe

LARGE_BYTES = 1024 * 1024
"""An answer from this size on is decoded in a thread: it would hold the loop up."""
_PACKAGES = str(Path(__file__).parents[2])


class ReaderProcess:
    """A process and its pipes."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._pipe = WorkerPipe(process, bytes_max=ANSWER_BYTES_MAX)
        self.idle_since = 0.0

    @classmethod
    async def start(cls, memory_mib: int) -> Self:
        """Start one; raises `OSError`. A cancel meanwhile leaves no process behind."""
        with trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                # -P and -s: nothing that lies in the working folder or in a home is taken for a module.
                [sys.executable, "-P", "-s", "-m", "appliance.extract.worker", str(memory_mib)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                # Ctrl-C in a terminal is for the server alone.
                start_new_session=True,
                env=_environment(),
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it could take another document."""
        return self._process.poll() is None

    async def exchange(self, job: Job, data: bytes) -> Answer:
        """Have a document read; raises `WorkerEnded`."""
        await self._pipe.send(frame(job) + HEADER.pack(len(data)))
        await self._pipe.send(data)
        return await self.receive()

    async def receive(self) -> Answer:
        """The next answer; raises `WorkerEnded`, also for one that cannot be understood."""
        body = await self._pipe.receive()
        try:
            if len(body) < LARGE_BYTES:
                return parse_answer(body)
            return await trio.to_thread.run_sync(parse_answer, body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            raise WorkerEnded(None) from None

    async def kill(self) -> None:
        """End the process and wait until it has gone; not held up by a cancel."""
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    await stream.aclose()


def _environment() -> dict[str, str]:
    """What the process sees of ours; it has to find this very package, wherever it was started from."""
    known = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    known["PYTHONPATH"] = os.pathsep.join(filter(None, [_PACKAGES, known.get("PYTHONPATH", "")]))
    # Each arena of malloc takes 64 MiB of the address space that a process may have.
    return known | {"MALLOC_ARENA_MAX": "2"}
