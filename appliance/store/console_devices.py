"""Browsers in which an account of the console was signed in to before: random bits that only the browser has.

They open nothing. They say whose failed logins these are, so that strangers cannot use up the attempts of the
person whose name they guess at (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").
"""

from __future__ import annotations

import secrets

import apsw

from appliance.store.console_sessions import RANDOM_BYTES, hashed

LIFETIME_S = 400 * 86_400.0
"""Since the last login there; browsers keep no cookie longer."""
DEVICES_MAX = 20
"""Of one account; each has attempts of its own, so there must not be many."""


def is_known(db: apsw.Connection, name: str, device: str, now: float) -> bool:
    """Was this account signed in to in the browser that has this text?"""
    if not device:
        return False
    sql = "SELECT 1 FROM _admin_devices WHERE name = ? AND hash = ? AND seen_at > ?"
    return db.execute(sql, (name, hashed(device), now - LIFETIME_S)).fetchone() is not None


def remember(db: apsw.Connection, name: str, device: str, now: float) -> str:
    """The account was signed in to in the browser that has `device`, empty for none: what it has from now on.

    Always another text, so that one which somebody else has put there, or has copied, is worth nothing then.
    What the browser was known for before stays with it.
    """
    token = secrets.token_urlsafe(RANDOM_BYTES)
    db.execute("DELETE FROM _admin_devices WHERE seen_at <= ?", (now - LIFETIME_S,))
    if device:
        db.execute("UPDATE _admin_devices SET hash = ? WHERE hash = ?", (hashed(token), hashed(device)))
    db.execute(
        "INSERT OR REPLACE INTO _admin_devices (hash, name, seen_at) VALUES (?, ?, ?)",
        (hashed(token), name, now),
    )
    db.execute(
        "DELETE FROM _admin_devices WHERE name = ?1 AND hash NOT IN "
        "(SELECT hash FROM _admin_devices WHERE name = ?1 ORDER BY seen_at DESC, hash = ?2 DESC LIMIT ?3)",
        (name, hashed(token), DEVICES_MAX),
    )
    return token


def forget(db: apsw.Connection, name: str) -> None:
    """No browser is known for the account any more."""
    db.execute("DELETE FROM _admin_devices WHERE name = ?", (name,))
