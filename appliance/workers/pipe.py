"""What all worker processes share: frames over their pipes, and one error when they have gone."""

from __future__ import annotations

import trio

from appliance.workers.frame import HEADER

RECEIVE_BYTES = 64 * 1024

ENVIRONMENT = (
    "PATH",
    "PYTHONPATH",
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "LD_LIBRARY_PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
)
"""What every worker inherits and no more: it must not know the keys of providers."""


class WorkerEnded(Exception):
    """The process has gone without an answer; `status` as in `subprocess`, None when we ended it."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"the worker ended with status {status}")
        self.status = status


class WorkerPipe:
    """The two ends of a process's pipes; `bytes_max` is the largest message that is taken from it."""

    def __init__(self, process: trio.Process, *, bytes_max: int) -> None:
        self._process = process
        self._bytes_max = bytes_max
        self._unread = bytearray()

    async def send(self, frame: bytes) -> None:
        """Pass on a message with its header; raises `WorkerEnded`."""
        assert self._process.stdin is not None
        try:
            await self._process.stdin.send_all(frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            raise WorkerEnded(await self._process.wait()) from None

    async def receive(self) -> bytes:
        """The next message without its header; raises `WorkerEnded`, also for one that is too large."""
        (length,) = HEADER.unpack(await self._exactly(HEADER.size))
        if length > self._bytes_max:
            raise WorkerEnded(None)
        return await self._exactly(length)

    async def _exactly(self, count: int) -> bytes:
        assert self._process.stdout is not None
        while len(self._unread) < count:
            try:
                received = await self._process.stdout.receive_some(RECEIVE_BYTES)
            except trio.ClosedResourceError:
                received = b""
            if not received:
                raise WorkerEnded(await self._process.wait())
            self._unread += received
        body = bytes(self._unread[:count])
        del self._unread[:count]
        return body
