"""What every file format offers to the loader: two readings of the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeAlias

from appliance.importer.definition import Definition

Value: TypeAlias = int | float | str | bytes | None
Rows: TypeAlias = Sequence[Sequence[Value]]
Advance: TypeAlias = Callable[[int], None]
"""Told how many more bytes have been read; may raise to stop."""


class Source(Protocol):
    """One table to be. Both methods read everything and raise `InvalidInput` that names the place."""

    path: Path
    table: str
    size: int
    """Bytes that both readings together tell `advance`."""

    def define(self, advance: Advance) -> Definition:
        """First reading: check every row and find the columns; nothing has been written yet."""
        ...

    def chunks(self, advance: Advance) -> Iterator[Rows]:
        """Second reading: all rows, with a value for each column of the definition."""
        ...
