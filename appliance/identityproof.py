"""What a page shows of who its visitor is: an HMAC of the user's id, or a JSON Web Token. Pure.

Both are made by the page's own server with the identity secret of the tenant, which no browser ever sees.
Several secrets may be good at a time, since one that was replaced is accepted for a while.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from appliance.errors import IdentityInvalid

T = TypeVar("T")

ALGORITHM = "HS256"
LEEWAY_S = 10.0
"""Clocks of two machines that keep time by NTP differ by less."""
JWT_CHARS_MAX = 8192
USER_ID_CHARS_MAX = 256
TOLD_CHARS_MAX = 200
"""Of a name or an address; what is longer is cut, for it is only shown."""

_HASH = re.compile(r"[0-9a-f]{64}")


class Proven(msgspec.Struct, frozen=True, kw_only=True):
    """Who a visitor is, and what the page tells of them."""

    user_id: str
    name: str = ""
    email: str = ""


class _Head(msgspec.Struct):
    alg: str = ""


class _Claims(msgspec.Struct):
    sub: str = ""
    name: str | None = None
    email: str | None = None
    exp: float | None = None
    nbf: float | None = None


def by_hash(secrets: Sequence[str], user_id: str, hash: str, *, name: str = "", email: str = "") -> Proven:
    """The user of that id, if the hash fits; raises `IdentityInvalid` that says what was expected."""
    check_user_id(user_id)
    if _could_be_signed(user_id):
        raise IdentityInvalid(
            "This user.id looks like the beginning of a JSON Web Token, and its hash would be that one's "
            "signature: sign ids that your users did not choose freely."
        )
    given = hash.strip().lower()
    if not _HASH.fullmatch(given):
        raise IdentityInvalid(
            "user.hash must be 64 hexadecimal digits: the HMAC-SHA256 of user.id, keyed with the identity "
            "secret."
        )
    expected = [hmac.new(secret.encode(), user_id.encode(), hashlib.sha256).hexdigest() for secret in secrets]
    if not _is_any(given, expected):
        raise IdentityInvalid(
            "user.hash does not fit user.id: it must be the hex HMAC-SHA256 of exactly that id in UTF-8, "
            "keyed with the identity secret of this appliance (appliance keys identity)."
        )
    return Proven(user_id=user_id, name=_told(name), email=_told(email))


def by_jwt(secrets: Sequence[str], token: str, now: float) -> Proven:
    """The user whom the token names in `sub`; raises `IdentityInvalid` that says what is wrong with it."""
    if len(token) > JWT_CHARS_MAX or not token.isascii() or token.count(".") != 2:
        raise IdentityInvalid(
            f"jwt must be a JSON Web Token: three parts with dots between, {JWT_CHARS_MAX} characters at most"
            "."
        )
    head, body, mark = token.split(".")
    algorithm = _decoded(head, _Head).alg
    if algorithm != ALGORITHM:
        raise IdentityInvalid(f"jwt must be signed by {ALGORITHM}, not by {algorithm[:20]!r}.")
    signed = f"{head}.{body}".encode()
    expected = [_unpadded(hmac.digest(secret.encode(), signed, "sha256")) for secret in secrets]
    if not _is_any(mark, expected):
        raise IdentityInvalid(
            "The signature of jwt is wrong: sign it by HS256 with the identity secret of this appliance "
            "(appliance keys identity), as text."
        )
    claims = _decoded(body, _Claims)
    if claims.exp is not None and claims.exp <= now - LEEWAY_S:
        raise IdentityInvalid("jwt has expired (exp): let the page's server make a new one.")
    if claims.nbf is not None and claims.nbf > now + LEEWAY_S:
        raise IdentityInvalid("jwt is not good yet (nbf).")
    if not claims.sub:
        raise IdentityInvalid("jwt names nobody: its claim `sub` must be the user's id, a text.")
    check_user_id(claims.sub)
    return Proven(user_id=claims.sub, name=_told(claims.name or ""), email=_told(claims.email or ""))


def check_user_id(user_id: str) -> None:
    """Raises `IdentityInvalid` unless the text can be somebody's id."""
    if not user_id.strip() or len(user_id) > USER_ID_CHARS_MAX or not user_id.isprintable():
        raise IdentityInvalid(
            f"A user's id has 1 to {USER_ID_CHARS_MAX} characters, not only blanks, no control characters."
        )


def _could_be_signed(user_id: str) -> bool:
    """Is it what the signature of a web token stands for? Who got it signed as an id would have a token."""
    head, dot, body = user_id.partition(".")
    try:
        _decoded(head, _Head)
    except IdentityInvalid:
        return False
    return bool(dot) and "." not in body


def _is_any(given: str, expected: Sequence[str]) -> bool:
    """Compared with each in the same time, whichever it is."""
    found = [hmac.compare_digest(given, one) for one in expected]
    return any(found)


def _decoded(part: str, type_: type[T]) -> T:
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(data, type=type_)
    except msgspec.ValidationError as error:
        raise IdentityInvalid(f"jwt has a claim of the wrong kind: {error}.") from error
    except (binascii.Error, msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise IdentityInvalid("jwt is malformed: its parts must be JSON objects in base64url.") from error


def _unpadded(digest: bytes) -> str:
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _told(text: str) -> str:
    """One line without signs that cannot be seen, for people who read it."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())[
        :TOLD_CHARS_MAX
    ]
