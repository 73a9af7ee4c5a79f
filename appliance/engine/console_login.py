"""How people come to the console: by a one-time link, by name and password, and how they leave.

Nobody learns here which names there are: an unknown one takes the same time, the same words and the same
waits. Every attempt is written down, without what was typed. A browser in which somebody came in is known
from then on (`store/console_devices.py`): those who guess at that name from elsewhere do not make it wait.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from appliance.engine.console_passwords import check_password
from appliance.engine.console_totp import step_of
from appliance.engine.services import Services
from appliance.errors import (
    CodeNeeded,
    Conflict,
    InvalidInput,
    NotFound,
    StoreError,
    TooManyRequests,
    WrongLogin,
)
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.store import (
    audit,
    console_accounts,
    console_devices,
    console_failures,
    console_links,
    console_sessions,
    second_factors,
)
from appliance.store.console_accounts import Account
from appliance.store.console_links import Link

logger = logging.getLogger("appliance.engine")

WRONG = "Name or password are not right."
WRONG_CODE = "The code is not right, or it was used already. Wait for the next one."
KEY_CHANGED = (
    "The second factor cannot be checked: this server has another encryption key than when it was made. "
    "Whoever runs it can put the old key back, or let you in with: appliance admin link"
)
LINK_GONE = (
    "This link is used up or too old. Ask an admin for a new one, or make one with: appliance admin link"
)


class Entered(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody came in: the account's name, the new session's token, and what makes the browser known."""

    name: str
    token: str
    device: str


async def log_in(
    services: Services, caller: Caller, name: str, password: str, code: str, device: str
) -> Entered:
    """Sign in, in a browser that has `device` from an earlier time, or nothing.

    Raises `WrongLogin`, `CodeNeeded`, `TooManyRequests`; `Conflict` when the second factor cannot be read.
    """
    name = name.strip().lower()
    is_known = services.store.read_now(console_devices.is_known, name, device, services.clock())
    places = (
        console_failures.of_device(name, device)
        if is_known
        else console_failures.of_stranger(name, caller.network)
    )
    await take_attempt(services, places)
    account = services.store.read_now(console_accounts.find, name)
    stored = account.password if account is not None and not account.disabled else ""
    if not await services.passwords.fits(stored, password, known=is_known) or account is None:
        await _write_failure(services, caller, account, "password")
        raise WrongLogin(WRONG)
    step = 0
    if account.totp is not None:
        step = await _step(services, caller, account, code, places)
    entered = await services.store.write(_enter, account, places, caller, step, device, services.clock())
    if entered is None:
        await _write_failure(services, caller, account, "code")
        raise WrongLogin(WRONG_CODE)
    if services.passwords.is_old(stored):
        fresh = await services.passwords.hash(password)
        await services.store.write(console_accounts.replace_hash, name, stored, fresh)
    return entered


async def take_attempt(services: Services, places: Mapping[str, int]) -> None:
    """Count an attempt to prove to be somebody; raises `TooManyRequests` when there were too many.

    Whoever turns out to be right gives it back or has it forgiven (`store/console_failures.py`).
    """
    wait_s = await services.store.write(console_failures.take, places, services.clock())
    if wait_s:
        raise TooManyRequests("Too many failed logins. Try again a little later.", retry_after_s=wait_s)


async def log_out(services: Services, caller: Caller) -> None:
    """End the caller's session."""
    await services.store.write(_leave, caller, services.clock())


def link_of(services: Services, token: str) -> Link:
    """What a one-time link is for; raises `NotFound` when it is good for nothing."""
    found = services.store.read_now(console_links.find, token, services.clock())
    if found is None:
        raise NotFound(LINK_GONE)
    return found


async def set_up(
    services: Services,
    caller: Caller,
    token: str,
    name: str,
    display_name: str,
    password: str,
    device: str,
) -> Entered:
    """Use a one-time link: make the first account, or give one its (new) password; signs in like `log_in`.

    What else was there to prove the account, sessions and a second factor, is gone then, and no other browser
    is known for it any more. Raises `NotFound` for a link that is good no more, `InvalidInput`, `Conflict`.
    """
    link = link_of(services, token)
    name = link.name or name.strip().lower()
    console_accounts.check_name(name)
    if display_name.strip():
        console_accounts.checked_display_name(display_name)
    check_password(password, name)
    hashed = await services.passwords.hash(password)
    now = services.clock()
    return await services.store.write(_set_up, token, name, display_name, hashed, caller, device, now)


