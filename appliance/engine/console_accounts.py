"""The people of the console as admins keep them: invite, change, remove. Every change is written down."""

from __future__ import annotations

from typing import Any

import apsw

from appliance.engine.services import Services
from appliance.errors import NotFound
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.store import audit, console_accounts, console_links, console_sessions
from appliance.store.console_accounts import Account as Account
from appliance.store.console_accounts import Role


async def everybody(services: Services) -> list[Account]:
    """All accounts by name."""
    return await services.store.read(console_accounts.everybody)


def is_empty(services: Services) -> bool:
    """Is there no account at all?"""
    return services.store.read_now(console_accounts.is_empty)


def is_live(services: Services, caller: Caller) -> bool:
    """May a caller still be who they came as? True for those who came by a token or key of their own.

    For connections that stay open: a logout, another role or a disabled account ends them, too, and what a
    token for the playground opened, of an account or of a key.
    """
    if caller.player:
        return services.store.read_now(console_accounts.may_play, caller.player)
    if not caller.session_id:
        return True
    return services.store.read_now(console_sessions.is_good, caller.session_id, caller.role, services.clock())


async def invite(
    services: Services, caller: Caller, name: str, display_name: str, role: Role
) -> tuple[Account, str]:
    """A new account and the token of its person's first link; raises `InvalidInput`, `Conflict`."""
    name = name.strip().lower()

    def write(db: apsw.Connection) -> tuple[Account, str]:
        account = console_accounts.add(db, name, display_name, role, services.clock())
        _note(services, db, caller, "account.add", account.name, role=role)
        return account, console_links.make(db, account, services.clock())

    return await services.store.write(write)


async def change(
    services: Services,
    caller: Caller,
    name: str,
    *,
    role: Role | None = None,
    disabled: bool | None = None,
    display_name: str | None = None,
) -> Account:
    """Change what is given; raises `NotFound`, `InvalidInput`, `Conflict` when no admin would be left."""
    given = {"role": role, "disabled": disabled, "display_name": display_name}

    def write(db: apsw.Connection) -> Account:
        account = console_accounts.change(db, name, role=role, disabled=disabled, display_name=display_name)
        details = {key: value for key, value in given.items() if value is not None}
        _note(services, db, caller, "account.change", name, **details)
        return account

    return await services.store.write(write)


async def make_link(services: Services, caller: Caller, name: str) -> str:
    """The token of a link for an invited person, or for a new password; raises `NotFound`."""

    def write(db: apsw.Connection) -> str:
        account = console_accounts.find(db, name)
        if account is None:
            raise NotFound("There is no such account.")
        _note(services, db, caller, "account.link", name)
        return console_links.make(db, account, services.clock())

    return await services.store.write(write)


async def remove(services: Services, caller: Caller, name: str) -> None:
    """Remove an account with its sessions; raises `NotFound`, `Conflict` when no admin would be left."""

    def write(db: apsw.Connection) -> None:
        console_accounts.remove(db, name)
        _note(services, db, caller, "account.remove", name)

    await services.store.write(write)


def _note(
    services: Services, db: apsw.Connection, caller: Caller, action: str, name: str, **details: Any
) -> None:
    audit.record(
        db,
        at=services.clock(),
        tenant=DEFAULT_TENANT,
        actor=caller.principal,
        action=action,
        target=f"account:{name}",
        details={"ip": caller.ip, **details},
    )
