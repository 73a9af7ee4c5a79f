from datetime import UTC, datetime

import pytest

from appliance.errors import (
    ProviderAuthFailed,
    ProviderError,
    ProviderUnavailable,
)
from appliance.providers import failures
from appliance.providers.failures import Upstream

UPSTREAM = Upstream(
    label="OpenAI",
    address_setting="OPENAI_BASE_URL",
    key_setting="OPENAI_API_KEY",
    model_setting="OPENAI_MODEL",
    secret="sk-secret",
)
NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.25"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"retry-after": "Thu, 01 Jan 2026 12:00:20 GMT"}, 20.0),
        ({"retry-after": "Thu, 01 Jan 2026 11:59:00 GMT"}, 0.0),
        (
            {
                "retry-after": "Thu, 01 Jan 2026 15:00:20 GMT",
                "date": "Thu, 01 Jan 2026 15:00:00 GMT",
            },
            20.0,
        ),
    ],
)
def test_retry_after_is_read_as_seconds_or_as_a_date(headers: dict[str, str], seconds: float | None):
    assert failures.retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"error": {"message": "Bad model", "code": "x"}}', "Bad model"),
        (b'{"error": "model \\"x\\" not found"}', 'model "x" not found'),
        (b'{"message": "flat"}', "flat"),
        (b'{"detail": "Not Found"}', "Not Found"),
        (b'{"detail": [{"loc": ["body"]}]}', '[{"loc":["body"]}]'),
        (b"plain\r\n  words", "plain words"),
        (
            b"<!DOCTYPE html><html><style>p {}</style><h1>502</h1> Bad <b>Gateway</b></html>",
            "web page: 502 Bad Gateway",
        ),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b"", ""),
    ],
)
def test_the_words_of_an_error_body_are_found(body: bytes, text: str):
    assert failures.error_text(body) == text


@pytest.mark.parametrize("body", [b"x" * 100_000, b"[" * 100_000, b'{"error": "%b"}' % (b"y" * 9999)])
def test_long_words_are_cut(body: bytes):
    text = failures.error_text(body)
    assert len(text) == failures.EXCERPT_CHARACTERS_MAX
    assert text.endswith("…")


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (401, ProviderAuthFailed, "Provider authentication failed: no. Check OPENAI_API_KEY."),
        (403, ProviderAuthFailed, "Provider authentication failed: no. Check OPENAI_API_KEY."),
        (404, ProviderError, "Check OPENAI_MODEL and OPENAI_BASE_URL."),
        (400, ProviderError, "OpenAI refused the request (400): no."),
        (307, ProviderError, "set OPENAI_BASE_URL to the final address"),
        (429, ProviderUnavailable, "OpenAI is limiting our requests (429): no."),
        (503, ProviderUnavailable, "OpenAI is failing (503): no."),
        (529, ProviderUnavailable, "OpenAI is failing (529): no."),
    ],
)
def test_a_status_has_its_error_and_its_advice(status: int, kind: type[ProviderError], words: str):
    error = failures.from_status(UPSTREAM, status, "no.")
    assert type(error) is kind
    assert words in error.text
    assert error.upstream_status == status


def test_a_spent_quota_is_not_worth_waiting_for():
    assert failures.is_worth_waiting(429, "Rate limit reached")
    assert not failures.is_worth_waiting(429, '{"code": "insufficient_quota"}')
    assert not failures.is_worth_waiting(400, "no")


def test_a_key_that_the_provider_repeats_does_not_get_out():
    error = ProviderAuthFailed("Incorrect API key provided: sk-secret.")
    assert failures.redact(UPSTREAM, error) is error
    assert error.text == str(error) == "Incorrect API key provided: [key]."
