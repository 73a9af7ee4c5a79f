"""Saved queries and examples are checked to the parameter."""

import json

import pytest

from appliance.bot import Example, QueryParameter, SavedQuery
from appliance.botfiles.query_values import examples_json, merge_queries, queries, queries_json

GOOD = {
    "description": "d",
    "sql": "SELECT ':no' WHERE :a = :b",
    "parameters": {"a": "string", "b": "integer"},
}
read = queries(("think",))


def test_a_mapping_a_list_and_a_single_one_are_the_same() -> None:
    expected = [
        SavedQuery(
            name="q",
            description="d",
            sql="SELECT ':no' WHERE :a = :b",
            parameters=[QueryParameter(name="a"), QueryParameter(name="b", type="integer")],
        )
    ]
    assert read({"q": GOOD}) == read([{"name": "q", **GOOD}]) == read({"name": "q", **GOOD}) == expected
    assert queries_json(())(json.dumps({"q": GOOD})) == expected


def test_a_parameter_tells_type_description_and_whether_it_is_required() -> None:
    for required in (False, "no"):
        declared = {"a": {"type": "number", "description": "how much", "required": required}}
        (query,) = read({"q": {"description": "d", "sql": "SELECT :a", "parameters": declared}})
        assert query.parameters == [
            QueryParameter(name="a", type="number", description="how much", required=False)
        ]


BAD = [
    ({"Q": GOOD}, "Q: a name is up to 64"),
    ({"think": GOOD}, "name of a built-in tool"),
    ({"q": {**GOOD, "parameters": {"a": "string"}}}, "has :b, which is not among its parameters"),
    ({"q": {"description": "d", "sql": "SELECT ':a'", "parameters": {"a": "string"}}}, "does not have :a"),
    ({"q": {"description": "d", "sql": "SELECT ?"}}, "parameters are written :name"),
    ({"q": {**GOOD, "parameters": {"a": "text", "b": "string"}}}, "a: type must be one of"),
    ({"q": {**GOOD, "parameters": {"a": {"tpye": "string"}, "b": "string"}}}, "unknown key 'tpye'"),
    ({"q": {"sql": "SELECT 1"}}, "needs a description"),
    ({"q": {**GOOD, "sqll": "x"}}, "unknown key 'sqll'"),
    ({"q": "SELECT 1"}, "must be a mapping"),
    ([GOOD], "1: needs a name"),
    ([{"name": "q", **GOOD}, {"name": "q", **GOOD}], "name of two queries"),
    ("x", "must be a mapping"),
]


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_mistakes_name_the_query(data: object, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(data)
    assert reason in str(refused.value)


def test_queries_of_one_name_must_be_the_same() -> None:
    first, other = read({"q": GOOD}), read({"q": {"description": "d", "sql": "SELECT 1"}})
    assert merge_queries(first, first) == first
    with pytest.raises(ValueError, match="two queries"):
        merge_queries(first, other)


def test_examples_are_one_or_many() -> None:
    one = Example(question="how many?", sql="SELECT 1")
    assert examples_json('{"question": "how  many?", "sql": " SELECT 1"}') == [one]
    assert examples_json('[{"question": "how many?", "sql": "SELECT 1"}]') == [one]
    for bad in ("[]", "[1]", '[{"question": "a"}]', '{"question": "a", "sql": 1}', "{", "[" * 5000):
        with pytest.raises(ValueError):
            examples_json(bad)
