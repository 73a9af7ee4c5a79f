"""Remembers the vectors of questions for a quarter of an hour, so that one asked again costs nothing."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import trio

from appliance.providers.embedding.base import Embedder, Purpose

KEPT_S = 900.0
"""Fluxbase 6.4."""
BYTES_MAX = 16 * 1024 * 1024
TEXT_CHARACTERS_MAX = 10_000
"""A longer question is not asked twice."""

_ENTRY_BYTES = 300
"""What an entry takes besides its text and vector."""


class QueryCache:
    """(embedder, text) -> vector; the least used ones go first. Bounded in bytes."""

    def __init__(self, *, bytes_max: int = BYTES_MAX, kept_s: float = KEPT_S) -> None:
        self._bytes_max = bytes_max
        self._kept_s = kept_s
        self._entries: OrderedDict[tuple[str, str], tuple[float, bytes]] = OrderedDict()
        self.bytes = 0

    def get(self, key: str, text: str) -> bytes | None:
        """The vector, unless it was never put, is too old or had to make room."""
        place = (key, text)
        until, vector = self._entries.get(place, (0.0, b""))
        if not vector:
            return None
        if until < trio.current_time():
            self._drop(place)
            return None
        self._entries.move_to_end(place)
        return vector

    def put(self, key: str, text: str, vector: bytes) -> None:
        """Remember it from now on."""
        if len(text) > TEXT_CHARACTERS_MAX:
            return
        self._drop((key, text))
        self._entries[key, text] = (trio.current_time() + self._kept_s, vector)
        self.bytes += _size(text, vector)
        while self.bytes > self._bytes_max:
            self._drop(next(iter(self._entries)))

    def _drop(self, place: tuple[str, str]) -> None:
        if entry := self._entries.pop(place, None):
            self.bytes -= _size(place[1], entry[1])


class Cached:
    """An `Embedder` that asks another one for what the cache does not have; documents are not kept."""

    def __init__(self, inner: Embedder, cache: QueryCache) -> None:
        self._inner = inner
        self._cache = cache
        self.key = inner.key
        self.model = inner.model
        self.dimensions = inner.dimensions
        self.threshold = inner.threshold

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[bytes]:
        """See `Embedder.embed`."""
        known = {text: self._cache.get(self.key, text) for text in texts} if purpose == "query" else {}
        missing = [text for text in dict.fromkeys(texts) if known.get(text) is None]
        new = dict(zip(missing, await self._inner.embed(missing, purpose=purpose), strict=True))
        self.dimensions = self._inner.dimensions
        if purpose == "query":
            for text, vector in new.items():
                self._cache.put(self.key, text, vector)
        return [new.get(text) or known[text] or b"" for text in texts]

    async def aclose(self) -> None:
        """Close the other one."""
        await self._inner.aclose()


def _size(text: str, vector: bytes) -> int:
    # Four bytes a character is what Python takes at most.
    return 4 * len(text) + len(vector) + _ENTRY_BYTES
