"""Prices and the month's budget, of all tenants together; the stop acts where turns are admitted."""

from __future__ import annotations

from datetime import UTC, datetime

import apsw
import msgspec

from appliance import prices as rules
from appliance.errors import LimitReached
from appliance.prices import Prices
from appliance.store import facts, hours

KEY = "prices"
_PRICES = msgspec.json.Decoder(Prices)


def get(db: apsw.Connection) -> Prices:
    """What administrators have said; nothing costs anything before."""
    kept = facts.get(db, KEY)
    return Prices() if kept is None else _PRICES.decode(kept)


def put(db: apsw.Connection, prices: Prices) -> None:
    """Keep it in place of what was there."""
    facts.put(db, KEY, msgspec.json.encode(prices).decode())


def spent(db: apsw.Connection, prices: Prices, now: float) -> float:
    """What this month has cost until now, at these prices."""
    used = hours.by_model(db, rules.month_began(now))
    return sum(rules.cost(prices, one.model, one.prompt_tokens, one.completion_tokens) for one in used)


def check(db: apsw.Connection, now: float) -> None:
    """Raises `LimitReached` when the month's budget is used up and administrators want bots to stop then."""
    prices = get(db)
    budget = prices.month_budget
    if not prices.stop or budget is None:
        return
    used = spent(db, prices, now)
    if used < budget:
        return
    resets_at = rules.month_ends(now)
    when = datetime.fromtimestamp(resets_at, UTC).strftime("%Y-%m-%d")
    raise LimitReached(
        f"This month's budget for answers is used up. Try again from {when} on, or ask an administrator.",
        which="tokens",
        limit=round(budget),
        used=round(used),
        retry_after_s=max(0.0, resets_at - now),
        resets_at=resets_at,
    )
