"""A second reader of the same file, for a reading whose two halves need nothing of each other.

Both halves see one moment of the database. SQLite gives no way to say so; but whether anything was committed
since a connection last looked is told by `data_version`. So the second reader looks, then the first one
begins, then the second: if that sees nothing new, there was nothing new between for the first one either.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Concatenate, ParamSpec, TypeVar

import apsw

P = ParamSpec("P")
T = TypeVar("T")


class Beside:
    """The second reader, opened when it is first needed; one reading at a time has it."""

    def __init__(self, open_reader: Callable[[], apsw.Connection]) -> None:
        self._open_reader = open_reader
        self._connection: apsw.Connection | None = None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="beside")
        self._taken = threading.Lock()

    @contextmanager
    def looking(self) -> Iterator[Look | None]:
        """Enter it before the reading begins; None while another has it: do not wait then."""
        if not self._taken.acquire(blocking=False):
            yield None
            return
        try:
            if self._connection is None:
                self._connection = self._open_reader()
            with Look(self._connection, self._pool) as look:
                yield look
        finally:
            self._taken.release()

    def close(self) -> None:
        """Wait for what is under way and close the connection."""
        with self._taken:
            self._pool.shutdown()
            if self._connection is not None:
                self._connection.close()


class Look:
    """One reading's share of the second reader; made before the first one begins."""

    def __init__(self, connection: apsw.Connection, pool: ThreadPoolExecutor) -> None:
        self._connection = connection
        self._pool = pool
        self._seen = self._version()
        self._running: Future[object] | None = None

    def __enter__(self) -> Look:
        return self

    def __exit__(self, *_: object) -> None:
        if self._running is not None:
            wait([self._running])
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def start(
        self, fn: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[], T] | None:
        """Run `fn(connection, …)` in a thread; what is returned waits for its result.

        Call it once, when the first reader is in its transaction and has read something. None, and nothing
        runs, when something was committed just then: the two would see different things.
        """
        self._connection.execute("BEGIN")
        if self._version() != self._seen:
            return None
        running = self._pool.submit(fn, self._connection, *args, **kwargs)
        self._running = running  # type: ignore[assignment] # whose result is the caller's
        return running.result

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA data_version").get)
