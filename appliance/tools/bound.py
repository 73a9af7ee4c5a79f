"""Collects values that belong to a statement but never stand in its text."""

from __future__ import annotations

from typing import Any

from appliance.tools.base import ToolError

INTEGER_MAX = 2**63 - 1


class Bound:
    """The values of `:p0`, `:p1` … in the order in which they were added."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}

    def add(self, value: str | int | float | None) -> str:
        """Keep a value; returns the parameter that stands for it in the text."""
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f":{name}"


def checked_integer(value: int, what: str) -> int:
    """`value`, if SQLite can keep it; raises `ToolError` naming `what`."""
    if not -INTEGER_MAX - 1 <= value <= INTEGER_MAX:
        raise ToolError(f"{what}: the number is too large; integers have at most 64 bits.")
    return value
