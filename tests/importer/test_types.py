import math

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.importer.types import Detector


def detect(*values: str) -> str:
    detector = Detector()
    detector.feed(values)
    return detector.type


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1", "-20", "0"], "INTEGER"),
        (["9223372036854775807", "-9223372036854775808"], "INTEGER"),
        (["9223372036854775808"], "TEXT"),
        (["-9223372036854775809"], "TEXT"),
        ([" 30", "4 "], "INTEGER"),
        (["1", "2.5", "-0.25", ".5"], "REAL"),
        (["1.5e-07", "1e-05", "2E+10"], "REAL"),
        (["1", "12345678901234567.5"], "TEXT"),
        (["2.5", "9007199254740993"], "TEXT"),  # not exact as a REAL
        (["007", "12"], "TEXT"),
        (["00.5"], "TEXT"),
        (["+49", "12"], "TEXT"),
        (["1e5", "2e7"], "TEXT"),
        (["1_000"], "TEXT"),
        (["1,000"], "TEXT"),
        (["٣"], "TEXT"),
        (["0x10"], "TEXT"),
        (["inf", "1.5"], "TEXT"),
        (["true", "False", "TRUE"], "BOOLEAN"),
        (["true", "1"], "TEXT"),
        (["yes", "no"], "TEXT"),
        (["2013-01-31", "1999-12-01"], "DATE"),
        (["2013-13-01"], "TEXT"),
        (["31.01.2013"], "TEXT"),
        (["2013-01-31T10:00:00Z", "2013-01-31 10:00"], "TIMESTAMP"),
        (["2013-01-31", "2013-01-31 10:00:00.123+01:00"], "TIMESTAMP"),
        (["2013-01-31T25:00"], "TEXT"),
        (["1\n2"], "TEXT"),
        (["1\n2", "3"], "TEXT"),
        (["1\n"], "TEXT"),
        ([""], "TEXT"),
        ([], "TEXT"),
        (["NA", "NULL", ""], "TEXT"),
        (["1", "NA", ""], "INTEGER"),
        (["NA", "Germany"], "TEXT"),
    ],
)
def test_type_of_a_column(values: list[str], expected: str) -> None:
    assert detect(*values) == expected


def test_one_late_value_changes_the_column() -> None:
    detector = Detector()
    for number in range(50):
        detector.feed({str(value) for value in range(number * 1000, number * 1000 + 1000)})
    assert (detector.type, detector.is_complete) == ("INTEGER", True)
    detector.feed({"3.5"})
    assert detector.type == "REAL"
    detector.feed({"x"})
    assert (detector.type, detector.is_text) == ("TEXT", True)


def test_missing_words_are_null_in_numbers_and_words_in_text() -> None:
    numbers, words = Detector(), Detector()
    numbers.feed({"1", "NA", "", "null"})
    words.feed({"Namibia", "NA", ""})
    run = apsw.Connection(":memory:").execute
    stored = [run("SELECT " + numbers.expression.format("?1"), (v,)).get for v in ("1", "NA", "", "null")]
    assert stored == ["1", None, None, None]
    assert [run("SELECT " + words.expression.format("?1"), (v,)).get for v in ("NA", "")] == ["NA", None]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15), min_size=1)
)
def test_floats_as_python_writes_them_come_back_the_same(values: list[float]) -> None:
    texts = [repr(value) for value in values]
    type_ = detect(*texts)
    db = apsw.Connection(":memory:")
    db.execute(f"CREATE TABLE t (v {type_})")
    db.executemany("INSERT INTO t VALUES (?)", [(text,) for text in texts])
    stored = [row[0] for row in db.execute("SELECT v FROM t ORDER BY rowid")]
    if type_ == "TEXT":  # exponents of three digits beyond the range that is believed
        assert stored == texts
    else:
        assert type_ == "REAL"
        assert all(math.isclose(a, b, rel_tol=1e-15) for a, b in zip(stored, values, strict=True))


@given(st.lists(st.text(max_size=6), min_size=1, max_size=5))
def test_whatever_a_text_column_holds_is_kept_letter_by_letter(values: list[str]) -> None:
    if detect(*values) == "TEXT":
        db = apsw.Connection(":memory:")
        db.execute("CREATE TABLE t (v TEXT)")
        db.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        assert [row[0] for row in db.execute("SELECT v FROM t ORDER BY rowid")] == values


@given(st.lists(st.from_regex(r"[-+ ]?[0-9]{1,20}", fullmatch=True), min_size=1))
def test_an_integer_column_means_the_same_numbers(values: list[str]) -> None:
    if detect(*values) == "INTEGER":
        db = apsw.Connection(":memory:")
        db.execute("CREATE TABLE t (v INTEGER)")
        db.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
        stored = [row[0] for row in db.execute("SELECT v FROM t ORDER BY rowid")]
        assert stored == [int(value) for value in values]
        assert [str(number) for number in stored] == [value.strip(" ") for value in values]
