"""Keeping files as they came, piece by piece, and reading them back."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from typing import TypeVar

import apsw
import msgspec
import trio

from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.removing import drop_originals
from appliance.errors import Busy, NotFound
from appliance.store.knowledge import originals

T = TypeVar("T")

TRIES = 4
"""A file that nothing used any more may go away while the same one is being added again."""


class KeptFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that is kept; `bytes` is its size."""

    hash: str
    bytes: int
    mime_type: str
    file_name: str


class _Gone(Exception):
    """Pieces went away meanwhile."""


async def digest(data: bytes) -> str:
    """SHA-256, hexadecimal; in a thread, where a large file holds nobody up."""
    return await trio.to_thread.run_sync(lambda: hashlib.sha256(data).hexdigest())


async def keep(library: Library, hash: str, data: bytes, use: Callable[[apsw.Connection], T]) -> T:
    """Store a file, once, and let `use` refer to it in the transaction that completes it; returns its result.

    When `use` raises, or this is cancelled, nothing of the file stays that nothing else uses.
    """
    done = False
    try:
        for _ in range(TRIES):
            try:
                result = await _keep(library, hash, data, use)
            except _Gone:
                continue
            done = True
            return result
        raise Busy("The same file is being deleted and added at once; add it again.")
    finally:
        if not done:
            with trio.CancelScope(shield=True):
                await drop_originals(library, [hash])


async def _keep(library: Library, hash: str, data: bytes, use: Callable[[apsw.Connection], T]) -> T:
    if not await library.store.write(originals.begin, hash, len(data), library.clock()):
        for number, start in enumerate(range(0, len(data), originals.PIECE_BYTES)):
            piece = data[start : start + originals.PIECE_BYTES]
            await library.store.write(originals.put, hash, number, piece)

    def write(db: apsw.Connection) -> T:
        if not originals.finish(db, hash):
            raise _Gone
        return use(db)

    return await library.store.write(write)


async def read_pieces(library: Library, hash: str) -> AsyncIterator[bytes]:
    """The bytes of a kept file, a piece at a time; raises `NotFound` when it is not here, or goes away."""
    size, pieces = await library.store.read(originals.size, hash)
    if not size:
        raise NotFound("The original of this document is not kept.")
    for number in range(pieces):
        piece = await library.store.read(originals.piece, hash, number)
        if piece is None:
            raise NotFound("The original of this document was deleted meanwhile.")
        yield piece


async def read_whole(library: Library, hash: str) -> bytes:
    """All bytes of a kept file; raises `NotFound`."""
    return b"".join([piece async for piece in read_pieces(library, hash)])
