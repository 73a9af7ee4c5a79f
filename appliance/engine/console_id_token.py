"""What an ID token says of a person, once it is certain that the service said it, to us, just now. Pure.

OpenID Connect Core 3.1.3.7. Which algorithms count is ours to say, never the token's. What it leaves open the
service may tell when it is asked for the person (5.3), in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jwt
import msgspec

from appliance.errors import LoginFailed
from appliance.settings import Settings

ALGORITHMS = {"RS256": "RSA", "ES256": "EC"}
"""With the kind of key that each needs. None of them can be made with a public key."""
TOKEN_CHARS_MAX = 65_536
LEEWAY_S = 60.0
EMAIL_CHARS_MAX = 100
EMAIL, VERIFIED = "email", "email_verified"


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who came; `subject` names them for ever, the address may be somebody else's next year."""

    subject: str
    email: str
    name: str


class _Claims(msgspec.Struct, frozen=True, kw_only=True):
    iss: str
    sub: str
    aud: str | list[str]
    exp: float
    iat: float
    nbf: float = 0
    azp: str = ""
    nonce: str = ""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A token that is good: whom it is about, for which login it was made, and all that it says."""

    subject: str
    nonce: str
    claims: dict[str, Any]


def judged(token: str, keys: dict[str, Any], settings: Settings, now: float) -> Told:
    """What the token says; raises `LoginFailed` unless it holds."""
    try:
        if len(token) > TOKEN_CHARS_MAX:
            raise LoginFailed("The token is too long.", "failed")
        payload: dict[str, Any] = jwt.decode(
            token,
            _key(token, keys),
            algorithms=[*ALGORITHMS],
            # Times by our own clock and the rest below; here the signature is what matters.
            options={
                "verify_signature": True,
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
        claims = msgspec.convert(payload, _Claims)
    except (jwt.PyJWTError, msgspec.ValidationError) as error:
        raise LoginFailed(f"The token is not good: {error}", "failed") from error
    _check(claims, settings, now)
    return Told(subject=claims.sub, nonce=claims.nonce, claims=payload)


def is_enough(claims: Mapping[str, Any], settings: Settings) -> bool:
    """Do these claims say who it is, or that nobody has made sure of it?"""
    of_email = settings.oidc_claim != EMAIL or claims.get(VERIFIED) is not None
    return bool(_text(claims, settings.oidc_claim)) and of_email


def person_of(subject: str, claims: Mapping[str, Any], settings: Settings) -> Person:
    """The person whom the service's claims are about; raises `LoginFailed` for an address without warrant.

    Of any claim but `email` it is the operator who has said that the service vouches for it.
    """
    address, claim = _text(claims, settings.oidc_claim).lower(), settings.oidc_claim
    if not address:
        raise LoginFailed(f"The service tells no {claim!r}, so nobody knows who this is.", "unverified")
    is_certain = claim != EMAIL or claims.get(VERIFIED) in (True, "true")
    if address.count("@") != 1 or len(address) > EMAIL_CHARS_MAX or not is_certain:
        raise LoginFailed(f"The service has not verified the address {address[:100]!r}.", "unverified")
    name = " ".join(_text(claims, "name").split())
    shown = name if name.isprintable() else ""
    return Person(subject=f"{settings.oidc_issuer} {subject}", email=address, name=shown[:80].strip())


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value.strip() if isinstance(value, str) else ""


def is_allowed(email: str, allowed: str) -> bool:
    """Is it one of these addresses, or of one of these `@domains`? Case does not matter."""
    entries = {entry.strip().lower() for entry in allowed.split(",")} - {""}
    domain = "@" + email.rpartition("@")[2]
    return email in entries or domain in entries


def _check(claims: _Claims, settings: Settings, now: float) -> None:
    audience = [claims.aud] if isinstance(claims.aud, str) else claims.aud
    wrong = {
        "issuer": claims.iss != settings.oidc_issuer,
        "audience": settings.oidc_client_id not in audience,
        "authorized party": (len(audience) > 1 or bool(claims.azp)) and claims.azp != settings.oidc_client_id,
        "end": claims.exp <= now - LEEWAY_S,
        "beginning": max(claims.iat, claims.nbf) > now + LEEWAY_S,
        "subject": not claims.sub or len(claims.sub) > 255,
    }
    if found := [name for name, is_wrong in wrong.items() if is_wrong]:
        raise LoginFailed(f"The token is not for us, or not for now: {', '.join(found)}.", "failed")


def _key(token: str, keys: dict[str, Any]) -> Any:
    """The public key that the token names, of the kind that its algorithm needs; raises `LoginFailed`."""
    header = jwt.get_unverified_header(token)
    kind, id = ALGORITHMS.get(str(header.get("alg"))), header.get("kid")
    if kind is None:
        raise LoginFailed(f"Tokens signed by {str(header.get('alg'))[:20]!r} are not taken.", "failed")
    found = [
        one
        for one in keys.get("keys", [])
        if isinstance(one, dict)
        and one.get("kty") == kind
        and one.get("use", "sig") == "sig"
        and (id is None or one.get("kid") == id)
    ]
    if len(found) != 1:
        raise LoginFailed("The service has no such key, or several.", "failed")
    try:
        return jwt.PyJWK(found[0], algorithm=str(header["alg"])).key
    except (ValueError, TypeError, KeyError) as error:
        raise LoginFailed(f"The service's key cannot be read: {error}", "failed") from error
