"""The overview: messages, tokens, money, errors, what needs looking after; and the prices of models."""

from __future__ import annotations

import msgspec

from appliance.engine import console_prices
from appliance.engine.console_now import Now, now
from appliance.engine.console_overview import Overview, overview
from appliance.engine.console_warnings import Warned, warnings
from appliance.engine.engine import Engine
from appliance.errors import InvalidInput
from appliance.prices import Price, Prices
from appliance.protocols.base import Endpoint, Param
from appliance.protocols.console.access import admin, operator
from appliance.wire import Reply, Request

PATH = "/admin/api"
DAYS = ("1", "7", "30")


class OverviewBody(Overview, frozen=True, kw_only=True):
    """A period and the one before it, what goes on now, and what needs looking after."""

    now: Now
    warnings: list[Warned]


class PricesBody(msgspec.Struct, frozen=True, kw_only=True):
    """What a million tokens of each model cost, and what a month may cost.

    With `stop` bots do not answer when the month's budget is used up.
    """

    currency: str = "EUR"
    items: list[Price] = []
    month_budget: float | None = None
    stop: bool = False


@operator
async def get_overview(engine: Engine, request: Request) -> Reply:
    """`GET /overview?days=1|7|30`."""
    days = request.query.get("days") or "7"
    if days not in DAYS:
        raise InvalidInput(f"days={days[:20]!r} must be {', '.join(DAYS[:-1])} or {DAYS[-1]}.")
    tenant = request.caller.tenant
    found = await overview(engine, tenant, int(days))
    body = OverviewBody(
        **msgspec.structs.asdict(found),
        now=await now(engine, tenant),
        warnings=await warnings(engine, tenant, found.budget),
    )
    return Reply(body=body)


@admin
async def get_prices(engine: Engine, request: Request) -> Reply:
    """`GET /prices`."""
    return Reply(body=_body(await console_prices.get(engine)))


@admin
async def put_prices(engine: Engine, request: Request) -> Reply:
    """`PUT /prices`: in place of what was there; past costs are told at the new prices."""
    asked = Prices(**msgspec.structs.asdict(request.json(PricesBody)))
    return Reply(body=_body(await console_prices.put(engine, asked, request.caller)))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=f"{PATH}/overview",
        handler=get_overview,
        summary="Messages, tokens, cost, errors and times of a period, and what needs looking after",
        params=(
            Param(
                name="days",
                description="How many days, with today; 1 is the last 24 hours",
                schema={"type": "string", "enum": [*DAYS], "default": "7"},
            ),
        ),
        answers={200: OverviewBody},
        errors=(400,),
        access="operator",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/prices",
        handler=get_prices,
        summary="What models cost, and what a month may cost",
        answers={200: PricesBody},
        access="admin",
    ),
    Endpoint(
        method="PUT",
        path=f"{PATH}/prices",
        handler=put_prices,
        summary="Say what models cost, and what a month may cost",
        body=PricesBody,
        answers={200: PricesBody},
        access="admin",
    ),
)


def _body(prices: Prices) -> PricesBody:
    return PricesBody(**msgspec.structs.asdict(prices))
