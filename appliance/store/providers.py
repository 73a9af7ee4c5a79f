"""Model providers that administrators made (Fluxbase 3.2): one set for the whole appliance.

Secret values are encrypted as one JSON text per provider, bound to (tenant, id). Everything else can be read
without the encryption key, so that a provider whose secrets are lost can still be seen and deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from appliance.errors import Conflict, InvalidInput, NotFound
from appliance.providerconfig import ProviderType
from appliance.store.vault import Vault

PROVIDERS_MAX = 100
"""All are read at each turn."""

_COLUMNS = (
    "id, tenant, name, display_name, type, config, sealed, embedding_model, use_for_embeddings, is_default, "
    "enabled, created_at, updated_at, created_by"
)


class ProviderRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `config` shows a mask for each secret, `sealed` has them encrypted; times are Unix seconds.

    Every new secret has another `sealed`, so two equal records make equal providers.
    """

    id: str
    tenant: str
    name: str
    display_name: str
    type: ProviderType
    config: dict[str, str]
    sealed: bytes | None
    embedding_model: str | None
    use_for_embeddings: bool
    is_default: bool
    enabled: bool
    created_at: float
    updated_at: float
    created_by: str | None


def every(db: apsw.Connection, tenant: str) -> list[ProviderRecord]:
    """All of them, oldest first, those of one moment by name."""
    sql = f"SELECT {_COLUMNS} FROM _providers WHERE tenant = ? ORDER BY created_at, name"  # noqa: S608 - ours
    return [_record(*row) for row in db.execute(sql, (tenant,))]


def get(db: apsw.Connection, tenant: str, id: str) -> ProviderRecord:
    """The one of that id; raises `NotFound`."""
    sql = f"SELECT {_COLUMNS} FROM _providers WHERE tenant = ? AND id = ?"  # noqa: S608 - ours
    row = db.execute(sql, (tenant, id)).fetchone()
    if row is None:
        raise NotFound("There is no such provider.")
    return _record(*row)


def add(db: apsw.Connection, record: ProviderRecord) -> ProviderRecord:
    """Store a new one, and return it as stored: it is the default when it is to be or when there is none.

    Raises `Conflict` for a name that is taken, `InvalidInput` when there is no room.
    """
    others = every(db, record.tenant)
    if any(other.name == record.name for other in others):
        raise Conflict(f"There is a provider {record.name!r} already; update it, or choose another name.")
    if len(others) >= PROVIDERS_MAX:
        raise InvalidInput(
            f"There are {PROVIDERS_MAX} providers already, which is the limit; delete one first."
        )
    row = msgspec.structs.replace(record, is_default=False, use_for_embeddings=False)
    db.execute(
        f"INSERT INTO _providers ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        _values(row),
    )
    if record.is_default or not any(other.is_default for other in others):
        make_default(db, record.tenant, record.id, record.updated_at)
    return get(db, record.tenant, record.id)


def replace(db: apsw.Connection, record: ProviderRecord) -> None:
    """Store what an update may change; raises `NotFound`."""
    db.execute(
        "UPDATE _providers SET display_name = ?, config = ?, sealed = ?, embedding_model = ?, enabled = ?, "
        "updated_at = ? WHERE tenant = ? AND id = ?",
        (
            record.display_name,
            msgspec.json.encode(record.config),
            record.sealed,
            record.embedding_model,
            record.enabled,
            record.updated_at,
            record.tenant,
            record.id,
        ),
    )
    if not db.changes():
        raise NotFound("There is no such provider.")


def make_default(db: apsw.Connection, tenant: str, id: str, now: float) -> None:
    """Move the default to this one, in the caller's transaction; raises `NotFound` before anything moves."""
    get(db, tenant, id)
    db.execute(
        "UPDATE _providers SET is_default = 0, updated_at = ? WHERE tenant = ? AND is_default AND id <> ?",
        (now, tenant, id),
    )
    db.execute(
        "UPDATE _providers SET is_default = 1, updated_at = ? WHERE tenant = ? AND id = ?", (now, tenant, id)
    )


def flag_for_embeddings(db: apsw.Connection, tenant: str, id: str, now: float, *, flag: bool) -> None:
    """Set the flag, which only one can have, or clear it; in the caller's transaction. Raises `NotFound`."""
    get(db, tenant, id)
    if flag:
        db.execute(
            "UPDATE _providers SET use_for_embeddings = 0, updated_at = ? "
            "WHERE tenant = ? AND use_for_embeddings AND id <> ?",
            (now, tenant, id),
        )
    db.execute(
        "UPDATE _providers SET use_for_embeddings = ?, updated_at = ? WHERE tenant = ? AND id = ?",
        (flag, now, tenant, id),
    )


def delete(db: apsw.Connection, tenant: str, id: str) -> ProviderRecord:
    """Forget it and its secrets, and return what it was; raises `NotFound`."""
    record = get(db, tenant, id)
    db.execute("DELETE FROM _providers WHERE tenant = ? AND id = ?", (tenant, id))
    return record


def seal(vault: Vault, tenant: str, id: str, secrets: Mapping[str, str]) -> bytes | None:
    """The secrets as they are stored; None when there are none."""
    return vault.seal(msgspec.json.encode(secrets).decode(), _place(tenant, id)) if secrets else None


def open_secrets(vault: Vault, record: ProviderRecord) -> dict[str, str]:
    """The secrets of a provider; raises `StoreError` when they were stored with another key."""
    if record.sealed is None:
        return {}
    text = vault.open(record.sealed, _place(record.tenant, record.id))
    return msgspec.json.decode(text, type=dict[str, str])


def count_sealed(db: apsw.Connection) -> int:
    """How many providers of all tenants have secrets."""
    return int(db.execute("SELECT count(*) FROM _providers WHERE sealed IS NOT NULL").get)


def reseal(db: apsw.Connection, old: Vault, new: Vault) -> int:
    """Encrypt all secrets with another key and return how many providers had some.

    In the caller's transaction. Raises `StoreError` for the first that the old key does not open; then
    nothing must be kept.
    """
    rows: list[Any] = db.execute(
        "SELECT tenant, id, sealed FROM _providers WHERE sealed IS NOT NULL"
    ).fetchall()
    for tenant, id_, sealed in rows:
        place = _place(tenant, id_)
        db.execute(
            "UPDATE _providers SET sealed = ? WHERE tenant = ? AND id = ?",
            (new.seal(old.open(sealed, place), place), tenant, id_),
        )
    return len(rows)


def _place(tenant: str, id: str) -> tuple[str, ...]:
    return ("provider", tenant, id)


def _values(record: ProviderRecord) -> tuple[Any, ...]:
    columns = msgspec.structs.asdict(record)
    return tuple((columns | {"config": msgspec.json.encode(record.config)}).values())


def _record(*row: Any) -> ProviderRecord:
    columns = dict(zip(ProviderRecord.__struct_fields__, row, strict=True))
    flags = {name: bool(columns[name]) for name in ("use_for_embeddings", "is_default", "enabled")}
    config = msgspec.json.decode(columns["config"], type=dict[str, str])
    return ProviderRecord(**(columns | flags | {"config": config}))
