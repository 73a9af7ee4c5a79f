"""API keys: shown once, stored as a hash.

A key is a prefix that tells its type to people and secret scanners, and 256 random bits. So much
randomness needs no slow password hash: SHA-256 cannot be searched, and a request costs one indexed read.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import uuid
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

import apsw
import msgspec

from appliance.errors import InvalidInput, NotFound
from appliance.store.tenants import ensure_tenant

KeyType: TypeAlias = Literal["anon", "service", "tenant"]

PREFIXES: dict[KeyType, str] = {"anon": "pk_", "service": "sk_", "tenant": "tk_"}
RANDOM_BYTES = 32
"""256 bits; 43 characters in the URL-safe alphabet."""

ORIGIN = re.compile(r"https?://[^\s/,?#@]+")
"""What browsers send as `Origin`: scheme, host and port, no path."""

_FORM = re.compile(f"({'|'.join(PREFIXES.values())})[A-Za-z0-9_-]{{43}}")
StreamFormat: TypeAlias = Literal["", "sse", "ndjson"]

NAME_CHARS_MAX = 100
ORIGINS_MAX = 50

_SELECT = (
    "SELECT id, tenant, type, hint, created_at, revoked_at, bot, stream_format, origins, name FROM _api_keys"
)


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a key. `hint` is its first 7 and last 4 characters, to tell keys apart.

    `bot` answers where a request names none; `stream_format` is the dialect of Chatbase streams ('' for the
    usual one); pages of other `origins` may not use the key, where it lists any. `name` is for people.
    """

    id: str
    tenant: str
    type: KeyType
    hint: str
    created_at: float
    revoked_at: float | None = None
    bot: str = ""
    stream_format: StreamFormat = ""
    origins: tuple[str, ...] = ()
    name: str = ""


def create_key(
    db: apsw.Connection,
    type: KeyType,
    tenant: str,
    now: float,
    *,
    bot: str = "",
    stream_format: StreamFormat = "",
    origins: Sequence[str] = (),
    name: str = "",
) -> tuple[ApiKey, str]:
    """Make a key, and the tenant if it is missing; the text returned beside it is kept nowhere."""
    if type not in PREFIXES:
        raise InvalidInput(f"{type!r} is no type of key; choose {', '.join(get_args(KeyType))}.")
    if stream_format not in get_args(StreamFormat):
        raise InvalidInput(f"{stream_format!r} is no stream format; choose sse or ndjson.")
    if len(name) > NAME_CHARS_MAX or not name.isprintable():
        raise InvalidInput(f"A key's name has at most {NAME_CHARS_MAX} printable characters.")
    if len(origins) > ORIGINS_MAX:
        raise InvalidInput(f"There are {len(origins)} origins; {ORIGINS_MAX} are the most.")
    for origin in origins:
        if not ORIGIN.fullmatch(origin):
            raise InvalidInput(
                f"{origin!r} is no origin; write one like https://example.com or http://localhost:3000."
            )
    ensure_tenant(db, tenant, now)
    key = PREFIXES[type] + secrets.token_urlsafe(RANDOM_BYTES)
    made = ApiKey(
        id=str(uuid.uuid4()),
        tenant=tenant,
        type=type,
        hint=f"{key[:7]}…{key[-4:]}",
        created_at=now,
        bot=bot,
        stream_format=stream_format,
        origins=tuple(origins),
        name=name,
    )
    db.execute(
        "INSERT INTO _api_keys (id, tenant, type, hash, hint, created_at, bot, stream_format, origins, name) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(made.id, made.tenant, made.type, hash_key(key), made.hint, made.created_at),
            *(made.bot, made.stream_format, " ".join(made.origins), made.name),
        ),
    )
    return made, key


def find_key(db: apsw.Connection, hash: bytes) -> ApiKey | None:
    """The key of that hash, also when it is revoked; None when there never was one."""
    row = db.execute(_SELECT + " WHERE hash = ?", (hash,)).fetchone()
    return _key(*row) if row else None


def is_live(db: apsw.Connection, key_id: str) -> bool:
    """Is there a key of that id, and is it not revoked?"""
    found = db.execute("SELECT 1 FROM _api_keys WHERE id = ? AND revoked_at IS NULL", (key_id,)).fetchone()
    return found is not None


def list_keys(db: apsw.Connection) -> list[ApiKey]:
    """All keys of all tenants, oldest first, revoked ones too."""
    rows = db.execute(_SELECT + " ORDER BY created_at, id")
    return [_key(*row) for row in rows]


def revoke_key(db: apsw.Connection, key_id: str, now: float) -> tuple[ApiKey, bool]:
    """Refuse the key from now on; returns it and whether it was still good. Raises `NotFound`."""
    db.execute("UPDATE _api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (now, key_id))
    changed = db.changes() > 0
    row = db.execute(_SELECT + " WHERE id = ?", (key_id,)).fetchone()
    if row is None:
        raise NotFound(f"There is no key with the id {key_id!r}; see: appliance keys list")
    return _key(*row), changed


def is_key(text: str) -> bool:
    """True when the text has the form of a key, known or not."""
    return _FORM.fullmatch(text) is not None


def hash_key(key: str) -> bytes:
    """What is stored in place of the key."""
    return hashlib.sha256(key.encode()).digest()


def _key(
    id_: str,
    tenant: str,
    type_: KeyType,
    hint: str,
    created_at: float,
    revoked_at: float | None,
    bot: str,
    stream_format: StreamFormat,
    origins: str,
    name: str,
) -> ApiKey:
    return ApiKey(
        id=id_,
        tenant=tenant,
        type=type_,
        hint=hint,
        created_at=created_at,
        revoked_at=revoked_at,
        bot=bot,
        stream_format=stream_format,
        origins=tuple(origins.split()),
        name=name,
    )
