"""What explains an answer, for admins: what was collected of its turn, and how that was booked."""

from __future__ import annotations

from typing import Any

import msgspec

from appliance.engine import handoff, tracer, witness
from appliance.engine.engine import Engine
from appliance.errors import NotFound
from appliance.identity import Caller
from appliance.store import traces


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One turn, explained. Times are Unix seconds, `…_ms` since the turn began.

    `prompt` has the messages of each call of a model.
    Without a trace, because it is too old or none is kept, `kept` is False and only figures are there.
    """

    turn_id: str
    bot: str
    namespace: str
    question: str = ""
    model: str
    provider: str
    status: str
    error_code: str
    started_at: float
    ended_at: float | None
    first_token_ms: float | None = None
    total_ms: float | None = None
    usage: dict[str, int]
    steps: list[dict[str, Any]] = []
    prompt: list[list[dict[str, Any]]] = []
    passages: list[dict[str, Any]] = []
    queries: list[dict[str, Any]] = []
    kept: bool = False


async def find(engine: Engine, conversation_id: str, turn_id: str, caller: Caller) -> Told:
    """One turn of a conversation, which is written down; raises `ConversationNotFound`, `NotFound`."""
    handoff.find(engine, conversation_id, caller)
    turn = await engine.services.store.read(traces.find, conversation_id, turn_id)
    if turn is None:
        raise NotFound("There is no such turn in this conversation.")
    await witness.access(engine.services, "conversation.trace", conversation_id, caller)
    return _told(turn)


def _told(turn: traces.Turn) -> Told:
    booked = Told(
        turn_id=turn.id,
        bot=turn.bot,
        namespace=turn.namespace,
        model=turn.model,
        provider=turn.provider,
        status=turn.status,
        error_code=turn.error_code,
        started_at=turn.created_at,
        ended_at=turn.ended_at,
        usage={
            "prompt_tokens": turn.prompt_tokens,
            "completion_tokens": turn.completion_tokens,
            "total_tokens": turn.prompt_tokens + turn.completion_tokens,
        },
    )
    if turn.data is None:
        return booked
    trace = tracer.unpacked(turn.data)
    return msgspec.structs.replace(
        booked,
        question=trace.question,
        first_token_ms=trace.first_token_ms,
        total_ms=trace.total_ms,
        steps=trace.steps,
        prompt=[trace.messages[:count] for count in trace.sent],
        passages=trace.passages,
        queries=trace.queries,
        kept=True,
    )
