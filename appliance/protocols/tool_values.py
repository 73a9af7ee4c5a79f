"""What tools are given and what they gave: text for the model, JSON for programs.

The number is a section of our page on Chatbase and the AI SDK.
"""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.messages import ToolCall, ToolResult


def input_of(call: ToolCall) -> Any:
    """A call's arguments as JSON, as text when they are none, `{}` when there are none (4, rule 10)."""
    return _json_or_text(call.arguments) if call.arguments.strip() else {}


def output_of(result: ToolResult) -> Any:
    """A tool's answer as JSON where it is JSON, else as text."""
    return _json_or_text(result.content)


def failure_of(result: ToolResult) -> str:
    """Why a tool failed: models read it as the `error` of an object, people as it is."""
    told = _json_or_text(result.content)
    error = told.get("error") if isinstance(told, dict) else None
    return error if isinstance(error, str) else result.content


def text_of(output: Any) -> str:
    """A client's output as the model reads it: a text as it is, anything else as JSON.

    A text that reads as JSON is quoted, or `output_of` would make another value of it.
    """
    if isinstance(output, str) and _json_or_text(output) == output:
        return output
    return msgspec.json.encode(output).decode()


def _json_or_text(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return text
