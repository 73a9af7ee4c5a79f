"""Login to the console by another service: OpenID Connect, authorization code with PKCE, state and nonce.

The steps are those of OpenID Connect Core 3.1 and RFC 7636; what a token says is judged in
`engine/console_id_token.py`. The state is bound to the browser that began, and used once.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import secrets
from collections.abc import Mapping
from typing import Any, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import apsw
import httpx
import msgspec

from appliance.engine.console_id_token import Person, is_allowed, is_enough, judged, person_of
from appliance.engine.console_login import Entered, enter, note, write_failure
from appliance.engine.services import Services
from appliance.errors import ApplianceError, LoginFailed, NotFound, TooManyRequests
from appliance.identity import Caller
from appliance.providers.http import new_client
from appliance.settings import Settings
from appliance.store import console_accounts, console_oidc
from appliance.store.console_accounts import Account, Role
from appliance.store.console_oidc import Pending
from appliance.store.console_sessions import hashed

CALLBACK = "/admin/api/oidc/callback"
ANSWER_BYTES_MAX = 1_000_000
TIMEOUT_S = 10.0
RANDOM_BYTES = 32

logger = logging.getLogger("appliance.engine")

T = TypeVar("T")


class _Discovery(msgspec.Struct, frozen=True, kw_only=True):
    """What we need of OpenID Connect Discovery 3."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class _Tokens(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str
    access_token: str = ""


def is_configured(settings: Settings) -> bool:
    """Is there a service by which people sign in?"""
    return bool(settings.oidc_issuer)


def name_of(settings: Settings) -> str:
    """What its button says."""
    return settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or "OpenID Connect"


async def begin(services: Services, caller: Caller, origin: str) -> tuple[str, str]:
    """The address at which the login goes on, and a secret for this browser alone to come back with.

    Raises `NotFound` when no service is configured, `TooManyRequests`, `LoginFailed` when it cannot be asked.
    """
    settings = services.settings
    _check_configured(settings)
    state, browser, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(4))
    redirect = origin + CALLBACK
    pending = Pending(browser=hashed(browser), nonce=nonce, verifier=verifier, redirect=redirect)
    if not await services.store.write(console_oidc.begin, state, pending, caller.network, services.clock()):
        raise TooManyRequests("Too many logins have been begun. Try again in some minutes.", retry_after_s=60)
    async with new_client() as client:
        known = await _discover(client, settings)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": settings.oidc_client_id,
        "redirect_uri": redirect,
        "scope": "openid email profile",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    joint = "&" if urlsplit(known.authorization_endpoint).query else "?"
    return f"{known.authorization_endpoint}{joint}{urlencode(query)}", browser


async def finish(
    services: Services, caller: Caller, query: Mapping[str, str], browser: str, device: str
) -> Entered:
    """The browser is back: signs in. Raises `NotFound`, and `LoginFailed` for all else."""
    _check_configured(services.settings)
    try:
        person = await _person(services, query, browser)
        if not is_allowed(person.email, services.settings.oidc_allowed):
            raise LoginFailed(f"{person.email} is not among those who may come.", "not_allowed")
        return await services.store.write(
            _sign_in, person, _role(services.settings), caller, device, services.clock()
        )
    except LoginFailed as error:
        logger.warning("a login by OpenID Connect failed: %s", error.text)
        await write_failure(services, caller, "", by="oidc", why=error.why)
        raise


# -- steps ---------------------------------------------------------------------------------------------


async def _person(services: Services, query: Mapping[str, str], browser: str) -> Person:
    """Who comes back, as the service tells by a signed token."""
    settings = services.settings
    state, code = query.get("state", ""), query.get("code", "")
    pending = await services.store.write(console_oidc.finish, state, browser, services.clock())
    if pending is None:
        raise LoginFailed("The login is not known, too old, or was begun in another browser.", "expired")
    if query.get("iss", settings.oidc_issuer) != settings.oidc_issuer:  # RFC 9207
        raise LoginFailed("The answer is another service's.", "failed")
    if not code:
        raise LoginFailed(f"The service signed nobody in: {query.get('error', '')[:100]!r}.", "cancelled")
    async with new_client() as client:
        known = await _discover(client, settings)
        tokens = await _exchange(client, settings, known, pending, code)
        keys = await _ask(client, "GET", known.jwks_uri, dict[str, Any])
        told = judged(tokens.id_token, keys, settings, services.clock())
        if not hmac.compare_digest(told.nonce.encode(), pending.nonce.encode()):
            raise LoginFailed("The token was made for another login.", "failed")
        claims = told.claims
        if not is_enough(claims, settings) and known.userinfo_endpoint and tokens.access_token:
            claims = await _ask_for_person(client, known, tokens, told.subject)
    return person_of(told.subject, claims, settings)


