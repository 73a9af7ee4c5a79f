"""Failed logins, counted by account and by network: whoever guesses waits longer and longer.

An attempt is counted before its password is looked at, so that many at once gain nothing, and given back when
it was good. Counts live in the database: a restart makes nobody forget.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import apsw

FORGOTTEN_S = 24 * 3600.0
"""After a day without a failure the count begins anew."""
WAIT_S = 15.0
"""The first wait; each further failure doubles it."""
WAIT_S_MAX = 900.0
"""Who guesses one password each quarter of an hour needs centuries; who has mistyped waits for a coffee."""
OF_ACCOUNT = 5
OF_NETWORK = 20
"""Failures that cost nothing; of a network there are more, for a team may share one."""


def buckets(name: str, network: str) -> dict[str, int]:
    """Where an attempt counts, and how many failures are free there. Names are whatever somebody typed."""
    account = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()
    return {f"account:{account}": OF_ACCOUNT, f"network:{network}": OF_NETWORK}


def take(db: apsw.Connection, places: Mapping[str, int], now: float) -> float:
    """Count an attempt as failed and return 0; or the seconds to wait, and nothing is counted."""
    db.execute("DELETE FROM _admin_failures WHERE last_at <= ?", (now - FORGOTTEN_S,))
    waits = [_wait(db, place, now) for place in places]
    if max(waits) > 0:
        return max(waits)
    for place, free in places.items():
        _count(db, place, free, now)
    return 0.0


def give_back(db: apsw.Connection, places: Mapping[str, int]) -> None:
    """The attempt at hand was none: what it counted is taken off again."""
    for place in places:
        db.execute(
            "UPDATE _admin_failures SET failures = failures - 1, blocked_to = 0 WHERE bucket = ?", (place,)
        )
    db.execute("DELETE FROM _admin_failures WHERE failures <= 0")


def forgive(db: apsw.Connection, places: Mapping[str, int]) -> None:
    """The attempt was good: the account's failures are forgotten, the network keeps those before it.

    Else whoever has an account could clear the count of a network between two guesses at another account.
    """
    give_back(db, places)
    for place in places:
        if place.startswith("account:"):
            db.execute("DELETE FROM _admin_failures WHERE bucket = ?", (place,))


def forget_account(db: apsw.Connection, name: str) -> None:
    """The account proved itself in another way."""
    place, _ = buckets(name, "")
    db.execute("DELETE FROM _admin_failures WHERE bucket = ?", (place,))


def _wait(db: apsw.Connection, place: str, now: float) -> float:
    row = db.execute("SELECT blocked_to FROM _admin_failures WHERE bucket = ?", (place,)).fetchone()
    return float(row[0]) - now if row else 0.0


def _count(db: apsw.Connection, place: str, free: int, now: float) -> None:
    failures = 1 + (db.execute("SELECT failures FROM _admin_failures WHERE bucket = ?", (place,)).get or 0)
    wait = min(WAIT_S_MAX, WAIT_S * 2.0 ** min(failures - free, 20)) if failures >= free else 0.0
    db.execute(
        "INSERT INTO _admin_failures (bucket, failures, last_at, blocked_to) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (bucket) DO UPDATE SET failures = ?2, last_at = ?3, blocked_to = ?4",
        (place, failures, now, now + wait if wait else 0.0),
    )
