"""How the console's API says no: like Fluxbase's REST, and it tells when to try again."""

from __future__ import annotations

import math

import msgspec

from appliance.errors import ApplianceError
from appliance.protocols.fluxbase import face
from appliance.wire import Reply


def refuse(error: ApplianceError) -> Reply:
    """`{"error", "code", "details"?}`; where waiting helps, `retry_after` in seconds, also as a header."""
    reply = face.refuse(error)
    wait_s = getattr(error, "retry_after_s", None)
    if reply.status != 429 or wait_s is None:
        return reply
    seconds = max(1, math.ceil(wait_s))
    body = {**reply.body, "details": {**reply.body.get("details", {}), "retry_after": seconds}}
    return msgspec.structs.replace(reply, body=body, headers={"Retry-After": str(seconds)})
