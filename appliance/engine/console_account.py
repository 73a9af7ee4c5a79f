"""What people do with their own account of the console: password, second factor, name, sessions."""

from __future__ import annotations

import apsw
import msgspec

from appliance.engine.console_login import note as note_own
from appliance.engine.console_login import open_totp, take_attempt, write_failure
from appliance.engine.console_passwords import check_password
from appliance.engine.console_settings import prepare_vault
from appliance.engine.console_totp import new_secret, qr_code, step_of, uri
from appliance.engine.services import Services
from appliance.errors import AuthRequired, Conflict, InvalidInput, NotFound, WrongLogin
from appliance.identity import Caller
from appliance.store import console_accounts, console_failures, console_sessions, second_factors
from appliance.store.console_accounts import Account
from appliance.store.console_sessions import Session

ISSUER = "Chat appliance"
"""What authenticator apps show beside the account's name."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """A second factor to be taken into an app; `qr` are the rows of the QR code, 1 for dark."""

    secret: str
    uri: str
    qr: list[list[int]]


def find(services: Services, name: str) -> Account | None:
    """The account of that name."""
    return services.store.read_now(console_accounts.find, name)


def mine(services: Services, caller: Caller) -> Account:
    """The caller's account; raises `AuthRequired` when it was removed a moment ago."""
    found = find(services, caller.admin_name)
    if found is None:
        raise AuthRequired("This account is not there any more.")
    return found


async def rename(services: Services, caller: Caller, display_name: str) -> None:
    """Let others read another name; raises `InvalidInput`."""

    def write(db: apsw.Connection) -> None:
        console_accounts.change(db, caller.admin_name, display_name=display_name)
        note_own(db, caller, "account.rename", caller.admin_name, services.clock())

    await services.store.write(write)


async def change_password(services: Services, caller: Caller, old: str, new: str) -> None:
    """Replace the password and end all other sessions.

    Raises `WrongLogin` when the old one is not right, `TooManyRequests`, `InvalidInput` for a bad new one.
    """
    check_password(new, caller.admin_name)
    account = await _prove(services, caller, old)
    hashed = await services.passwords.hash(new)

    def write(db: apsw.Connection) -> None:
        _check_unchanged(db, account)
        console_accounts.set_password(db, account.name, hashed)
        ended = console_sessions.end_all(db, account.name, but=caller.session_id)
        note_own(db, caller, "account.password", account.name, services.clock(), sessions_ended=ended)

    await services.store.write(write)


# -- sessions ------------------------------------------------------------------------------------------


async def sessions(services: Services, caller: Caller) -> list[Session]:
    """Where the caller is signed in, the place seen last first."""
    return await services.store.read(console_sessions.of_account, caller.admin_name, services.clock())


async def end_session(services: Services, caller: Caller, id: str) -> None:
    """End one of the caller's sessions; raises `NotFound` for anybody else's, too."""

    def write(db: apsw.Connection) -> None:
        if not console_sessions.end(db, caller.admin_name, id):
            raise NotFound("There is no such session.")
        note_own(db, caller, "account.session_end", caller.admin_name, services.clock())

    await services.store.write(write)


# -- second factor -------------------------------------------------------------------------------------


async def offer_totp(services: Services, caller: Caller) -> Offer:
    """A new secret for an authenticator app; it counts once a code of it was shown. Raises `Conflict`."""
    if mine(services, caller).totp is not None:
        raise Conflict("The account has a second factor already. Take it away first.")
    secret = new_secret()
    sealed = services.vault.seal(secret, second_factors.place(caller.admin_name))

    def write(db: apsw.Connection) -> None:
        prepare_vault(db, services)
        console_accounts.offer_totp(db, caller.admin_name, sealed)

    await services.store.write(write)
    text = uri(secret, caller.admin_name, ISSUER)
    return Offer(secret=secret, uri=text, qr=qr_code(text))


async def confirm_totp(services: Services, caller: Caller, code: str) -> None:
    """From now on the account's logins want a code. Raises `InvalidInput` for a wrong one, `Conflict`."""
    offered = mine(services, caller).totp_new
    if offered is None:
        raise Conflict("No second factor waits to be confirmed. Begin again.")
    step = step_of(open_totp(services, caller.admin_name, offered), code, services.clock())
    if step is None:
        raise InvalidInput("The code is not right. Check the clock of the device, and send the newest code.")

    def write(db: apsw.Connection) -> None:
        if not console_accounts.confirm_totp(db, caller.admin_name, offered, step):
            raise Conflict("Another second factor was begun meanwhile. Begin again.")
        note_own(db, caller, "account.totp_on", caller.admin_name, services.clock())

    await services.store.write(write)


async def drop_totp(services: Services, caller: Caller, password: str) -> None:
    """Logins want no code any more. Raises `WrongLogin`, `TooManyRequests`, `Conflict` when there is none."""
    if mine(services, caller).totp is None:
        raise Conflict("The account has no second factor.")
    account = await _prove(services, caller, password)

    def write(db: apsw.Connection) -> None:
        _check_unchanged(db, account)
        console_accounts.drop_totp(db, account.name)
        note_own(db, caller, "account.totp_off", account.name, services.clock())

    await services.store.write(write)


# -- inner ---------------------------------------------------------------------------------------------


async def _prove(services: Services, caller: Caller, password: str) -> Account:
    """The account, when the password is its own: a session that was stolen must not be enough."""
    account = mine(services, caller)
    places = console_failures.of_session(caller.session_id)
    await take_attempt(services, places)
    if not await services.passwords.fits(account.password, password, known=True):
        await write_failure(services, caller, account.name, what="password", session=caller.session_id)
        raise WrongLogin("The password is not right.")
    await services.store.write(console_failures.forgive, places)
    return account


def _check_unchanged(db: apsw.Connection, account: Account) -> None:
    latest = console_accounts.find(db, account.name)
    if latest is None or latest.disabled or latest.password != account.password:
        raise WrongLogin("The account was changed meanwhile. Sign in again.")
