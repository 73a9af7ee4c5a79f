"""The least and the greatest value of columns of numbers and dates, where that costs little.

An index tells at once. Without one a small table is read once for all its columns, within a number of values
and a time for the whole schema; what has become too dear is left out.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress

import apsw

from appliance.schema import Column
from appliance.sqlguard import fold
from appliance.sqltext import quoted

COLUMNS_MAX = 40
"""More columns of one table are not looked at."""
ROWS_MAX = 20_000
"""Larger tables are not read through."""
VALUES_MAX = 500_000
"""Values read for one schema, all tables together: some 50 ms."""
SECONDS_MAX = 0.25
"""Rows may be so large that reading few values takes long."""
STEPS_BETWEEN_LOOKS = 5_000
DATE_CHARS_MAX = 40

_NUMBERS = ("INT", "REAL", "FLOA", "DOUB", "NUM", "DEC")
_DATES = ("DATE", "TIME")
_CLOCK = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}([T ]{_CLOCK}(Z|[+-]\d{{2}}:?\d{{2}})?)?|{_CLOCK}")
_KEY = re.compile(r"(?i:(^|_)(uu)?id)$|[a-z]I[dD]$")


def holds_range(column: Column, texts: Collection[str]) -> bool:
    """Whether the column is of numbers or dates, by its type or its first texts, and no key by its name."""
    kind = column.type.upper()
    if _KEY.search(column.name):
        return False
    if any(word in kind for word in _NUMBERS + _DATES):
        return True
    return bool(texts) and all(_ISO.fullmatch(text) for text in texts)


class Ranges:
    """Reads the ranges of one table after another, as long as that is cheap."""

    def __init__(self) -> None:
        self._values_left = VALUES_MAX
        self._seconds_left = SECONDS_MAX

    def read(
        self, db: apsw.Connection, table: str, columns: list[Column], rows: int | None
    ) -> dict[str, tuple[str, str]]:
        """Least and greatest value by column name, only of columns where both are known.

        `rows` is how many the table has, None when nobody knows.
        """
        columns = columns[:COLUMNS_MAX]
        if not columns or self._seconds_left <= 0:
            return {}
        found: dict[str, tuple[object, object]] = {}
        with suppress(apsw.SQLError, apsw.InterruptError, UnicodeDecodeError), self._in_time(db):
            indexed = _indexed(db, table)
            for column in columns:
                if index := indexed.get(fold(column.name)):
                    found[column.name] = _ends(db, table, column, index)
            rest = [column for column in columns if column.name not in found]
            found |= self._read_through(db, table, rest, rows)
        texts = {name: _as_texts(*ends) for name, ends in found.items()}
        return {name: ends for name, ends in texts.items() if ends}

    def _read_through(
        self, db: apsw.Connection, table: str, columns: list[Column], rows: int | None
    ) -> dict[str, tuple[object, object]]:
        """All columns in one pass, when the table is small enough."""
        if not columns or rows is None or rows > ROWS_MAX or rows * len(columns) > self._values_left:
            return {}
        self._values_left -= rows * len(columns)
        terms = ", ".join(f"min({value}), max({value})" for value in map(_value, columns))
        ends = next(db.execute(f"SELECT {terms} FROM main.{quoted(table)}"))  # noqa: S608  # the file's own names
        return {column.name: (ends[2 * at], ends[2 * at + 1]) for at, column in enumerate(columns)}

    @contextmanager
    def _in_time(self, db: apsw.Connection) -> Iterator[None]:
        """Interrupts what takes longer than the time that is left, and takes its time from that."""
        started = time.monotonic()
        end = started + self._seconds_left
        db.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)
        try:
            yield
        finally:
            db.set_progress_handler(None)
            self._seconds_left -= time.monotonic() - started


def _indexed(db: apsw.Connection, table: str) -> dict[str, str]:
    """Columns that come first in a whole index which sorts by bytes -> that index."""
    found: dict[str, str] = {}
    for _, name, _, _, partial in db.execute(f"PRAGMA main.index_list({quoted(table)})"):
        _, _, column, _, collation, _ = next(db.execute(f"PRAGMA main.index_xinfo({quoted(name)})"))
        if column and not partial and fold(collation) == "binary":
            found.setdefault(fold(column), name)
    return found


def _ends(db: apsw.Connection, table: str, column: Column, index: str) -> tuple[object, object]:
    """The first and the last value of the index that are something; a long text is not even read."""
    name = quoted(column.name)
    # NULLs come first: a bound makes SQLite step over all of them at once.
    least = "''" if _is_text(column) else "-9e999"
    sql = (
        f"SELECT CASE WHEN octet_length({name}) <= {DATE_CHARS_MAX} THEN {name} END "  # noqa: S608  # the file's own names
        f"FROM main.{quoted(table)} INDEXED BY {quoted(index)} "
        f"WHERE {name} > {least} ORDER BY {name} COLLATE BINARY"
    )
    return db.execute(f"{sql} ASC LIMIT 1").get, db.execute(f"{sql} DESC LIMIT 1").get


def _value(column: Column) -> str:
    """SQL for what counts of a column: in columns of dates, texts that are empty or long do not."""
    name = quoted(column.name)
    if any(word in column.type.upper() for word in _DATES) or _is_text(column):
        return f"CASE WHEN octet_length({name}) BETWEEN 1 AND {DATE_CHARS_MAX} THEN {name} END"
    return name


def _is_text(column: Column) -> bool:
    return not column.type or any(word in column.type.upper() for word in ("CHAR", "CLOB", "TEXT"))


def _as_texts(low: object, high: object) -> tuple[str, str] | None:
    """Both ends as text, if they are two numbers or two dates."""
    ends = (low, high)
    if all(isinstance(end, int | float) and math.isfinite(end) for end in ends):
        return str(low), str(high)
    if all(isinstance(end, str) and _ISO.fullmatch(end) for end in ends):
        return str(low), str(high)
    return None
