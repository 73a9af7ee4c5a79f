"""CSV and TSV: each row becomes a line that names its columns."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import chain, islice

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import clean, one_line
from appliance.extract.tables import fits_with_heads, is_head, write_dense_table, write_table
from appliance.knowledge import Extracted

DELIMITERS = ",;\t|"
FIELD_CHARS_MAX = 1_000_000
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
    builder = TextBuilder()
    rows = _rows(text, delimiter or delimiter_of(text[:_SAMPLE_CHARS]))
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


def delimiter_of(sample: str) -> str:
    """What cuts the first rows into most cells, as equally as can be."""
    return max(DELIMITERS, key=lambda delimiter: _fit(sample, delimiter))


def _fit(sample: str, delimiter: str) -> tuple[float, int]:
    """The share of rows with the usual number of cells (more than one), then that number."""
    try:
        widths = [len(row) for row in islice(_rows(sample, delimiter), _SAMPLE_ROWS)]
    except DocumentUnreadable:
        return (0.0, 0)
    usual = max(set(widths), key=lambda width: (widths.count(width), width), default=1)
    return (widths.count(usual) / len(widths), usual) if usual > 1 else (0.0, 0)


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
