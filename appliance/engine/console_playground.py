"""Trying a bot as somebody else: a token that acts for a user, or for anybody of a role, written down."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from appliance.engine import witness
from appliance.engine.acting_tokens import Claim
from appliance.engine.choosing import find_bot
from appliance.engine.engine import Engine
from appliance.errors import BotNotFound, InvalidCredential, InvalidInput
from appliance.identity import ADMIN_ROLES, OPERATOR, Caller

LIFETIME_S = 3600.0
ROLE_CHARS_MAX = 100
CLAIMS_MAX = 30
CLAIM_CHARS_MAX = 500

REFUSED_ROLES = ADMIN_ROLES | {"tenant_admin", "tenant_service", OPERATOR}
"""Who acts for somebody else must not get more rights than an ordinary user by it."""
RESERVED = frozenset(
    {"sub", "user_id", "role", "tenant_id", "visitor", "impersonated_by", "token_type"}
    | {"iss", "jti", "exp", "nbf", "iat", "aud"}
)
"""Claims that say who somebody is, and are the server's to fill in."""


class Acting(msgspec.Struct, frozen=True, kw_only=True):
    """A token, until when it is good (Unix seconds), and whose it is."""

    token: str
    expires_at: float
    user_id: str
    role: str


async def act(
    engine: Engine,
    caller: Caller,
    *,
    bot: str,
    user_id: str,
    role: str,
    claims: Mapping[str, Claim],
) -> Acting:
    """A token for an hour; without a user it acts for somebody of that role whom nobody knows.

    It is good no longer than what its maker has shown: a token ends when it says, and whether an account or a
    key still may do this is asked at each use. `bot` is an id, a name or `namespace:name`. Raises
    `BotNotFound`, `InvalidInput`.
    """
    found = find_bot(engine, _of_entry(engine, bot))
    role = role.strip() or "authenticated"
    _check_role(role)
    _check_claims(claims)
    whose = user_id.strip() or f"playground-{caller.admin_name or caller.user_id or 'admin'}"
    services = engine.services
    lifetime_s = _lifetime_s(caller, services.clock())
    expires_at = services.clock() + lifetime_s
    try:
        token = services.acting_tokens.for_acting(
            caller.tenant, whose, role, claims, caller.principal, lifetime_s
        )
    except InvalidCredential as error:
        raise InvalidInput(error.text) from error
    told = {"bot": list(found.key), "role": role, "claims": dict(claims)}
    await witness.did(services, caller, "playground.act", f"user:{whose}", told)
    return Acting(token=token, expires_at=expires_at, user_id=whose, role=role)


def _lifetime_s(caller: Caller, now: float) -> float:
    return LIFETIME_S if caller.expires_at is None else min(LIFETIME_S, caller.expires_at - now)


def _of_entry(engine: Engine, ref: str) -> str:
    """`namespace/name` is how people write it, too."""
    entry = engine.catalogue.entry(ref)
    if entry is None and "/" in ref:
        namespace, _, name = ref.partition("/")
        return f"{namespace}:{name}"
    if entry is not None and (entry.bot is None or not entry.bot.enabled):
        raise BotNotFound(f"The bot {entry.name!r} is disabled or its file has errors.")
    return ref


def _check_role(role: str) -> None:
    if len(role) > ROLE_CHARS_MAX or not role.isprintable() or " " in role:
        raise InvalidInput(f"role must be 1 to {ROLE_CHARS_MAX} printable characters without blanks.")
    if role.lower() in {refused.lower() for refused in REFUSED_ROLES}:
        raise InvalidInput(f"The role {role!r} has rights of its own and cannot be tried out.")


def _check_claims(claims: Mapping[str, Claim]) -> None:
    if len(claims) > CLAIMS_MAX:
        raise InvalidInput(f"There are {len(claims)} claims; {CLAIMS_MAX} are the most.")
    for name, value in claims.items():
        if name in RESERVED:
            raise InvalidInput(f"The claim {name!r} is the server's to fill in.")
        if not name or len(name) > CLAIM_CHARS_MAX or len(str(value)) > CLAIM_CHARS_MAX:
            raise InvalidInput(f"A claim's name and value have 1 to {CLAIM_CHARS_MAX} characters.")
