"""Logins under way at another service: what must fit when the browser comes back. Each is used once."""

from __future__ import annotations

import apsw
import msgspec

from appliance.store.console_sessions import hashed

LIFETIME_S = 600.0
"""Time to find the password of the other service."""
PENDING_MAX = 1000
OF_NETWORK_MAX = 30


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked of the other service, and by which browser (a hash)."""

    browser: bytes
    nonce: str
    verifier: str
    redirect: str


def begin(db: apsw.Connection, state: str, pending: Pending, network: str, now: float) -> bool:
    """Remember a login; False when too many are under way."""
    db.execute("DELETE FROM _admin_oidc WHERE expires_at <= ?", (now,))
    of_network = db.execute("SELECT count(*) FROM _admin_oidc WHERE network = ?", (network,)).get
    if of_network >= OF_NETWORK_MAX or db.execute("SELECT count(*) FROM _admin_oidc").get >= PENDING_MAX:
        return False
    db.execute(
        "INSERT INTO _admin_oidc (state, browser, nonce, verifier, network, redirect, expires_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            *(hashed(state), pending.browser, pending.nonce, pending.verifier),
            *(network, pending.redirect, now + LIFETIME_S),
        ),
    )
    return True


def finish(db: apsw.Connection, state: str, browser: str, now: float) -> Pending | None:
    """The login of that state, used up; None when there is none, it is too old or another browser's.

    Of another browser it stays: who has heard of a state must not be able to end the login.
    """
    row = db.execute(
        "DELETE FROM _admin_oidc WHERE state = ? AND browser = ? AND expires_at > ? "
        "RETURNING browser, nonce, verifier, redirect",
        (hashed(state), hashed(browser), now),
    ).fetchone()
    return Pending(browser=row[0], nonce=row[1], verifier=row[2], redirect=row[3]) if row else None
