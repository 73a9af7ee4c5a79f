import io
import json
from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.importer import json_text


def read(text: str, *, lines: bool = False) -> list[dict[str, Any]]:
    return list(json_text.objects(io.StringIO(text), "f.json", lines=lines))


ROWS = [{"n": number, "s": 'a "quoted" { [ ]\n\\', "deep": [{"x": None}]} for number in range(50)]


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 10_000])
@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ROWS),
        json.dumps(ROWS, indent=2),
        "\n".join(map(json.dumps, ROWS)),
        "".join(map(json.dumps, ROWS)),
    ],
    ids=["array", "indented", "lines", "joined"],
)
def test_rows_come_out_however_the_text_is_cut(text: str, size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "READ_CHARACTERS", size)
    assert read(text) == ROWS


@pytest.mark.parametrize("size", [1, 5, 1_000_000])
@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[{"a": 1},\n {"a": }]', "line 2, column 8: expecting value"),
        ('[{"a": 1}\n\n  {"a": 2}]', "line 3, column 3: expected ',' or ']'"),
        ('[\n{"a": 1}', "line 2, column 9: the array is not closed"),
        ('[{"a": 1}, ]', "line 1, column 12: expected an object {…} for each row, found ']'"),
        ('[{"a": 1}, 5]', "line 1, column 12: expected an object {…} for each row, found '5'"),
        ('[{"a": 1}] x', "line 1, column 12: there is more after the end"),
        ("[1, 2]", "line 1, column 2: expected an object {…} for each row, found '1'"),
        ('"text"', "line 1, column 1: expected an object"),
        ('{"a": 1}\n{"a": 2\n', "line 3, column 1: expecting ','"),
        ('{"a": 1}\n{"a": tru}\n', "line 2, column 7: expecting value"),
        ('{"a": 1}\nnull', "line 2, column 1: expected an object"),
        ('[{"a": NaN}]', "line 1, column 2: NaN is not JSON; write null"),
        ('[{"a": 1},\n{"a": "\\ud800"}]', "line 2, column 1: a string has half a character"),
        ('[{"a": 1},\n{"a": "x\ny"}]', "line 2, column 9: invalid control character"),
        ('{"data": [{"a": 1}], "n": 1}', "this file is one object.*under its key 'data'"),
    ],
)
def test_mistakes_are_named_by_line_and_column(
    text: str, complaint: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "READ_CHARACTERS", size)
    with pytest.raises(InvalidInput) as raised:
        read(text)
    head, _, tail = complaint.partition(".*")
    assert head in raised.value.text
    assert tail in raised.value.text


def test_deep_nesting_is_an_error_and_no_crash() -> None:
    with pytest.raises(InvalidInput, match="nested too deep"):
        read('[{"a": ' + "[" * 200_000 + "]" * 200_000 + "}]")


def test_a_number_of_thousands_of_digits_is_an_error_and_no_crash() -> None:
    with pytest.raises(InvalidInput, match="line 1, column 2"):
        read('[{"a": ' + "9" * 5000 + "}]")


def test_one_object_is_a_row_of_ndjson() -> None:
    assert read('{"a": 1}\n', lines=True) == [{"a": 1}]
    assert read('[{"a": 1}]') == [{"a": 1}]
    assert read("[]") == []


def test_a_broken_start_does_not_read_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "READ_CHARACTERS", 100)
    monkeypatch.setattr(json_text, "OBJECT_CHARACTERS_MAX", 1000)
    text = io.StringIO('[{"a" 1},\n' + '{"a": 1},\n' * 100_000)
    with pytest.raises(InvalidInput, match="line 1, column 7"):
        list(json_text.objects(text, "f.json", lines=False))
    assert text.tell() < 10_000
