"""The pool of SQL worker processes: started when needed, killed at a deadline or a cancel, replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec
import trio

from appliance.changes import ChangePlan
from appliance.errors import StoreError
from appliance.messages import QueryOutcome
from appliance.schema import Schema
from appliance.sqlguard import Demands, SqlPolicy
from appliance.tools import sql_outcome
from appliance.tools.sql_outcome import Trouble
from appliance.tools.sql_parameters import checked
from appliance.tools.sql_wire import (
    EXIT_MEMORY,
    FRAME_BYTES_MAX,
    Answer,
    Describe,
    Query,
    frame,
    parse_answer,
)
from appliance.workers.pipe import ENVIRONMENT, WorkerEnded, WorkerPipe

START_TIMEOUT_S = 20.0
"""A loaded machine may need seconds to start an interpreter that usually takes 0.3 s."""
KILL_GRACE_S = 2.0
"""A worker ends itself at the deadline; this much later we do it."""
SCHEMA_TIMEOUT_S = 15.0
NO_DEMANDS = Demands()


class SqlPool:
    """Runs statements on `database` in at most `workers_max` processes at a time; others wait their turn."""

    def __init__(self, database: Path, *, workers_max: int) -> None:
        self._database = str(database.absolute())
        self._slots = trio.CapacityLimiter(max(1, workers_max))
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End all processes; a query that still runs is answered as failed. May be called twice."""
        self._closed = True
        for worker in list(self._all):
            await self._end(worker)

    async def warm(self) -> None:
        """Have one process ready, so that the first question does not wait for it."""
        async with self._slots:
            self._idle.append(await self._take())

    async def query(
        self,
        sql: str,
        policy: SqlPolicy,
        *,
        description: str = "",
        parameters: Mapping[str, Any] | None = None,
        demands: Demands = NO_DEMANDS,
        vector: bytes = b"",
    ) -> QueryOutcome | ChangePlan:
        """Run one statement; never raises for a bad one. Cancelling kills its process at once.

        `parameters` are the values of its `:name`s, unused ones are ignored. A writing statement that the
        policy permits gives a plan of what it would change; nothing is written. A statement of ours may
        compute distances to a `vector` (little-endian float32).
        """
        started = trio.current_time()
        try:
            query = Query(
                sql=sql,
                policy=policy,
                description=description,
                parameters=checked(parameters or {}),
                demands=demands,
                vector=vector,
            )
            answer = await self._ask(frame(query), policy.timeout_s + KILL_GRACE_S)
            if answer.plan is not None:
                return answer.plan
            assert answer.outcome is not None
            return answer.outcome
        except UnicodeEncodeError:
            trouble = Trouble("The statement or a parameter is not valid Unicode text")
            sql = sql.encode(errors="replace").decode()
        except ValueError as error:
            trouble = Trouble(str(error))
        except trio.TooSlowError:
            trouble = sql_outcome.timed_out(policy)
        except WorkerEnded as ended:
            trouble = _trouble(ended, policy)
        except OSError as error:
            trouble = Trouble(f"The SQL worker cannot be started: {error}", rejected=False)
        return sql_outcome.bad(sql, description, trouble, (trio.current_time() - started) * 1000)

    async def schema(self, policy: SqlPolicy) -> Schema:
        """The tables that the policy allows; raises `StoreError` when the file cannot be read."""
        try:
            answer = await self._ask(frame(Describe(policy=policy)), SCHEMA_TIMEOUT_S)
        except (trio.TooSlowError, WorkerEnded, OSError) as error:
            raise StoreError(f"The schema of the data cannot be read: {_reason(error)}") from error
        if answer.schema is None:
            raise StoreError(answer.fault)
        return answer.schema

    async def _ask(self, request: bytes, timeout_s: float) -> Answer:
        """One exchange with a worker; it goes back to the idle ones only when that went well."""
        async with self._slots:
            worker = await self._take()
            try:
                with trio.fail_after(timeout_s):
                    answer = await worker.exchange(request)
            except BaseException as error:
                await self._end(worker)
                if isinstance(error, WorkerEnded) and self._closed:
                    raise WorkerEnded(None) from None
                raise
            if answer.retire:
                await self._end(worker)
            else:
                self._idle.append(worker)
            return answer

    async def _take(self) -> _Worker:
        """An idle worker that is alive, or a new one."""
        while self._idle:
            worker = self._idle.pop()
            if worker.is_alive:
                return worker
            await self._end(worker)
        if self._closed:
            raise WorkerEnded(None)
        worker = await _Worker.start(self._database)
        self._all.add(worker)
        try:
            with trio.fail_after(START_TIMEOUT_S):
                await worker.receive()
        except BaseException:
            await self._end(worker)
            raise
        return worker

    async def _end(self, worker: _Worker) -> None:
        self._all.discard(worker)
        if worker in self._idle:
            self._idle.remove(worker)
        await worker.kill()


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._pipe = WorkerPipe(process, bytes_max=FRAME_BYTES_MAX)

    @classmethod
    async def start(cls, database: str) -> Self:
        """Start one; raises `OSError`. A cancel meanwhile leaves no process behind."""
        with trio.CancelScope(shield=True):
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "appliance.tools.sql_worker", database],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                # Ctrl-C in a terminal is for the server alone.
                start_new_session=True,
                env={name: os.environ[name] for name in ENVIRONMENT if name in os.environ},
            )
        return cls(process)

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def exchange(self, request: bytes) -> Answer:
        """Send a frame and wait for the answer; raises `WorkerEnded`."""
        await self._pipe.send(request)
        return await self.receive()

    async def receive(self) -> Answer:
        """The next answer; raises `WorkerEnded`."""
        try:
            return parse_answer(await self._pipe.receive())
        except msgspec.MsgspecError:
            raise WorkerEnded(None) from None

    async def kill(self) -> None:
        """End the process and wait until it has gone; not held up by a cancel."""
        with trio.CancelScope(shield=True):
            self._process.kill()
            await self._process.wait()
            for stream in (self._process.stdin, self._process.stdout):
                if stream is not None:
                    await stream.aclose()


def _reason(error: Exception) -> str:
    return "it took too long" if isinstance(error, trio.TooSlowError) else str(error)


def _trouble(ended: WorkerEnded, policy: SqlPolicy) -> Trouble:
    """What a dead worker says about its last statement."""
    match ended.status:
        case None:
            return Trouble("The SQL worker was stopped", rejected=False)
        case status if status == -signal.SIGALRM:
            return sql_outcome.timed_out(policy)
        case status if status == EXIT_MEMORY or status == -signal.SIGKILL:
            return sql_outcome.out_of_memory(policy)
        case status:
            return Trouble(f"The SQL worker stopped working (status {status})", rejected=False)
