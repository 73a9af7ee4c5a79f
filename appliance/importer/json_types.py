"""Which type a column of JSON values has. Pure.

Unlike text, JSON tells numbers from strings, so a string stays text (only ISO dates are declared as such).
Values of several kinds make a text column; nested ones are kept as JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from appliance.importer.source import Value
from appliance.importer.types import (
    INTEGER_MAX,
    INTEGER_MIN,
    REAL_INTEGER_MAX,
    ColumnType,
    Detector,
)


class JsonDetector:
    """Collects what kinds of values one key has; fed with its values in any number of batches."""

    def __init__(self) -> None:
        self.present = 0
        """How many values were there and not null."""
        self._kinds: set[type] = set()
        self._integers = [0, 0]
        self._strings = Detector()

    def feed(self, values: Sequence[Any]) -> None:
        """Take one batch; None stands for null and for a missing key."""
        present = [value for value in values if value is not None]
        self.present += len(present)
        self._kinds.update(map(type, present))
        if int in self._kinds:
            integers = [value for value in present if type(value) is int]
            low, high = self._integers
            self._integers = [min([low, *integers]), max([high, *integers])]
        if self._kinds == {str}:
            self._strings.feed(present)

    @property
    def type(self) -> ColumnType:
        """The narrowest type that keeps all values."""
        low, high = self._integers
        match sorted(kind.__name__ for kind in self._kinds):
            case ["bool"]:
                return "BOOLEAN"
            case ["int"] if low >= INTEGER_MIN and high <= INTEGER_MAX:
                return "INTEGER"
            case ["float"]:
                return "REAL"
            case ["float", "int"] if max(-low, high) <= REAL_INTEGER_MAX:
                return "REAL"
            case ["str"] if self._strings.type in {"DATE", "TIMESTAMP"} and self._strings.is_complete:
                return self._strings.type
            case _:
                return "TEXT"

    @property
    def converter(self) -> Callable[[Any], Value] | None:
        """What makes a stored value of a read one; None when values go in as they are."""
        plain = self._kinds <= {str} or self.type != "TEXT"
        return None if plain else as_text


def as_text(value: Any) -> str | None:
    """A string as it is, null as None, anything else as JSON."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
