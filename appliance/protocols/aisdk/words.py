"""What is wrong, in the words that section 2 has for it. The SDK shows the whole body as the error's text."""

from __future__ import annotations

import math

import msgspec

from appliance.errors import ApplianceError, LimitReached, TooManyRequests
from appliance.wire import Reply


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is for programs, `message` for people."""

    code: str
    message: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every refusal."""

    error: Problem


_WORDS = {
    "invalid_input": (400, "VALIDATION_INVALID_BODY"),
    "too_large": (413, "VALIDATION_INVALID_BODY"),
    "auth_required": (401, "AUTH_MISSING_API_KEY"),
    "invalid_credential": (401, "AUTH_INVALID_API_KEY"),
    "forbidden": (403, "AUTH_INSUFFICIENT_PERMISSIONS"),
    "origin_not_allowed": (403, "AUTH_INSUFFICIENT_PERMISSIONS"),
    "not_found": (404, "RESOURCE_NOT_FOUND"),
    "bot_not_found": (404, "AGENT_NOT_FOUND"),
    "conversation_not_found": (404, "RESOURCE_NOT_FOUND"),
    "message_not_found": (404, "RESOURCE_MESSAGE_NOT_FOUND"),
    "tool_call_not_found": (404, "RESOURCE_TOOL_CALL_NOT_FOUND"),
    "user_not_found": (404, "RESOURCE_NOT_FOUND"),
    "route_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "NOT_FOUND"),
    "conflict": (409, "VALIDATION_INVALID_BODY"),
    "busy": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "too_many_requests": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "store_error": (503, "SERVICE_UNDER_MAINTENANCE"),
    "store_full": (503, "SERVICE_UNDER_MAINTENANCE"),
    "shutting_down": (503, "SERVICE_UNDER_MAINTENANCE"),
}
_LIMITS = {
    "rate": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "daily": (402, "CHAT_CREDITS_EXHAUSTED"),
    "tokens": (402, "CHAT_CREDITS_EXHAUSTED"),
    "turns": (400, "CHAT_CONVERSATION_NOT_ONGOING"),
}
_FAULT = (500, "INTERNAL_SERVER_ERROR")

REFUSALS = frozenset({*_WORDS.values(), *_LIMITS.values(), _FAULT})
"""Every status and `code` that a refusal can have."""


def refuse(error: ApplianceError) -> Reply:
    """`{"error": {"code", "message"}}`; 429 also says when to come back, in whole seconds."""
    status, code = _LIMITS[error.which] if isinstance(error, LimitReached) else _WORDS.get(error.code, _FAULT)
    headers = {"Retry-After": _retry_after(error)} if status == 429 else {}
    problem = Problem(code=code, message=error.public_text)
    return Reply(status=status, body=ErrorBody(error=problem), headers=headers)


def _retry_after(error: ApplianceError) -> str:
    told = error.retry_after_s if isinstance(error, LimitReached | TooManyRequests) else None
    return str(max(1, math.ceil(told or 0)))
