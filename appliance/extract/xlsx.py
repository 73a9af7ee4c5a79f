"""Excel workbooks: each visible sheet under its name, each row a line that names its columns."""

from __future__ import annotations

import datetime
import io
import re
import warnings
from collections.abc import Iterator
from typing import Any

import openpyxl

from appliance.errors import DocumentUnreadable
from appliance.extract.building import TextBuilder
from appliance.extract.cleaning import one_line
from appliance.extract.package import BROKEN, Package, core_title
from appliance.extract.sheets import write_sheet
from appliance.knowledge import Extracted

COLUMNS_MAX = 1000
"""Cells to the right of these are left out: sheets that claim more are made by mistake or to do harm."""
_PERCENT = re.compile(r"^0(\.(0+))?%$")


def read_xlsx(data: bytes) -> Extracted:
    """Values as people see them; formulas by the results that Excel stored. Raises `DocumentUnreadable`."""
    package = Package.open(data)
    package.check_sizes()
    title = core_title(package)
    builder = TextBuilder()
    warnings.simplefilter("ignore")  # of styles and extensions that are not understood
    try:
        book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            if sheet.sheet_state == "visible":
                sheet.reset_dimensions()  # many programs write wrong ones
                write_sheet(builder, sheet.title, _rows(sheet, builder))
            else:
                builder.notes.append(f"The hidden sheet {one_line(sheet.title)} was left out.")
    except (KeyError, ValueError, TypeError, AttributeError, IndexError, OSError, SyntaxError) as error:
        raise DocumentUnreadable(BROKEN) from error
    return builder.build(title=title)


def _rows(sheet: Any, builder: TextBuilder) -> Iterator[list[str]]:
    """Rows without the empty cells at their ends; blank ones are empty, many of them in a row but once."""
    wide = blank = False
    for row in sheet.iter_rows():
        cells = [_shown(cell) for cell in row]
        while cells and not cells[-1]:
            cells.pop()
        if len(cells) > COLUMNS_MAX and not wide:
            wide = True
            builder.notes.append(
                f"Only the first {COLUMNS_MAX:,} columns of {one_line(sheet.title)} were read."
            )
        if cells or not blank:
            yield cells[:COLUMNS_MAX]
        blank = not cells


def _shown(cell: Any) -> str:
    match cell.value:
        case None:
            return ""
        case bool() as truth:
            return "TRUE" if truth else "FALSE"
        case int() | float() as number:
            return _number(number, cell.number_format or "")
        case datetime.datetime() as moment if moment.time() == datetime.time():
            return moment.date().isoformat()
        case datetime.datetime() as moment:
            return moment.isoformat(" ", "seconds")
        case value:
            return one_line(str(value))


def _number(number: float, shown_as: str) -> str:
    """Without the noise of binary fractions; percentages as such."""
    if percent := _PERCENT.match(shown_as):
        return f"{number * 100:.{len(percent.group(2) or '')}f}%"
    return str(number) if isinstance(number, int) else f"{number:.15g}"
