"""Finds generated columns whose values may tell of hidden ones: only their text says what they use.

A definition that mentions a hidden column anywhere counts, also within a string: when in doubt it is hidden.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from appliance.sqlguard import fold

_TOKEN = re.compile(
    r"""--[^\n]* | /\*.*?(?:\*/|\Z)
      | '(?P<text>(?:[^']|'')*)' | "(?P<quoted>(?:[^"]|"")*)" | `(?P<ticked>(?:[^`]|``)*)`
      | \[(?P<bracketed>[^\]]*)\]
      | (?P<word>[\w$\x80-\U0010ffff]+)
      | (?P<sign>[(),])
      | .""",
    re.VERBOSE | re.DOTALL,
)
_QUOTES = {"text": "'", "quoted": '"', "ticked": "`"}


def telling(create: str, generated: Iterable[str], hidden: Iterable[str]) -> frozenset[str]:
    """The folded names of those `generated` columns whose definitions in `create` may use a hidden column.

    Also those that use one of these; and one whose definition is not found, since nobody knows what it uses.
    """
    mentioned = _mentioned(create)
    open_names = set(map(fold, generated))
    closed = set(map(fold, hidden)) | (open_names - mentioned.keys())
    while found := {name for name in open_names - closed if mentioned[name] & closed}:
        closed |= found
    return frozenset(open_names & closed)


def _mentioned(create: str) -> dict[str, set[str]]:
    """Each definition's first name, folded, and all names behind it, in whichever definitions."""
    mentioned: dict[str, set[str]] = {}
    for first, *others in _definitions(create):
        mentioned.setdefault(first, set()).update(others)
    return mentioned


def _definitions(create: str) -> Iterator[list[str]]:
    """The folded names in each part between the outer brackets of a statement."""
    depth, names = 0, list[str]()
    for token in _TOKEN.finditer(create):
        sign = token["sign"]
        depth += (sign == "(") - (sign == ")")
        if (sign, depth) in ((",", 1), ("(", 1), (")", 0)):
            if names:
                yield names
            names = []
        elif depth and token.lastgroup not in (None, "sign"):
            names.append(_name(token))
    if names:
        yield names


def _name(token: re.Match[str]) -> str:
    kind = token.lastgroup or ""
    quote = _QUOTES.get(kind, "")
    return fold(token[kind].replace(quote * 2, quote) if quote else token[kind])
