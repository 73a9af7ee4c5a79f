"""Errors in this API's own words (11): one table from our codes to its types and statuses."""

from __future__ import annotations

import math
import secrets
from datetime import UTC, datetime

import msgspec

from appliance.errors import ApplianceError, InvalidInput
from appliance.wire import Reply

JSON = "application/json; charset=utf-8"
"""Of every answer but the greeting and streams (3)."""
RETRY_AFTER_S = 2.0
"""What a client is told to wait where nothing better is known."""


class InvalidQuery(InvalidInput):
    """A query parameter is not one that was given out."""

    code = "invalid_query"


class ReferenceNotFound(InvalidInput):
    """Something that the body refers to by id does not exist."""

    code = "reference_not_found"


class Refusal(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every error: without one of the four the client knows nothing but "unknown error 500"."""

    id: str
    code: int
    type: str
    message: str


INTERNAL = (500, "Internal")

TYPES: dict[str, tuple[int, str]] = {
    "invalid_input": (400, "InvalidPayload"),
    "invalid_query": (400, "InvalidQuery"),
    "reference_not_found": (400, "ReferenceNotFound"),
    "auth_required": (401, "Unauthorized"),
    "invalid_credential": (401, "Unauthorized"),
    "forbidden": (403, "Forbidden"),
    "origin_not_allowed": (403, "Forbidden"),
    "not_found": (404, "ResourceNotFound"),
    "bot_not_found": (404, "ResourceNotFound"),
    "conversation_not_found": (404, "ResourceNotFound"),
    "message_not_found": (404, "ResourceNotFound"),
    "user_not_found": (404, "ResourceNotFound"),
    "route_not_found": (404, "ResourceNotFound"),
    "method_not_allowed": (405, "MethodNotFound"),
    "conflict": (409, "AlreadyExists"),
    "too_large": (413, "PayloadTooLarge"),
    "busy": (429, "RateLimited"),
    "too_many_requests": (429, "RateLimited"),
    # There is no type for 503, and a 5xx would leave a listening client retrying for ever (1, rule 12).
    "shutting_down": (429, "RateLimited"),
}
"""Status and type by `ApplianceError.code`; what is missing here is internal."""

QUOTA = (403, "QuotaExceeded")
RATE = (429, "RateLimited")


def status_and_type(error: ApplianceError) -> tuple[int, str]:
    """How this API tells the error. Of limits only the rate is one that passes by itself in a moment."""
    if error.code == "limit_reached":
        return RATE if getattr(error, "which", "") == "rate" else QUOTA
    return TYPES.get(error.code, INTERNAL)


def refuse(error: ApplianceError) -> Reply:
    """`{id, code, type, message}`, with `Retry-After` where trying again later helps."""
    status, type = status_and_type(error)
    body = Refusal(id=_error_id(), code=status, type=type, message=error.public_text)
    return Reply(status=status, body=body, content_type=JSON, headers=_headers(error, status))


def _headers(error: ApplianceError, status: int) -> dict[str, str]:
    after_s: float | None = getattr(error, "retry_after_s", None)
    if after_s is None and status == 429:
        after_s = RETRY_AFTER_S
    return {} if after_s is None else {"Retry-After": str(max(1, math.ceil(after_s)))}


def _error_id() -> str:
    """`err_`, the time in UTC, `x` and eight upper-case hexadecimal digits."""
    return f"err_{datetime.now(UTC):%Y%m%d%H%M%S}x{secrets.token_hex(4).upper()}"
