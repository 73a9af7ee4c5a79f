"""Questions that want a picture: "chart of orders per month" is "orders per month", drawn as a line."""

from __future__ import annotations

import re

_KIND = r"(?:(?P<kind>bar|column|line|time)[ -]?)?(?:chart|graph|plot|diagram)"
_ASKED = re.compile(
    r"^\W*(?:please )?(?:(?:can|could|would) you (?:please )?)?"
    rf"(?:(?:show|draw|make|give|create|plot)(?: me| us)? )?(?:an? |the )?{_KIND} "
    r"(?:of|for|with|showing) (?:the )?",
    re.IGNORECASE,
)
_PLOT = re.compile(
    r"^\W*(?:please )?(?:(?:can|could) you )?(?:plot|chart|graph)(?: me)? (?:the )?", re.IGNORECASE
)
_AS = re.compile(rf",? (?:as|in|with) an? {_KIND}(?= *[?.!]*$)", re.IGNORECASE)
_OVER_TIME = re.compile(
    r"\b(?:(?:per|by|each|every|over) (?:the )?(?:hour|day|week|month|quarter|year|time)s?"
    r"|hourly|daily|weekly|monthly|quarterly|yearly)\b",
    re.IGNORECASE,
)


def drawing(text: str) -> tuple[str, str]:
    """The kind of picture that is asked for (`bar`, `line` or '') and the question without that wish."""
    for pattern in (_ASKED, _AS, _PLOT):
        found = pattern.search(text)
        if not found:
            continue
        plain = (text[: found.start()] + text[found.end() :]).strip()
        if plain.strip(" ?!."):
            return _kind(found.groupdict().get("kind") or "", plain), plain
    return "", text


def _kind(named: str, plain: str) -> str:
    if named:
        return "line" if named.lower() in {"line", "time"} else "bar"
    return "line" if _OVER_TIME.search(plain) else "bar"
