"""Texts of the settings about the chat widget -> values; parsers as in `values.py`."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from appliance import pageorigins
from appliance.botfiles import values

URL_CHARS_MAX = 2_000
_COLOUR = re.compile(r"#?([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})")


def colour(value: str) -> str:
    """`#0a7` or `0a7d5c` -> `#0a7`, `#0a7d5c`: nothing else that CSS knows, for it ends up in pages."""
    found = _COLOUR.fullmatch(value)
    if found is None:
        raise ValueError(f"must be a colour like #0a7d5c, not {value!r}")
    return f"#{found[1].lower()}"


def web_address(value: str) -> str:
    """An address of the web that people can open."""
    given = value.strip()
    try:
        parts = urlsplit(given)
        is_good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.username is None
    except ValueError:
        is_good = False
    if not is_good or len(given) > URL_CHARS_MAX or not given.isprintable() or " " in given:
        raise ValueError(f"must be an address like https://example.com/privacy, not {value!r}")
    return given


def origins(names: list[str]) -> list[str]:
    """Origins of pages, each in its one form."""
    return list(dict.fromkeys(pageorigins.pattern(name) for name in names))


def words(longest: int) -> Callable[[str], str]:
    """A parser of one line of text of at most so many characters."""

    def parse(value: str) -> str:
        line = values.text(value)
        if len(line) > longest:
            raise ValueError(f"may have at most {longest} characters, not {len(line)}")
        return line

    return parse
