"""What a provider's refusals mean, as `ProviderError`s whose text an administrator can act on. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeAlias

import msgspec

from appliance.errors import (
    ProviderAuthFailed,
    ProviderBroken,
    ProviderError,
    ProviderUnavailable,
)

SettingText: TypeAlias = Callable[[str, str], str]
"""(key of a stored provider, environment variable) -> what a person has to change, in an error's words."""

EXCERPT_CHARACTERS_MAX = 300

_SECRET_CHARACTERS_MIN = 4
_NEVER_BETTER = ("insufficient_quota", "exceeded your current quota")
"""429s that waiting does not cure: the account has no money."""


def as_variable(key: str, variable: str) -> str:
    """A provider of the environment: its variables."""
    return variable


def as_key_of(name: str) -> SettingText:
    """A stored provider: the keys of its record."""
    return lambda key, variable: f"{key} of the provider {name!r}"


class Upstream(msgspec.Struct, frozen=True, kw_only=True):
    """Whom we call, in words for error texts: its name, and the settings that a person can change."""

    label: str
    address_setting: str
    key_setting: str
    model_setting: str
    secret: str = ""
    """Taken out of every text that leaves the provider."""


def from_status(upstream: Upstream, status: int, text: str) -> ProviderError:
    """The error for an HTTP status of 300 or more and the provider's own words."""
    said = f": {text.rstrip('.')}." if text else "."
    if status in (401, 403):
        return ProviderAuthFailed(
            f"Provider authentication failed{said} Check {upstream.key_setting}.",
            upstream_status=status,
        )
    if is_passing(status):
        verb = "is limiting our requests" if status == 429 else "is failing"
        return ProviderUnavailable(f"{upstream.label} {verb} ({status}){said}", upstream_status=status)
    advice = ""
    if status == 404:
        advice = f" Check {upstream.model_setting} and {upstream.address_setting}."
    elif status < 400:
        advice = f" It redirects: set {upstream.address_setting} to the final address."
    return ProviderError(
        f"{upstream.label} refused the request ({status}){said}{advice}", upstream_status=status
    )


def from_error_object(upstream: Upstream, error: Any) -> ProviderError:
    """The error for an `error` object inside a stream; its `code` may be an HTTP status."""
    text = _message_of({"error": error})
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(code, int) and 400 <= code < 600:
        return from_status(upstream, code, text)
    return ProviderError(f"{upstream.label} broke off its answer: {text or 'no reason given'}")


def garbage(upstream: Upstream, what: str, data: bytes) -> ProviderBroken:
    """The error for bytes that are no answer; `what` says what they are instead."""
    return ProviderBroken(
        f"{upstream.label} sent {what}: {excerpt(data, 80)!r}. "
        f"Check that {upstream.address_setting} is the address of a model server."
    )


def is_passing(status: int) -> bool:
    """True for statuses that may be gone a moment later."""
    return status in (408, 425, 429) or status >= 500


def is_worth_waiting(status: int, text: str) -> bool:
    """True when the same request may be sent again."""
    return is_passing(status) and not any(words in text for words in _NEVER_BETTER)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """How long the provider asks to wait: `Retry-After` in seconds or as a date, None if it does not.

    A date is compared with the answer's own `Date`, since the two clocks are one; else with `now`.
    """
    milliseconds, value = headers.get("retry-after-ms", ""), headers.get("retry-after", "").strip()
    for text, unit in ((milliseconds, 0.001), (value, 1.0)):
        if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text):
            return float(text) * unit
    until = _date(value)
    if until is None:
        return None
    return max(0.0, (until - (_date(headers.get("date", "")) or now)).total_seconds())


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def error_text(body: bytes) -> str:
    """The provider's own words in an error body of any of the usual shapes, on one short line."""
    try:
        return _message_of(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return excerpt(body)


def _message_of(body: Any) -> str:
    """`{"error": {"message": …}}`, `{"error": "…"}`, `{"message": …}` or `{"detail": …}`."""
    for key in ("error", "message", "detail"):
        if isinstance(body, dict) and body.get(key):
            return _message_of(body[key])
    return excerpt(body.encode() if isinstance(body, str) else msgspec.json.encode(body))


def excerpt(data: bytes, characters_max: int = EXCERPT_CHARACTERS_MAX) -> str:
    """The start of `data` as one line of text; of a web page, only the words between its tags."""
    text = data[: 64 * 1024].decode("utf-8", "replace")
    if re.match(r"\s*<(!doctype|html|head|body)", text, re.IGNORECASE):
        text = "web page: " + re.sub(r"(?s)<(style|script).*?</\1>|<[^>]*>", " ", text)
    text = " ".join(text.split())
    return text if len(text) <= characters_max else text[: characters_max - 1] + "…"


def redact(upstream: Upstream, error: ProviderError) -> ProviderError:
    """`error` without the key in its text, should the provider have repeated it."""
    if len(upstream.secret) >= _SECRET_CHARACTERS_MIN and upstream.secret in error.text:
        error.text = error.text.replace(upstream.secret, "[key]")
        error.args = (error.text,)
    return error
