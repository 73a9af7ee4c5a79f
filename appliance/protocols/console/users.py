"""Users: who was here, a token in somebody's name, and forgetting somebody with all that is theirs."""

from __future__ import annotations

import msgspec

from appliance.engine import console_users
from appliance.engine.console_users import UserSeen
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.protocols.console.pages import (
    AFTER,
    LIMIT,
    LIMIT_MAX,
    SEARCH,
    after_of,
    limit_param,
    next_of,
    search_of,
)
from appliance.wire import Reply, Request

PATH = "/admin/api/users"


class UserItems(msgspec.Struct, frozen=True, kw_only=True):
    """Who was here last first."""

    items: list[UserSeen]
    total: int
    next: str | None


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """How much there was of what, and is gone."""

    conversations: int
    messages: int
    files: int
    documents: int
    knowledge_bases: int
    grants: int
    settings: int


class NewToken(msgspec.Struct, frozen=True, kw_only=True):
    """How long a token is good, in seconds."""

    lifetime_s: int = 3600


class TokenMade(msgspec.Struct, frozen=True, kw_only=True):
    """A token, to be sent as `Authorization: Bearer`; it is not kept."""

    token: str
    expires_at: float


@admin
async def list_users(engine: Engine, request: Request) -> Reply:
    """`GET /users?q=`."""
    offset, text = after_of(request), search_of(request)
    limit = request.whole_number("limit", LIMIT, 1, LIMIT_MAX)
    tenant = request.caller.tenant
    items, total = await console_users.listed(engine, tenant, text, limit=limit, offset=offset)
    return Reply(body=UserItems(items=items, total=total, next=next_of(offset, items, total)))


@admin
async def get_user(engine: Engine, request: Request) -> Reply:
    """`GET /users/<id>`."""
    return Reply(body=await console_users.get(engine, request.caller.tenant, request.path["id"]))


@admin
async def erase_user(engine: Engine, request: Request) -> Reply:
    """`DELETE /users/<id>`: conversations, files, documents, grants, settings, the profile."""
    counts = await console_users.erase(engine, request.caller, request.path["id"])
    return Reply(body=Erased(**counts))


@admin
async def make_token(engine: Engine, request: Request) -> Reply:
    """`POST /users/<id>/token`: 201."""
    lifetime_s = request.json(NewToken).lifetime_s
    token, expires_at = await console_users.make_token(engine, request.caller, request.path["id"], lifetime_s)
    return Reply(status=201, body=TokenMade(token=token, expires_at=expires_at))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_users,
        summary="Users who were here, or were made known",
        params=(SEARCH, limit_param(), AFTER),
        answers={200: UserItems},
        errors=(400,),
        access="admin",
    ),
    Endpoint(
        method="GET",
        path=f"{PATH}/<id>",
        handler=get_user,
        summary="One user",
        answers={200: UserSeen},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>",
        handler=erase_user,
        summary="Forget a user with all that is theirs",
        answers={200: Erased},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=f"{PATH}/<id>/token",
        handler=make_token,
        summary="Make a token in a user's name",
        body=NewToken,
        body_required=False,
        answers={201: TokenMade},
        errors=(404,),
        access="admin",
    ),
)
