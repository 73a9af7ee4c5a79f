"""Deleting much without holding the writer up: a few documents, or pieces of a file, in each transaction."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence

import apsw
import msgspec

from appliance.engine.knowledge.library import Library
from appliance.knowledge import Document
from appliance.store.knowledge import bases, chunks, documents, originals, unseen

CHUNKS_AT_ONCE = chunks.AT_ONCE
DOCUMENTS_AT_ONCE = 20
"""In one transaction."""


class Removed(msgspec.Struct, frozen=True):
    """What is left to do for a document that nobody sees any more: its files, perhaps a base to erase."""

    originals: list[str]
    limbo: int | None = None


def take_out(db: apsw.Connection, document: Document, now: float) -> Removed:
    """Delete a document, or take it from everybody's sight where deleting it would hold others up.

    In the caller's transaction; `finish` does the rest.
    """
    return take_out_all(db, [document], now)[0]


def take_out_all(db: apsw.Connection, some: Sequence[Document], now: float) -> list[Removed]:
    """`take_out` for some documents, which together hold others up no longer than one."""
    left = CHUNKS_AT_ONCE
    removed: list[Removed] = []
    for document in some:
        count = chunks.stored_up_to(db, document.number, CHUNKS_AT_ONCE + 1)
        if count <= left:
            left -= count
            removed.append(Removed(documents.remove(db, document.number)))
        else:
            limbo = bases.limbo(db, str(uuid.uuid4()), now)
            documents.move(db, document.number, limbo)
            removed.append(Removed([], limbo))
    return removed


async def finish(library: Library, removed: Iterable[Removed]) -> None:
    """Do what `take_out` has left; may be cut short: `tidy` does it then."""
    for one in removed:
        if one.limbo is not None:
            await erase_base(library, one.limbo)
        await drop_originals(library, one.originals)


async def erase_base(library: Library, number: int) -> None:
    """Delete the documents of a base that was left, then the base; may be cut short and repeated."""
    while (hashes := await library.store.write(_remove_some, number)) is not None:
        await drop_originals(library, hashes)
    await sweep(library, number)
    await library.store.write(bases.erase, number)


async def sweep(library: Library, base: int | None = None) -> None:
    """Delete the chunks, of one base or all, that nobody sees and nobody is putting in.

    Such as older versions, and what a process that died had begun; may be cut short and repeated.
    """
    for document, version in await library.store.read(unseen.strays, base):
        while await library.store.write(_sweep_some, document, version):
            pass


async def drop_originals(library: Library, hashes: Iterable[str]) -> None:
    """Delete files that no document or job uses any more; of those that one does nothing."""
    for hash in dict.fromkeys(filter(None, hashes)):
        while await library.store.write(originals.shrink, hash):
            pass


async def tidy(library: Library) -> None:
    """At start: finish deletes and swaps, and remove files of uploads that were cut short.

    Beside an upload that runs in another process it does no harm: that writes its pieces again.
    """
    for number in await library.store.read(bases.left):
        await erase_base(library, number)
    await sweep(library)
    await drop_originals(library, await library.store.read(originals.unused))


def _sweep_some(db: apsw.Connection, document: int, version: int) -> bool:
    """Is there more to delete?"""
    if not unseen.is_stray(db, document, version):
        return False
    more = chunks.thin(db, document, CHUNKS_AT_ONCE, version) == CHUNKS_AT_ONCE
    if not more:
        unseen.forget(db, document, version)
    return more


def _remove_some(db: apsw.Connection, base: int) -> list[str] | None:
    """Hashes of the files of what was deleted; None when no document is left."""
    numbers = documents.of_base(db, base, DOCUMENTS_AT_ONCE)
    hashes: list[str] = []
    left = CHUNKS_AT_ONCE
    for number in numbers:
        left -= chunks.thin(db, number, left)
        if left <= 0:
            break
        hashes += documents.remove(db, number)
    return hashes if numbers else None
