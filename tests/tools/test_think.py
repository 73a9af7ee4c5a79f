from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from appliance.messages import QueryOutcome
from appliance.tools.base import Tool, ToolError
from appliance.tools.think import STEPS_MAX, TEXT_CHARS_MAX, TOOL
from tests.tools import structured

tool: Tool = TOOL


async def no_sql(sql: str, description: str, parameters: Mapping[str, Any] | None = None) -> QueryOutcome:
    raise AssertionError("think must not touch data")


async def test_the_plan_is_echoed_and_people_can_read_the_thought() -> None:
    output, content = await structured.use(
        tool,
        no_sql,
        {
            "analysis": " Sales by month are asked. ",
            "plan": ["Look at orders", "", "Group by month"],
            "tool_choice": "execute_sql",
            "reasoning": "It needs a sum.",
        },
    )
    assert output.ok
    assert output.query is None
    assert content["plan"] == ["Look at orders", "Group by month"]
    assert content["tool_choice"] == "execute_sql"
    assert output.thought == (
        "Sales by month are asked.\n\n1. Look at orders\n2. Group by month\n\nIt needs a sum."
    )


async def test_an_analysis_alone_is_enough() -> None:
    output, content = await structured.use(tool, no_sql, {"analysis": "Easy.", "plan": None})
    assert (output.thought, content["plan"]) == ("Easy.", [])
    assert tool.parameters["required"] == ["analysis"]
    assert tool.label({}) == "Thinking about the question"


async def test_endless_thoughts_are_cut() -> None:
    output, _ = await structured.use(
        tool, no_sql, {"analysis": "x" * 1_000_000, "plan": ["y" * 1_000_000] * 1000}
    )
    assert len(output.thought) == TEXT_CHARS_MAX
    assert len(json.loads(output.content)["plan"]) == STEPS_MAX


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"analysis": ""}, "'analysis' is empty"),
        ({"analysis": 5}, "'analysis' must be text"),
        ({"analysis": "a", "plan": [1]}, "'plan' must be a list of texts"),
        ({"analysis": "a", "plan": {"step": 1}}, "'plan' must be a list of texts"),
        ({"analysis": "a", "reasoning": []}, "'reasoning' must be text"),
    ],
)
async def test_bad_arguments_say_what_is_wrong(arguments: dict[str, Any], error: str) -> None:
    with pytest.raises(ToolError, match=error):
        await structured.use(tool, no_sql, arguments)
