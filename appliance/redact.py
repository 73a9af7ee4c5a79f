"""Masks secrets in texts that go to models, people, the audit trail and logs. Pure.

The last line of defence, not the first: whoever holds a secret should not write it out at all.
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, quote_plus

CHARACTERS_MIN = 6
"""Shorter ones occur in innocent texts: masking `on` or `2024` would say more than it hides."""

MASK = "***"

LINE_CHARACTERS_MIN = 16
"""Lines of a secret of several lines (a private key) that are masked also where they stand alone."""

_PERCENT = re.compile(r"%[0-9A-F]{2}")


class Redactor:
    """Knows secrets and masks them, also URL-encoded, as base64 or hex, and escaped as JSON or HTML does.

    A secret inside of a longer base64 text is found too (`user:password` of Basic authentication); of it, the
    few characters that it shares with its neighbours stay. Of a secret with white space around it, or of
    several lines, the stripped text and each long line count as secrets, too. Secrets shorter than
    `CHARACTERS_MIN` are not masked.
    """

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[str]) -> None:
        long = {secret for secret in secrets if len(secret) >= CHARACTERS_MIN}
        self._forms = sorted({form for secret in long for form in (*_forms(secret), *_parts(secret))})

    @property
    def knows_any(self) -> bool:
        """Whether there is anything to mask."""
        return bool(self._forms)

    def clean(self, text: str) -> str:
        """The text with each occurrence of a secret replaced by `***`.

        One pass over the text for each form of each secret. All are found before any is masked, so that no
        rest of one stays visible where two overlap.
        """
        found = sorted(span for form in self._forms for span in _spans(text, form))
        return "".join(_pieces(text, found)) if found else text

    def clean_cut(self, text: str, *, start: bool = False, end: bool = False) -> str:
        """`clean` for a text that was cut at its `start` or `end`: the rest of a secret there is masked, too.

        A rest of fewer than `CHARACTERS_MIN` characters stays.
        """
        found = [span for form in self._forms for span in _spans(text, form)]
        size = len(text)
        if end:
            found += [(size - rest, size) for form in self._forms if (rest := _rest(text, form))]
        if start:
            turned = text[::-1]
            found += [(0, rest) for form in self._forms if (rest := _rest(turned, form[::-1]))]
        return "".join(_pieces(text, sorted(found))) if found else text

    def clean_all(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """`clean_value` for an object such as the details of an audit entry."""
        if not self._forms:
            return {**facts}
        return {self.clean(key): self.clean_value(value) for key, value in facts.items()}

    def clean_value(self, value: Any) -> Any:
        """`clean` for all texts in a JSON-like value, keys too; a number that shows a secret is masked."""
        match value:
            case str():
                return self.clean(value)
            case list() | tuple():
                return [self.clean_value(item) for item in value]
            case dict():
                return self.clean_all(value)
            case int() | float() if not isinstance(value, bool):
                shown = str(value)
                cleaned = self.clean(shown)
                return value if cleaned == shown else cleaned
            case _:
                return value


def _spans(text: str, form: str) -> Iterator[tuple[int, int]]:
    at = text.find(form)
    while at >= 0:
        yield at, at + len(form)
        at = text.find(form, at + len(form))


def _rest(text: str, form: str) -> int:
    """How many characters at the end of the text are the beginning of the form and no more of it."""
    head = form[:CHARACTERS_MIN]
    at = text.find(head, max(0, len(text) - len(form) + 1))
    while at >= 0:
        if form.startswith(text[at:]):
            return len(text) - at
        at = text.find(head, at + 1)
    return 0


def _pieces(text: str, spans: list[tuple[int, int]]) -> Iterator[str]:
    """What is outside of the sorted spans, with one mask for each run of overlapping ones."""
    end = -1
    for start, stop in spans:
        if start >= end:
            yield text[max(end, 0) : start]
            yield MASK
        end = max(end, stop)
    yield text[end:]


def _parts(secret: str) -> Iterator[str]:
    """The forms of what is left of the secret where a program strips it or takes it line by line."""
    stripped = secret.strip()
    if stripped != secret and len(stripped) >= CHARACTERS_MIN:
        yield from _forms(stripped)
    lines = [line.strip() for line in stripped.splitlines()]
    for line in lines if len(lines) > 1 else []:
        # Not `-----BEGIN PRIVATE KEY-----`: all the world knows that one.
        if len(line) >= LINE_CHARACTERS_MIN and not line.startswith("-----"):
            yield from _escapes(line)


def _forms(secret: str) -> Iterator[str]:
    """Every way in which the secret is likely to be written out."""
    yield from _escapes(secret)
    data = secret.encode("utf-8", "replace")
    yield data.hex()
    yield data.hex().upper()
    for before in range(3):
        inner = _base64(data, before)
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _escapes(secret: str) -> Iterator[str]:
    """The secret itself, and with the escapes of Python, JSON, HTML and URLs."""
    data = secret.encode("utf-8", "replace")
    yield secret
    yield repr(secret)[1:-1]
    for escaped in (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
        yield json.dumps(escaped)[1:-1]  # a JSON text inside of a JSON text
    for escaped in (html.escape(secret), html.escape(secret, quote=False)):
        yield escaped
    for encoded in (quote(data, safe=""), quote(data), quote(data, safe="!'()*"), quote_plus(data)):
        yield encoded
        yield _PERCENT.sub(lambda found: found[0].lower(), encoded)


def _base64(data: bytes, before: int) -> str:
    """The characters of base64 that depend on nothing but `data`, when `before` bytes stand before it."""
    text = base64.b64encode(bytes(before) + data).decode()
    return text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
