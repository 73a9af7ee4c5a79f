"""The processes of one `tools.py`: started when needed, at most a few, ended after a while without calls."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import TypeAlias

import trio

from appliance.tools.own_process import START_GRACE_S, Limits, ToolProcess, not_loaded
from appliance.tools.own_wire import Answer, Ask, Call, Done, Loaded
from appliance.workers.pipe import WorkerEnded

RETRY_S = 60.0
"""A file that could not be loaded is tried again after this time: what it imports may be there by then."""

RunAsk: TypeAlias = Callable[[Ask], Awaitable[Answer]]


class OwnPool:
    """Runs calls of one version of a tools file; its tasks live in `nursery`."""

    def __init__(self, tools_file: str, mark: str, limits: Limits, nursery: trio.Nursery) -> None:
        self.mark = mark
        self._tools_file = tools_file
        self._limits = limits
        self._nursery = nursery
        self._slots = trio.CapacityLimiter(limits.processes_max)
        self._reading = trio.Lock()
        self._loaded: tuple[Loaded, float] | None = None
        self._idle: list[ToolProcess] = []
        self._all: set[ToolProcess] = set()
        self._keeps_idle = True

    async def loaded(self) -> Loaded:
        """What the file offers; reads it once by starting a process, which then waits for the first call."""
        async with self._reading:
            if self._loaded is not None:
                loaded, at = self._loaded
                if not loaded.failed or trio.current_time() < at + RETRY_S:
                    return loaded
            loaded = await self._load()
            self._loaded = loaded, trio.current_time()
            return loaded

    async def _load(self) -> Loaded:
        async with self._slots:
            try:
                process, loaded = await self._start()
            except trio.TooSlowError:
                return not_loaded("importing it took too long")
            except WorkerEnded as ended:
                return not_loaded(f"its process ended while it was imported (status {ended.status})")
            except OSError as error:
                return not_loaded(f"its process cannot be started: {error}")
            await (self._end(process) if loaded.failed else self._put_back(process))
            return loaded

    async def call(self, call: Call, run_ask: RunAsk, secrets: Iterable[str] = ()) -> Done:
        """Run one call, its statements by `run_ask`; cancelling kills its process at once.

        `secrets` are masked in what the process prints. What is returned is not masked.
        Raises `trio.TooSlowError` at the call's deadline, `WorkerEnded`, or `OSError` when no process can be
        started.
        """
        async with self._slots:
            process = await self._take()
            process.keep_secret(secrets)
            try:
                with trio.fail_after(call.timeout_s):
                    done = await _converse(process, call, run_ask)
            except BaseException:
                await self._end(process)
                raise
            await self._put_back(process)
            return done

    async def _take(self) -> ToolProcess:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            await self._end(process)
        process, _ = await self._start()
        return process

    async def _start(self) -> tuple[ToolProcess, Loaded]:
        process = await ToolProcess.start(self._tools_file, self._limits)
        self._all.add(process)
        self._nursery.start_soon(process.log_output)
        try:
            with trio.fail_after(self._limits.load_timeout_s + START_GRACE_S):
                loaded = await process.receive()
            if not isinstance(loaded, Loaded):
                raise WorkerEnded(None)
        except BaseException:
            await self._end(process)
            raise
        return process, loaded

    async def _put_back(self, process: ToolProcess) -> None:
        if self._keeps_idle and process.is_alive:
            process.idle_since = trio.current_time()
            self._idle.append(process)
        else:
            await self._end(process)

    async def end_idle(self, before: float) -> None:
        """End processes that wait since before this moment of trio's clock."""
        for process in [process for process in self._idle if process.idle_since < before]:
            await self._end(process)

    async def retire(self) -> None:
        """A newer version has come: running calls end as usual, no process stays."""
        self._keeps_idle = False
        await self.end_idle(float("inf"))

    async def aclose(self) -> None:
        """End all processes, also those that run a call."""
        self._keeps_idle = False
        for process in list(self._all):
            await self._end(process)

    @property
    def is_empty(self) -> bool:
        """Whether no process is left."""
        return not self._all

    async def _end(self, process: ToolProcess) -> None:
        self._all.discard(process)
        if process in self._idle:
            self._idle.remove(process)
        await process.kill()


async def _converse(process: ToolProcess, call: Call, run_ask: RunAsk) -> Done:
    await process.send(call)
    while True:
        match await process.receive():
            case Done() as done:
                return done
            case Ask() as ask:
                await process.send(await run_ask(ask))
            case Loaded():
                raise WorkerEnded(None)
