"""The second factor: codes of six digits that change each half minute (RFC 6238), each good once. Pure.

The secret is the account's; how it is kept is `engine/console_account.py`'s matter.
"""

from __future__ import annotations

import hmac
import re

import pyotp
import segno

PERIOD_S = 30
AROUND = 1
"""Steps before and behind now whose codes count, for clocks that are not quite right."""
_CODE = re.compile(r"[0-9]{6}")


def new_secret() -> str:
    """160 random bits in base 32, as authenticator apps take them."""
    return pyotp.random_base32(32)


def uri(secret: str, account: str, issuer: str) -> str:
    """What an authenticator app reads from the QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=account, issuer_name=issuer)


def qr_code(text: str) -> list[list[int]]:
    """The text as a QR code: rows of 1 (dark) and 0, without a margin; four of light are to be around it."""
    return [[int(bool(module)) for module in row] for row in segno.make(text, error="m", micro=False).matrix]


def step_of(secret: str, code: str, now: float) -> int | None:
    """The time step whose code this is, around `now` (Unix seconds); None when it is none."""
    digits = "".join(code.split())
    if not _CODE.fullmatch(digits):
        return None
    totp, here = pyotp.TOTP(secret), int(now) // PERIOD_S
    good = [
        step
        for step in range(here - AROUND, here + AROUND + 1)
        if hmac.compare_digest(totp.generate_otp(max(step, 0)), digits)
    ]
    return good[-1] if good else None
