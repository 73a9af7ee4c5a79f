"""Tools that clients run are checked to the schema, and both forms of a file give the same ones."""

import json

import pytest

from appliance.bot import ClientTool
from appliance.botfiles.client_tool_values import (
    ANYTHING,
    client_tools,
    client_tools_json,
    merge_client_tools,
)
from appliance.botfiles.reader import read_bot

SCHEMA = {
    "type": "object",
    "properties": {
        "precise": {"type": "boolean", "default": False},
        "radius": {"type": "integer", "minimum": 1, "maximum": 50, "enum": [1, 5, 50]},
        "mode": {"type": "string", "enum": ["no", "5"]},
        "points": {"type": "array", "items": {"type": "number"}, "minItems": 0, "uniqueItems": True},
    },
    "required": ["precise"],
    "additionalProperties": False,
}
GOOD = {"description": "Where?", "parameters": SCHEMA}
TOOL = ClientTool(name="get_place", description="Where?", parameters=SCHEMA)
YAML = """---
description: d
client-tools:
  - name: get_place
    description: Where?
    parameters:
      type: object
      properties:
        precise: {type: boolean, default: false}
        radius: {type: integer, minimum: 1, maximum: 50, enum: [1, 5, 50]}
        mode: {type: string, enum: [no, 5]}
        points: {type: array, items: {type: number}, minItems: 0, uniqueItems: yes}
      required: [precise]
      additionalProperties: false
---
p"""
read = client_tools(("think",))


def test_a_mapping_a_list_and_a_single_one_are_the_same() -> None:
    named = {"name": "get_place", **GOOD}
    assert read({"get_place": GOOD}) == read([named]) == read(named) == [TOOL]
    assert client_tools_json(())(json.dumps({"get_place": GOOD})) == [TOOL]


def test_yaml_and_annotations_give_the_same_tool_with_numbers_and_truths_as_such() -> None:
    from_md = read_bot("bot.md", YAML, name="x", namespace="n")
    tools = json.dumps({"get_place": GOOD}, indent=1)
    text = f"/** d\n * @fluxbase:client-tools {tools}\n */\nexport default 'p'"
    from_ts = read_bot("index.ts", text, name="x", namespace="n")
    assert from_md.findings == from_ts.findings == []
    assert from_md.bot is not None
    assert from_md.bot.client_tools == [TOOL]
    assert from_md.bot == from_ts.bot


def test_a_tool_without_parameters_takes_none() -> None:
    assert (
        read({"ping": {"description": "d"}})[0].parameters
        == ANYTHING
        == ClientTool(name="ping", description="d").parameters
    )


def deep(levels: int) -> object:
    return {"type": "object", "properties": {"x": deep(levels - 1)}} if levels else {"type": "string"}


BAD = [
    ({"two words": GOOD}, "two words: a name is up to 64"),
    ({"x" * 65: GOOD}, "a name is up to 64"),
    ({"think": GOOD}, "name of a built-in tool"),
    ({"a": {}}, "a: needs a description"),
    ({"a": {**GOOD, "run": "x"}}, "unknown key 'run'"),
    ({"a": {"name": "b", **GOOD}}, "another name inside"),
    ([GOOD], "1: needs a name"),
    ([{"name": "a", **GOOD}, {"name": "a", **GOOD}], "name of two tools"),
    ({"a": {"description": "d", "parameters": {"type": "string"}}}, "with type: object"),
    ({"a": {"description": "d", "parameters": []}}, "with type: object"),
    ({"a": {"description": "d", "parameters": {"type": "object", "properties": []}}}, "must map names"),
    (
        {"a": {"description": "d", "parameters": {"type": "object", "required": ["z"]}}},
        "z is required and not",
    ),
    ({"a": {"description": "d", "parameters": {"type": "object", "required": "z"}}}, "a list of names"),
    (
        {"a": {"description": "d", "parameters": {"type": "object", "properties": {"q": "string"}}}},
        "parameters.properties.q must be a JSON schema",
    ),
    (
        {
            "a": {
                "description": "d",
                "parameters": {"type": "object", "properties": {"q": {"minimum": "low"}}},
            }
        },
        "q.minimum must be a number",
    ),
    ({"a": {"description": "d", "parameters": deep(40)}}, "nested too deeply"),
    ({"a": {"description": "d", "parameters": {"type": "object", "title": "x" * 20_000}}}, "are longer than"),
    ({f"t{number}": GOOD for number in range(65)}, "64 are the most"),
    ("x", "must be a mapping"),
]


@pytest.mark.parametrize(("data", "reason"), BAD)
def test_mistakes_name_the_tool(data: object, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        read(data)
    assert reason in str(refused.value)


def test_two_tools_of_one_name_must_be_the_same() -> None:
    assert merge_client_tools([TOOL], [TOOL]) == [TOOL]
    with pytest.raises(ValueError, match="name of two tools"):
        merge_client_tools([TOOL], [ClientTool(name="get_place", description="other")])


def test_a_client_tool_with_the_name_of_a_saved_query_refuses_the_file() -> None:
    front = (
        "description: d\nclient-tools: {count: {description: d}}\n"
        "queries: {count: {description: d, sql: SELECT 1}}"
    )
    file = read_bot("bot.md", f"---\n{front}\n---\np", name="x", namespace="n")
    assert [finding.line for finding in file.errors] == [3]
    assert "count is one of the queries" in file.errors[0].message
