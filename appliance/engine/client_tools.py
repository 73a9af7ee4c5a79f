"""Tools that clients run: what the last answer asked for, and the outputs that they bring."""

from __future__ import annotations

from appliance.engine.engine import Engine
from appliance.errors import ToolCallNotFound
from appliance.identity import Caller
from appliance.messages import ToolCall
from appliance.store import client_tools


async def pending(engine: Engine, conversation_id: str, caller: Caller) -> list[ToolCall]:
    """The calls of the last answer that wait for their outputs; raises `ConversationNotFound`."""
    engine.own(conversation_id, caller)
    asked = await engine.services.store.read(client_tools.asked, conversation_id)
    return asked.pending if asked else []


async def give(
    engine: Engine,
    conversation_id: str,
    caller: Caller,
    call_id: str,
    output: str,
    *,
    ok: bool = True,
) -> None:
    """Keep what the client made of one call, as the text that the model will read.

    A client may be faster than the storing of the answer that asked it, so a turn that runs is waited for.
    Raises `ConversationNotFound`, `ToolCallNotFound`.
    """
    engine.own(conversation_id, caller)
    await engine.chats.wait_idle(conversation_id)
    kept = await engine.services.store.write(
        client_tools.give, conversation_id, call_id, ok=ok, output=output, now=engine.services.clock()
    )
    if not kept:
        raise ToolCallNotFound("No tool call of that id waits for an output.")
