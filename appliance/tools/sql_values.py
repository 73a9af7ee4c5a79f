"""Sizes of values and names of columns as JSON has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def size_of(row: Iterable[Any]) -> int:
    """About how many bytes of JSON a row takes."""
    size = 0
    for value in row:
        kind = type(value)
        if kind is str:
            size += len(value) if value.isascii() else len(value.encode())
        elif kind is bytes:
            size += 2 * len(value)
        size += 8
    return size


def unique(names: list[str]) -> list[str]:
    """The same names; a repeated one gets `_2`, `_3` …, since people read results by name."""
    taken: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 1
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        result.append(candidate)
    return result
