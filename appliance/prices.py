"""What models cost, and how much a month may cost: kept by administrators, in their own currency. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import msgspec

from appliance.errors import InvalidInput

ITEMS_MAX = 200
MODEL_CHARS_MAX = 200
PRICE_MAX = 1_000_000.0
BUDGET_MAX = 1e12
WARN_SHARE = 0.8
"""A budget of which so much is used is told of."""

_CURRENCY = re.compile(r"[A-Z]{3}")
_VERSIONED = re.compile(r"[-:@.]")
"""What parts the name of a model from its version."""


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """What a million tokens of a model cost; versions of it cost the same, unless they have an own entry."""

    model: str
    prompt_per_million: float = 0.0
    completion_per_million: float = 0.0


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """All prices, and what a calendar month (UTC) may cost, None for any amount.

    With `stop` no bot answers any more when the month's budget is used up; without it there is a warning.
    """

    currency: str = "EUR"
    items: list[Price] = []
    month_budget: float | None = None
    stop: bool = False


def checked(prices: Prices) -> Prices:
    """The same; raises `InvalidInput` that names what is wrong."""
    if not _CURRENCY.fullmatch(prices.currency):
        raise InvalidInput(f"currency {prices.currency[:20]!r} must be three capital letters, such as EUR.")
    if len(prices.items) > ITEMS_MAX:
        raise InvalidInput(f"There are {len(prices.items)} prices; {ITEMS_MAX} are the most.")
    seen: set[str] = set()
    for item in prices.items:
        _check(item)
        if item.model.casefold() in seen:
            raise InvalidInput(f"The model {item.model!r} is there twice.")
        seen.add(item.model.casefold())
    budget = prices.month_budget
    if budget is not None and not 0 < budget <= BUDGET_MAX:
        raise InvalidInput("month_budget must be a positive amount, or null for none.")
    if prices.stop and budget is None:
        raise InvalidInput("stop needs a month_budget that can be used up.")
    return prices


def cost(prices: Prices, model: str, prompt_tokens: int, completion_tokens: int) -> float:
    """What so many tokens of a model cost; nothing when nobody has told its price."""
    price = price_of(prices, model)
    if price is None:
        return 0.0
    whole = prompt_tokens * price.prompt_per_million + completion_tokens * price.completion_per_million
    return whole / 1_000_000


def price_of(prices: Prices, model: str) -> Price | None:
    """A model's own entry, else the longest that it is a version of (`gpt-4o` for `gpt-4o-2024`)."""
    wanted = model.casefold()
    best: Price | None = None
    for item in prices.items:
        name = item.model.casefold()
        if name == wanted:
            return item
        if wanted.startswith(name) and _VERSIONED.match(wanted[len(name) :]):
            best = item if best is None or len(best.model) < len(item.model) else best
    return best


def month_began(now: float) -> float:
    """Unix seconds of the first of this month, UTC."""
    at = datetime.fromtimestamp(now, UTC)
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp()


def month_ends(now: float) -> float:
    """Unix seconds of the first of the next month, UTC."""
    at = datetime.fromtimestamp(now, UTC)
    year, month = (at.year + 1, 1) if at.month == 12 else (at.year, at.month + 1)
    return datetime(year, month, 1, tzinfo=UTC).timestamp()


def _check(item: Price) -> None:
    if not item.model.strip() or len(item.model) > MODEL_CHARS_MAX or not item.model.isprintable():
        raise InvalidInput(f"A price needs the name of a model, of at most {MODEL_CHARS_MAX} characters.")
    for amount in (item.prompt_per_million, item.completion_per_million):
        if not math.isfinite(amount) or not 0 <= amount <= PRICE_MAX:
            raise InvalidInput(f"The price of {item.model!r} must be between 0 and {PRICE_MAX:,.0f}.")
