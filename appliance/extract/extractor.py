"""Reads files in worker processes: started when needed, killed at a deadline or a cancel, ended when idle.

Whatever a document does to the process that reads it, the answer is `DocumentUnreadable` for this document
and nothing for anybody else.
"""

from __future__ import annotations

import logging
import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Self

import msgspec
import trio

from appliance.errors import DocumentUnreadable
from appliance.extract.decoding import charset_of
from appliance.extract.kinds import FORMATS, Kind, kind_of
from appliance.extract.process import ReaderProcess
from appliance.extract.readers import EMPTY
from appliance.extract.wire import EXIT_MEMORY, Job
from appliance.knowledge import Extracted
from appliance.settings import Settings
from appliance.workers.pipe import WorkerEnded

START_TIMEOUT_S = 20.0
"""A loaded machine may need seconds to start an interpreter that usually takes 0.2 s."""
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM)
"""No limit of ours ends a process by these; the system does so that runs out of memory, and people do."""

logger = logging.getLogger("appliance.extract")


class ExtractLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What reading documents may take: memory of a process, seconds for a file, processes at a time."""

    memory_mib: int = 1024
    timeout_s: float = 120.0
    processes_max: int = 2
    idle_s: float = 60.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """As the server's settings have it."""
        return cls(memory_mib=settings.extract_memory_mib_max, timeout_s=settings.extract_timeout_s)


class Extractor:
    """Reads documents; made by `open`."""

    def __init__(self, limits: ExtractLimits) -> None:
        self._limits = limits
        self._slots = trio.CapacityLimiter(max(1, limits.processes_max))
        self._idle: list[ReaderProcess] = []
        self._all: set[ReaderProcess] = set()
        self._rested = trio.Event()

    @classmethod
    @asynccontextmanager
    async def open(cls, limits: ExtractLimits | None = None) -> AsyncGenerator[Self]:
        """An extractor for the block; no process outlives it, and none is started before a file comes."""
        extractor = cls(limits or ExtractLimits())
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(extractor._end_idle)
            try:
                yield extractor
            except Exception as error:  # out of the nursery, which would wrap it
                failure = error
            finally:
                nursery.cancel_scope.cancel()
                await extractor._aclose()
        if failure is not None:
            raise failure

    async def extract(
        self, data: bytes, *, file_name: str = "", mime_type: str = "", language: str = ""
    ) -> Extracted:
        """The text of a file, of the kind that `kind_of` finds; at most `processes_max` at a time.

        Raises `UnsupportedDocument`, and `DocumentUnreadable` with the reason for people. Cancelling kills
        its process at once. `language` is a hint for recognising text in pictures, which is not done here.
        """
        kind = kind_of(data, file_name, mime_type)
        if not data:
            raise DocumentUnreadable(EMPTY)
        job = Job(kind=kind, charset=charset_of(mime_type), timeout_s=self._limits.timeout_s)
        async with self._slots:
            try:
                return await self._read_at_last(job, data)
            except trio.TooSlowError:
                raise DocumentUnreadable(_too_slow(kind, self._limits)) from None
            except WorkerEnded as ended:
                raise DocumentUnreadable(_ended(kind, ended, self._limits)) from None
            except OSError as error:
                logger.error("no process to read documents can be started: %s", error)
                raise DocumentUnreadable("Files cannot be read just now; try again later.") from error

    async def _read_at_last(self, job: Job, data: bytes) -> Extracted:
        """Once more when somebody else has killed the process: that need not be this document's fault."""
        try:
            return await self._read(job, data)
        except WorkerEnded as ended:
            if ended.status not in _FROM_OUTSIDE:
                raise
            logger.warning("the process that read a %s was killed; it is read again", FORMATS[job.kind].name)
        return await self._read(job, data)

    async def _read(self, job: Job, data: bytes) -> Extracted:
        process = await self._take()
        try:
            with trio.fail_after(self._limits.timeout_s):
                answer = await process.exchange(job, data)
        except BaseException:
            await self._end(process)
            raise
        if answer.retire:
            await self._end(process)
        else:
            self._put_back(process)
        if answer.fault:
            logger.warning("a %s could not be read: %s", FORMATS[job.kind].name, _one_line(answer.fault))
        if answer.extracted is None:
            raise DocumentUnreadable(answer.reason or "The file cannot be read.")
        return answer.extracted

    async def _take(self) -> ReaderProcess:
        """An idle process that is alive, or a new one."""
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            await self._end(process)
        process = await ReaderProcess.start(self._limits.memory_mib)
        self._all.add(process)
        try:
            with trio.fail_after(START_TIMEOUT_S):
                await process.receive()
        except BaseException:
            await self._end(process)
            raise
        return process

    def _put_back(self, process: ReaderProcess) -> None:
        process.idle_since = trio.current_time()
        self._idle.append(process)
        self._rested.set()

    async def _end_idle(self) -> None:
        """End processes that have waited for so long; sleeps while there is none."""
        while True:
            await self._rested.wait()
            self._rested = trio.Event()
            while self._idle:
                await trio.sleep_until(min(p.idle_since for p in self._idle) + self._limits.idle_s)
                before = trio.current_time() - self._limits.idle_s
                for process in [p for p in self._idle if p.idle_since <= before]:
                    await self._end(process)

    async def _aclose(self) -> None:
        for process in list(self._all):
            await self._end(process)

    async def _end(self, process: ReaderProcess) -> None:
        self._all.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        await process.kill()


def _too_slow(kind: Kind, limits: ExtractLimits) -> str:
    return (
        f"Reading this {FORMATS[kind].name} took longer than {limits.timeout_s:g} s. Split it, or ask the "
        "operator to raise EXTRACT_TIMEOUT_S."
    )


def _ended(kind: Kind, ended: WorkerEnded, limits: ExtractLimits) -> str:
    """What a dead process says about its document."""
    if ended.status in (-signal.SIGALRM, -signal.SIGXCPU):
        return _too_slow(kind, limits)
    if ended.status in (EXIT_MEMORY, -signal.SIGKILL):
        return (
            f"Reading this {FORMATS[kind].name} needs more than {limits.memory_mib} MiB of memory. Split it, "
            "or ask the operator to raise EXTRACT_MEMORY_MIB_MAX."
        )
    logger.warning("the process that read a %s ended with status %s", FORMATS[kind].name, ended.status)
    return (
        f"The {FORMATS[kind].name} is damaged, or needs more memory than there is for it; it cannot be read."
    )


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
