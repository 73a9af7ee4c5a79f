"""Failed logins: whoever guesses waits longer and longer, and whoever is guessed at need not.

Strangers are counted by name and network, by name, and by network. A browser in which that account was signed
in to before has a count of its own and none of theirs, so that nobody can use up its attempts; so has who is
signed in. An attempt is counted before its password is looked at, so that many at once gain nothing, and
given back when it was good. Counts live in the database: a restart makes nobody forget.
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
OF_ONE = 5
"""Failures that cost nothing: at one account from one network, or in a known browser."""
OF_ACCOUNT = 20
"""From all networks together: who has one only cannot make the rest of the world wait."""
OF_NETWORK = 20
"""At all accounts; more than of one, for a team may share a network."""


def of_stranger(name: str, network: str) -> dict[str, int]:
    """Where an attempt counts, and how many failures are free there. Names are whatever somebody typed."""
    account = _digest(name)
    return {
        f"account:{account}:{network}": OF_ONE,
        f"account:{account}": OF_ACCOUNT,
        f"network:{network}": OF_NETWORK,
    }


def of_device(name: str, device: str) -> dict[str, int]:
    """The same for a browser that is known for the account (`store/console_devices.py`)."""
    return {f"device:{_digest(name)}:{_digest(device)}": OF_ONE}


def of_session(id: str) -> dict[str, int]:
    """The same for somebody who is signed in and shows the password once more."""
    return {f"session:{id}": OF_ONE}


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
        _take_off(db, place, 1)


def forgive(db: apsw.Connection, places: Mapping[str, int]) -> None:
    """The attempt was good: what its own place has failed is forgotten, also where the account counts it.

    What others have failed stays, or each login of the person would let those who guess begin anew. The
    network keeps what was before: else whoever has an account could clear it between two guesses at another.
    """
    own, *wider = places
    failures = int(db.execute("SELECT failures FROM _admin_failures WHERE bucket = ?", (own,)).get or 0)
    db.execute("DELETE FROM _admin_failures WHERE bucket = ?", (own,))
    for place in wider:
        _take_off(db, place, failures if place.startswith("account:") else 1)


def forget_account(db: apsw.Connection, name: str) -> None:
    """The account proved itself in another way."""
    account = f"account:{_digest(name)}"
    db.execute(
        "DELETE FROM _admin_failures WHERE bucket = ?1 OR substr(bucket, 1, length(?1) + 1) = ?1 || ':'",
        (account,),
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _take_off(db: apsw.Connection, place: str, failures: int) -> None:
    db.execute(
        "UPDATE _admin_failures SET failures = failures - ?, blocked_to = 0 WHERE bucket = ?",
        (failures, place),
    )
    db.execute("DELETE FROM _admin_failures WHERE bucket = ? AND failures <= 0", (place,))


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