async def _ask_for_person(
    client: httpx.AsyncClient, known: _Discovery, tokens: _Tokens, subject: str
) -> dict[str, Any]:
    """What the service says of the person when the ID token says too little (Core 5.3).

    An answer about somebody else is not used: the token that was shown may be another's (5.3.2, 16.11).
    """
    headers = {"Authorization": f"Bearer {tokens.access_token}"}
    claims = await _ask(client, "GET", known.userinfo_endpoint, dict[str, Any], headers=headers)
    if claims.get("sub") != subject:
        raise LoginFailed("The service tells of another person than its token.", "failed")
    return claims


async def _discover(client: httpx.AsyncClient, settings: Settings) -> _Discovery:
    address = settings.oidc_issuer.rstrip("/") + "/.well-known/openid-configuration"
    known = await _ask(client, "GET", address, _Discovery)
    if known.issuer != settings.oidc_issuer:
        raise LoginFailed(f"The service calls itself {known.issuer[:200]!r}: set that as issuer.", "failed")
    is_secure = urlsplit(settings.oidc_issuer).scheme == "https"
    endpoints = (known.authorization_endpoint, known.token_endpoint, known.jwks_uri, known.userinfo_endpoint)
    for endpoint in filter(None, endpoints):
        if urlsplit(endpoint).scheme not in (("https",) if is_secure else ("https", "http")):
            raise LoginFailed(f"The service names an address without TLS: {endpoint[:200]!r}.", "failed")
    return known


async def _exchange(
    client: httpx.AsyncClient, settings: Settings, known: _Discovery, pending: Pending, code: str
) -> _Tokens:
    """The code for tokens (Core 3.1.3); the verifier shows that we are who asked for it."""
    body = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": pending.redirect,
        "code_verifier": pending.verifier,
    }
    headers = {}
    if not settings.oidc_client_secret:
        body["client_id"] = settings.oidc_client_id
    elif "client_secret_basic" in known.token_endpoint_auth_methods_supported:
        pair = f"{quote(settings.oidc_client_id, safe='')}:{quote(settings.oidc_client_secret, safe='')}"
        headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    else:
        body |= {"client_id": settings.oidc_client_id, "client_secret": settings.oidc_client_secret}
    return await _ask(client, "POST", known.token_endpoint, _Tokens, data=body, headers=headers)


async def _ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    type: type[T],
    *,
    data: dict[str, str] | None = None,
    headers: dict[str, str] | None = None,
) -> T:
    """JSON from the service; raises `LoginFailed` for anything else, also for a redirect."""
    read = b""
    sent = {"Accept": "application/json", **(headers or {})}
    try:
        async with client.stream(method, url, data=data, headers=sent, timeout=TIMEOUT_S) as answer:
            async for piece in answer.aiter_bytes():
                read += piece
                if len(read) > ANSWER_BYTES_MAX:
                    raise LoginFailed(f"{url} sends too much.", "failed")
        if answer.status_code != 200:
            raise LoginFailed(f"{url} answered {answer.status_code}: {_complaint(read)}", "failed")
        return msgspec.json.decode(read, type=type)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise LoginFailed(f"{url} cannot be asked: {error!r}", "failed") from error
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise LoginFailed(f"{url} does not answer as it should: {error}", "failed") from error


def _complaint(read: bytes) -> str:
    """What the service says is wrong, such as `invalid_client`; nothing else of its answer is told."""
    try:
        return repr(str(msgspec.json.decode(read, type=dict[str, Any]).get("error", ""))[:100])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return "no JSON"


# -- accounts ------------------------------------------------------------------------------------------


def _sign_in(
    db: apsw.Connection, person: Person, role: Role, caller: Caller, device: str, now: float
) -> Entered:
    """A session of this person's account, which is made when it is not there yet."""
    account = console_accounts.by_subject(db, person.subject) or _of_email(db, person, role, now)
    if account.disabled:
        raise LoginFailed(f"The account {account.name!r} is disabled.", "disabled")
    note(db, caller, "console.login", account.name, now, by="oidc")
    return enter(db, account.name, caller, device, now)


def _of_email(db: apsw.Connection, person: Person, role: Role, now: float) -> Account:
    """The account that has the verified address as its name, or a new one.

    Another person who got an address that was somebody's does not get that one's account.
    """
    found = console_accounts.find(db, person.email)
    if found is None:
        return _made(db, person, role, now)
    if found.subject is not None:
        raise LoginFailed(f"The account {found.name!r} is another person's of that address.", "not_allowed")
    console_accounts.set_subject(db, found.name, person.subject)
    return found


def _made(db: apsw.Connection, person: Person, role: Role, now: float) -> Account:
    try:
        return console_accounts.add(db, person.email, person.name, role, now, subject=person.subject)
    except ApplianceError as error:
        raise LoginFailed(f"No account can be made for {person.email!r}: {error.text}", "failed") from error


def _role(settings: Settings) -> Role:
    return "admin" if settings.oidc_role == "admin" else "operator"


def _check_configured(settings: Settings) -> None:
    if not is_configured(settings):
        raise NotFound("No login by another service is configured here.")
