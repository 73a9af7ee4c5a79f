"""Bodies of requests as JavaScript clients send them (3, 19). Pure."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from appliance.protocols.client_json import mended
from appliance.wire import Request

T = TypeVar("T")


def body(request: Request, type: type[T]) -> T:
    """The body, `{}` where there is none; half characters become U+FFFD. Raises `InvalidInput`."""
    return msgspec.structs.replace(request, body=mended(request.body).strip()).json(type)
