"""Refuses arguments that a tool does not have: a condition that goes unread would widen what is done."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from appliance.tools.base import ToolError

NAMES_TOLD_MAX = 20
_CLOSE = 0.7
_COMPARED_CHARS_MAX = 40

_MEANT = {
    "filter": ("where", "filters", "conditions", "condition", "criteria", "query"),
    "select": ("columns", "fields", "column", "cols"),
    "order": ("sort", "order_by", "orderby", "sort_by", "sortby"),
    "limit": ("max", "top", "max_rows", "count"),
    "offset": ("skip", "start"),
    "data": ("values", "set", "row", "rows", "record", "records", "value", "updates"),
    "returning": ("select", "columns", "fields", "return"),
    "table": ("table_name", "from", "into"),
}
"""What models write for an argument, by its name. What a tool has itself is never one of them."""


def refuse_unknown(arguments: Mapping[str, Any], known: Collection[str]) -> None:
    """Raise `ToolError` for an argument that is not in `known`; one that is null counts as left out."""
    for name, value in arguments.items():
        if name not in known and value is not None:
            raise ToolError(f"Unknown argument {_short(name)!r}. {_advice(name.lower(), known)}")


def _advice(name: str, known: Collection[str]) -> str:
    synonym = next((ours for ours, words in _MEANT.items() if ours in known and name in words), "")
    close = difflib.get_close_matches(name[:_COMPARED_CHARS_MAX], known, n=1, cutoff=_CLOSE)
    if meant := synonym or next(iter(close), ""):
        return f"Did you mean {meant}?"
    told = ", ".join(list(known)[:NAMES_TOLD_MAX]) + (", …" if len(known) > NAMES_TOLD_MAX else "")
    return f"The arguments are: {told}." if known else "It takes no arguments."


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:59] + "…"
