"""`nextToken` (8): keyset cursors, each bound to the one list that gave it out. Pure."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import Annotated, TypeVar

import msgspec

from appliance.protocols.botpress.shapes import Meta
from appliance.protocols.botpress.words import InvalidQuery
from appliance.wire import Request

T = TypeVar("T")

PAGE = 20
POSITION_MAX = 2**62

POSITION: msgspec.json.Decoder[tuple[float, int]] = msgspec.json.Decoder(
    tuple[float, Annotated[int, msgspec.Meta(ge=0, le=POSITION_MAX)]]
)
"""A moment in Unix seconds, and the position of the message that was said in it."""
PLACE: msgspec.json.Decoder[tuple[float, str]] = msgspec.json.Decoder(tuple[float, str])
"""The same with an id."""


def after(request: Request, of: str, cursor: msgspec.json.Decoder[T]) -> T | None:
    """Where the page begins that is asked for; None is the beginning. `of` names the list.

    Raises `InvalidQuery` for anything that was not given out for it.
    """
    text = request.query.get("nextToken", "")
    if not text:
        return None
    try:
        raw = base64.b64decode(text.encode("ascii"), altchars=b"-_", validate=True)
        mark, place = msgspec.json.decode(raw, type=tuple[str, msgspec.Raw])
        if mark != _mark(of):
            raise ValueError("of another list")
        return cursor.decode(place)
    except (ValueError, msgspec.DecodeError, RecursionError):
        raise InvalidQuery("nextToken is none that was given out for this list. Begin without one.") from None


def meta(of: str, seen: Sequence[T], cursor: object, *, limit: int = PAGE) -> Meta:
    """The mark of the next page behind `cursor`, when this one, before it was cut to `limit`, was longer."""
    if len(seen) <= limit:
        return Meta()
    raw = msgspec.json.encode((_mark(of), cursor))
    return Meta(next_token=base64.urlsafe_b64encode(raw).decode())


def _mark(of: str) -> str:
    """Tells lists apart and tells nothing of them."""
    return hashlib.sha256(of.encode()).hexdigest()[:16]
