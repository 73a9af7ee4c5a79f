from pathlib import PurePath

import pytest

from appliance.errors import InvalidInput
from appliance.importer.names import check_table_name, column_names, given_table_name, quoted, table_name


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("flights.csv", "flights"),
        ("a/b/Sales 2024.csv.gz", "Sales_2024"),
        ("2024.csv", "table_2024"),
        ("_private.json", "private"),
        ("Größen.tsv", "Größen"),
        ("a.b.csv", "a_b"),
        ("---.csv", "table_1"),
    ],
)
def test_table_is_called_after_its_file(file: str, expected: str) -> None:
    assert table_name(PurePath(file)) == expected


@pytest.mark.parametrize("name", ["_x", "sqlite_x", "SQLITE_stat1", "", "a\nb", "x" * 129])
def test_reserved_and_impossible_table_names_are_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="--table NAME"):
        check_table_name(name)


@pytest.mark.parametrize(
    ("name", "expected"), [("bad name; drop", "bad_name_drop"), ("2024", "table_2024"), (" staff ", "staff")]
)
def test_a_chosen_table_name_is_cleaned(name: str, expected: str) -> None:
    assert given_table_name(name) == expected


@pytest.mark.parametrize("name", ["_x", "; --", "", "; sqlite_x"])
def test_a_chosen_table_name_of_nothing_usable_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="--table NAME"):
        given_table_name(name)


def test_columns_get_plain_unlike_names() -> None:
    header = [
        "Order Date",
        "order-date",
        "",
        "2013",
        " Preis (€) ",
        "preis",
        "PREIS",
        "Straße",
        "a_2",
        "a",
        "A",
    ]
    assert column_names(header) == [
        "Order_Date",
        "order_date_2",
        "column_3",
        "c_2013",
        "Preis",
        "preis_2",
        "PREIS_3",
        "Straße",
        "a_2",
        "a",
        "A_3",
    ]


def test_a_quote_in_a_name_cannot_end_the_name() -> None:
    assert quoted('a"; DROP TABLE x; --') == '"a""; DROP TABLE x; --"'
