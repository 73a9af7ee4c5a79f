"""Secrets are masked in every form in which they are likely to come back."""

import base64
import html
import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.redact import Redactor

SECRET = 'p@ss/w+rd "ü" & <k>'
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    "written",
    [
        SECRET,
        repr(SECRET)[1:-1],
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        json.dumps(SECRET)[1:-1].replace("/", "\\/"),
        json.dumps(json.dumps(SECRET))[3:-3],
        urllib.parse.quote(SECRET),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        urllib.parse.quote_plus(SECRET)
        .replace("%C3%BC", "%c3%bc")
        .replace("%2F", "%2f")
        .replace("%2B", "%2b")
        .replace("%3C", "%3c")
        .replace("%3E", "%3e"),
        urllib.parse.urlencode({"": SECRET})[1:],
        html.escape(SECRET),
        html.escape(SECRET, quote=False),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_each_form_is_masked(written: str) -> None:
    assert Redactor([SECRET]).clean(f"before {written} after") == "before *** after"


@given(st.binary(max_size=7), st.binary(max_size=7), st.sampled_from([SECRET, "abcdef", "0123456789abcdef"]))
def test_it_is_masked_inside_of_a_longer_base64_text(before: bytes, after: bytes, secret: str) -> None:
    data = before + secret.encode() + after
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(data).decode()
        cleaned = Redactor([secret]).clean(text)
        first, mask, last = cleaned.partition("***")
        assert mask
        # What stays are the neighbours, and of the secret at most the bits that share a character with them.
        assert text.startswith(first)
        assert text.endswith(last)
        assert len(first) <= len(before) * 8 // 6 + 3
        assert len(last) <= -(-len(after) * 8 // 6) + 5


def test_basic_authentication_does_not_give_the_password_away() -> None:
    header = base64.b64encode(b"service:hunter2-hunter2").decode()
    cleaned = Redactor(["hunter2-hunter2"]).clean(f"Authorization: Basic {header}")
    assert cleaned.startswith("Authorization: Basic ")
    rest = cleaned.removeprefix("Authorization: Basic ").partition("***")[0]
    assert b"hunter" not in base64.b64decode(rest + "=" * (-len(rest) % 4))


@given(TEXTS, TEXTS, st.lists(TEXTS, max_size=4))
def test_no_secret_stays_and_nothing_else_goes(before: str, after: str, secrets: list[str]) -> None:
    long = [secret for secret in secrets if len(secret) >= 6 and "*" not in secret]
    text = before + "|".join(secrets) + after
    cleaned = Redactor(secrets).clean(text)
    assert not any(secret in cleaned for secret in long)
    if cleaned == text:
        assert not any(secret in text for secret in long)


def test_overlapping_secrets_leave_no_rest() -> None:
    redactor = Redactor(["abcdefgh", "efghijkl", "cdefgh"])
    assert redactor.clean("xabcdefghijkly") == "x***y"
    assert redactor.clean("abcdefgh,efghijkl") == "***,***"


def test_short_secrets_and_innocent_texts_stay() -> None:
    assert Redactor(["2024", "", "short"]).clean("2024 short years") == "2024 short years"
    assert Redactor([]).clean("text") == "text"
    assert Redactor(["sixsix"]).clean("sixsi x sixsix") == "sixsi x ***"


def test_objects_are_cleaned_all_the_way_down() -> None:
    redactor = Redactor(["t0p-secret"])
    facts = {"url": "https://x/?k=t0p-secret", "n": 3, "in": [{"t0p-secret": None}, ("t0p-secret", True)]}
    assert redactor.clean_value(facts) == {
        "url": "https://x/?k=***",
        "n": 3,
        "in": [{"***": None}, ["***", True]],
    }
    assert redactor.clean_all({"t0p-secret": "t0p-secret"}) == {"***": "***"}
    assert "t0p" not in repr(redactor)


def test_a_secret_is_masked_where_it_became_a_number() -> None:
    redactor = Redactor(["12345678"])
    assert redactor.clean_value([12345678, 912345678.5, 1234567, True, None]) == [
        "***",
        "9***.5",
        1234567,
        True,
        None,
    ]


def test_secrets_that_are_patterns_are_taken_as_written() -> None:
    assert Redactor(["(a+)+$.*"]).clean("aaaaaaa! (a+)+$.*") == "aaaaaaa! ***"
    assert Redactor(["\\" * 8]).clean("\\" * 9) == "***\\"
    assert Redactor(["lone\udc80surrogate"]).clean("a lone\udc80surrogate") == "a ***"


PEM = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASC\nBKcwggSjAgEA/AoIBAQ\nshort\n-----END KEY-----\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "  "])
def test_a_secret_with_white_space_around_it_is_found_without(end: str) -> None:
    redactor = Redactor([" " + SECRET + end])
    assert redactor.clean(f"a {SECRET} b") == "a *** b"
    assert redactor.clean(SECRET.encode().hex()) == "***"


def test_the_long_lines_of_a_secret_are_found_alone() -> None:
    redactor = Redactor([PEM])
    assert redactor.clean("MIIEvQIBADANBgkqhkiG9w0BAQEFAASC BKcwggSjAgEA/AoIBAQ") == "*** ***"
    assert redactor.clean("BKcwggSjAgEA%2FAoIBAQ") == "***"
    assert redactor.clean("short -----BEGIN KEY-----") == "short -----BEGIN KEY-----"
    assert redactor.clean(PEM) == "***"


def test_a_rest_of_a_secret_is_masked_where_a_text_was_cut() -> None:
    redactor = Redactor(["abcabcabcdef"])
    assert redactor.clean_cut("x abcabcabcde", end=True) == "x ***"
    assert redactor.clean_cut("x abcabcabcabc", end=True) == "x abc***"
    assert redactor.clean_cut("x abcab", end=True) == "x abcab"
    assert redactor.clean_cut("bcabcdef x", start=True) == "*** x"
    assert redactor.clean_cut("bcabcdef abcabcab") == "bcabcdef abcabcab"
    assert redactor.clean_cut("x abcabcabcdef y", start=True, end=True) == "x *** y"
