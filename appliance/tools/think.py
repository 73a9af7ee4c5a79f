"""The tool `think`: the model writes down what it makes of a question and what it will do, no more."""

from __future__ import annotations

from typing import Any

from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.for_model import json_text

STEPS_MAX = 50
TEXT_CHARS_MAX = 10_000

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "analysis": {"type": "string", "description": "What is asked, and what is needed to answer it."},
        "plan": {"type": "array", "items": {"type": "string"}, "description": "The steps, in order."},
        "tool_choice": {"type": "string", "description": "The tool to use first, if any."},
        "reasoning": {"type": "string", "description": "Why this tool and this way."},
    },
    "required": ["analysis"],
}


class Think:
    """Echoes the plan to the model; people who want to see the reasoning get it as text."""

    name = "think"
    description = (
        "Write down your analysis of the question and the steps of your plan before you use other tools. "
        "It has no effect but to keep your plan in view."
    )
    timeout_s = 5.0
    parameters = PARAMETERS

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return "Thinking about the question"

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Nothing but the echo; raises `ToolError` where there is no analysis."""
        analysis, plan = _text(arguments, "analysis"), _steps(arguments.get("plan"))
        if not analysis:
            raise ToolError("Argument 'analysis' is empty; say what is asked and what is needed for it.")
        tool, reasoning = _text(arguments, "tool_choice"), _text(arguments, "reasoning")
        echo: dict[str, Any] = {"plan": plan}
        if tool:
            echo["tool_choice"] = tool
        echo["next"] = "Now follow the plan."
        return ToolOutput(content=json_text(echo), thought=_readable(analysis, plan, reasoning))


def _readable(analysis: str, plan: list[str], reasoning: str) -> str:
    """The analysis, the numbered plan, the reasons: a paragraph each."""
    steps = "\n".join(f"{number}. {step}" for number, step in enumerate(plan, start=1))
    return "\n\n".join(part for part in (analysis, steps, reasoning) if part)[:TEXT_CHARS_MAX]


def _steps(plan: Any) -> list[str]:
    if plan is None:
        return []
    steps = [plan] if isinstance(plan, str) else plan
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
        raise ToolError("Argument 'plan' must be a list of texts, one for each step.")
    return [step.strip()[:TEXT_CHARS_MAX] for step in steps[:STEPS_MAX] if step.strip()]


def _text(arguments: dict[str, Any], name: str) -> str:
    value = arguments.get(name)
    if value is not None and not isinstance(value, str):
        raise ToolError(f"Argument {name!r} must be text.")
    return (value or "").strip()[:TEXT_CHARS_MAX]


TOOL = Think()
