"""Trying a bot out as somebody else: a token for the chat socket."""

from __future__ import annotations

import msgspec

from appliance.engine import console_playground
from appliance.engine.console_playground import Acting
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.wire import Reply, Request

PATH = "/admin/api/playground"


class PlaygroundBody(msgspec.Struct, frozen=True, kw_only=True):
    """Which bot (its id, name or `namespace:name`), and as whom: a user, a role, claims of a token."""

    bot: str
    user_id: str | None = None
    role: str | None = None
    claims: dict[str, str | int | float | bool] | None = None


@admin
async def play(engine: Engine, request: Request) -> Reply:
    """`POST /playground`: a token for an hour; limits are counted for who plays, and it is written down."""
    asked = request.json(PlaygroundBody)
    acting = await console_playground.act(
        engine,
        request.caller,
        bot=asked.bot,
        user_id=asked.user_id or "",
        role=asked.role or "",
        claims=asked.claims or {},
    )
    return Reply(body=acting)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path=PATH,
        handler=play,
        summary="A token to chat with a bot as somebody else",
        body=PlaygroundBody,
        answers={200: Acting},
        errors=(404,),
        access="admin",
    ),
)
