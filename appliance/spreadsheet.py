"""A result as CSV that spreadsheets open without surprises. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from appliance.messages import QueryOutcome

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001  # spreadsheets take wide ones, too
"""A text that begins so would be run as a formula when somebody opens the file."""

NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""A text that only looks like a formula."""

QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')
"""Beside what RFC 4180 asks for, the other signs at which spreadsheets part cells, depending on the language:
what stood behind one would be a cell of its own, and perhaps a formula."""


def to_csv(outcome: QueryOutcome) -> str:
    """Header and rows as RFC 4180, lines ended by CRLF; texts that look like formulas get a `'` before.

    NULL is an empty field and looks just like an empty text; truths are 1 and 0.
    """
    return "".join(map(_line, [outcome.columns, *outcome.rows]))


def _line(values: Iterable[Any]) -> str:
    fields = [_field(value) for value in values]
    return (",".join(fields) if fields != [""] else '""') + "\r\n"  # an empty line would be no row


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    text = str(value)
    if isinstance(value, str) and text.startswith(FORMULA) and not NUMBER.fullmatch(text):
        text = "'" + text
    return '"' + text.replace('"', '""') + '"' if QUOTED.search(text) else text
