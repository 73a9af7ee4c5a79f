"""Lexicon's REST as one face: its endpoints, its error body (2.6) and what browsers may send."""

from __future__ import annotations

from appliance.errors import ApplianceError, LimitReached, TooManyRequests
from appliance.protocols.base import Face
from appliance.protocols.lexicon import rest
from appliance.protocols.lexicon.words import ErrorBody, error_body, told
from appliance.wire import Reply


def refuse(error: ApplianceError) -> Reply:
    """One object with `detail` and the socket's form, since the documentation has no body for errors."""
    one = told(error)
    headers: dict[str, str] = {}
    if isinstance(error, LimitReached | TooManyRequests) and error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, round(error.retry_after_s)))
    return Reply(status=one.status, body=error_body(one), headers=headers)


FACE = Face(
    name="Lexicon",
    prefixes=("/api/v1/chats",),
    endpoints=rest.ENDPOINTS,
    refuse=refuse,
    error=ErrorBody,
    variables={"chat_id": "A chat's id", "user_id": "A user's id, as the tenant has it"},
    cors_headers="X-API-Key, X-User-ID, X-Chat-ID, Authorization, Content-Type, Accept",
)
