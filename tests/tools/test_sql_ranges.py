"""Least and greatest values: of numbers and dates, where they cost little, never of other people's rows."""

from __future__ import annotations

from typing import Any

import apsw
import pytest

from appliance.datarules import DataRules
from appliance.schema import Schema
from appliance.sqlguard import PUBLIC, SqlPolicy
from appliance.tools import sql_ranges
from appliance.tools.sql_schema import read_schema


def database(create: str, rows: list[tuple[Any, ...]]) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.execute(f"CREATE TABLE t ({create})")
    db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * len(rows[0]))})", rows)
    return db


def ranges(db: apsw.Connection, **policy: Any) -> dict[str, tuple[str, str]]:
    schema: Schema = read_schema({PUBLIC: db}, SqlPolicy(**policy))
    return {c.name: (c.low, c.high) for table in schema.tables for c in table.columns if c.low or c.high}


ROWS = [
    (n, n % 7, n / 4, f"2013-{n % 12 + 1:02}-01", f"2020-01-01 0{n % 9}:00:00", f"word {n}")
    for n in range(50)
]
CREATE = "id INTEGER PRIMARY KEY, grade INT, share REAL, day TEXT, at TIMESTAMP, word TEXT"


def test_numbers_and_dates_have_ranges_and_keys_and_words_have_none() -> None:
    assert ranges(database(CREATE, ROWS)) == {
        "grade": ("0", "6"),
        "share": ("0.0", "12.25"),
        "day": ("2013-01-01", "2013-12-01"),
        "at": ("2020-01-01 00:00:00", "2020-01-01 08:00:00"),
    }


def test_keys_to_other_tables_have_no_range() -> None:
    db = database("a INT REFERENCES u (k), user_id INT, orderId INT, paid INT", [(1, 2, 3, 4)])
    db.execute("CREATE TABLE u (k INTEGER PRIMARY KEY)")
    assert ranges(db) == {"paid": ("4", "4")}


def test_rows_of_other_people_and_hidden_columns_give_no_range() -> None:
    db = database(CREATE, ROWS)
    db.execute("CREATE INDEX i ON t (grade); CREATE INDEX j ON t (share)").fetchall()
    hidden = ranges(db, rules=[DataRules(hidden_columns={"t": ["day", "grade"]})])
    assert set(hidden) == {"share", "at"}
    for rule in ("id = :user_id", "user_id = :user_id"):
        assert ranges(db, rules=[DataRules(row_rules={"*": rule})]) == {}
    restricted = read_schema({PUBLIC: db}, SqlPolicy(rules=[DataRules(row_rules={"t": "id = 1"})]))
    assert [table.restricted for table in restricted.tables] == [True]


def test_nothing_is_told_where_values_are_mixed_or_missing() -> None:
    rows = [(1, "", float("inf"), b"x", None), ("many", "2020-01-01", 2.0, 1, None)]
    assert ranges(database("a INT, day DATE, b REAL, c INT, d INT", rows)) == {
        "day": ("2020-01-01", "2020-01-01")
    }


def test_a_huge_text_among_dates_is_passed_over() -> None:
    rows = [("2020-01-01",), ("x" * 5_000_000,), ("2021-05-05",)]
    assert ranges(database("day DATE", rows)) == {"day": ("2020-01-01", "2021-05-05")}
    indexed = database("day DATE", rows)
    indexed.execute("CREATE INDEX i ON t (day)")
    assert ranges(indexed) == {}


def test_large_tables_have_ranges_only_where_an_index_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ranges, "ROWS_MAX", 40)
    db = database(CREATE, ROWS)
    assert ranges(db) == {}
    for index in ("(grade, share)", "(day DESC)", "(word)", "(share) WHERE share > 1", "(at COLLATE NOCASE)"):
        db.execute(f"CREATE INDEX 'i {index}' ON t {index}")
    assert ranges(db) == {"grade": ("0", "6"), "day": ("2013-01-01", "2013-12-01")}


def test_an_index_is_not_walked_through() -> None:
    rows = [(None, None)] * 300_000 + [(5, "2020-01-01"), (9, "2020-02-02")]
    db = database("a INT, day DATE", rows)
    db.execute("CREATE INDEX a ON t (a); CREATE INDEX d ON t (day)").fetchall()
    steps = 0

    def count() -> bool:
        nonlocal steps
        steps += 1
        return False

    reader = sql_ranges.Ranges()
    columns = read_schema({PUBLIC: db}, SqlPolicy()).tables[0].columns
    db.set_progress_handler(count, 1_000, id="test")
    assert reader.read(db, "t", columns, None) == {"a": ("5", "9"), "day": ("2020-01-01", "2020-02-02")}
    assert steps < 3


def test_the_values_that_are_read_are_bounded_over_all_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ranges, "VALUES_MAX", 250)
    db = database("a INT, b INT", [(n, n) for n in range(100)])
    db.execute("CREATE TABLE v AS SELECT * FROM t")
    schema = read_schema({PUBLIC: db}, SqlPolicy())
    assert [[column.high for column in table.columns] for table in schema.tables] == [["99", "99"], ["", ""]]


def test_what_takes_too_long_is_interrupted_and_the_connection_stays_good(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sql_ranges, "SECONDS_MAX", 1e-9)
    db = database("a INT", [(n,) for n in range(20_000)])
    assert ranges(db) == {}
    monkeypatch.undo()
    assert ranges(db) == {"a": ("0", "19999")}
