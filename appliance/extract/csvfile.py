"""CSV and TSV: each row becomes a line that names its columns."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from itertools import chain, islice

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import clean, one_line
from appliance.extract.tables import fits_with_heads, is_head, write_dense_table, write_table
from appliance.knowledge import Extracted

DELIMITERS = ",;\t|"
FIELD_CHARS_MAX = 1_000_000
ABOVE_ROWS_MAX = 20
"""Exports of banks and shops begin with some lines about what follows."""
_TOLD = re.compile(r"\s*\"?sep=([,;\t|])\"?[ \t]*\n", re.IGNORECASE)
"""A first line by which spreadsheet programs tell each other the delimiter."""
_SAMPLE_ROWS = 50
_SAMPLE_CHARS = 256 * 1024


def read_csv(text: str) -> Extracted:
    """Rows as `column: value; column: value`; the delimiter is the one that cuts the first rows best."""
    return _read(text, "")


def read_tsv(text: str) -> Extracted:
    """The same with tabs, where there are any."""
    return _read(text, "\t" if "\t" in text else "")


def _read(text: str, delimiter: str) -> Extracted:
    text = clean(text)
    if told := _TOLD.match(text):
        delimiter, text = told.group(1), text[told.end() :]
    builder = TextBuilder()
    rows = _rows(text, delimiter or delimiter_of(text[:_SAMPLE_CHARS]))
    above, rows = _above(rows)
    write_table(builder, above, None)
    first = next(rows, [])
    names = [one_line(cell) for cell in first]
    if not is_head(names):
        write_table(builder, chain([first], rows), None)
    elif fits_with_heads(names, text.count("\n"), len(text)):
        write_table(builder, rows, names)
    else:
        write_dense_table(builder, rows, names)
        builder.notes.append("The table is very long; its columns are named every 20 rows.")
    if builder.is_empty and any(names):
        builder.row(" | ".join(names))  # nothing but a head
    return builder.build()


def _above(rows: Iterator[list[str]]) -> tuple[list[list[str]], Iterator[list[str]]]:
    """Titles and remarks that stand above the names of the columns, and all rows from these on."""
    sample = list(islice(rows, _SAMPLE_ROWS))
    usual = _usual(sample)
    for number, row in enumerate(sample[:ABOVE_ROWS_MAX]):
        if len(row) >= usual and sum(1 for cell in row if cell.strip()) >= 0.6 * usual:
            if not is_head([one_line(cell) for cell in row]):
                break
            return sample[:number], chain(sample[number:], rows)
    return [], chain(sample, rows)


def _usual(rows: list[list[str]]) -> int:
    """How many cells most rows have."""
    widths = [len(row) for row in rows]
    return max(set(widths), key=lambda width: (widths.count(width), width), default=1)


def delimiter_of(sample: str) -> str:
    """What cuts the first rows into most cells, as equally as can be."""
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows with the usual number of cells (more than one), then that number."""
    try:
        rows = list(islice(_rows(sample, delimiter), _SAMPLE_ROWS))
    except DocumentUnreadable:
        return (0.0, 0)
    usual = _usual(rows)
    return (sum(len(row) == usual for row in rows) / len(rows), usual) if usual > 1 else (0.0, 0)


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    csv.field_size_limit(FIELD_CHARS_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    try:
        for row in reader:
            if any(row):
                yield row
    except csv.Error as error:
        raise DocumentUnreadable(
            f"The table cannot be read near its line {reader.line_num:,}: {error}. Perhaps a quotation "
            "mark is never closed."
        ) from None
