"""JSON and NDJSON: each object is a row, each key a column; values bring their own types."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

from appliance.errors import InvalidInput
from appliance.importer.definition import COLUMNS_MAX, Column, Definition
from appliance.importer.json_text import objects
from appliance.importer.json_types import JsonDetector
from appliance.importer.names import column_names
from appliance.importer.source import Advance, Rows, Value
from appliance.importer.text_file import batches, open_text


class JsonFile:
    """One JSON file: an array of objects, or objects one after another (NDJSON when `lines`)."""

    def __init__(self, path: Path, table: str, *, lines: bool) -> None:
        self.path = path
        self.table = table
        self.size = 2 * path.stat().st_size
        self._lines = lines
        self._converters: dict[str, Callable[[Any], Value] | None] = {}

    def define(self, advance: Advance) -> Definition:
        """Read all, collect the keys in the order they appear, and find their types."""
        kinds: dict[str, JsonDetector] = {}
        count = 0
        for records in self._records(advance):
            count += len(records)
            for key in dict.fromkeys(chain.from_iterable(records)):
                kinds.setdefault(key, JsonDetector()).feed([record.get(key) for record in records])
            self._check_width(kinds)
        if not kinds:
            raise InvalidInput(f'{self.path}: no rows; expected objects such as {{"name": "Ada"}}')
        self._converters = {key: kind.converter for key, kind in kinds.items()}
        return _definition(kinds, count)

    def chunks(self, advance: Advance) -> Iterator[Rows]:
        """All rows, in the order of the columns; `define` comes first."""
        converters = list(self._converters.items())
        for records in self._records(advance):
            columns = [
                [record.get(key) for record in records]
                if convert is None
                else [convert(record.get(key)) for record in records]
                for key, convert in converters
            ]
            yield list(zip(*columns, strict=True))

    def _records(self, advance: Advance) -> Iterator[list[dict[str, Any]]]:
        with open_text(self.path) as text:
            found = objects(text.lines, str(self.path), lines=self._lines)
            yield from batches(found, text, advance)

    def _check_width(self, kinds: dict[str, JsonDetector]) -> None:
        if len(kinds) > COLUMNS_MAX:
            raise InvalidInput(
                f"{self.path}: the rows have more than {COLUMNS_MAX} different keys, and a table has at "
                "most so many columns; are the keys data?"
            )


def _definition(kinds: dict[str, JsonDetector], count: int) -> Definition:
    names = column_names(list(kinds))
    key_guess = [
        name
        for name, kind in zip(names, kinds.values(), strict=True)
        if name.lower() == "id" and kind.type == "INTEGER" and kind.present == count
    ]
    return Definition(
        columns=[Column(name=name, type=kind.type) for name, kind in zip(names, kinds.values(), strict=True)],
        key_guess=key_guess[0] if key_guess else "",
        renamed=[pair for pair in zip(kinds, names, strict=True) if pair[0] != pair[1]],
    )
