"""Lists of the console: so many items, how many there are, and where the next page begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

from appliance.errors import InvalidInput
from appliance.protocols.base import Param
from appliance.wire import Request

T = TypeVar("T")

LIMIT = 50
LIMIT_MAX = 200
AFTER = Param(name="after", description="Where the page before ended: its `next`")
SEARCH = Param(name="q", description="Only those in which this text is")
SEARCH_CHARS_MAX = 200

_CURSOR = re.compile(r"[0-9]{1,15}")


def limit_param(default: int = LIMIT, most: int = LIMIT_MAX) -> Param:
    """How many items a page has."""
    schema = {"type": "integer", "minimum": 1, "maximum": most, "default": default}
    return Param(name="limit", description="How many to give", schema=schema)


def after_of(request: Request) -> int:
    """The cursor of a request, 0 for the first page; raises `InvalidInput` for what was no `next`."""
    text = request.query.get("after", "")
    if not text:
        return 0
    if not _CURSOR.fullmatch(text):
        raise InvalidInput(f"after={text[:50]!r} is no cursor: give the `next` of the page before.")
    return int(text)


def search_of(request: Request) -> str:
    """The text to search for; raises `InvalidInput` for one that is too long."""
    text = request.query.get("q", "").strip()
    if len(text) > SEARCH_CHARS_MAX:
        raise InvalidInput(f"q has {len(text)} characters; {SEARCH_CHARS_MAX} are the most.")
    return text


def next_of(offset: int, shown: Sequence[T], total: int) -> str | None:
    """The cursor of the page behind these items, None when there is none."""
    end = offset + len(shown)
    return str(end) if shown and end < total else None
