"""Our error codes in Fluxbase's words, for frames and for REST: the one table of each."""

from __future__ import annotations

from appliance.errors import ApplianceError, LimitReached

_CODES = {
    "invalid_input": "INVALID_MESSAGE",
    "too_large": "INVALID_MESSAGE",
    "unknown_type": "UNKNOWN_TYPE",
    "bot_not_found": "CHATBOT_NOT_FOUND",
    "conversation_not_found": "NO_SESSION",
    "user_not_found": "USER_NOT_FOUND",
    "auth_required": "AUTH_REQUIRED",
    "invalid_credential": "AUTH_REQUIRED",
    "identity_invalid": "AUTH_REQUIRED",
    "forbidden": "FORBIDDEN",
    "origin_not_allowed": "ORIGIN_NOT_ALLOWED",
    "busy": "BUSY",
    "too_many_requests": "RATE_LIMIT",
    "provider_not_configured": "PROVIDER_ERROR",
    "provider_auth_failed": "PROVIDER_AUTH_FAILED",
    "provider_error": "STREAM_ERROR",
    "provider_unavailable": "STREAM_ERROR",
    "provider_broken": "STREAM_ERROR",
    "prompt_too_long": "PROMPT_ERROR",
    "shutting_down": "BUSY",
    "interrupted": "INTERRUPTED",
    "tool_loop": "TOOL_LOOP",
    "settings_missing": "PROMPT_ERROR",
    "not_found": "CHANGE_NOT_FOUND",
    "conflict": "CHANGE_DECIDED",
}
_LIMITS = {"rate": "RATE_LIMIT", "daily": "DAILY_LIMIT", "tokens": "TOKEN_BUDGET", "turns": "TURN_LIMIT"}

_REST = {
    "invalid_input": (400, "INVALID_INPUT"),
    "too_large": (413, "INVALID_INPUT"),
    "not_an_answer": (400, "INVALID_INPUT"),
    "auth_required": (401, "AUTHENTICATION_REQUIRED"),
    "invalid_credential": (401, "INVALID_TOKEN"),
    "identity_invalid": (401, "IDENTITY_INVALID"),
    "wrong_login": (401, "WRONG_LOGIN"),
    "code_needed": (401, "CODE_NEEDED"),
    "login_failed": (401, "LOGIN_FAILED"),
    "forbidden": (403, "INSUFFICIENT_PERMISSIONS"),
    "origin_not_allowed": (403, "ORIGIN_NOT_ALLOWED"),
    "not_found": (404, "NOT_FOUND"),
    "bot_not_found": (404, "NOT_FOUND"),
    "conversation_not_found": (404, "NOT_FOUND"),
    "user_not_found": (404, "NOT_FOUND"),
    "message_not_found": (404, "NOT_FOUND"),
    "tool_call_not_found": (404, "NOT_FOUND"),
    "route_not_found": (404, "NOT_FOUND"),
    "method_not_allowed": (405, "METHOD_NOT_ALLOWED"),
    "limit_reached": (429, "RATE_LIMIT"),
    "conflict": (409, "CONFLICT"),
    "unsupported_document": (400, "UNSUPPORTED_FILE_TYPE"),  # 6.3, and so is a file without text
    "document_unreadable": (400, "DOCUMENT_UNREADABLE"),
    # The specification names no status. Rights are not what lacks (403), nor does waiting help (429).
    "quota_reached": (409, "QUOTA_EXCEEDED"),
    "busy": (429, "BUSY"),
    "too_many_requests": (429, "RATE_LIMIT"),
    "shutting_down": (503, "SHUTTING_DOWN"),
    "embedding_failed": (503, "EMBEDDING_FAILED"),
    "no_embedder": (503, "EMBEDDING_NOT_CONFIGURED"),
    "store_error": (503, "STORE_ERROR"),
    "store_full": (507, "STORE_FULL"),
}

FRAME_CODES = frozenset(
    {*_CODES.values(), *_LIMITS.values(), "NO_CHATBOT", "CONVERSATION_ERROR", "INTERNAL_ERROR"}
)
"""Every `code` that an `error` frame can have."""


def frame_code(code: str) -> str:
    """The `code` of an `error` frame for one of ours; what Fluxbase has no word for is internal."""
    return _CODES.get(code, "INTERNAL_ERROR")


def error_code(error: ApplianceError) -> str:
    """The same for an error that was raised: limits have a word each."""
    return _LIMITS[error.which] if isinstance(error, LimitReached) else frame_code(error.code)


def status_and_code(error: ApplianceError) -> tuple[int, str]:
    """HTTP status and `code` of a REST error body."""
    return _REST.get(error.code, (500, "INTERNAL_ERROR"))
