"""What is over is forgotten: conversations past their time, guests, traces, proposals, old searches."""

from __future__ import annotations

import logging

import trio

from appliance.engine.chats import Chats
from appliance.engine.services import Services
from appliance.errors import StoreError
from appliance.store import conversations, guests, proposals, traces
from appliance.store.knowledge import retrievals

EVERY_S = 60.0
GUESTS_EVERY_S = 3600.0
"""Guests may be many, and it is no matter when one of them is forgotten."""
RETRIEVALS_KEPT_S = 30 * 86_400.0

logger = logging.getLogger("appliance.engine")


async def keep_tidy(services: Services, chats: Chats) -> None:
    """Tidy up once a minute, for ever; what cannot be done now is tried again then."""
    guests_at = 0.0
    while True:
        now = services.clock()
        try:
            await services.store.write(conversations.purge, now, busy=chats.ids)
            await services.store.write(proposals.expire, now)
            if now >= guests_at:
                await _tidy_hourly(services, chats, now)
                guests_at = now + GUESTS_EVERY_S
            await services.settler.retry(services.store)
        except StoreError as error:
            logger.error("the database could not be tidied up: %s", error.text)
        await trio.sleep(EVERY_S)


async def _tidy_hourly(services: Services, chats: Chats, now: float) -> None:
    await services.store.write(guests.purge, now, busy=chats.ids)
    await services.store.write(retrievals.forget, now - RETRIEVALS_KEPT_S)
    before = now - services.settings.trace_days * 86_400.0
    while await services.store.write(traces.forget, before):  # some at a time: the writer serves chats, too
        pass
