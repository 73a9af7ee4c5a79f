"""Lists in filters: `(a,b,"c,d")`, `{a,b}` or a JSON array."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from appliance.tools.base import ToolError

_CLOSING = {"(": ")", "{": "}"}
_ELEMENT = re.compile(r'(?:\s*"((?:[^"\\]|\\.|"")*)"\s*|([^",]*))(,|\Z)', re.DOTALL)
_ESCAPED = re.compile(r'\\(.)|"(")', re.DOTALL)


def listed(text: str, brackets: str) -> list[Any]:
    """The elements; text unless they come as JSON. `brackets` are the opening ones that are right here.

    In double quotes an element may hold commas and brackets, and `\\"` or `""` for a quote. Raises
    `ToolError`.
    """
    text = text.strip()
    if text.startswith("["):
        return _from_json(text)
    opening = text[:1]
    if opening not in brackets or not opening or not text.endswith(_CLOSING[opening]):
        example = f"{brackets[0]}a,b{_CLOSING[brackets[0]]}"
        raise ToolError(f'a list is written {example}, with "quotes" round elements that hold commas.')
    inner = text[1:-1]
    return _elements(inner) if inner.strip() else []


def _from_json(text: str) -> list[Any]:
    try:
        return msgspec.json.decode(text, type=list[Any])
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ToolError("what begins with [ must be a JSON array.") from None


def _elements(inner: str) -> list[Any]:
    elements, at = [], 0
    while True:
        found = _ELEMENT.match(inner, at)
        if found is None:
            raise ToolError('a quote is not closed, or text stands beside it; write (a,"b,c").')
        elements.append(_element(found))
        if not found[3]:
            return elements
        at = found.end()


def _element(found: re.Match[str]) -> str:
    if found[1] is not None:
        return _ESCAPED.sub(lambda escaped: escaped[1] or escaped[2], found[1])
    element = found[2].strip()
    if len(element) > 1 and element[0] == element[-1] == "'":
        raise ToolError("elements are quoted with double quotes, not with single ones.")
    return element
