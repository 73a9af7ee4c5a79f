"""Tokens: JSON Web Tokens signed by HS256 with the appliance's secret, and what their claims mean.

The algorithm is ours to choose, never the token's. Time is an argument, so that a token can be judged at
any moment. Whether tenant and user exist is `server/auth.py`'s question.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import jwt
import msgspec
from jwt import api_jws

from appliance.errors import CredentialExpired, InvalidCredential
from appliance.identity import ADMIN_ROLES, DEFAULT_TENANT
from appliance.server.claims import Claim, flat

ALGORITHM = "HS256"
LEEWAY_S = 10.0
"""Clocks of two machines that keep time by NTP differ by less."""
TOKEN_BYTES_MAX = 8192
"""Web servers cap a header line at about this much."""
USER_ID_CHARACTERS_MAX = 256
VISITOR_LIFETIME_S = 180 * 86_400.0
"""How long a browser that comes back now and then finds its conversations again."""

ISSUER = "appliance"
KEY_ISSUERS = frozenset({"", ISSUER, "fluxbase", "supabase", "supabase-demo"})
"""Who may have issued a token that stands for no user; others sign such tokens for other purposes."""
USERLESS_ROLES = ADMIN_ROLES | {"tenant_admin", "tenant_service"}
"""Roles that mean something without a user; any other role without one identifies nobody."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a good token says. Without a user and a role of its own it is an anon key or a visitor's token.

    `tenant` is as claimed, empty when it is not. `expires_at` is in Unix seconds, None for never.
    `scalars` are a user's claims for row rules (`claims.flat`), empty for anybody else.
    """

    user_id: str
    role: str
    tenant: str
    visitor_id: str
    token_id: str
    impersonated_by: str
    expires_at: float | None
    scalars: dict[str, Claim] = {}


class _Payload(msgspec.Struct, kw_only=True):
    """The claims that matter, as they stand in the token; all others are ignored."""

    user_id: str | None = None
    sub: str | None = None
    role: str | None = None
    tenant_id: str | None = None
    visitor: str | None = None
    impersonated_by: str | None = None
    token_type: str | None = None
    iss: str | None = None
    jti: str | None = None
    exp: float | None = None
    nbf: float | None = None


def make_user_token(
    secret: str, *, user_id: str, role: str, now: float, lifetime_s: float, tenant: str = DEFAULT_TENANT
) -> str:
    """A token that makes its bearer `user_id` for `lifetime_s`; raises `InvalidCredential` for a bad id."""
    check_user_id(user_id)
    claims = {"sub": user_id, "role": role, "token_type": "access", "jti": str(uuid.uuid4())}
    return _sign(claims, secret, tenant, now, lifetime_s)


def make_acting_token(
    secret: str,
    *,
    user_id: str,
    role: str,
    claims: Mapping[str, Claim],
    by: str,
    now: float,
    lifetime_s: float,
    tenant: str = DEFAULT_TENANT,
) -> str:
    """A token for `by`, a principal, to act as that user; raises `InvalidCredential` for a bad id."""
    check_user_id(user_id)
    own = {"sub": user_id, "role": role, "token_type": "access", "jti": str(uuid.uuid4())}
    return _sign({**claims, **own, "impersonated_by": by}, secret, tenant, now, lifetime_s)


def make_visitor_token(secret: str, *, now: float, tenant: str = DEFAULT_TENANT, visitor_id: str = "") -> str:
    """A token for somebody unknown who wants to find their own conversations again.

    With a `visitor_id` it is for them, for as long again.
    """
    claims = {"role": "anon", "visitor": visitor_id or str(uuid.uuid4())}
    return _sign(claims, secret, tenant, now, VISITOR_LIFETIME_S)


def verify(token: str, secret: str, now: float) -> Claims:
    """Judge a token at `now`; raises `InvalidCredential` that says what is wrong with it."""
    signed = _signed_bytes(token, secret)
    payload = _payload(signed)
    if payload.exp is not None and payload.exp <= now - LEEWAY_S:
        raise CredentialExpired("The token has expired.")
    if payload.nbf is not None and payload.nbf > now + LEEWAY_S:
        raise InvalidCredential("The token is not valid yet.")
    if payload.token_type == "refresh":  # noqa: S105 - the name of a kind of token
        raise InvalidCredential("This is a refresh token; show the access token.")
    claims = _claims(payload)
    if not claims.user_id:
        return claims
    return msgspec.structs.replace(claims, scalars=flat(msgspec.json.decode(signed, type=dict[str, Any])))


def check_user_id(user_id: str) -> None:
    """Raises `InvalidCredential` unless the text can be somebody's id."""
    if not user_id.strip() or len(user_id) > USER_ID_CHARACTERS_MAX or not user_id.isprintable():
        raise InvalidCredential(
            f"A user id has 1 to {USER_ID_CHARACTERS_MAX} characters, not only blanks, no control characters."
        )


def _sign(claims: dict[str, Any], secret: str, tenant: str, now: float, lifetime_s: float) -> str:
    whole = {**claims, "iss": ISSUER, "tenant_id": tenant, "iat": int(now), "exp": int(now + lifetime_s)}
    return jwt.encode(whole, secret, algorithm=ALGORITHM)


def _signed_bytes(token: str, secret: str) -> bytes:
    if len(token) > TOKEN_BYTES_MAX:
        raise InvalidCredential(f"The token is longer than {TOKEN_BYTES_MAX} characters.")
    if not token.isascii():
        raise InvalidCredential("The token has characters that no token has.")
    try:
        signed: bytes = api_jws.decode(token, secret, algorithms=[ALGORITHM])
    except jwt.InvalidSignatureError as error:
        raise InvalidCredential(
            "The token's signature is wrong: it was signed with another secret."
        ) from error
    except jwt.InvalidAlgorithmError as error:
        raise InvalidCredential(
            f"The token is not signed by {ALGORITHM}, the only algorithm accepted."
        ) from error
    except (jwt.PyJWTError, ValueError, RecursionError) as error:
        raise InvalidCredential("The token is malformed: it is no JSON Web Token.") from error
    return signed


def _payload(signed: bytes) -> _Payload:
    try:
        return msgspec.json.decode(signed, type=_Payload)
    except msgspec.ValidationError as error:
        raise InvalidCredential(f"The token's claims are of the wrong kind: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidCredential("The token's claims are no JSON object.") from error


def _claims(payload: _Payload) -> Claims:
    user_id = payload.user_id or payload.sub or ""
    role = payload.role or ("authenticated" if user_id else "anon")
    if user_id:
        check_user_id(user_id)
    elif (payload.iss or "") not in KEY_ISSUERS:
        raise InvalidCredential(f"The token names no user, and {payload.iss!r} issues no keys for here.")
    elif role not in USERLESS_ROLES:
        role = "anon"
    return Claims(
        user_id=user_id,
        role=role,
        tenant=payload.tenant_id or "",
        visitor_id=_visitor_id(payload) if not user_id and role == "anon" else "",
        token_id=payload.jti or "",
        impersonated_by=payload.impersonated_by or "",
        expires_at=payload.exp,
    )


def _visitor_id(payload: _Payload) -> str:
    if not payload.visitor:
        return ""
    try:
        return str(uuid.UUID(payload.visitor))
    except ValueError as error:
        raise InvalidCredential("The token's claim `visitor` is no UUID.") from error
