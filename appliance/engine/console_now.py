"""What goes on at this moment: conversations with somebody there, people who wait for a person, answers."""

from __future__ import annotations

import msgspec

from appliance.engine.engine import Engine
from appliance.store import handoff


class Now(msgspec.Struct, frozen=True, kw_only=True):
    """Conversations with somebody there, that wait for a person, that have one; answers being made."""

    live: int
    waiting: int
    joined: int
    running: int


async def now(engine: Engine, tenant: str) -> Now:
    """Of one tenant."""
    services = engine.services
    waiting, joined = await services.store.read(handoff.counts, tenant, services.clock())
    live, running = engine.chats.presence(tenant)
    return Now(live=live, waiting=waiting, joined=joined, running=running)
