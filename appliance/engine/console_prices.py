"""Prices and the month's budget, as administrators set them."""

from __future__ import annotations

from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.identity import Caller
from appliance.prices import Prices, checked
from appliance.store import budget


async def get(engine: Engine) -> Prices:
    """What was said last."""
    return await engine.services.store.read(budget.get)


async def put(engine: Engine, prices: Prices, caller: Caller) -> Prices:
    """Keep them in place of those; raises `InvalidInput`."""
    prices = checked(prices)
    await engine.services.store.write(budget.put, prices)
    told = {"month_budget": prices.month_budget, "stop": prices.stop, "models": len(prices.items)}
    await witness.did(engine.services, caller, "prices.update", "prices", told)
    return prices
