from pathlib import Path

import apsw
import pytest

from appliance.errors import InvalidInput
from appliance.importer import table_file
from appliance.importer.table_file import TableFile
from tests.importer.conftest import Take, columns, rows


def test_types_nulls_and_quoting_of_a_csv(take: Take, db: apsw.Connection) -> None:
    text = (
        "id,name,price,since,active,zip,note\r\n"
        '1,"Ada, ""the"" first",9.99,2020-01-31,true,01234,\r\n'
        "\r\n"
        '2,Bo,NA,,FALSE,99999,"two\r\nlines"\r\n'
    )
    take("people.csv", text)
    assert columns(db, "people") == {
        "id": "INTEGER",
        "name": "TEXT",
        "price": "REAL",
        "since": "DATE",
        "active": "BOOLEAN",
        "zip": "TEXT",
        "note": "TEXT",
    }
    assert rows(db, "people") == [
        (1, 'Ada, "the" first', 9.99, "2020-01-31", 1, "01234", None),
        (2, "Bo", None, None, 0, "99999", "two\r\nlines"),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a;b\n1;2,5\n"),
        ("t.csv", '"a;b";b\n1;2,5\n'),
        ("t.tsv", "a\tb\n1\t2,5\n"),
        ("t.txt", "a\tb\n1\t2,5\n"),
        ("t.csv", "a|b\n1|2,5\n"),
    ],
)
def test_delimiter_is_found_in_the_header(take: Take, db: apsw.Connection, name: str, text: str) -> None:
    take(name, text)
    assert [row[:] for row in rows(db, "t")] == [(1, "2,5")]


def test_a_tsv_may_have_commas_in_its_header(take: Take, db: apsw.Connection) -> None:
    take("t.tsv", "a,b\n1\n")
    assert columns(db, "t") == {"a_b": "INTEGER"}


def test_line_ends_of_old_macs_and_a_missing_last_one(take: Take, db: apsw.Connection) -> None:
    take("t.csv", "a,b\r1,2\r3,4")
    assert rows(db, "t") == [(1, 2), (3, 4)]


def test_only_a_header_is_an_empty_table(take: Take, db: apsw.Connection) -> None:
    (done,) = take("t.csv", "a,b\n")
    assert (done.rows, columns(db, "t")) == (0, {"a": "TEXT", "b": "TEXT"})


def test_an_id_that_is_unique_becomes_the_key_and_another_does_not(take: Take, db: apsw.Connection) -> None:
    take("good.csv", "Id,x\n2,a\n1,b\n")
    take("twice.csv", "id,x\n" + "".join(f"{n % 3000},a\n" for n in range(3001)))
    take("gap.csv", "id,x\n1,a\n,b\n")
    assert [
        db.execute("SELECT sum(pk) FROM pragma_table_info(?)", (table,)).get
        for table in ("good", "twice", "gap")
    ] == [1, 0, 0]
    assert db.execute("SELECT count(*) FROM twice").get == 3001
    assert db.execute("SELECT count(*) FROM sqlite_schema WHERE name LIKE '%import%'").get == 0


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n3\n", "line 3: 1 field, but the header has 2"),
        ('a,b\n"x\ny",2\n3,4,5\n', "line 4: 3 fields, but the header has 2"),
        ('a,b\n1,2\n3,"x\n4,5\n6,7\n', 'line 3: a quote (") is opened in this row and never closed'),
        ('a,b\n1,"x"y\n', "line 2: behind a closing quote must come ','"),
        ("a,b\n" + '1,"' + "x" * 2000 + "\n", "line 2: a field is longer than 1000 characters"),
        ("1,2.5,-3\n", "line 1: the first line must name the columns, and these are numbers"),
        ("\n\n", "the file is empty"),
        (",,\n1,2,3\n", "its first line must name the columns"),
        (",".join(f"c{n}" for n in range(2001)) + "\n", "line 1: 2001 columns; a table has at most 2000"),
    ],
)
def test_mistakes_are_named_by_line(
    tmp_path: Path, text: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "longer" in complaint:
        monkeypatch.setattr(table_file, "FIELD_CHARACTERS_MAX", 1000)
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(InvalidInput) as raised:
        TableFile(path, "t").define(lambda _: None)
    assert complaint in raised.value.text
    assert str(path) in raised.value.text


def test_header_names_are_cleaned_and_reported(take: Take, db: apsw.Connection) -> None:
    (done,) = take("t.csv", 'Order Date,"a""b",,Order Date\n1,2,3,4\n')
    assert list(columns(db, "t")) == ["Order_Date", "a_b", "column_3", "Order_Date_2"]
    assert done.renamed == [
        ("Order Date", "Order_Date"),
        ('a"b', "a_b"),
        ("", "column_3"),
        ("Order Date", "Order_Date_2"),
    ]
