"""The optional argument `chart` of tools that read data: how people would like to see the rows."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.messages import QueryOutcome

CHARTS = ("bar", "line")
CHART_PARAMETER: dict[str, Any] = {
    "type": "string",
    "enum": list(CHARTS),
    "description": "Show the rows as a chart too, when the user asks for one: line over time, bar otherwise. "
    "The first column names the places, one to three others count.",
}


def with_chart(outcome: QueryOutcome, arguments: dict[str, Any]) -> QueryOutcome:
    """The outcome with the wish for a chart; anything that is no known kind is no wish."""
    chart = arguments.get("chart")
    if chart not in CHARTS or not outcome.rows or outcome.change is not None:
        return outcome
    return msgspec.structs.replace(outcome, chart=str(chart))
