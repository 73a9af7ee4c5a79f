"""What an answer costs in credits, as clients of Chatbase are told."""

from __future__ import annotations

from appliance.messages import Usage

TOKENS_OF_A_CREDIT = 1000


def credits_of(usage: Usage | None, unit: str, *, whole: bool) -> float | int:
    """One for an answer, or one for 1,000 tokens (`unit` tokens). A broken one counts if the model worked."""
    tokens = usage.total_tokens if usage else 0
    if unit == "tokens":
        return round(tokens / TOKENS_OF_A_CREDIT, 3)
    return 1 if whole or tokens else 0
