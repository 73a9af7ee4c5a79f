"""Questions that may come next, chosen by rules: nothing here makes up any. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from appliance.searchtext import normal
from appliance.searchtext import question as asked_for

ITEMS_MAX = 3
CHARS_MAX = 120
WORDS_MIN = 2
"""A heading of one word is rarely a question."""
ALIKE = 0.6
"""Who has asked with so much of its words has asked it."""
_NUMBER = re.compile(r"^\s*(?:\(?[0-9]+(?:\.[0-9]+)*[.):]?|[ivxIVX]+[.)]|[#*\-•]+)\s+")
_TOPIC = re.compile(r"^(?:#{1,6} +(.{1,200})|([^\n]{8,120}[?？؟]))[ \t]*$", re.MULTILINE)  # noqa: RUF001 -- CJK's own
_ENDS = ".:;,\u2013\u2014 "


def choose(suggestions: Sequence[str], headings: Sequence[str], asked: Sequence[str]) -> list[str]:
    """At most three: headings near what was just read first, then what the bot suggests.

    Nothing that was `asked` before, nor the same thing twice.
    """
    taken = [_words(text) for text in asked]
    chosen: list[str] = []
    for text in [*_usable(headings), *suggestions]:
        words = _words(text)
        if not words or any(_is_same(words, other) for other in taken):
            continue
        chosen.append(text)
        taken.append(words)
        if len(chosen) == ITEMS_MAX:
            break
    return chosen


def topics(passages: Iterable[tuple[Sequence[str], str]]) -> list[str]:
    """The innermost headings of passages, and lines of them that are headings or questions, each once."""
    found: dict[str, None] = {}
    for headings, content in passages:
        for line in [*headings[-1:], *(one[1] or one[2] for one in _TOPIC.finditer(content))]:
            found[line.strip()] = None
    return list(found)


def fitting(suggestions: Sequence[str], talk: str) -> list[str]:
    """The suggestions, those first that share words with what was talked about; otherwise in their order."""
    about = _words(talk)
    return sorted(suggestions, key=lambda text: -len(_words(text) & about))


def _usable(headings: Iterable[str]) -> list[str]:
    found = []
    for heading in headings:
        text = _NUMBER.sub("", " ".join(heading.split())).rstrip(_ENDS)
        if len(text.split()) >= WORDS_MIN and len(text) <= CHARS_MAX:
            found.append(text)
    return found


def _words(text: str) -> frozenset[str]:
    """What a text is about; all of its words where none says much."""
    found = asked_for(text)
    words = [word for term in found.terms or found.weak for word in term.words]
    return frozenset(words or normal(text).split())


def _is_same(one: frozenset[str], other: frozenset[str]) -> bool:
    return bool(other) and len(one & other) >= ALIKE * min(len(one), len(other))
