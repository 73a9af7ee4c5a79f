"""One-time links by which people come to the console: the first one, those who are invited, a new password.

Only the hash of what stands in a link is kept. A new link of the same account takes the place of the old one.
"""

from __future__ import annotations

import secrets
from typing import Literal

import apsw
import msgspec

from appliance.store import console_accounts, console_sessions
from appliance.store.console_accounts import Account

LIFETIME_S = 24 * 3600.0


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """What a link is for; the first account of all has no name yet."""

    kind: Literal["first", "invite", "reset"]
    name: str = ""


def make(db: apsw.Connection, account: Account, now: float) -> str:
    """A link's token for this account."""
    return _make(db, account.name, now)


def make_first(db: apsw.Connection, now: float) -> str | None:
    """A link's token for the first admin; None when there is an admin's account already."""
    return None if console_accounts.has_admin(db) else _make(db, "", now)


def find(db: apsw.Connection, token: str, now: float) -> Link | None:
    """What the token is good for; None when it is not: unknown, used, replaced or too old."""
    row = db.execute(
        "SELECT name FROM _admin_links WHERE hash = ? AND expires_at > ?",
        (console_sessions.hashed(token), now),
    ).fetchone()
    if row is None:
        return None
    name = str(row[0])
    if not name:
        return None if console_accounts.has_admin(db) else Link(kind="first")
    account = console_accounts.find(db, name)
    if account is None or account.disabled:
        return None
    return Link(kind="invite" if account.pending else "reset", name=name)


def use(db: apsw.Connection, token: str, now: float) -> Link | None:
    """The same, and it is good no more: of two who come at once, one gets it."""
    found = find(db, token, now)
    if found is not None:
        db.execute("DELETE FROM _admin_links WHERE name = ?", (found.name,))
    return found


def _make(db: apsw.Connection, name: str, now: float) -> str:
    token = secrets.token_urlsafe(console_sessions.RANDOM_BYTES)
    db.execute("DELETE FROM _admin_links WHERE name = ? OR expires_at <= ?", (name, now))
    db.execute(
        "INSERT INTO _admin_links (hash, name, created_at, expires_at) VALUES (?, ?, ?, ?)",
        (console_sessions.hashed(token), name, now, now + LIFETIME_S),
    )
    return token
