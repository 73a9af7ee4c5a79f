"""Which results the widget draws without being asked, and how."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

SUITS = Path(__file__).parents[2] / "static" / "widget" / "suits.js"
PROGRAM = """
import { suited } from '%s'
const { columns, rows } = JSON.parse(process.argv[1])
const named = columns.map(([name, type]) => ({ name, type, format: String }))
const data = rows.map((row) => Object.fromEntries(columns.map(([name], at) => [name, row[at]])))
const found = suited(named, data)
console.log(JSON.stringify(found && [found.kind, found.label, found.values, Object.values(found.data[0])[0]]))
"""
TEXT, INT, NUM, DATE = "text", "integer", "number", "date"

pytestmark = pytest.mark.node


def suited(columns: list[tuple[str, str]], rows: list[list[Any]]) -> Any:
    """Kind, label, values, and the first value of the row that is drawn first."""
    given = json.dumps({"columns": columns, "rows": rows})
    command = ["node", "--no-warnings", "--input-type=module", "-e", PROGRAM % SUITS.as_uri(), given]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


SALES = [("city", TEXT), ("sales", INT)]
MONTHS = [("month", DATE), ("sales", NUM)]
DRAWN: dict[str, tuple[list[tuple[str, str]], list[list[Any]], Any]] = {
    "names and numbers are bars": (SALES, [["Rome", 1], ["Bonn", 2]], ["bar", 0, [1], "Rome"]),
    "the names may come last": (
        [("sales", INT), ("city", TEXT)],
        [[1, "Rome"], [2, "Bonn"]],
        ["bar", 1, [0], 1],
    ),
    "three numbers": (
        [("city", TEXT), ("a", INT), ("b", NUM), ("c", "decimal")],
        [["Rome", 1, 2, "3.10"], ["Bonn", 4, 5, "6"]],
        ["bar", 0, [1, 2, 3], "Rome"],
    ),
    "dates are a line": (
        MONTHS,
        [["2026-01-01", 1], ["2026-02-01", 3], ["2026-03-01", 2]],
        ["line", 0, [1], "2026-01-01"],
    ),
    "the newest first: time runs forwards": (
        MONTHS,
        [["2026-03-01", 1], ["2026-02-01", 3]],
        ["line", 0, [1], "2026-02-01"],
    ),
    "the best days first are no line": (
        MONTHS,
        [["2026-03-01", 9], ["2026-01-01", 3], ["2026-02-01", 1]],
        ["bar", 0, [1], "2026-03-01"],
    ),
    "months as text": (
        [("month", TEXT), ("n", INT)],
        [["2026-01", 1], ["2026-02", 2]],
        ["line", 0, [1], "2026-01"],
    ),
    "quarters": (
        [("quarter", TEXT), ("n", INT)],
        [["2025-Q4", 1], ["2026-Q1", 2]],
        ["line", 0, [1], "2025-Q4"],
    ),
    "years": (
        [("year", INT), ("n", INT)],
        [[2026, 3], [2025, 1], [2024, 2]],
        ["line", 0, [1], 2024],
    ),
    "hours, though numbers": (
        [("hour", INT), ("n", INT)],
        [[h, h % 5] for h in range(24)],
        ["line", 0, [1], 0],
    ),
    "hours as text": (
        [("hour", TEXT), ("n", INT)],
        [["00", 4], ["01", 2], ["02", 3]],
        ["line", 0, [1], "00"],
    ),
    "some are missing": (SALES, [["a", 1], ["b", None], ["c", 2]], ["bar", 0, [1], "a"]),
    "one of two never changes": (
        [("city", TEXT), ("a", INT), ("b", INT)],
        [["Rome", 1, 7], ["Bonn", 2, 7]],
        ["bar", 0, [1, 2], "Rome"],
    ),
    "thirty rows": (SALES, [[f"c{n}", n] for n in range(30)], ["bar", 0, [1], "c0"]),
}
NOT_DRAWN: dict[str, tuple[list[tuple[str, str]], list[list[Any]]]] = {
    "one row": (SALES, [["Rome", 1]]),
    "31 rows": (SALES, [[f"c{n}", n] for n in range(31)]),
    "no numbers": ([("a", TEXT), ("b", TEXT)], [["x", "y"], ["z", "w"]]),
    "names alone": ([("a", TEXT)], [["x"], ["y"]]),
    "numbers alone": ([("a", INT)], [[1], [2], [3]]),
    "two columns of names": ([("a", TEXT), ("b", TEXT), ("n", INT)], [["x", "y", 1], ["z", "w", 2]]),
    "four numbers": (
        [("a", TEXT), *((f"n{n}", INT) for n in range(4))],
        [["x", 1, 2, 3, 4], ["y", 2, 3, 4, 5]],
    ),
    "an id beside": ([("city", TEXT), ("city_id", INT), ("n", INT)], [["Rome", 7, 1], ["Bonn", 8, 2]]),
    "an id and a number": ([("id", INT), ("total", NUM)], [[1, 5], [2, 7], [3, 1]]),
    "an id as text": ([("order_id", TEXT), ("total", NUM)], [["1", 5], ["2", 7], ["3", 1]]),
    "two measures": ([("price", NUM), ("stock", INT)], [[2.5, 1], [3.1, 2], [9.9, 3]]),
    "whole numbers at odd distances": ([("price", INT), ("stock", INT)], [[2, 1], [3, 2], [9, 3]]),
    "years with a gap": ([("year", INT), ("n", INT)], [[2020, 1], [2021, 2], [2026, 3]]),
    "a name that is there twice": (SALES, [["Rome", 1], ["Rome", 2], ["Bonn", 3]]),
    "names that are missing": (SALES, [[None, 1], [None, 2]]),
    "all are equal": (SALES, [["Rome", 5], ["Bonn", 5], ["Oslo", 5]]),
    "all are missing": (SALES, [["Rome", None], ["Bonn", None]]),
    "most are missing": (SALES, [["a", 1], ["b", None], ["c", None], ["d", 2]]),
    "bytes for names": ([("a", "blob"), ("n", INT)], [["x'00'", 1], ["x'01'", 2]]),
    "nothing": ([], []),
}


@pytest.mark.parametrize("case", DRAWN)
def test_what_plainly_suits_is_drawn(case: str) -> None:
    columns, rows, told = DRAWN[case]
    assert suited(columns, rows) == told


@pytest.mark.parametrize("case", NOT_DRAWN)
def test_what_is_not_sure_is_not_drawn(case: str) -> None:
    columns, rows = NOT_DRAWN[case]
    assert suited(columns, rows) is None
