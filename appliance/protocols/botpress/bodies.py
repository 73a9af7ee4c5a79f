"""Bodies of requests as JavaScript clients send them (3, 19). Pure."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec

from appliance.wire import Request

T = TypeVar("T")

_ESCAPES = re.compile(
    rb"(?P<pair>\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|(?P<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{2})"
    rb"|\\."
)


def body(request: Request, type: type[T]) -> T:
    """The body, `{}` where there is none; half characters become U+FFFD. Raises `InvalidInput`.

    A text that is cut in the middle of an emoji is sent so, and JSON parsers refuse it.
    """
    mended = _ESCAPES.sub(_mended, request.body)
    return msgspec.structs.replace(request, body=mended.strip()).json(type)


def _mended(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape["lone"] else escape[0]
