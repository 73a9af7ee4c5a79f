"""The tool `talk_to_person`: the model asks somebody of the team to join the conversation."""

from __future__ import annotations

from typing import Any

from appliance.tools.base import ToolContext, ToolError, ToolOutput
from appliance.tools.for_model import json_text

REASON_CHARS_MAX = 500

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "reason": {"type": "string", "description": "In a sentence: what the person is needed for."},
    },
}
ANSWERS = {
    "coming": "A person of the team was asked to join. Tell the user so, and that you go on until then.",
    "nobody": "A person of the team was asked to join, but nobody is at their desk right now. Tell the user "
    "that it may take a while, and that the conversation stays open for them.",
    "already": "A person of the team was asked to join before, or is there. Do not ask again.",
}


class TalkToPerson:
    """Asks once; that somebody is asked for already is told to the model."""

    name = "talk_to_person"
    description = (
        "Ask a person of the team to join this conversation. Use it when the user wants to talk to a person, "
        "is upset, or needs something that you cannot do."
    )
    timeout_s = 10.0
    parameters = PARAMETERS

    def label(self, arguments: dict[str, Any]) -> str:
        """A few words for people on what is about to be done."""
        return "Asking a person to join"

    async def run(self, context: ToolContext, arguments: dict[str, Any]) -> ToolOutput:
        """Ask; raises `ToolError` where there are no people."""
        if context.call_person is None:
            raise ToolError("There are no people to talk to here.")
        reason = str(arguments.get("reason") or "").strip()[:REASON_CHARS_MAX]
        became = await context.call_person(reason)
        return ToolOutput(content=json_text({"result": ANSWERS[became]}), audit={"reason": reason})


TOOL = TalkToPerson()
