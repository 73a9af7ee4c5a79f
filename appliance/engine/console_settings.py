"""What the server was started with, values that bots use, and the secret by which pages name their users."""

from __future__ import annotations

from typing import Any

import apsw
import msgspec

from appliance.engine import witness
from appliance.engine.engine import Engine
from appliance.engine.services import Services
from appliance.errors import Conflict, NotFound, StoreError
from appliance.identity import Caller
from appliance.settings import VARIABLES, Settings
from appliance.store import settings as stored
from appliance.store import widget_secret
from appliance.store.widget_secret import IdentitySecret as IdentitySecret

MASK = "•••"
_SECRET = ("_secret", "_key")


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """One variable of the environment; `set` when it says something else than the default."""

    name: str
    field: str
    value: str
    default: str
    set: bool


class StoredSetting(msgspec.Struct, frozen=True, kw_only=True):
    """A value for `{{key}}` in bot files; what is secret, or cannot be decrypted, has none here."""

    key: str
    secret: bool
    updated_at: float
    value: str | None


def environment(engine: Engine) -> list[Variable]:
    """All variables by their own names; secrets are masks."""
    settings, defaults = engine.services.settings, Settings()
    found: dict[str, Variable] = {}
    for name, field in VARIABLES.items():
        value, default = getattr(settings, field), getattr(defaults, field)
        if field in found:
            continue
        shown = MASK if value and field.endswith(_SECRET) else _text(value)
        found[field] = Variable(
            name=name, field=field, value=shown, default=_text(default), set=value != default
        )
    return list(found.values())


async def stored_settings(engine: Engine, tenant: str) -> list[StoredSetting]:
    """The system's values of a tenant, by key."""
    services = engine.services
    names = await services.store.read(stored.names, tenant, "")
    values = (await services.store.read(stored.values, services.vault, tenant)).system
    return [
        StoredSetting(
            key=one.key,
            secret=one.secret,
            updated_at=one.updated_at,
            value=None if one.secret or one.key not in values else values[one.key].value,
        )
        for one in names
    ]


async def put(engine: Engine, caller: Caller, key: str, value: str, *, secret: bool) -> StoredSetting:
    """Keep a value in place of the old one.

    Raises `InvalidInput`, and `Conflict` for a secret that would become readable, or a lost encryption key.
    """
    services = engine.services

    def write(db: apsw.Connection) -> None:
        prepare_vault(db, engine.services)
        now = services.clock()
        stored.put(db, services.vault, tenant=caller.tenant, key=key, value=value, secret=secret, now=now)

    await services.store.write(write)
    await witness.did(services, caller, "setting.set", f"setting:{key}", {"secret": secret})
    found = await stored_settings(engine, caller.tenant)
    return next(one for one in found if one.key == key)


async def remove(engine: Engine, caller: Caller, key: str) -> None:
    """Forget a value; raises `NotFound`."""
    try:
        await engine.services.store.write(stored.remove, tenant=caller.tenant, key=key)
    except NotFound:
        raise NotFound("There is no such setting.") from None
    await witness.did(engine.services, caller, "setting.remove", f"setting:{key}")


async def identity_secret(engine: Engine, tenant: str) -> IdentitySecret | None:
    """What may be shown of it."""
    return await engine.services.store.read(widget_secret.find, tenant, engine.services.clock())


async def rotate_identity_secret(engine: Engine, caller: Caller) -> str:
    """A new one, which is shown this once; raises `Conflict` for a lost encryption key."""
    services = engine.services

    def write(db: apsw.Connection) -> str:
        prepare_vault(db, engine.services)
        return widget_secret.rotate(db, services.vault, caller.tenant, services.clock())

    secret = await services.store.write(write)
    await witness.did(services, caller, "identity_secret.rotate", "identity-secret")
    return secret


def prepare_vault(db: apsw.Connection, services: Services) -> None:
    """Nothing is encrypted with a key that does not open what is there; raises `Conflict`."""
    try:
        stored.prepare(db, services.vault)
    except StoreError as error:
        raise Conflict(error.text) from error


def _text(value: Any) -> str:
    """As it would be written in the environment."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(value)
