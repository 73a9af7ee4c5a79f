"""The database: one durable writer thread with group commit, and reader connections.

SQL functions take a connection and are plain synchronous functions in the other files of this folder;
`Store.read(fn, …)` and `Store.write(fn, …)` run them. Nothing else in the server's process opens the file:
POSIX locks are lost when any descriptor of it is closed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

import apsw
import trio

from appliance.store.database import connect
from appliance.store.pragmas import open_connection, translate
from appliance.store.writer import Writer

P = ParamSpec("P")
T = TypeVar("T")

READERS = 2
"""Reader threads: lists and searches; more would only fight for two small cores."""
READER_CACHE_KIB = 8_000
"""What searches in 100,000 chunks come back to; the codes of their vectors are kept beside it."""


class Store:
    """The open database; make one with `Store.open`."""

    def __init__(
        self, path: Path, writer: Writer, readers: list[apsw.Connection], here: apsw.Connection
    ) -> None:
        self.path = path
        self._writer = writer
        self._idle = readers
        self._slots = trio.CapacityLimiter(len(readers))
        self._here = here

    @classmethod
    @asynccontextmanager
    async def open(cls, path: Path) -> AsyncIterator[Store]:
        """Open and migrate the file; on leaving, waiting writes are committed and all is closed."""
        writing = await trio.to_thread.run_sync(connect, path)
        writer = Writer(writing, path)
        shared: dict[str, object] = {}
        readers = [
            open_connection(path, read_only=True, cache_kib=READER_CACHE_KIB, shared=shared)
            for _ in range(READERS)
        ]
        here = open_connection(path, read_only=True)
        try:
            yield cls(path, writer, readers, here)
        finally:
            with trio.CancelScope(shield=True):
                await trio.to_thread.run_sync(writer.close)
            for connection in (*readers, here):
                connection.close()

    async def read(
        self, fn: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(connection, …)` on a reader in a thread; sees all that is committed."""
        async with self._slots:
            connection = self._idle.pop()
            try:
                return await trio.to_thread.run_sync(lambda: _run(connection, self.path, fn, *args, **kwargs))
            finally:
                self._idle.append(connection)

    def read_now(
        self, fn: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """The same on the loop's own connection, at once: for reads of a row or a few by an index only."""
        return _run(self._here, self.path, fn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[apsw.Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `fn(connection, …)` in the writer thread and return when its effect is durable.

        If `fn` raises, its own changes are undone and the error comes out here; other writes of the same
        commit are not affected. A write that waits is not abandoned half-way: cancelling takes effect
        after its outcome is known.
        """
        return await self._writer.run(lambda db: fn(db, *args, **kwargs))


def _run(
    db: apsw.Connection,
    path: Path,
    fn: Callable[Concatenate[apsw.Connection, P], T],
    *args: P.args,
    **kwargs: P.kwargs,
) -> T:
    try:
        return fn(db, *args, **kwargs)
    except apsw.Error as error:
        raise translate(error, path) from error
