"""Makes the few pieces of SQL text that are put together at run time, each safe by construction. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

_QUOTED = r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--[^\n]*|/\*.*?\*/"""
"""Where SQLite does not look for anything: literals, quoted names, comments."""
_RULE_TOKEN = re.compile(_QUOTED + r"|:(user_id|role|tenant|claims\.[A-Za-z_][\w.]*)\b", re.DOTALL)
_STRUCTURE = re.compile(_QUOTED + r"|(.)", re.DOTALL)

_INTEGERS = range(-(2**63), 2**63)
"""What SQLite keeps as it is; beyond, digits are lost and one number equals another."""


def quoted(name: str) -> str:
    """`name` as an identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: str | int | float | bool | None) -> str:
    """A value as a SQL expression, whatever is in it.

    What SQLite cannot hold exactly, or reads to a NUL only, is NULL, and so is '': nobody equals nobody.
    """
    match value:
        case bool():
            return str(int(value))
        case int() if value in _INTEGERS:
            return f"({value})"  # bracketed: a minus behind a minus would begin a comment
        case float() if math.isfinite(value):
            return f"({value!r})"
        case str() if value and "\0" not in value:
            return _text(value)
    return "NULL"


def _text(value: str) -> str:
    try:
        return f"CAST(x'{value.encode().hex()}' AS TEXT)"
    except UnicodeEncodeError:  # half a character, from an escape in JSON
        return "NULL"


def fault_of_rule(rule: str) -> str:
    """Why a text cannot be ONE expression, so that brackets round it would not hold it; '' when they do."""
    if not rule.strip():
        return "its row rule is empty"
    depth = 0
    for found in _STRUCTURE.finditer(rule):
        char = found[1]
        depth += (char == "(") - (char == ")")
        if depth < 0:
            return "its row rule closes a bracket that is not open"
        if char in ("'", '"', "`", "[") or (char and rule.startswith("/*", found.start())):
            return "its row rule has a literal, name or comment without an end"
        if char in (";", "\0"):
            return "its row rule is more than one expression"
    return "its row rule has a bracket without an end" if depth else ""


def names_tenant(rule: str) -> bool:
    """Whether `:tenant` is part of the rule, outside of literals, quoted names and comments."""
    return any(found[1] == "tenant" for found in _RULE_TOKEN.finditer(rule))


def filled(
    rule: str, user_id: str, role: str, claims: Mapping[str, str | int | float | bool], tenant: str = ""
) -> str:
    """The rule with the caller's values for `:user_id`, `:role`, `:tenant` and `:claims.<name>`.

    A claim that the caller does not have is NULL.
    """
    values = {f"claims.{name}": value for name, value in claims.items()}
    values |= {"user_id": user_id, "role": role, "tenant": tenant}

    def fill(found: re.Match[str]) -> str:
        return literal(values.get(found[1])) if found[1] else found[0]

    return _RULE_TOKEN.sub(fill, rule)


def where_all(rules: Sequence[str], user_id: str) -> str:
    """The WHERE clause of filled row rules, which all must hold; '' for none.

    Without a user id no row passes, whatever the rules say; they are still compiled, so that faults show.
    """
    if not rules:
        return ""
    nobody = [] if user_id else ["0"]
    # A rule may end in a comment; it must not swallow the bracket.
    return " WHERE " + " AND ".join([*nobody, *(f"({rule}\n)" for rule in rules)])


_TOKEN = re.compile(
    r"""(?P<blob>[xX]'[0-9a-fA-F]*')|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]"""
    r"""|--[^\n]*|/\*.*?(?:\*/|\Z)|[\w$]+|.""",
    re.DOTALL,
)


def neutral_blobs(sql: str) -> str:
    """The same statement with zeros for the bytes of its blob literals; everything else stays as it is."""

    def zeros(found: re.Match[str]) -> str:
        return found[0][:2] + "0" * (len(found[0]) - 3) + "'" if found["blob"] else found[0]

    return _TOKEN.sub(zeros, sql)
