"""People who have been seen with a good token, or for whom a token was made here."""

from __future__ import annotations

import apsw

SEEN_EVERY_S = 3600.0
"""`seen_at` is exact to the hour: one write an hour for each user, however often they come."""


def remember_user(db: apsw.Connection, tenant: str, user_id: str, now: float) -> bool:
    """Note that the user was here; True when that needed a write, which is at most once an hour.

    The tenant must exist.
    """
    db.execute(
        "INSERT INTO _users (tenant, id, created_at, seen_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (tenant, id) DO UPDATE SET seen_at = excluded.seen_at "
        "WHERE seen_at <= excluded.seen_at - ?",
        (tenant, user_id, now, now, SEEN_EVERY_S),
    )
    return db.changes() > 0


def add_user(db: apsw.Connection, tenant: str, user_id: str, now: float) -> bool:
    """Note that the user was here; True when nobody knew them before. The tenant must exist."""
    db.execute(
        "INSERT INTO _users (tenant, id, created_at, seen_at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (tenant, id) DO NOTHING",
        (tenant, user_id, now, now),
    )
    made = db.changes() > 0
    if not made:
        remember_user(db, tenant, user_id, now)
    return made


def is_remembered(db: apsw.Connection, tenant: str, user_id: str, now: float) -> bool:
    """True when `remember_user` would change nothing: a cheap read that saves the write."""
    seen_at = db.execute("SELECT seen_at FROM _users WHERE tenant = ? AND id = ?", (tenant, user_id)).get
    return seen_at is not None and seen_at > now - SEEN_EVERY_S


def user_exists(db: apsw.Connection, tenant: str, user_id: str) -> bool:
    """True when that user is known in that tenant."""
    sql = "SELECT EXISTS (SELECT 1 FROM _users WHERE tenant = ? AND id = ?)"
    return bool(db.execute(sql, (tenant, user_id)).get)
