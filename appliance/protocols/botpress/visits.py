"""Who asks which bot: from the path and the key of a request to a `Visit` (2, 4, 5).

A key that the tenant signed names a user. One that was made here names a guest: anybody could ask for it.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias

import msgspec

from appliance.bot import Bot
from appliance.conversation import External
from appliance.engine import people, shared
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.engine.guest_keys import Named
from appliance.engine.people import Details
from appliance.errors import (
    AuthRequired,
    BotNotFound,
    Forbidden,
    InvalidCredential,
    InvalidInput,
    UserNotFound,
)
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.protocols.base import Stream
from appliance.protocols.botpress.telling import BOT_ID, OPERATOR_ID
from appliance.wire import Reply, Request

ID = re.compile(r"[A-Za-z0-9_\-\\/]{1,70}", re.ASCII)

KEPT = f"is kept for bots and people of the team (bot_…, {OPERATOR_ID}…): take another one."


class Visit(NamedTuple):
    """One request's bot and caller; `old` is the 0.2.x dialect."""

    engine: Engine
    bot: Bot
    caller: Caller
    old: bool

    def external(self, id: str) -> External:
        """A conversation's own id within this bot."""
        return External(scope=f"botpress:{self.bot.namespace}/{self.bot.name}", id=id)

    def owner(self, user_id: str) -> str:
        """What somebody of that public id is as an owner; all users of a tenant are of the caller's kind."""
        kind = "user" if self.caller.is_user else "guest"
        return f"{kind}:{user_id}"


Handler: TypeAlias = Callable[[Visit, Request], Awaitable[Reply | Stream]]
Entry: TypeAlias = Callable[[Engine, Request, bool], Awaitable[Visit]]


async def anybody(engine: Engine, request: Request, old: bool) -> Visit:
    """Whoever asks, with or without a key; raises `BotNotFound`."""
    tenant, bot = _address(engine, request.path["bot"])
    asks = Caller(
        tenant=tenant,
        ip=request.caller.ip,
        user_agent=request.caller.user_agent,
        origin=request.caller.origin,
    )
    return Visit(engine, bot, asks, old)


async def key_holder(engine: Engine, request: Request, old: bool) -> Visit:
    """Somebody with a good key, who need not be a user yet; raises `AuthRequired`, `InvalidCredential`."""
    visit, _ = await _shown(engine, request, old)
    return visit


async def user(engine: Engine, request: Request, old: bool) -> Visit:
    """A user who is there; raises `UserNotFound`, too.

    0.2.x clients cannot get or create users, so those with keys of their own are made when they come first.
    """
    visit, named = await _shown(engine, request, old)
    caller = visit.caller
    if people.find(engine, caller.tenant, caller.owner) is None:
        if not (old and caller.is_user):
            raise UserNotFound("There is no such user: get or create it first.")
        check_user_id(named.id)
        told = Details(name=named.name, picture_url=named.picture_url, profile=named.profile)
        await people.get_or_create(engine, caller, told)
    return visit


def check_id(id: str) -> None:
    """Raises `InvalidInput` unless the text can be an id of a caller's choice."""
    if not ID.fullmatch(id):
        raise InvalidInput("An id has 1 to 70 letters, digits, _, -, \\ and /.")


def check_user_id(id: str) -> None:
    """Raises `InvalidInput` unless it can be a user's id, and `Forbidden` when it is a kept one."""
    check_id(id)
    if is_kept(id):
        raise Forbidden(f"The id {id!r} {KEPT}")


def is_kept(id: str) -> bool:
    """Is it one of a bot, or of a person of the team, among the users?"""
    return bool(BOT_ID.fullmatch(id)) or id.lower().startswith(OPERATOR_ID)


def guest(visit: Visit, id: str) -> Caller:
    """A stranger who is called so by their own choice."""
    return msgspec.structs.replace(visit.caller, guest_id=id)


async def _shown(engine: Engine, request: Request, old: bool) -> tuple[Visit, Named]:
    visit = await anybody(engine, request, old)
    tenant = visit.caller.tenant
    headers = ("x-chat-key", "x-user-key") if old else ("x-user-key", "x-chat-key")
    key = next(filter(None, (request.headers.get(name, "").strip() for name in headers)), "")
    if not key:
        raise AuthRequired(f"Send the user's key in the header {headers[0]}.")
    keys = engine.services.guest_keys
    named = keys.verify(tenant, key)
    if keys.is_personal(tenant):
        if not named.id.strip():
            raise InvalidCredential("Invalid user key.")
        caller = msgspec.structs.replace(
            visit.caller, role="authenticated", user_id=named.id, expires_at=named.expires_at
        )
    else:
        caller = guest(visit, named.id)
    return visit._replace(caller=caller), named


def _address(engine: Engine, text: str) -> tuple[str, Bot]:
    """`<bot>`, or `<tenant>@<bot>`; an unknown tenant looks like an unknown bot."""
    tenant, at, ref = text.rpartition("@")
    if at and not shared.tenant_exists(engine, tenant):
        raise BotNotFound(f"There is no bot {text!r}.")
    return (tenant if at else DEFAULT_TENANT), find_bot(engine, ref)
