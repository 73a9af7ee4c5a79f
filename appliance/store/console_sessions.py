"""Sessions of the console: random bits that only the browser has; here are their hashes.

So much randomness needs no slow hash, and a request costs one indexed read. A session counts while its
account is there and not disabled: rights are those of the account, not of the day of the login.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from typing import Literal

import apsw
import msgspec

IDLE_S = 12 * 3600.0
"""A day's work with its breaks, but not the night."""
LIFETIME_S = 7 * 86_400.0
NOTED_EVERY_S = 60.0
"""How exact `seen_at` is: a write for each request would be one too many."""
USER_AGENT_CHARS_MAX = 256
RANDOM_BYTES = 32


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """One browser that is signed in. `id` names it in lists and opens nothing; times are Unix seconds."""

    id: str
    name: str
    display_name: str
    role: Literal["admin", "operator"]
    ip: str
    user_agent: str
    created_at: float
    seen_at: float

    @property
    def expires_at(self) -> float:
        """When it ends however busy it is."""
        return self.created_at + LIFETIME_S


_SELECT = (
    "SELECT s.id, s.name, a.display_name, a.role, s.ip, s.user_agent, s.created_at, s.seen_at "
    "FROM _admin_sessions s JOIN _admins a ON a.name = s.name "
    "WHERE NOT a.disabled AND s.created_at > :now - :lifetime AND s.seen_at > :now - :idle"
)


def create(db: apsw.Connection, name: str, ip: str, user_agent: str, now: float) -> str:
    """Sign a browser in and return what its cookie holds; sweeps out what has ended."""
    db.execute(
        "DELETE FROM _admin_sessions WHERE created_at <= ? OR seen_at <= ?", (now - LIFETIME_S, now - IDLE_S)
    )
    token = secrets.token_urlsafe(RANDOM_BYTES)
    row = (str(uuid.uuid4()), hashed(token), name, ip, user_agent[:USER_AGENT_CHARS_MAX], now, now)
    db.execute(
        "INSERT INTO _admin_sessions (id, hash, name, ip, user_agent, created_at, seen_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        row,
    )
    db.execute("UPDATE _admins SET seen_at = ? WHERE name = ?", (now, name))
    return token


def hashed(token: str) -> bytes:
    """What is stored in place of a random token."""
    return hashlib.sha256(token.encode()).digest()


def find(db: apsw.Connection, hash: bytes, now: float) -> Session | None:
    """The session of that hash, unless it has ended or its account may not be used."""
    row = db.execute(f"{_SELECT} AND s.hash = :hash", {**_ends(now), "hash": hash}).fetchone()
    return _session(row) if row else None


def is_good(db: apsw.Connection, id: str, role: str, now: float) -> bool:
    """Does the session of that id still count, and as that role? For those who keep a connection open."""
    values = {**_ends(now), "id": id, "role": role}
    return bool(db.execute(f"SELECT EXISTS ({_SELECT} AND s.id = :id AND a.role = :role)", values).get)


def of_account(db: apsw.Connection, name: str, now: float) -> list[Session]:
    """All sessions of an account, the one seen last first."""
    rows = db.execute(
        f"{_SELECT} AND s.name = :name ORDER BY s.seen_at DESC, s.id", {**_ends(now), "name": name}
    )
    return [_session(row) for row in rows]


def is_stale(session: Session, now: float) -> bool:
    """Is it worth a write that the session was seen?"""
    return now - session.seen_at >= NOTED_EVERY_S


def seen(db: apsw.Connection, id: str, now: float, ip: str) -> None:
    """Note that the session is used, and from where."""
    db.execute("UPDATE _admin_sessions SET seen_at = max(seen_at, ?), ip = ? WHERE id = ?", (now, ip, id))
    db.execute(
        "UPDATE _admins SET seen_at = ? WHERE name = (SELECT name FROM _admin_sessions WHERE id = ?)",
        (now, id),
    )


def end(db: apsw.Connection, name: str, id: str) -> bool:
    """End one of an account's sessions; False when the account has none of that id."""
    db.execute("DELETE FROM _admin_sessions WHERE name = ? AND id = ?", (name, id))
    return db.changes() > 0


def end_all(db: apsw.Connection, name: str, *, but: str = "") -> int:
    """End all of an account's sessions but the one named; returns how many."""
    db.execute("DELETE FROM _admin_sessions WHERE name = ? AND id != ?", (name, but))
    return db.changes()


def _ends(now: float) -> dict[str, float]:
    return {"now": now, "lifetime": LIFETIME_S, "idle": IDLE_S}


def _session(row: tuple[object, ...]) -> Session:
    return msgspec.convert(dict(zip(Session.__struct_fields__, row, strict=True)), Session)
