"""The codes of bases as bit planes in memory, for all readers of one file.

They are made when a base is first searched, some 0.2 s for 100,000 chunks, and made anew, as far as they are
others, when a second search finds the base in a state that they do not have: while documents come in one
after another nobody makes them, and the table of codes answers. There is room for so many bytes of them; what
has not been searched for a while makes room.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import apsw
import msgspec

from appliance.knowledge import EmbeddingSpace
from appliance.store.knowledge import bit_planes, codes
from appliance.store.knowledge.bit_planes import Block, Segment
from appliance.store.pragmas import Connection

NAME = "bit planes"
"""Of these among what connections to one file share."""
ROOM_BYTES = 32 * 2**20
"""For half a million chunks of 384 dimensions."""
SEGMENT = 32_768
"""So many chunks, about, are made anew when one of them has changed, in some 50 ms; with half as many each
search takes a third longer."""
PATIENCE = 200
"""After so many searches without it a base makes room for others; bases shall not drive each other out."""


class _Kept(msgspec.Struct):
    """What is kept of a base in a space; `state` is that of `codes.state`."""

    state: int | None
    segments: list[tuple[bytes, Segment]]
    """With what tells whether it has changed."""
    size: int
    used: int

    @property
    def planes(self) -> list[Segment]:
        return [segment for _, segment in self.segments]


class KeptPlanes:
    """Planes by space and base."""

    def __init__(self, room: int = ROOM_BYTES) -> None:
        self._room = room
        self._kept: dict[tuple[int, int], _Kept] = {}
        self._seen: dict[tuple[int, int], int | None] = {}
        self._searches = 0
        self._lock = threading.Lock()
        self._making = threading.Lock()

    def of(self, db: apsw.Connection, space: EmbeddingSpace, base: int) -> list[Segment] | None:
        """The planes of a base as `db` sees it now; None when they are not there, or not yet."""
        key = (space.number, base)
        state = codes.state(db, *key)
        with self._lock:
            self._searches += 1
            kept = self._kept.get(key)
            if kept is not None and kept.state != state:
                if self._seen.get(key) != state:
                    self._seen[key] = state
                    return None
            elif kept is not None:
                kept.used = self._searches
                return kept.planes
        if not self._making.acquire(blocking=False):  # somebody makes some: to walk takes less than to wait
            return None
        try:
            made = self._made(db, space, base, dict(kept.segments) if kept else {})
        except apsw.SQLError:  # a later sqlite-vec, which keeps its codes in another way
            made = None
        finally:
            self._making.release()
        return made.planes if made else None

    def _made(
        self, db: apsw.Connection, space: EmbeddingSpace, base: int, known: dict[bytes, Segment]
    ) -> _Kept | None:
        key = (space.number, base)
        with db:  # the state and the codes of one moment
            size = bit_planes.size_of(codes.count_up_to(db, *key), space.dimensions)
            with self._lock:
                if not self._make_room(size, key):
                    return None
            state, segments = codes.state(db, *key), list(_segments(db, *key, known))
        made = _Kept(state=state, segments=segments, size=size, used=self._searches)
        with self._lock:
            self._kept[key] = made
            self._seen.pop(key, None)
        return made

    def _make_room(self, size: int, key: tuple[int, int]) -> bool:
        """Forget what was not asked for of late, as far as that is needed; is there room then?"""
        others = sorted((kept.used, other) for other, kept in self._kept.items() if other != key)
        left = self._room - size - sum(self._kept[other].size for _, other in others)
        for used, other in others:
            if left >= 0 or self._searches - used < PATIENCE:
                break
            left += self._kept.pop(other).size
        return left >= 0


def kept_planes(db: apsw.Connection) -> KeptPlanes | None:
    """Those of a connection of ours, shared by the readers of a server; None for one of another making."""
    if not isinstance(db, Connection):
        return None
    kept = db.shared.setdefault(NAME, KeptPlanes())
    return kept if isinstance(kept, KeptPlanes) else None


def _segments(
    db: apsw.Connection, space: int, base: int, known: dict[bytes, Segment]
) -> Iterator[tuple[bytes, Segment]]:
    """All of a base; those that are known are not made again."""
    blocks: list[Block] = []
    for block in codes.blocks(db, space, base):
        blocks.append(block)
        if len(blocks) * len(block[0]) // 8 >= SEGMENT:
            yield _segment(blocks, known)
            blocks.clear()
    if blocks:
        yield _segment(blocks, known)


def _segment(blocks: list[Block], known: dict[bytes, Segment]) -> tuple[bytes, Segment]:
    digest = hashlib.blake2b(digest_size=16)
    for block in blocks:
        for part in block:
            digest.update(part)
    name = digest.digest()
    return name, known.get(name) or bit_planes.segment(blocks)
