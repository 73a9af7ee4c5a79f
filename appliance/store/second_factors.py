"""The secrets of second factors of the console's accounts: where the vault binds them to, and a new key."""

from __future__ import annotations

import apsw

from appliance.store.vault import Vault


def place(name: str) -> tuple[str, str]:
    """Where the vault binds the secret to, so that it opens for this account only."""
    return ("second factor of the account", name)


def count_foreign(db: apsw.Connection, vault: Vault) -> int:
    """How many accounts have a second factor that this key does not open."""
    rows = db.execute("SELECT name, totp FROM _admins WHERE totp IS NOT NULL").fetchall()
    return sum(not vault.opens(bytes(blob), place(str(name))) for name, blob in rows)  # type: ignore[arg-type]


def reseal(db: apsw.Connection, old: Vault, new: Vault) -> int:
    """Encrypt all with another key, those that are not confirmed yet too; how many there are.

    In the caller's transaction. Raises `StoreError` for the first that the old key does not open; then
    nothing must be kept.
    """
    count = 0
    rows = db.execute("SELECT name, totp, totp_new FROM _admins").fetchall()
    for name, *both in rows:
        sealed = [None if blob is None else _resealed(old, new, str(name), bytes(blob)) for blob in both]  # type: ignore[arg-type]
        db.execute("UPDATE _admins SET totp = ?, totp_new = ? WHERE name = ?", (*sealed, name))
        count += sum(blob is not None for blob in sealed)
    return count


def _resealed(old: Vault, new: Vault, name: str, blob: bytes) -> bytes:
    return new.seal(old.open(blob, place(name)), place(name))
