"""One request to an embedding server, with the retries, clocks and error texts of `providers.http`."""

from __future__ import annotations

from typing import Any

import httpx
import trio

from appliance.errors import ProviderBroken, ProviderUnavailable
from appliance.providers import failures, http
from appliance.providers.base import ModelEvent
from appliance.providers.failures import Upstream
from appliance.providers.http import Call, Patience

MEDIA_TYPES = ("application/json",)

_NUMBER_BYTES = 25
"""What a number takes at most as JSON writers write it, with its comma."""
_FRAME_BYTES = 64 * 1024


async def post(
    client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call, *, numbers_max: int
) -> bytes:
    """The body of a good answer with no more than so many numbers. A cancel closes the connection at once.

    Asks once more when the answer breaks off: unlike a chat's, both would be the same. Raises `ProviderError`
    without the key in its text, `ProviderUnavailable` when all of it took too long.
    """
    total_s = 2 * patience.idle_timeout_s
    with trio.move_on_after(total_s):
        body = _Body(upstream, numbers_max * _NUMBER_BYTES + _FRAME_BYTES)
        try:
            return await _read(client, upstream, patience, call, body)
        except ProviderBroken:
            if not body.broke_off:
                raise
        return await _read(client, upstream, patience, call, _Body(upstream, body.bytes_max))
    raise ProviderUnavailable(f"{upstream.label} gave no embeddings within {total_s:g} s.")


async def _read(
    client: httpx.AsyncClient, upstream: Upstream, patience: Patience, call: Call, body: _Body
) -> bytes:
    async with http.stream(client, upstream, patience, call, body) as events:
        async for _ in events:
            pass
    return bytes(body.data)


class _Body:
    """A `Decoder` that only collects."""

    def __init__(self, upstream: Upstream, bytes_max: int) -> None:
        self._upstream = upstream
        self.bytes_max = bytes_max
        self.data = bytearray()
        self.finished = False
        self.messages = 0
        self._closed = False

    @property
    def broke_off(self) -> bool:
        """Did it begin and not come to its end?"""
        return bool(self.data) and not self._closed

    def feed(self, data: bytes) -> list[ModelEvent]:
        self.data += data
        self.messages += 1
        self.finished = len(self.data) > self.bytes_max
        return []

    def close(self) -> list[ModelEvent]:
        self._closed = True
        if self.finished:
            what = f"more than {self.bytes_max} bytes for some vectors"
            raise failures.garbage(self._upstream, what, bytes(self.data[:100]))
        return []


def without_format(body: dict[str, Any], complaint: str) -> dict[str, Any] | None:
    """The body for a server that does not know `encoding_format`."""
    if "encoding_format" in body and "encoding_format" in complaint:
        return {key: value for key, value in body.items() if key != "encoding_format"}
    return None
