"""Conditions on documents: every operator, no way in for SQL, groups closed."""

from pathlib import Path
from typing import Any

import pytest

from appliance.errors import InvalidInput
from appliance.knowledge import DocumentFilter
from appliance.metadata_filter import read_filter
from appliance.store.knowledge.filters import matches
from tests.store.knowledge.shelf import Shelf

DOCUMENTS: dict[str, dict[str, Any]] = {
    "a": {"team": "Sales", "year": 2024, "draft": True, "price": 9.5, "day": "2024-03-01"},
    "b": {"team": "sales_x", "year": 2025, "draft": False, "none": None},
    "c": {"team": "50%", "year": "2024", 'od\'d "key" $.x': 1},
    "d": {},
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    shelf = Shelf.open(tmp_path, dimensions=0)
    for id, metadata in DOCUMENTS.items():
        shelf.add(id, "text", metadata=metadata, tags=["all", f"only-{id}"])
    return shelf


def chosen(shelf: Shelf, filter: DocumentFilter) -> str:
    condition = matches(filter)
    rows = shelf.db.execute(
        f"SELECT id FROM _documents d WHERE {condition.sql} ORDER BY id", condition.bindings
    )
    return "".join(str(id) for (id,) in rows)


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"key": "team", "value": "Sales"}, "a"),
        ({"key": "team", "operator": "!=", "value": "Sales"}, "bc"),
        ({"key": "year", "value": 2024}, "a"),
        ({"key": "year", "value": "2024"}, "ac"),
        ({"key": "draft", "value": True}, "a"),
        ({"key": "draft", "value": 1}, ""),
        ({"key": "none", "value": None}, "abcd"),
        ({"key": "year", "operator": ">", "value": 2024}, "b"),
        ({"key": "year", "operator": "<=", "value": 2024.5}, "a"),
        ({"key": "price", "operator": "BETWEEN", "min": 9, "max": 10}, "a"),
        ({"key": "day", "operator": ">=", "value": "2024-02"}, "a"),
        ({"key": "team", "operator": "LIKE", "value": "sales%"}, "b"),
        ({"key": "team", "operator": "ILIKE", "value": "sales%"}, "ab"),
        ({"key": "team", "operator": "LIKE", "value": r"sales\_x"}, "b"),
        ({"key": "team", "operator": "LIKE", "value": r"50\%"}, "c"),
        ({"key": "team", "operator": "LIKE", "value": "*"}, ""),
        ({"key": "team", "operator": "IN", "values": ["Sales", "50%"]}, "ac"),
        ({"key": "team", "operator": "NOT IN", "values": ["Sales", "50%"]}, "b"),
        ({"key": "none", "operator": "IS NULL"}, "abcd"),
        ({"key": "team", "operator": "IS NOT NULL"}, "abc"),
        ({"key": 'od\'d "key" $.x', "value": 1}, "c"),
        ({"key": "x') OR 1=1 --", "value": 1}, ""),
        ({"key": "team", "value": "' OR '1'='1"}, ""),
        ({"key": "year", "operator": ">", "value": 10**30}, ""),
        ({"key": "team", "value": "\ud800\0"}, ""),
    ],
)
def test_each_operator_chooses_its_documents(shelf: Shelf, condition: dict[str, Any], expected: str) -> None:
    found = read_filter({"conditions": [condition]})
    assert chosen(shelf, DocumentFilter(metadata=found)) == expected


def test_groups_are_closed(shelf: Shelf) -> None:
    either = {
        "logical_op": "OR",
        "conditions": [{"key": "year", "value": 2024}, {"key": "year", "value": 2025}],
    }
    both = {"conditions": [{"key": "draft", "value": True}], "groups": [either]}
    assert chosen(shelf, DocumentFilter(metadata=read_filter(both))) == "a"
    assert chosen(shelf, DocumentFilter(metadata=read_filter(either), tags=["only-b"])) == "b"


def test_all_tags_and_one_of_the_documents(shelf: Shelf) -> None:
    assert chosen(shelf, DocumentFilter(tags=["all"])) == "abcd"
    assert chosen(shelf, DocumentFilter(tags=["all", "only-c"])) == "c"
    assert chosen(shelf, DocumentFilter(tags=["only-a", "only-c"])) == ""
    assert chosen(shelf, DocumentFilter(documents=["a", "c", "nope"])) == "ac"
    assert chosen(shelf, DocumentFilter(tags=["all"] * 5_000, documents=["d"] * 5_000)) == "d"
    assert chosen(shelf, DocumentFilter()) == "abcd"


def test_a_pattern_that_would_take_long_is_refused() -> None:
    long = read_filter({"conditions": [{"key": "a", "operator": "LIKE", "value": "%a" * 9_999}]})
    with pytest.raises(InvalidInput, match="at most"):
        matches(DocumentFilter(metadata=long))
