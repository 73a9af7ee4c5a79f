import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.messages import QueryOutcome
from appliance.spreadsheet import FORMULA, to_csv


def written(*rows: list[Any], columns: list[str] | None = None) -> str:
    names = columns or [f"c{number}" for number in range(len(rows[0]))]
    return to_csv(QueryOutcome(sql="", summary="", columns=names, rows=list(rows)))


def field(value: Any) -> str:
    return written([value, 0]).split("\r\n")[1].removesuffix(",0")


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-inf", "-1_0", "＝1"],  # noqa: RUF001
)
def test_what_looks_like_a_formula_is_text(text: str) -> None:
    [_, [value, _]] = csv.reader(io.StringIO(written([text, 0]), newline=""))
    assert value == "'" + text


@pytest.mark.parametrize("text", ["-5", "+49301234", "-1.5e-3", "1-2", "a=b", "'=1"])
def test_numbers_and_innocent_texts_stay_as_they_are(text: str) -> None:
    assert field(text) == text


def test_a_column_name_can_be_no_formula_either() -> None:
    assert written([1, 2], columns=["=1+1", "a"]).startswith("'=1+1,a\r\n")


@pytest.mark.parametrize("text", ["x;=1+1", "x\t=1+1", "x\n=1+1", "x,=1+1"])
def test_no_separator_of_any_spreadsheet_starts_another_cell(text: str) -> None:
    assert field(text) == f'"{text}"'


def test_quotes_are_doubled_and_lines_end_as_rfc_4180_says() -> None:
    assert written(['say "hi"', "ä,語\U0001f642"]) == 'c0,c1\r\n"say ""hi""","ä,語\U0001f642"\r\n'


def test_values_are_written_as_they_are_and_null_like_an_empty_text() -> None:
    assert [field(value) for value in (7, -7, 1.5, True, False, None, "")] == [
        "7",
        "-7",
        "1.5",
        "1",
        "0",
        "",
        "",
    ]


def test_a_row_of_one_empty_value_is_still_a_row() -> None:
    assert list(csv.reader(io.StringIO(written([None], ["a"])))) == [["c0"], [""], ["a"]]


def test_a_result_without_rows_has_a_header() -> None:
    assert to_csv(QueryOutcome(sql="", summary="", columns=["a", "b"])) == "a,b\r\n"


TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@given(st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=4))
def test_every_text_comes_back_and_none_begins_like_a_formula(rows: list[list[str]]) -> None:
    [_, *back] = csv.reader(io.StringIO(written(*rows, columns=["a", "b"]), newline=""))
    for row, original in zip(back, rows, strict=True):
        for value, text in zip(row, original, strict=True):
            assert value in (text, "'" + text)
            if value.startswith(FORMULA):
                float(value)
