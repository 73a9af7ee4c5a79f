"""Who is asking: a `Caller`, resolved once per connection or request by the server.

Pure data and rules. How a token, key or console session becomes a caller is `server/auth.py`; which rows a
caller may read is decided by `owner` in every query of `store/`.
"""

from __future__ import annotations

import ipaddress

import msgspec

from appliance.errors import AuthRequired, Forbidden

DEFAULT_TENANT = "default"

OPERATOR = "operator"
"""The role of people of the console who talk with visitors and may do nothing else; no token gives it."""

ADMIN_ROLES = frozenset({"admin", "service_role", "instance_admin", "dashboard_admin"})
"""Roles that may impersonate and use the admin endpoints (the last two are Fluxbase's names)."""


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated or anonymous party.

    `user_id` is empty for anybody who is not a user (anonymous, service and tenant keys).
    `visitor_id` is set for an anonymous visitor who shows a signed visitor token, `guest_id` for somebody who
    chose a name for themselves: nobody vouches for it, so it opens conversations and no data.
    `default_bot` and `stream_format` (sse, ndjson) are choices that stand with the key that was shown.
    `ip` is the client's address as seen by the server (trusted-proxy aware), never chosen by the client;
    `user_agent` is what the client calls itself, for the audit trail only.
    `origin` is the page of another site that asks, as its browser tells it (`null` when that does not say);
    empty for pages of our own and for programs.
    `expires_at` is the token's `exp` in Unix seconds, None for keys and anonymous callers.
    `impersonated_by` names the admin on whose behalf limits are counted and audits are written; with `plays`
    they came by a token of the console's playground, which is for trying bots out and for nothing else.
    `admin_name` is set for somebody signed in to the console: their account's name; `display_name` is what
    visitors read, `session_id` tells their sessions apart. Their role is `admin` or `operator`.
    `claims` are the scalar claims of the caller's token for row rules; those of nested objects have dotted
    names (`app_metadata.team`).
    """

    tenant: str = DEFAULT_TENANT
    role: str = "anon"
    user_id: str = ""
    visitor_id: str = ""
    key_id: str = ""
    ip: str = ""
    guest_id: str = ""
    default_bot: str = ""
    stream_format: str = ""
    user_agent: str = ""
    origin: str = ""
    expires_at: float | None = None
    impersonated_by: str = ""
    plays: bool = False
    admin_name: str = ""
    display_name: str = ""
    session_id: str = ""
    claims: dict[str, str | int | float | bool] = {}

    @property
    def is_user(self) -> bool:
        """True when a person (real or impersonated) is identified."""
        return bool(self.user_id)

    @property
    def is_admin(self) -> bool:
        """True for roles that may administer and impersonate."""
        return self.role in ADMIN_ROLES

    @property
    def is_operator(self) -> bool:
        """True for those who may see and join conversations: people of the console, and admins.

        A token that merely names the role `operator` is no console session.
        """
        return self.is_admin or (self.role == OPERATOR and bool(self.admin_name))

    @property
    def player(self) -> str:
        """Who tries a bot out in this one's name, as a principal; empty for everybody else."""
        return self.impersonated_by if self.plays else ""

    @property
    def owner(self) -> str:
        """The key under which this caller's conversations are kept; never empty.

        All anonymous callers without a visitor token share `anon`: their conversations are reached by
        the unguessable conversation id alone and are never listed.
        """
        if self.user_id:
            return f"user:{self.user_id}"
        if self.admin_name:
            return f"admin:{self.admin_name}"
        if self.visitor_id:
            return f"visitor:{self.visitor_id}"
        if self.guest_id:
            return f"guest:{self.guest_id}"
        if self.key_id and self.role != "anon":
            return f"key:{self.key_id}"
        return f"role:{self.role}" if self.role != "anon" else "anon"

    @property
    def principal(self) -> str:
        """The bucket that limits are counted in: user or console account, else key, else address."""
        if self.impersonated_by:
            return self.impersonated_by
        if self.user_id:
            return f"user:{self.user_id}"
        if self.admin_name:
            return f"admin:{self.admin_name}"
        if self.key_id and self.role != "anon":
            return f"key:{self.key_id}"
        return f"ip:{self.network}"

    @property
    def counted_as(self) -> str:
        """Whose use of a bot is counted: as `principal`, but of visitors with a signed token each their own.

        Such a token is there for the asking, so their network is counted as well (`network_counted_as`).
        """
        if self.visitor_id and self.principal.startswith("ip:"):
            return f"visitor:{self.visitor_id}"
        return self.principal

    @property
    def network_counted_as(self) -> str:
        """The bucket of all in one network for whom nobody vouches; empty for everybody else."""
        return f"network:{self.network}" if self.is_known_by_network else ""

    @property
    def network(self) -> str:
        """Of the address, what one household or machine has: itself, or an IPv6 /64 that it can roam in."""
        return _network(self.ip)

    @property
    def is_known_by_network(self) -> bool:
        """True when nobody vouches for who this is: guests, visitors and strangers come in any number."""
        return self.principal.startswith("ip:")

    @property
    def bucket(self) -> str:
        """What open connections are counted in: the principal in its tenant; a network is one for all."""
        return self.principal if self.is_known_by_network else f"{self.tenant} {self.principal}"

    @property
    def is_unlimited(self) -> bool:
        """Service-role callers are counted but not limited."""
        return self.role == "service_role" and not self.impersonated_by

    @property
    def is_workspace(self) -> bool:
        """True for a tenant's own server and for admins.

        Every conversation of the tenant is theirs to go on with.
        """
        return (self.role == "tenant_service" and not self.is_user) or self.is_admin

    def as_owner(self, owner: str) -> Caller:
        """This workspace in the name of `owner` (see `owner`).

        With the rights of an ordinary user or visitor.
        """
        kind, _, id = owner.partition(":")
        nobody = msgspec.structs.replace(
            self,
            role="anon",
            user_id="",
            visitor_id="",
            guest_id="",
            key_id="",
            admin_name="",
            display_name="",
            session_id="",
            claims={},
            expires_at=None,
        )
        match kind:
            case "user":
                return msgspec.structs.replace(nobody, role="authenticated", user_id=id, key_id=self.key_id)
            case "visitor":
                return msgspec.structs.replace(nobody, visitor_id=id)
            case "guest":
                return msgspec.structs.replace(nobody, guest_id=id)
            case "key":
                return msgspec.structs.replace(nobody, role="tenant_service", key_id=id)
            case _:  # of a role nobody but itself may make use
                return nobody

    def impersonate(self, user_id: str) -> Caller:
        """This admin acting as `user_id` with the rights of an ordinary user."""
        return msgspec.structs.replace(
            self,
            role="authenticated",
            user_id=user_id,
            visitor_id="",
            guest_id="",
            key_id="",
            admin_name="",
            display_name="",
            session_id="",
            claims={},  # they tell of the admin, not of the target
            impersonated_by=self.principal,
        )


def require_user(caller: Caller) -> None:
    """Raises `AuthRequired` for the anonymous; users, admins and tenants each have something of their own."""
    if not caller.is_user and caller.role == "anon":
        raise AuthRequired("Sign in first: send a user's token as Authorization: Bearer <token>.")


def require_admin(caller: Caller) -> None:
    """Raises `AuthRequired` when nothing was shown, `Forbidden` when it was but is not an admin's."""
    if caller.is_admin:
        return
    if caller.role == "anon" and not caller.is_user and not caller.key_id:
        raise AuthRequired("Sign in first: this needs an admin's token or a service key.")
    raise Forbidden("This needs the role admin or a service key.")


def require_operator(caller: Caller) -> None:
    """`require_admin`, and of the default tenant: for what all tenants share. Raises as that does."""
    require_admin(caller)
    if caller.tenant != DEFAULT_TENANT:
        raise Forbidden("All tenants share this: only an admin of the default tenant may see and change it.")


def _network(ip: str) -> str:
    """What one household or machine has: an IPv4 address, or an IPv6 /64 that it can roam in."""
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return ip
    return ip if address.version == 4 else str(ipaddress.ip_network(f"{ip}/64", strict=False))
