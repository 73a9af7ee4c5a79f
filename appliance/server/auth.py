"""Who is asking: from the facts of a request to a `Caller`, and the guards of the REST endpoints.

One credential counts, the first in the order below; a bad one is refused even if a good one stands in
another place. Tokens and opaque keys are accepted in every place, since clients send one text in two.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from appliance.errors import Forbidden, InvalidCredential, StoreError
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.identity import require_admin as require_admin
from appliance.identity import require_user as require_user
from appliance.server.addresses import client_ip, is_trusted, parse_networks
from appliance.server.origins import foreign_page
from appliance.server.tokens import USERLESS_ROLES, Claims, check_user_id, verify
from appliance.settings import Settings
from appliance.store import console_accounts, console_sessions
from appliance.store.keys import ApiKey, find_key, hash_key, is_key
from appliance.store.store import Store
from appliance.store.tenants import tenant_exists
from appliance.store.users import is_remembered, remember_user

log = logging.getLogger(__name__)

ACTS_FOR_HEADER = "X-Appliance-User"
"""With a tenant key: the end user on whose behalf the tenant's own server asks."""
COOKIE = "fluxbase_access_token"
"""Of Fluxbase's dashboard: it holds a token."""
CONSOLE_COOKIE = "appliance_console"
"""Of the console: it holds a session."""
USER_AGENT_CHARS_MAX = 256
PRINCIPALS = ("admin:", "key:", "user:")
"""How those begin who act by a token of the playground; other makers of tokens name a user by the id."""


class Fields(Protocol):
    """Headers or query parameters: a dict, or a multi-dict that gives a repeated name several times."""

    def items(self) -> Iterable[tuple[str, str]]:
        """Name and value of each field."""
        ...


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What a request shows of who sent it; `text` is empty when it shows nothing."""

    text: str = ""
    acts_for: str = ""
    origin: str = ""
    peer_ip: str = ""
    forwarded_for: str = ""
    user_agent: str = ""
    page: str = ""
    """The origin of the page of another site that asks, as `Caller.origin`."""
    session: str = ""
    """What the cookie of the console holds, where that counts and nothing else was shown."""
    by_cookie: bool = False
    """The cookie is what counts: browsers send it along with what other sites' pages ask for, too."""

    def __repr__(self) -> str:
        """Without the secret: this ends up in logs and tracebacks."""
        return f"Credentials(peer_ip={self.peer_ip!r}, shown={bool(self.text or self.session)})"


def credentials_of(headers: Fields, query: Fields, peer_ip: str, *, cookie: str = "") -> Credentials:
    """Pick the credential that counts. A cookie is the last resort, and only the one that a face asks for.

    Whoever asks the console without a credential may be about to sign in, so that is looked at like a cookie:
    another site's page must not sign people in to somebody else's account. For the same reason nothing in the
    console's addresses is a credential: any page may link to those, and only programs set headers.

    An `Authorization` of another scheme (a proxy's own Basic) is not for us and is passed over.
    """
    named = _by_lower_name(headers)
    of_console = cookie == CONSOLE_COOKIE
    asked = {} if of_console else _by_lower_name(query)
    scheme, _, rest = _first(named, "authorization").partition(" ")
    by_scheme = {scheme.lower(): rest.strip()}
    places = (
        _first(named, "x-service-key"),
        by_scheme.get("servicekey", ""),
        by_scheme.get("bearer", ""),
        _first(asked, "token"),
        _first(named, "clientkey"),
        _first(named, "x-client-key"),
        _first(asked, "clientkey"),
        _first(named, "apikey"),
        _first(named, "x-api-key"),
    )
    kept = _cookie(_first(named, "cookie"), cookie) if cookie else ""
    shown = next(filter(None, places), "")
    return Credentials(
        text=shown or ("" if of_console else kept),
        session=kept if of_console and not shown else "",
        acts_for=_first(named, ACTS_FOR_HEADER.lower()),
        origin=_first(named, "origin"),
        page=foreign_page(
            _first(named, "origin"), _first(named, "host"), _first(named, "sec-fetch-site").lower()
        ),
        peer_ip=peer_ip,
        forwarded_for=",".join(named.get("x-forwarded-for", ())),
        user_agent=_first(named, "user-agent")[:USER_AGENT_CHARS_MAX],
        by_cookie=bool(kept or of_console) and not shown,
    )


