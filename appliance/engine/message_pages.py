"""Pages of a conversation's messages by offset, for wires that turn pages so."""

from __future__ import annotations

from appliance.engine.engine import Engine
from appliance.identity import Caller
from appliance.store import message_pages
from appliance.store.message_pages import Written as Written


async def messages(
    engine: Engine, conversation_id: str, caller: Caller, *, oldest_first: bool, offset: int, limit: int
) -> tuple[list[Written], int]:
    """Up to `limit` messages that people see, by time, and how many there are in all.

    Raises `ConversationNotFound`.
    """
    engine.own(conversation_id, caller)
    return await engine.services.store.read(
        message_pages.page, conversation_id, oldest_first=oldest_first, offset=offset, limit=limit
    )
