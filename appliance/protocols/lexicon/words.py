"""Our errors in Lexicon's words, for events and for REST (2.6, 3 and 4): the one table, and the fixes.

Numbers in brackets, here and in the modules beside, are sections of our page on this protocol.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from appliance.errors import ApplianceError, AuthRequired, InvalidInput, LimitReached, TooManyRequests

USER_ID_CHARS_MAX = 256
SHOWN_CHARS_MAX = 100
"""Of what a client sent, in an error's text."""

_TABLE: dict[str, tuple[int, str]] = {
    "invalid_input": (400, "VALIDATION_ERROR"),
    "bot_not_found": (400, "VALIDATION_ERROR"),
    "too_large": (413, "VALIDATION_ERROR"),
    "invalid_message": (400, "INVALID_MESSAGE"),
    "message_too_long": (400, "MESSAGE_TOO_LONG"),
    "auth_required": (401, "AUTH_ERROR"),
    "invalid_credential": (401, "AUTH_ERROR"),
    "forbidden": (403, "AUTH_ERROR"),
    "origin_not_allowed": (403, "AUTH_ERROR"),
    "conversation_not_found": (404, "CHAT_NOT_FOUND"),
    "not_found": (404, "NOT_FOUND"),
    "route_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "METHOD_NOT_ALLOWED"),
    "conflict": (409, "CHAT_CONFLICT"),
    "limit_reached": (429, "RATE_LIMIT_EXCEEDED"),
    "busy": (429, "RATE_LIMIT_EXCEEDED"),
    "too_many_requests": (429, "RATE_LIMIT_EXCEEDED"),
    "too_many_sockets": (429, "CONNECTION_LIMIT_EXCEEDED"),
    "provider_error": (500, "AI_ERROR"),
    "provider_not_configured": (500, "AI_ERROR"),
    "provider_auth_failed": (500, "AI_ERROR"),
    "provider_unavailable": (500, "AI_ERROR"),
    "provider_broken": (500, "AI_ERROR"),
    "prompt_too_long": (500, "AI_ERROR"),
    "settings_missing": (500, "AI_ERROR"),
    "tool_loop": (500, "AI_ERROR"),
    "interrupted": (500, "AI_ERROR"),
    "shutting_down": (503, "INTERNAL_ERROR"),
    "store_error": (503, "INTERNAL_ERROR"),
    "store_full": (503, "INTERNAL_ERROR"),
}
"""Code of ours -> HTTP status and `error_code`; all else is (500, INTERNAL_ERROR)."""

_ON_SOCKETS = {
    "invalid_input": "INVALID_MESSAGE",
    "too_large": "MESSAGE_TOO_LONG",
    "bot_not_found": "AI_ERROR",
}
"""Where events have another word (4): what was sent is a message, and its bot is the server's matter."""

_FIXES = {
    "VALIDATION_ERROR": "Correct the request as the message says.",
    "INVALID_MESSAGE": 'Send a JSON object like {"content": "Hello", "metadata": {}} as a text frame.',
    "MESSAGE_TOO_LONG": "Send a shorter message, or several.",
    "AUTH_ERROR": "Check your tenant API key value. Each tenant has keys of its own; one is made with: "
    "appliance keys create --type tenant --tenant NAME",
    "CHAT_NOT_FOUND": "Create the chat first using POST /api/v1/chats/ endpoint, "
    "with a key of the same tenant.",
    "NOT_FOUND": "Check the path; all endpoints are below /api/v1/chats.",
    "METHOD_NOT_ALLOWED": "Use a method that the message names.",
    "CHAT_CONFLICT": "Close every connection to the chat, then send the request again.",
    "RATE_LIMIT_EXCEEDED": "Send it again in a moment.",
    "CONNECTION_LIMIT_EXCEEDED": "Close a connection of this tenant, then connect again.",
    "AI_ERROR": "Send the message again; if it fails again, tell the operator of the server.",
    "INTERNAL_ERROR": "Send it again in a moment; if it fails again, tell the operator of the server.",
}

ERROR_CODES = frozenset(_FIXES)
"""Every `error_code` there can be."""

_INVALID_KEY = "Invalid API key"
"""The documented text, whatever is wrong with the key."""
_NO_CHAT = "Chat not found"


class InvalidMessage(InvalidInput):
    """A frame that is no message (4)."""

    code = "invalid_message"


class MessageTooLong(InvalidInput):
    """More than `CONTENT_CHARS_MAX` characters of content (4)."""

    code = "message_too_long"


class BadParameter(AuthRequired):
    """One of the three that open a socket is missing or cannot be (3); `details["fix"]` says what to do."""


class TooManySockets(TooManyRequests):
    """The tenant has as many connections as it may have (3, 6)."""

    code = "too_many_sockets"


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One error as clients read it."""

    status: int
    error_code: str
    error_message: str
    fix: str


class Fix(msgspec.Struct, frozen=True):
    """What to do about an error."""

    fix: str


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of every refused request."""

    detail: str
    error_code: str
    error_message: str
    details: Fix


def told(error: ApplianceError, *, event: bool = False) -> Told:
    """The error in their words, as an event or as an answer; the text is ours where they document none."""
    status, code = _TABLE.get(error.code, (500, "INTERNAL_ERROR"))
    if event:
        code = _ON_SOCKETS.get(error.code, code)
    text = error.public_text
    if error.code == "invalid_credential":
        text = _INVALID_KEY
    if error.code == "conversation_not_found" and "chat_id" not in error.details:
        text = _NO_CHAT
    return Told(
        status=status, error_code=code, error_message=text, fix=error.details.get("fix") or _fix(error, code)
    )


def error_body(one: Told) -> ErrorBody:
    """The body of a refused request: the usual `detail` of such servers, and the socket's form (2.6)."""
    return ErrorBody(
        detail=one.error_message,
        error_code=one.error_code,
        error_message=one.error_message,
        details=Fix(fix=one.fix),
    )


def word_of(code: str) -> tuple[str, str]:
    """`error_code` and fix for the code of a turn that failed."""
    _, word = _TABLE.get(code, (500, "INTERNAL_ERROR"))
    return word, _FIXES[word]


def _fix(error: ApplianceError, code: str) -> str:
    wait_s = error.details.get("retry_after")
    if isinstance(error, LimitReached | TooManyRequests):
        wait_s = error.retry_after_s
    if isinstance(error, LimitReached) and wait_s is None:
        return "Start a new chat with POST /api/v1/chats/."
    if wait_s is None:
        return _FIXES[code]
    resets_at = error.resets_at if isinstance(error, LimitReached) else None
    until = f", at {iso(resets_at)}" if resets_at else ""
    return f"Send it again in {_seconds(wait_s)}{until}."


def _seconds(wait_s: float) -> str:
    return f"{wait_s:.1f} s" if wait_s < 10 else f"{wait_s:.0f} s"


def check_user_id(user_id: str) -> None:
    """Raises `InvalidInput` unless the text can be somebody's id, by the same rule as in tokens."""
    if not user_id.strip() or len(user_id) > USER_ID_CHARS_MAX or not user_id.isprintable():
        raise InvalidInput(
            f"user_id must have 1 to {USER_ID_CHARS_MAX} characters, not only blanks, no control characters."
        )


def iso(at: float) -> str:
    """Unix seconds as Lexicon writes times, to the millisecond: `2024-01-15T10:30:00.123Z` (2)."""
    milliseconds = int(at * 1000)
    whole = datetime.fromtimestamp(milliseconds // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{milliseconds % 1000:03d}Z"
