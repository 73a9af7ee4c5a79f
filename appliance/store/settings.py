"""Settings for `{{key}}` in bot files, the system's and each user's; every value is encrypted.

Keys and kinds can be listed without the encryption key; values come out only through a `Vault`.
"""

from __future__ import annotations

from typing import Any

import apsw

from appliance.botsettings import KEY, RESERVED, Setting, SettingName, SettingValues
from appliance.errors import Conflict, InvalidInput, NotFound, StoreError
from appliance.store import providers, second_factors, widget_secret
from appliance.store.vault import Vault

KEY_CHARACTERS_MAX = 100
VALUE_BYTES_MAX = 16_384
"""A private key or a certificate chain fits; each turn decrypts all values of its caller."""

SETTINGS_MAX = 200
"""Of one user, and of the system: they are read at each turn."""


PROOF = ("vault", "proof")
"""The place of the known text that tells a wrong key."""


def put(
    db: apsw.Connection,
    vault: Vault,
    *,
    tenant: str,
    user_id: str = "",
    key: str,
    value: str,
    secret: bool,
    now: float,
) -> None:
    """Store a value in place of the old one, in the caller's transaction. An empty `user_id` is the system.

    Raises `InvalidInput` for what cannot be a key or value, and `Conflict` when a secret setting would become
    a plain one, which a model could read.
    """
    check_key(key)
    _check_value(key, value)
    place = (tenant, user_id, key)
    sql = "SELECT secret FROM _settings WHERE tenant = ? AND user_id = ? AND key = ?"
    was_secret = db.execute(sql, place).get
    if was_secret and not secret:
        raise Conflict(
            f"{key} is a secret setting, and as a plain one it could be shown and used in prompts. Add "
            "--secret to give it a new value, or remove it first."
        )
    if was_secret is None:
        _check_room(db, tenant, user_id)
    db.execute(
        "INSERT INTO _settings (tenant, user_id, key, value, secret, updated_at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (tenant, user_id, key) DO UPDATE SET value = excluded.value, secret = excluded.secret, "
        "sealed = 1, updated_at = excluded.updated_at",
        (*place, vault.seal(value, _place(*place)), int(secret), now),
    )


def remove(db: apsw.Connection, *, tenant: str, user_id: str = "", key: str) -> None:
    """Forget a value; raises `NotFound` when there is none."""
    place = (tenant, user_id, key)
    db.execute("DELETE FROM _settings WHERE tenant = ? AND user_id = ? AND key = ?", place)
    if not db.changes():
        whose = f"user {user_id!r} of tenant {tenant!r}" if user_id else f"tenant {tenant!r}"
        raise NotFound(f"There is no setting {key!r} of {whose}; see: appliance settings list")


def names(db: apsw.Connection, tenant: str | None, user_id: str | None = None) -> list[SettingName]:
    """What there is, by user and key, never values: of one user, of the system (""), or of all (None).

    Without a tenant (None) those of all tenants.
    """
    rows = db.execute(
        "SELECT key, user_id, secret, updated_at FROM _settings "
        "WHERE (?1 IS NULL OR tenant = ?1) AND (?2 IS NULL OR user_id = ?2) ORDER BY user_id, key",
        (tenant, user_id),
    )
    return [
        SettingName(key=key, user_id=user, secret=bool(secret), updated_at=updated_at)
        for key, user, secret, updated_at in rows
    ]


def values(db: apsw.Connection, vault: Vault, tenant: str, user_id: str = "") -> SettingValues:
    """Everything that counts for one caller; a value that cannot be decrypted is None and hurts no other."""
    found: dict[str, dict[str, Setting]] = {"": {}, user_id: {}}
    rows = db.execute(
        "SELECT user_id, key, value, secret, sealed FROM _settings WHERE tenant = ? AND user_id IN ('', ?)",
        (tenant, user_id),
    )
    for owner, key, blob, secret, sealed in rows:
        value = _opened(vault, blob, _place(tenant, owner, key)) if sealed else None
        found[owner][key] = Setting(value=value, secret=bool(secret))
    return SettingValues(system=found[""], user=found[user_id] if user_id else {})


def prepare(db: apsw.Connection, vault: Vault) -> None:
    """Make sure that the vault's key is the one of this database; before the first `put` of a process.

    Encrypts what an older version stored in plain text. In the caller's transaction. Raises `StoreError` when
    there are values of another key, be they settings, secrets of providers or of pages, or second factors;
    where there are none, a new key is simply taken.
    """
    proof = db.execute("SELECT proof FROM _vault").get
    if proof is None or not vault.opens(proof, PROOF):
        _check_nothing_foreign(db, vault)
        _prove(db, vault)
    for row, plain in _blobs(db, sealed=False):
        _seal(db, vault, row, plain.decode("utf-8", "replace"))