class Authenticator:
    """Turns credentials into callers. Nothing is remembered here: a revoked key is refused at once."""

    def __init__(
        self, store: Store, secret: str, settings: Settings, clock: Callable[[], float] = time.time
    ) -> None:
        """Raises `InvalidInput` when `settings.trusted_proxies` has an entry that is no address."""
        self._store = store
        self._secret = secret
        self._proxies = parse_networks(settings.trusted_proxies)
        self._clock = clock

    async def identify(self, credentials: Credentials) -> Caller:
        """The caller behind a request; raises `InvalidCredential` when what was shown is not good."""
        now = self._clock()
        if credentials.session:
            return await self._of_console(credentials, now)
        caller = _acting_for(self._shown(credentials, now), credentials.acts_for)
        if caller.is_user and not caller.impersonated_by:
            await self._remember(caller, now)
        return msgspec.structs.replace(
            caller, ip=self._ip(credentials), user_agent=credentials.user_agent, origin=credentials.page
        )

    def stranger(self, credentials: Credentials) -> Caller:
        """Somebody of whom nothing is known but the address."""
        return Caller(ip=self._ip(credentials), user_agent=credentials.user_agent, origin=credentials.page)

    async def _of_console(self, credentials: Credentials, now: float) -> Caller:
        """Somebody signed in to the console; raises `InvalidCredential` when that has ended."""
        found = self._store.read_now(console_sessions.find, console_sessions.hashed(credentials.session), now)
        if found is None:
            raise InvalidCredential("The session has ended. Sign in again.")
        ip = self._ip(credentials)
        if console_sessions.is_stale(found, now):
            try:
                await self._store.write(console_sessions.seen, found.id, now, ip)
            except StoreError as error:
                log.warning("a visit to the console could not be noted: %s", error.text)
        return Caller(
            role=found.role,
            admin_name=found.name,
            display_name=found.display_name,
            session_id=found.id,
            expires_at=found.expires_at,
            ip=ip,
            user_agent=credentials.user_agent,
            origin=credentials.page,
        )

    def origin(self, credentials: Credentials, scheme: str, host: str, forwarded_proto: str) -> str:
        """Scheme and host by which the client came: what a proxy that we trust says of the scheme counts."""
        peer = client_ip(credentials.peer_ip, "", ())
        if is_trusted(peer, self._proxies):
            told = forwarded_proto.partition(",")[0].strip().lower()
            scheme = told if told in ("http", "https") else scheme
        return f"{scheme}://{host}"

    def _ip(self, credentials: Credentials) -> str:
        return client_ip(credentials.peer_ip, credentials.forwarded_for, self._proxies)

    def _shown(self, credentials: Credentials, now: float) -> Caller:
        text = credentials.text
        if not text:
            return Caller()
        if text.count(".") == 2:  # no key of ours has a dot
            return self._still_playing(self._caller_of_claims(verify(text, self._secret, now)))
        return self._caller_of_key(text, credentials.origin)

    def _caller_of_key(self, text: str, origin: str) -> Caller:
        if not is_key(text):
            raise InvalidCredential("The credential is neither a token nor a key.")
        key = self._store.read_now(find_key, hash_key(text))
        if key is None:
            raise InvalidCredential("The key is not known here.")
        if key.revoked_at is not None:
            raise InvalidCredential("The key has been revoked.")
        if origin and key.origins and origin not in key.origins:
            raise Forbidden(f"This key may not be used by pages from {origin}.")
        return Caller(
            tenant=key.tenant,
            role=_role(key),
            key_id=key.id,
            default_bot=key.bot,
            stream_format=key.stream_format,
        )

    def _caller_of_claims(self, claims: Claims) -> Caller:
        anon_key = claims.role == "anon" and not claims.user_id and not claims.visitor_id
        return Caller(
            tenant=self._tenant(claims),
            role=claims.role,
            user_id=claims.user_id,
            visitor_id=claims.visitor_id,
            # A caller of the role `anon` with a key is one who showed an anon key: see `require_admin`.
            key_id=(claims.token_id or "anon") if anon_key else "",
            expires_at=claims.expires_at,
            impersonated_by=_impersonator(claims),
            plays=claims.impersonated_by.startswith(PRINCIPALS),
            claims=claims.scalars,
        )

    def _still_playing(self, caller: Caller) -> Caller:
        """The same; raises `InvalidCredential` when who tries a bot out as somebody is an admin no more."""
        if caller.player and not self._store.read_now(console_accounts.may_play, caller.player):
            raise InvalidCredential("Who made this token is an admin no more, or the key was revoked.")
        return caller

    def _tenant(self, claims: Claims) -> str:
        claimed = claims.tenant
        known = claimed and self._store.read_now(tenant_exists, claimed)
        if claimed and not known and claims.role in USERLESS_ROLES:
            raise InvalidCredential("The token's tenant is not known here, so its role means nothing.")
        return claimed if known else DEFAULT_TENANT

    async def _remember(self, caller: Caller, now: float) -> None:
        """Best effort: a full disk must not keep people from reading what they have."""
        try:
            if not self._store.read_now(is_remembered, caller.tenant, caller.user_id, now):
                await self._store.write(remember_user, caller.tenant, caller.user_id, now)
        except StoreError as error:
            log.warning("a user's visit could not be noted: %s", error.text)


def _impersonator(claims: Claims) -> str:
    """The principal who acts: our own tokens name it whole, others the id of a user."""
    by = claims.impersonated_by
    return by if not by or by.startswith(PRINCIPALS) else f"user:{by}"


def _role(key: ApiKey) -> str:
    return {"anon": "anon", "service": "service_role", "tenant": "tenant_service"}[key.type]


def _acting_for(caller: Caller, header: str) -> Caller:
    if not header:
        return caller
    if caller.role != "tenant_service" or not caller.key_id:
        raise InvalidCredential(f"{ACTS_FOR_HEADER} can only be sent with a tenant key.")
    try:
        user_id = header.encode("latin-1").decode()  # servers hand header bytes over as Latin-1
    except UnicodeError:
        user_id = header
    check_user_id(user_id)
    return msgspec.structs.replace(caller, role="authenticated", user_id=user_id)


def _by_lower_name(fields: Fields) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in fields.items():
        found.setdefault(name.lower(), []).append(value)
    return found


def _first(fields: dict[str, list[str]], name: str) -> str:
    return fields.get(name, [""])[0].strip()


def _cookie(header: str, wanted: str) -> str:
    for pair in header.split(";"):
        name, _, value = pair.strip().partition("=")
        if name == wanted:
            return value.strip('"')
    return ""
