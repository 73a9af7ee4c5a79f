"""What a tenant's bots have cost in this calendar month, for wires that show it."""

from __future__ import annotations

from datetime import UTC, datetime

from appliance.engine.engine import Engine
from appliance.limits import utc_day
from appliance.store import spending
from appliance.store.spending import Spent as Spent


async def this_month(engine: Engine, tenant: str) -> dict[tuple[str, str], Spent]:
    """By the bots' keys, what was used since the first of this month (UTC); unused bots are left out."""
    now = datetime.fromtimestamp(engine.services.clock(), UTC)
    first = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return await engine.services.store.read(spending.since, tenant, utc_day(first.timestamp()))
