"""Pages of a tenant's conversations, for wires that list them."""

from __future__ import annotations

from typing import Literal

from appliance.conversation import ConversationFilter, Listed
from appliance.engine.engine import Engine
from appliance.store import conversation_pages


async def conversations(
    engine: Engine,
    wanted: ConversationFilter,
    *,
    order: Literal["created", "active"] = "created",
    newest_first: bool = True,
    after: tuple[float, str] | None = None,
    offset: int = 0,
    limit: int = 20,
) -> tuple[list[Listed], int]:
    """Up to `limit` live, kept conversations behind `after`, and how many there are in all.

    `after` is the sort value (`created_at` or `last_message_at`) and id of the last one seen, so that a page
    stays the same while others come.
    """
    return await engine.services.store.read(
        conversation_pages.page,
        wanted,
        engine.services.clock(),
        order=order,
        newest_first=newest_first,
        after=after,
        offset=offset,
        limit=limit,
    )
