"""What the console's first page tells: what was asked and answered in some days, and what it cost."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from appliance import prices as rules
from appliance.engine.bot_entries import bot_id
from appliance.engine.catalogue import Catalogue
from appliance.engine.engine import Engine
from appliance.prices import Prices
from appliance.store import budget, hours
from appliance.store.hours import HOUR_S, HourSum

DAY_S = 86_400
K = TypeVar("K")


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """A period; latencies are of answers from the question to their end, None when there were none."""

    conversations: int
    messages: int
    tokens: int
    cost: float
    errors: int
    latency_ms_p50: float | None
    latency_ms_p95: float | None
    positive: int
    negative: int


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """One hour or day of the period; `at` is its beginning in Unix seconds.

    Half of its answers took no longer than `latency_ms`, None when there were none.
    """

    at: int
    messages: int
    tokens: int
    cost: float
    errors: int
    latency_ms: float | None = None


class BotLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one bot was asked in the period; the title is its name where it has none, or is gone."""

    id: str
    name: str
    title: str
    namespace: str
    messages: int
    tokens: int
    cost: float
    errors: int


class ModelLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one model of one provider answered; `latency_ms` is the mean of whole answers."""

    provider: str
    model: str
    messages: int
    tokens: int
    cost: float
    latency_ms: float | None


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """What this calendar month may cost and has cost, of all tenants; `share` is 1.0 when it is used up."""

    month_limit: float
    month_cost: float
    share: float


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """All of it; `before` is the period of the same length before this one."""

    totals: Totals
    before: Totals
    series: list[Point]
    bots: list[BotLine]
    models: list[ModelLine]
    currency: str
    budget: Budget | None


async def overview(engine: Engine, tenant: str, days: int) -> Overview:
    """The last 24 hours by the hour, or so many days (UTC, with today) by the day."""
    store, now = engine.services.store, engine.services.clock()
    step = HOUR_S if days == 1 else DAY_S
    end = (int(now // step) + 1) * step
    start = end - days * DAY_S
    prices = await store.read(budget.get)
    found = await store.read(hours.sums, tenant, start, end)
    return Overview(
        totals=await _totals(engine, tenant, prices, start, end),
        before=await _totals(engine, tenant, prices, start - days * DAY_S, start),
        series=await _timed(engine, tenant, _series(found, prices, range(start, end, step)), step),
        bots=_bots(engine.catalogue, found, prices),
        models=_models(found, prices),
        currency=prices.currency,
        budget=await _budget(engine, prices, now),
    )


def percentile(counted: dict[int, int], share: float) -> float | None:
    """The time in milliseconds that this share of the answers did not exceed, to five per cent."""
    wanted = share * sum(counted.values())
    seen = 0
    for step in sorted(counted):
        seen += counted[step]
        if seen >= wanted:
            return round(hours.time_of(step), 1)
    return None


async def _totals(engine: Engine, tenant: str, prices: Prices, start: int, end: int) -> Totals:
    store = engine.services.store
    found = await store.read(hours.sums, tenant, start, end)
    speeds = await store.read(hours.speeds, tenant, start, end)
    positive, negative = await store.read(hours.judged, tenant, start, end)
    return Totals(
        conversations=sum(one.conversations for one in found),
        messages=sum(one.turns for one in found),
        tokens=_tokens(found),
        cost=_cost(found, prices),
        errors=sum(one.errors for one in found),
        latency_ms_p50=percentile(speeds, 0.5),
        latency_ms_p95=percentile(speeds, 0.95),
        positive=positive,
        negative=negative,
    )


async def _budget(engine: Engine, prices: Prices, now: float) -> Budget | None:
    if prices.month_budget is None:
        return None
    cost = await engine.services.store.read(budget.spent, prices, now)
    share = cost / prices.month_budget
    return Budget(month_limit=prices.month_budget, month_cost=round(cost, 6), share=round(share, 4))


def _series(found: list[HourSum], prices: Prices, begins: range) -> list[Point]:
    grouped = _grouped(found, lambda one: begins.start + (one.at - begins.start) // begins.step * begins.step)
    return [
        Point(
            at=at,
            messages=sum(one.turns for one in own),
            tokens=_tokens(own),
            cost=_cost(own, prices),
            errors=sum(one.errors for one in own),
        )
        for at in begins
        for own in [grouped.get(at, [])]
    ]


async def _timed(engine: Engine, tenant: str, series: list[Point], step: int) -> list[Point]:
    """The same with the times of answers."""
    read = engine.services.store.read
    timed = []
    for point in series:
        speeds = await read(hours.speeds, tenant, point.at, point.at + step) if point.messages else {}
        timed.append(msgspec.structs.replace(point, latency_ms=percentile(speeds, 0.5)))
    return timed


def _bots(catalogue: Catalogue, found: list[HourSum], prices: Prices) -> list[BotLine]:
    lines = [
        BotLine(
            id=bot_id(namespace, name),
            name=name,
            title=_title(catalogue, namespace, name),
            namespace=namespace,
            messages=sum(one.turns for one in own),
            tokens=_tokens(own),
            cost=_cost(own, prices),
            errors=sum(one.errors for one in own),
        )
        for (namespace, name), own in _grouped(found, lambda one: (one.namespace, one.bot)).items()
    ]
    return sorted(lines, key=lambda line: (-line.messages, line.namespace, line.name))


def _title(catalogue: Catalogue, namespace: str, name: str) -> str:
    bot = catalogue.get(namespace, name)
    return (bot.title if bot else "") or name


def _models(found: list[HourSum], prices: Prices) -> list[ModelLine]:
    """By provider and model, without turns that ended before they reached one."""
    reached = [one for one in found if one.provider]
    lines = []
    for (provider, model), own in _grouped(reached, lambda one: (one.provider, one.model)).items():
        answered = sum(one.answered for one in own)
        took_s = sum(one.answered_s for one in own)
        lines.append(
            ModelLine(
                provider=provider,
                model=model,
                messages=sum(one.turns for one in own),
                tokens=_tokens(own),
                cost=_cost(own, prices),
                latency_ms=round(took_s * 1000 / answered, 1) if answered else None,
            )
        )
    return sorted(lines, key=lambda line: (-line.messages, line.provider, line.model))


def _grouped(found: Iterable[HourSum], key: Callable[[HourSum], K]) -> dict[K, list[HourSum]]:
    grouped: dict[K, list[HourSum]] = {}
    for one in found:
        grouped.setdefault(key(one), []).append(one)
    return grouped


def _tokens(found: Iterable[HourSum]) -> int:
    return sum(one.prompt_tokens + one.completion_tokens for one in found)


def _cost(found: Iterable[HourSum], prices: Prices) -> float:
    each = (rules.cost(prices, one.model, one.prompt_tokens, one.completion_tokens) for one in found)
    return round(sum(each), 6)
