"""The identity secret of each tenant: its own server shows with it who the visitor of a page is.

It is shown once and kept sealed by the vault. After a rotation the one before is accepted for a day, so that
pages go on while the new one is put in place.
"""

from __future__ import annotations

import secrets
from typing import Any

import apsw
import msgspec

from appliance.store.vault import Vault

PREFIX = "ids_"
RANDOM_BYTES = 32
PREVIOUS_S = 86_400.0
HINT_BEGIN = 8
HINT_END = 4


class IdentitySecret(msgspec.Struct, frozen=True, kw_only=True):
    """What may be shown of a secret; `previous_until` is how long the one before is accepted."""

    hint: str
    rotated_at: float
    previous_until: float | None = None


def find(db: apsw.Connection, tenant: str, now: float) -> IdentitySecret | None:
    """The tenant's, if it has one."""
    row = db.execute(
        "SELECT hint, rotated_at, iif(previous_until > ?, previous_until, NULL) FROM _identity_secrets "
        "WHERE tenant = ?",
        (now, tenant),
    ).fetchone()
    return IdentitySecret(hint=row[0], rotated_at=row[1], previous_until=row[2]) if row else None


def make(db: apsw.Connection, vault: Vault, tenant: str, now: float) -> str | None:
    """The tenant's first secret; None when it has one, which cannot be shown again. The tenant must exist."""
    if find(db, tenant, now) is not None:
        return None
    secret = PREFIX + secrets.token_urlsafe(RANDOM_BYTES)
    db.execute(
        "INSERT INTO _identity_secrets (tenant, value, hint, rotated_at) VALUES (?, ?, ?, ?)",
        (tenant, vault.seal(secret, _place(tenant)), _hint(secret), now),
    )
    return secret


def rotate(db: apsw.Connection, vault: Vault, tenant: str, now: float) -> str:
    """A new secret; the one before is accepted for a day. The first one where there was none.

    One whose key is lost is no good any more.
    """
    if (first := make(db, vault, tenant, now)) is not None:
        return first
    secret, place = PREFIX + secrets.token_urlsafe(RANDOM_BYTES), _place(tenant)
    old = db.execute("SELECT value FROM _identity_secrets WHERE tenant = ?", (tenant,)).get
    previous = old if vault.opens(old, place) else None
    db.execute(
        "UPDATE _identity_secrets SET previous = ?, previous_until = ?, value = ?, hint = ?, "
        "rotated_at = ? WHERE tenant = ?",
        (previous, previous and now + PREVIOUS_S, vault.seal(secret, place), _hint(secret), now, tenant),
    )
    return secret


def accepted(db: apsw.Connection, vault: Vault, tenant: str, now: float) -> list[str]:
    """The secrets that are good now, the newest first; raises `StoreError` when one cannot be read."""
    row = db.execute(
        "SELECT value, iif(previous_until > ?, previous, NULL) FROM _identity_secrets WHERE tenant = ?",
        (now, tenant),
    ).fetchone()
    return [vault.open(blob, _place(tenant)) for blob in row or () if blob is not None]


def count_foreign(db: apsw.Connection, vault: Vault) -> int:
    """How many tenants have a secret that this key does not open."""
    rows: list[tuple[Any, ...]] = db.execute("SELECT tenant, value FROM _identity_secrets").fetchall()
    return sum(not vault.opens(value, _place(str(tenant))) for tenant, value in rows)


def reseal(db: apsw.Connection, old: Vault, new: Vault) -> int:
    """Encrypt all with another key; how many. Raises `StoreError` when the old one opens them not."""
    rows: list[tuple[Any, ...]] = db.execute(
        "SELECT tenant, value, previous FROM _identity_secrets"
    ).fetchall()
    for tenant, value, previous in rows:
        place = _place(str(tenant))
        sealed = [
            None if blob is None else new.seal(old.open(blob, place), place) for blob in (value, previous)
        ]
        db.execute("UPDATE _identity_secrets SET value = ?, previous = ? WHERE tenant = ?", (*sealed, tenant))
    return len(rows)


def _hint(secret: str) -> str:
    return f"{secret[:HINT_BEGIN]}…{secret[-HINT_END:]}"


def _place(tenant: str) -> tuple[str, ...]:
    return ("identity secret", tenant)
