"""API keys: made, listed by their hints, revoked."""

from __future__ import annotations

from typing import Literal

import msgspec

from appliance.engine import console_keys
from appliance.engine.console_keys import ApiKey
from appliance.engine.engine import Engine
from appliance.protocols.base import Endpoint
from appliance.protocols.console.access import admin
from appliance.wire import Reply, Request

PATH = "/admin/api/keys"


class KeyItem(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key: its first and last characters, and what it is for."""

    id: str
    type: Literal["anon", "service", "tenant"]
    tenant: str
    hint: str
    name: str
    bot: str | None
    origins: list[str]
    created_at: float
    revoked_at: float | None


class KeyItems(msgspec.Struct, frozen=True, kw_only=True):
    """All keys, the newest first, revoked ones too."""

    items: list[KeyItem]
    total: int
    next: str | None = None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """anon: for web pages, identifies nobody. service: all rights. tenant: for a tenant's own server.

    `bot` answers where a request names none; only pages of `origins` may use it, where there are any.
    """

    type: Literal["anon", "service", "tenant"]
    bot: str | None = None
    origins: list[str] | None = None
    name: str | None = None


class KeyMade(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is the key itself, which is never shown again."""

    key: KeyItem
    text: str


@admin
async def list_keys(engine: Engine, request: Request) -> Reply:
    """`GET /keys`."""
    items = [_item(key) for key in await console_keys.listed(engine)]
    return Reply(body=KeyItems(items=items, total=len(items)))


@admin
async def create_key(engine: Engine, request: Request) -> Reply:
    """`POST /keys`: 201."""
    asked = request.json(NewKey)
    made, text = await console_keys.create(
        engine,
        request.caller,
        asked.type,
        bot=asked.bot or "",
        origins=asked.origins or [],
        name=asked.name or "",
    )
    return Reply(status=201, body=KeyMade(key=_item(made), text=text))


@admin
async def revoke_key(engine: Engine, request: Request) -> Reply:
    """`DELETE /keys/<id>`: the key stays in the list, as revoked."""
    return Reply(body=_item(await console_keys.revoke(engine, request.caller, request.path["id"])))


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="GET",
        path=PATH,
        handler=list_keys,
        summary="All API keys by their hints, revoked ones too",
        answers={200: KeyItems},
        access="admin",
    ),
    Endpoint(
        method="POST",
        path=PATH,
        handler=create_key,
        summary="Make an API key; its text is shown this once",
        body=NewKey,
        answers={201: KeyMade},
        errors=(404,),
        access="admin",
    ),
    Endpoint(
        method="DELETE",
        path=f"{PATH}/<id>",
        handler=revoke_key,
        summary="Revoke an API key: it is refused from now on",
        answers={200: KeyItem},
        errors=(404,),
        access="admin",
    ),
)


def _item(key: ApiKey) -> KeyItem:
    return KeyItem(
        id=key.id,
        type=key.type,
        tenant=key.tenant,
        hint=key.hint,
        name=key.name,
        bot=key.bot or None,
        origins=list(key.origins),
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )
