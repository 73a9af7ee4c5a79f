"""What of a SQL text is a `:parameter`. Pure; no SQL parser.

Quoted names, literals and comments are passed over as SQLite passes over them. Nothing is made safe here: it
finds what an author should be told early.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_TOKEN = re.compile(
    r"""
    (?P<quoted>'(?:[^']|'')*' | "(?:[^"]|"")*" | `(?:[^`]|``)*` | \[[^\]]*\] | --[^\n]* | /\*.*?\*/)
    |(?P<unclosed>['"`\[] | /\*)
    |:(?P<named>[\w$]+(?:\.\w+)*)
    |(?P<foreign>\?\d* | [@$\#:][\w$]*)
    |[\w$]+
    """,
    re.VERBOSE | re.DOTALL,
)

UNCLOSED = {"'": "a '", '"': 'a "', "`": "a `", "[": "a [", "/*": "a comment /*"}


def parameters(sql: str) -> list[str]:
    """The names of `:parameters` in order, each once; raises `ValueError` that continues "<the SQL> …"."""
    names: dict[str, None] = {}
    for found in _tokens(sql):
        if found["named"]:
            names[found["named"]] = None
        elif found["foreign"]:
            raise ValueError(f"has {found['foreign']!r}; parameters are written :name")
    return list(names)


def quoted(sql: str) -> list[str]:
    """The literals and quoted names in it, with their quotes, without comments."""
    return [found[0] for found in _TOKEN.finditer(sql) if found["quoted"] and found[0][0] in "'\"`["]


def filled(sql: str, values: Mapping[str, str]) -> str:
    """The SQL with other SQL in place of its `:parameters`, all of which `values` has."""
    return _TOKEN.sub(lambda found: values[found["named"]] if found["named"] else found[0], sql)


def without_end(sql: str) -> str:
    """The statement without comments, and without a `;` behind it."""
    shown = _TOKEN.sub(lambda found: " " if found[0].startswith(("--", "/*")) else found[0], sql)
    return shown.strip().rstrip("; \t\n")


def _tokens(sql: str) -> list[re.Match[str]]:
    found = list(_TOKEN.finditer(sql))
    for token in found:
        if token["unclosed"]:
            raise ValueError(f"has {UNCLOSED[token['unclosed']]} that is not closed")
    return found
