"""Makes the few pieces of SQL text that are put together at run time, each safe by construction."""

from __future__ import annotations

import re

_RULE_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|:(user_id|role)\b""")


def quoted(name: str) -> str:
    """`name` as an identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a SQL expression of type TEXT, whatever is in it; '' is NULL: nobody equals nobody."""
    return f"CAST(x'{text.encode().hex()}' AS TEXT)" if text else "NULL"


def caller_rule(rule: str, user_id: str, role: str) -> str:
    """The WHERE clause of a row rule, with the caller in place of `:user_id` and `:role`; '' for no rule."""
    if not rule:
        return ""
    values = {"user_id": literal(user_id), "role": literal(role)}
    filled = _RULE_TOKEN.sub(lambda found: values[found[1]] if found[1] else found[0], rule)
    # The rule may end in a comment; it must not swallow the bracket.
    return f" WHERE ({filled}\n)"
