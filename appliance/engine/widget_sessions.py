"""Who talks in a page's widget: a visitor, or a user for whom the page vouches."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Literal

import apsw
import msgspec

from appliance import identityproof
from appliance.bot import Bot
from appliance.engine import admission
from appliance.engine.engine import Engine
from appliance.errors import AuthRequired, IdentityInvalid, InvalidInput
from appliance.identity import Caller
from appliance.identityproof import Proven
from appliance.store import audit, people, widget_merge, widget_secret
from appliance.store.users import remember_user

USER_LIFETIME_S = 3600.0
"""The widget shows the same proof again before it is over."""


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a page shows of its visitor: an earlier token of theirs, and a proof of who they are."""

    visitor: str = ""
    user_id: str | None = None
    hash: str = ""
    name: str = ""
    email: str = ""
    jwt: str = ""

    @property
    def has_proof(self) -> bool:
        """Does the page say who it is, rightly or not?"""
        return self.user_id is not None or bool(self.jwt)


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A token for what the widget asks from now on; `expires_at` in Unix seconds."""

    token: str
    kind: Literal["visitor", "user"]
    expires_at: float
    name: str = ""


async def begin(engine: Engine, caller: Caller, bot: Bot, shown: Shown) -> Session:
    """A session with this bot; with a proof a user's, who gets what the visitor had.

    An earlier token that is good no more makes a new visitor. Raises `OriginNotAllowed`, `IdentityInvalid`,
    `InvalidInput` for two proofs, and `AuthRequired` when the bot wants one and there is none.
    """
    admission.check_page(bot, caller)
    tokens = engine.services.session_tokens
    visitor = tokens.visitor_in(shown.visitor, caller.tenant) if shown.visitor else ""
    if shown.has_proof:
        proven = _proven(engine, caller, bot, shown)
        name = await _link(engine, caller, proven, visitor)
        token = tokens.for_user(caller.tenant, proven.user_id, USER_LIFETIME_S)
        expires_at = engine.services.clock() + USER_LIFETIME_S
        return Session(token=token, kind="user", expires_at=expires_at, name=name)
    if bot.identity == "required":
        raise AuthRequired(
            f"The bot {bot.name!r} is for visitors whom the page vouches for: send user (id and hash) or jwt."
        )
    token, expires_at = tokens.for_visitor(caller.tenant, visitor or str(uuid.uuid4()))
    return Session(token=token, kind="visitor", expires_at=expires_at)


def _proven(engine: Engine, caller: Caller, bot: Bot, shown: Shown) -> Proven:
    if bot.identity == "none":
        raise IdentityInvalid(
            f"The bot {bot.name!r} takes no identity from pages: set `identity: optional` or `required`."
        )
    if shown.user_id is not None and shown.jwt:
        raise InvalidInput("Send user or jwt, not both.")
    services, now = engine.services, engine.services.clock()
    secrets: Sequence[str] = services.store.read_now(
        widget_secret.accepted, services.vault, caller.tenant, now
    )
    if not secrets:
        raise IdentityInvalid(
            "Nothing that a page signs is accepted here yet: make an identity secret with "
            "appliance keys identity, or in the console."
        )
    if shown.jwt:
        return identityproof.by_jwt(secrets, shown.jwt, now)
    return identityproof.by_hash(secrets, shown.user_id or "", shown.hash, name=shown.name, email=shown.email)


async def _link(engine: Engine, caller: Caller, proven: Proven, visitor: str) -> str:
    """Note who they are and give them what the visitor had, all or nothing; the name they are known by."""
    services = engine.services
    write = partial(_write_link, caller=caller, proven=proven, visitor=visitor, now=services.clock())
    return await services.store.write(write)


def _write_link(db: apsw.Connection, *, caller: Caller, proven: Proven, visitor: str, now: float) -> str:
    tenant, owner = caller.tenant, f"user:{proven.user_id}"
    remember_user(db, tenant, proven.user_id, now)
    details = people.Details(name=proven.name or None, profile=proven.email or None)
    person = people.get_or_create(db, tenant, owner, details, now)
    if visitor and (moved := widget_merge.move(db, tenant, f"visitor:{visitor}", owner)):
        audit.record(
            db,
            at=now,
            tenant=tenant,
            actor=owner,
            action="identity.link",
            target=f"visitor:{visitor}",
            details={"conversations": moved, "ip": caller.ip},
        )
    return person.name or ""
