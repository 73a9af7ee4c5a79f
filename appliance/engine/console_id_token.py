"""What an ID token says of a person, once it is certain that the service said it, to us, just now. Pure.

OpenID Connect Core 3.1.3.7. Which algorithms count is ours to say, never the token's.
"""

from __future__ import annotations

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
    email: str = ""
    email_verified: bool | str = False
    name: str = ""


def person_of(token: str, keys: dict[str, Any], settings: Settings, now: float) -> tuple[Person, str]:
    """Who the token is about, and the nonce of the login that it was made for; raises `LoginFailed`."""
    try:
        if len(token) > TOKEN_CHARS_MAX:
            raise LoginFailed("The token is too long.", "failed")
        payload = jwt.decode(
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
    email = claims.email.strip().lower()
    if email.count("@") != 1 or len(email) > EMAIL_CHARS_MAX or claims.email_verified not in (True, "true"):
        raise LoginFailed(f"The service has not verified the address {email[:100]!r}.", "unverified")
    name = " ".join(claims.name.split())
    shown = name if name.isprintable() else ""
    return Person(subject=f"{claims.iss} {claims.sub}", email=email, name=shown[:80].strip()), claims.nonce


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
