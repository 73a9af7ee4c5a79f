"""What the server and the process of the local model say to each other, one framed message at a time."""

from __future__ import annotations

import msgspec

from appliance.workers.frame import framed

FRAME_BYTES_MAX = 16 * 1024 * 1024


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """First word of the process; with a `fault` it is also its last."""

    fault: str = ""


class Ask(msgspec.Struct, frozen=True):
    """Texts to be embedded."""

    texts: list[str]


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """For each text its vector, not normalised, and of how many word pieces it is the mean."""

    vectors: list[bytes] = []
    weights: list[int] = []
    fault: str = ""


def frame(message: Ready | Ask | Told) -> bytes:
    """A message as it is sent."""
    return framed(msgspec.msgpack.encode(message))