# -- inner ---------------------------------------------------------------------------------------------


async def _step(
    services: Services, caller: Caller, account: Account, code: str, places: Mapping[str, int]
) -> int:
    """The time step of the second factor's code; raises `CodeNeeded`, `WrongLogin`, `Conflict`."""
    if not code.strip():
        await services.store.write(console_failures.give_back, places)
        raise CodeNeeded("This account has a second factor: send the code of your authenticator app, too.")
    try:
        secret = open_totp(services, account.name, account.totp)
    except Conflict:
        await services.store.write(console_failures.give_back, places)
        raise
    step = step_of(secret, code, services.clock())
    if step is None:
        await _write_failure(services, caller, account, "code")
        raise WrongLogin(WRONG_CODE)
    return step


def open_totp(services: Services, name: str, sealed: bytes | None) -> str:
    """The secret of a second factor; raises `Conflict` when the encryption key is another one."""
    assert sealed is not None, "only asked where there is one"
    try:
        return services.vault.open(sealed, second_factors.place(name))
    except StoreError as error:
        logger.error("%s", error.text)
        raise Conflict(KEY_CHANGED) from error


def _enter(
    db: apsw.Connection,
    account: Account,
    places: Mapping[str, int],
    caller: Caller,
    step: int,
    device: str,
    now: float,
) -> Entered | None:
    """A new session; None when the code was used meanwhile.

    The account may have changed while the password was looked at: then nobody comes in.
    """
    latest = console_accounts.find(db, account.name)
    if (
        latest is None
        or latest.disabled
        or (latest.password, latest.totp) != (account.password, account.totp)
    ):
        raise WrongLogin(WRONG)
    if latest.totp is not None and not console_accounts.use_step(db, latest.name, step):
        return None
    console_failures.forgive(db, places)
    note(db, caller, "console.login", latest.name, now, by="password")
    return enter(db, latest.name, caller, device, now)


def enter(db: apsw.Connection, name: str, caller: Caller, device: str, now: float) -> Entered:
    """A new session of that account in the browser that has `device`; the one that it had ends."""
    if caller.session_id:
        console_sessions.end(db, caller.admin_name, caller.session_id)
    return Entered(
        name=name,
        token=console_sessions.create(db, name, caller.ip, caller.user_agent, now),
        device=console_devices.remember(db, name, device, now),
    )


def _set_up(
    db: apsw.Connection,
    token: str,
    name: str,
    display_name: str,
    hashed: str,
    caller: Caller,
    device: str,
    now: float,
) -> Entered:
    link = console_links.use(db, token, now)
    if link is None:
        raise NotFound(LINK_GONE)
    if link.kind == "first":
        console_accounts.add(db, name, display_name, "admin", now, password=hashed)
    elif link.name != name:
        raise InvalidInput("This link is for another account.")
    else:
        console_accounts.set_password(db, name, hashed)
        console_accounts.drop_totp(db, name)
        console_sessions.end_all(db, name)
        console_devices.forget(db, name)
        if display_name.strip():
            console_accounts.change(db, name, display_name=display_name)
    console_failures.forget_account(db, name)
    note(db, caller, "console.setup", name, now, kind=link.kind)
    return enter(db, name, caller, device, now)


def _leave(db: apsw.Connection, caller: Caller, now: float) -> None:
    if console_sessions.end(db, caller.admin_name, caller.session_id):
        note(db, caller, "console.logout", caller.admin_name, now)


def note(db: apsw.Connection, caller: Caller, action: str, name: str, now: float, **details: Any) -> None:
    """One line of the audit about an account, told of itself."""
    audit.record(
        db,
        at=now,
        tenant=DEFAULT_TENANT,
        actor=f"admin:{name}",
        action=action,
        target=f"account:{name}",
        details={"ip": caller.ip, **details},
    )


async def _write_failure(services: Services, caller: Caller, account: Account | None, what: str) -> None:
    await write_failure(services, caller, account.name if account else "", what=what)


async def write_failure(services: Services, caller: Caller, name: str, **details: Any) -> None:
    """One line about somebody who was refused. Names that nobody has are left out: some are passwords."""
    await services.store.write(
        audit.record,
        at=services.clock(),
        tenant=DEFAULT_TENANT,
        actor=f"ip:{caller.network}",
        action="console.login_failed",
        target=f"account:{name}" if name else "",
        details={"ip": caller.ip, **details},
    )
