"""Our errors in OpenAI's words: status, `type` and `code`.

The official clients choose their exception by the status.
"""

from __future__ import annotations

import math

from appliance.errors import ApplianceError, LimitReached, TooManyRequests
from appliance.protocols.openai.shapes import ErrorBody, Problem
from appliance.wire import Reply

INVALID = "invalid_request_error"

_WORDS: dict[str, tuple[int, str, str | None]] = {
    "invalid_input": (400, INVALID, None),
    "unsupported": (400, INVALID, "unsupported_parameter"),
    "too_large": (413, INVALID, "request_too_large"),
    "auth_required": (401, INVALID, "invalid_api_key"),
    "invalid_credential": (401, INVALID, "invalid_api_key"),
    "forbidden": (403, INVALID, "insufficient_permissions"),
    "origin_not_allowed": (403, INVALID, "insufficient_permissions"),
    "bot_not_found": (404, INVALID, "model_not_found"),
    "conversation_not_found": (404, INVALID, "conversation_not_found"),
    "route_not_found": (404, INVALID, "unknown_url"),
    "method_not_allowed": (405, INVALID, "method_not_supported"),
    "busy": (429, "requests", "rate_limit_exceeded"),
    "too_many_requests": (429, "requests", "rate_limit_exceeded"),
    "prompt_too_long": (400, INVALID, "context_length_exceeded"),
    "store_error": (503, "server_error", "unavailable"),
    "store_full": (503, "server_error", "unavailable"),
    "shutting_down": (503, "server_error", "unavailable"),
}
_LIMITS = {
    "rate": (429, "requests", "rate_limit_exceeded"),
    "daily": (429, "insufficient_quota", "insufficient_quota"),
    "tokens": (429, "insufficient_quota", "insufficient_quota"),
    "turns": (400, INVALID, "conversation_too_long"),
}
_FAULT = (500, "server_error", "internal_error")
_RETRY_LATER_S = 60.0
"""Clients wait and repeat by themselves what is worth it; what resets at midnight is not."""


class Unsupported(ApplianceError):
    """A field that would change what the answer is, and that a bot cannot serve; `param` names it."""

    code = "unsupported"


class NoAnswer(ApplianceError):
    """The turn began and failed; `reason` is our code for it."""

    code = "no_answer"

    def __init__(self, text: str, *, reason: str) -> None:
        super().__init__(text)
        self.reason = reason


def problem_of(error: ApplianceError) -> tuple[int, Problem]:
    """The status and the error object."""
    code: str | None
    if isinstance(error, LimitReached):
        status, type_, code = _LIMITS[error.which]
    elif isinstance(error, NoAnswer):
        status, type_, code = _WORDS.get(error.reason, (_FAULT[0], "server_error", error.reason))
    else:
        status, type_, code = _WORDS.get(error.code, _FAULT)
    return status, Problem(message=error.public_text, type=type_, param=error.details.get("param"), code=code)


def refuse(error: ApplianceError) -> Reply:
    """`{"error": {"message", "type", "param", "code"}}`."""
    status, problem = problem_of(error)
    return Reply(status=status, body=ErrorBody(error=problem), headers=_headers(error, status))


def _headers(error: ApplianceError, status: int) -> dict[str, str]:
    if status != 429:
        return {}
    wait_s = error.retry_after_s if isinstance(error, LimitReached | TooManyRequests) else None
    worth_it = wait_s is None or wait_s <= _RETRY_LATER_S
    return {
        "Retry-After": str(max(1, math.ceil(wait_s or 0))),
        "x-should-retry": "true" if worth_it else "false",
    }
