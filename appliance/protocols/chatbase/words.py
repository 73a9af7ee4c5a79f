"""Chatbase's words for what is wrong (2): its own errors, and the one table of codes and statuses."""

from __future__ import annotations

import math

from appliance.errors import (
    ApplianceError,
    Busy,
    CredentialExpired,
    Forbidden,
    InvalidInput,
    LimitReached,
    NotFound,
    TooManyRequests,
)
from appliance.protocols.chatbase.shapes import ErrorBody, Problem
from appliance.wire import Reply

BUSY_RETRY_AFTER_S = 1.0


class BadField(InvalidInput):
    """A field of the body or a parameter is not what it should be; the refusal names it in `details`."""

    code = "bad_field"

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


class NoJson(InvalidInput):
    """The body is no JSON at all."""

    code = "no_json"


class ReversedDates(InvalidInput):
    """The end of a period lies before its beginning."""

    code = "reversed_dates"


class NotOngoing(InvalidInput):
    """The bot does not answer in this conversation any more, or not now."""

    code = "not_ongoing"


class OtherAgent(Forbidden):
    """The conversation is known, and another agent's."""

    code = "other_agent"


class NothingToRetry(InvalidInput):
    """No message of the user stands before the one that was named."""

    code = "nothing_to_retry"


class RetriedMessageNotFound(NotFound):
    """The answer that should be made anew is not in this conversation."""

    code = "retried_message_not_found"


class AnswerFailed(ApplianceError):
    """The answer could not be made; the text says why, as far as strangers may know."""

    code = "answer_failed"


WORDS = {
    "invalid_input": (400, "VALIDATION_INVALID_BODY"),
    "bad_field": (400, "VALIDATION_INVALID_BODY"),
    "no_json": (400, "VALIDATION_INVALID_JSON"),
    "reversed_dates": (400, "VALIDATION_INVALID_DATE_RANGE"),
    "too_large": (413, "VALIDATION_INVALID_BODY"),
    "nothing_to_retry": (400, "CHAT_RETRY_NO_USER_MESSAGE"),
    "not_ongoing": (400, "CHAT_CONVERSATION_NOT_ONGOING"),
    "auth_required": (401, "AUTH_MISSING_API_KEY"),
    "invalid_credential": (401, "AUTH_INVALID_API_KEY"),
    "forbidden": (403, "AUTH_INSUFFICIENT_PERMISSIONS"),
    "origin_not_allowed": (403, "AUTH_INSUFFICIENT_PERMISSIONS"),
    "other_agent": (403, "CHAT_CONVERSATION_MISMATCH"),
    "not_found": (404, "RESOURCE_NOT_FOUND"),
    "bot_not_found": (404, "AGENT_NOT_FOUND"),
    "conversation_not_found": (404, "RESOURCE_NOT_FOUND"),
    "user_not_found": (404, "RESOURCE_NOT_FOUND"),
    "message_not_found": (404, "RESOURCE_MESSAGE_NOT_FOUND"),
    "tool_call_not_found": (404, "RESOURCE_TOOL_CALL_NOT_FOUND"),
    "retried_message_not_found": (404, "CHAT_RETRY_MESSAGE_NOT_FOUND"),
    "route_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "NOT_FOUND"),
    "conflict": (409, "VALIDATION_INVALID_BODY"),
    "not_an_answer": (422, "RESOURCE_MESSAGE_NOT_ASSISTANT"),
    "too_many_requests": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "busy": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "answer_failed": (500, "CHAT_STREAMING_ERROR"),
    "provider_error": (500, "CHAT_STREAMING_ERROR"),
    "provider_not_configured": (500, "CHAT_STREAMING_ERROR"),
    "provider_auth_failed": (500, "CHAT_STREAMING_ERROR"),
    "provider_unavailable": (500, "CHAT_STREAMING_ERROR"),
    "provider_broken": (500, "CHAT_STREAMING_ERROR"),
    "prompt_too_long": (500, "CHAT_STREAMING_ERROR"),
    "settings_missing": (500, "CHAT_STREAMING_ERROR"),
    "store_error": (503, "SERVICE_UNDER_MAINTENANCE"),
    "store_full": (503, "SERVICE_UNDER_MAINTENANCE"),
    "shutting_down": (503, "SERVICE_UNDER_MAINTENANCE"),
}
"""Status and code for each code of ours."""
LIMITS = {
    "rate": (429, "RATE_LIMIT_TOO_MANY_REQUESTS"),
    "daily": (402, "CHAT_CREDITS_EXHAUSTED"),
    "tokens": (402, "CHAT_CREDITS_EXHAUSTED"),
    "turns": (400, "CHAT_CONVERSATION_NOT_ONGOING"),
}
"""The same for each limit: what lasts a minute is a rate, what lasts a day is a matter of credits."""
EXPIRED = (401, "AUTH_EXPIRED_API_KEY")
FAULT = (500, "INTERNAL_SERVER_ERROR")


def refuse(error: ApplianceError) -> Reply:
    """`{"error": {"code", "message", "details"?}}`, with `Retry-After` in whole seconds on 429."""
    status, code = _status_and_code(error)
    problem = Problem(code=code, message=error.public_text)
    if isinstance(error, BadField):
        problem = Problem(code=code, message="Invalid request", details={error.field: error.public_text})
    headers = {"Retry-After": str(_whole_seconds(error))} if status == 429 else {}
    return Reply(status=status, body=ErrorBody(error=problem), headers=headers)


def _status_and_code(error: ApplianceError) -> tuple[int, str]:
    if isinstance(error, LimitReached):
        return LIMITS[error.which]
    if isinstance(error, CredentialExpired):
        return EXPIRED
    return WORDS.get(error.code, FAULT)


def _whole_seconds(error: ApplianceError) -> int:
    """At least one: clients that are told 0 would come back at once."""
    told = None
    if isinstance(error, LimitReached | TooManyRequests):
        told = error.retry_after_s
    if isinstance(error, Busy):
        told = BUSY_RETRY_AFTER_S
    return max(1, math.ceil(told or 1.0))
