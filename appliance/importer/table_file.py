"""CSV and TSV: a header line, then one row per record, fields quoted as in RFC 4180."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from appliance.errors import InvalidInput
from appliance.importer.definition import COLUMNS_MAX, Column, Definition
from appliance.importer.misfits import Misfit, Misfits
from appliance.importer.names import column_names
from appliance.importer.source import Advance, Rows
from appliance.importer.text_file import batches, open_text
from appliance.importer.types import Detector

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

FIELD_CHARACTERS_MAX = 16 * 1024 * 1024
"""A quote that is never closed must not take the rest of a huge file into memory."""

_QUOTED = re.compile(r'"[^"]*"')
_NUMBER = re.compile(r"[-+]?[0-9][0-9.,]*")


class TableFile:
    """One CSV or TSV file; without a `delimiter` it is the first of `, ; tab |` in the header line."""

    def __init__(self, path: Path, table: str, delimiter: str = "") -> None:
        self.path = path
        self.table = table
        self.size = 2 * path.stat().st_size
        self._delimiter = delimiter

    def define(self, advance: Advance) -> Definition:
        """Read all, check that every row has the header's fields, and find the columns' types."""
        header = self._header()
        detectors = [Detector() for _ in header]
        misfits = [Misfits() for _ in header]
        for rows in self.chunks(advance):
            columns = zip(*rows, strict=True)
            for values, detector, misfit in zip(columns, detectors, misfits, strict=True):
                detector.feed(values)
                misfit.feed(values, detector.possible)
        names = column_names(header)
        return Definition(
            columns=[
                Column(name=name, type=detector.type, expression=detector.expression)
                for name, detector in zip(names, detectors, strict=True)
            ],
            key_guess=_key_guess(names, detectors),
            renamed=[pair for pair in zip(header, names, strict=True) if pair[0] != pair[1]],
            misfits=self._with_lines(
                {
                    name: misfit.first
                    for name, detector, misfit in zip(names, detectors, misfits, strict=True)
                    if misfit.first and detector.type == "TEXT"
                }
            ),
        )

    def chunks(self, advance: Advance) -> Iterator[Rows]:
        """All rows behind the header, as text; empty lines are passed over."""
        try:
            with open_text(self.path) as text:
                reader = _reader(text.lines, self._delimiter)
                width = len(next(filter(None, reader), []))
                for rows in batches(reader, text, advance):
                    yield _checked(rows, width)
        except csv.Error as error:
            raise self._first_mistake() from error

    def _with_lines(self, misfits: dict[str, Misfit]) -> list[tuple[str, str, int]]:
        """(column, value, line of its row)."""
        lines = self._lines_of({misfit.row for misfit in misfits.values()})
        return [(name, misfit.value, lines[misfit.row]) for name, misfit in misfits.items()]

    def _lines_of(self, rows: set[int]) -> dict[int, int]:
        """Row -> the line it begins on; reads the file again as far as the last of them."""
        lines = dict.fromkeys(rows, 1)
        if not rows:
            return lines
        with open_text(self.path) as text:
            reader = _reader(text.lines, self._delimiter)
            row, line = -1, 1  # the header is row -1
            for fields in reader:
                if row in lines:
                    lines[row] = line
                if row > max(rows):
                    break
                row += bool(fields)
                line = reader.line_num + 1
        return lines

    def _header(self) -> list[str]:
        try:
            with open_text(self.path) as text:
                reader = _reader(text.lines, self._delimiter)
                header: list[str] = next(filter(None, reader), [])
        except csv.Error as error:
            raise self._first_mistake() from error
        place = f"{self.path}, line {reader.line_num}"
        if not any(cell.strip() for cell in header):
            raise InvalidInput(f"{self.path}: the file is empty; its first line must name the columns")
        if all(_NUMBER.fullmatch(cell.strip()) for cell in header):
            raise InvalidInput(
                f"{place}: the first line must name the columns, and these are numbers; "
                "put a line with names above it"
            )
        if len(header) > COLUMNS_MAX:
            raise InvalidInput(f"{place}: {len(header)} columns; a table has at most {COLUMNS_MAX}")
        return header

    def _first_mistake(self) -> InvalidInput:
        """Read again, row by row, to say on which line: the fast way only knows that there is one."""
        with open_text(self.path) as text:
            reader = _reader(text.lines, self._delimiter)
            line, width = 1, 0
            try:
                for row in reader:
                    width = width or len(row)
                    if row and len(row) != width:
                        complaint = f"{_fields(len(row))}, but the header has {width}"
                        return InvalidInput(f"{self.path}, line {line}: {complaint}")
                    line = reader.line_num + 1
            except csv.Error as error:
                return InvalidInput(f"{self.path}, line {line}: {_complaint(error, reader)}")
        return InvalidInput(f"{self.path}: the file changed while it was imported; try again")


def _reader(lines: Iterator[str], delimiter: str) -> CsvReader:
    csv.field_size_limit(FIELD_CHARACTERS_MAX)
    first = next(lines, "")
    return csv.reader(itertools.chain([first], lines), delimiter=delimiter or _found_in(first), strict=True)


def _checked(rows: list[list[str]], width: int) -> list[list[str]]:
    """The rows without empty lines; raises `csv.Error` when one has not `width` fields."""
    # All at once: looking at each row in Python would take as long as parsing it.
    if set(map(len, rows)) == {width}:
        return rows
    full = [row for row in rows if row]
    if any(len(row) != width for row in full):
        raise csv.Error("wrong number of fields")
    return full


def _found_in(first_line: str) -> str:
    bare = _QUOTED.sub("", first_line)
    return next((sign for sign in ",;\t|" if sign in bare), ",")


def _complaint(error: csv.Error, reader: CsvReader) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return 'a quote (") is opened in this row and never closed'
    if "field limit" in text:
        return f"a field is longer than {FIELD_CHARACTERS_MAX} characters; is a quote not closed?"
    if "expected after" in text:
        delimiter = reader.dialect.delimiter
        sign = "a tab" if delimiter == "\t" else repr(delimiter)
        return (
            f"behind a closing quote must come {sign} or the end of the line; "
            'write a quote inside a quoted field twice ("")'
        )
    return text


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"


def _key_guess(names: list[str], detectors: list[Detector]) -> str:
    """A column called id that has an integer in each row."""
    for name, detector in zip(names, detectors, strict=True):
        if name.lower() == "id" and detector.type == "INTEGER" and detector.is_complete:
            return name
    return ""