def reseal(db: apsw.Connection, old: Vault, new: Vault) -> int:
    """Encrypt every value with another key, those of providers, pages and accounts too; how many there are.

    In the caller's transaction. Raises `StoreError` for the first value that the old key does not open; then
    nothing must be kept.
    """
    rows = _blobs(db, sealed=True)
    for row, blob in rows:
        _seal(db, new, row, old.open(blob, _place(*row)))
    count = len(rows) + providers.reseal(db, old, new)
    count += widget_secret.reseal(db, old, new) + second_factors.reseal(db, old, new)
    _prove(db, new)
    prepare(db, new)
    return count


def check_key(key: str) -> None:
    """Raises `InvalidInput` unless the text can be the key of a setting."""
    if not KEY.fullmatch(key) or len(key) > KEY_CHARACTERS_MAX:
        raise InvalidInput(
            f"{key!r} cannot be a setting's key: use a letter, then letters, digits, dots and underscores, "
            f"up to {KEY_CHARACTERS_MAX}."
        )
    if key in RESERVED:
        raise InvalidInput(f"{key} cannot be set: {{{{{key}}}}} is filled in by the server.")


def _check_nothing_foreign(db: apsw.Connection, vault: Vault) -> None:
    """Raises `StoreError` that says what there is of another key, and how to be rid of it if that is lost."""
    found = [
        (
            "settings of this database",
            int(db.execute("SELECT count(*) FROM _settings WHERE sealed").get),
            "remove those settings (appliance settings list, … remove) and set them again",
        ),
        (
            "secrets of its model providers",
            providers.count_sealed(db),
            "delete those providers (DELETE /api/v1/admin/ai/providers/<id>) and create them again",
        ),
        (
            "identity secrets of its pages",
            widget_secret.count_foreign(db, vault),
            "make new identity secrets (appliance keys identity --rotate --tenant …)",
        ),
        (
            "second factors of its console",
            second_factors.count_foreign(db, vault),
            "give those people new links (appliance admin link NAME), which take the second factor away",
        ),
    ]
    there = [(f"{what} ({number})", advice) for what, number, advice in found if number]
    if not there:
        return
    whose = " and the ".join(what for what, _ in there)
    lost = ", and ".join(advice for _, advice in there)
    raise StoreError(
        f"The {whose} were stored with another encryption key. Use the same key as the server before: "
        f"APPLIANCE_ENCRYPTION_KEY, or secrets.key in the data folder. If it is lost, {lost}."
    )


def _check_value(key: str, value: str) -> None:
    if not value:
        raise InvalidInput(
            f"The value for {key} is empty. To have none, use: appliance settings remove {key}"
        )
    size = len(value.encode("utf-8", "replace"))
    if size > VALUE_BYTES_MAX:
        raise InvalidInput(f"The value for {key} has {size} bytes; at most {VALUE_BYTES_MAX} are stored.")
    if "\0" in value:
        raise InvalidInput(f"The value for {key} holds a NUL character; settings are text.")


def _check_room(db: apsw.Connection, tenant: str, user_id: str) -> None:
    sql = "SELECT count(*) FROM _settings WHERE tenant = ? AND user_id = ?"
    if db.execute(sql, (tenant, user_id)).get >= SETTINGS_MAX:
        raise InvalidInput(
            f"There are {SETTINGS_MAX} settings already, which is the limit; remove one first."
        )


def _opened(vault: Vault, blob: bytes, place: tuple[str, ...]) -> str | None:
    try:
        return vault.open(blob, place)
    except StoreError:
        return None


def _blobs(db: apsw.Connection, *, sealed: bool) -> list[tuple[tuple[str, str, str], bytes]]:
    """((tenant, user, key), stored value) of all rows that are encrypted, or that are not yet."""
    rows: list[Any] = db.execute(
        "SELECT tenant, user_id, key, value FROM _settings WHERE sealed = ?", (sealed,)
    ).fetchall()
    return [((tenant, user_id, key), blob) for tenant, user_id, key, blob in rows]


def _seal(db: apsw.Connection, vault: Vault, row: tuple[str, str, str], value: str) -> None:
    db.execute(
        "UPDATE _settings SET value = ?, sealed = 1 WHERE tenant = ? AND user_id = ? AND key = ?",
        (vault.seal(value, _place(*row)), *row),
    )


def _prove(db: apsw.Connection, vault: Vault) -> None:
    db.execute("INSERT OR REPLACE INTO _vault (id, proof) VALUES (1, ?)", (vault.seal("proof", PROOF),))


def _place(tenant: str, user_id: str, key: str) -> tuple[str, ...]:
    return ("setting", tenant, user_id, key)
