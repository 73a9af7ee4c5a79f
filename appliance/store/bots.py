"""Bots that came over the API, and what administrators chose for any bot (Fluxbase 3.1 and 3.3).

All tenants share them. Every function works in the caller's transaction.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import apsw
import msgspec

from appliance.botoverrides import BotOverrides

Key: TypeAlias = tuple[str, str]
"""(namespace, name)."""

BOTS_MAX = 1000
"""All are read at start."""

_BOT = (
    "namespace, name, code, original_code, is_bundled, given, source, first_version, created_at, "
    "updated_at, created_by"
)
_CHOICES = "namespace, name, overrides, updates, hidden, updated_at"
_OVERRIDES = msgspec.json.Decoder(BotOverrides)


class StoredBot(msgspec.Struct, frozen=True, kw_only=True):
    """A bot as it came: its code, and settings that were given beside it. Times are Unix seconds.

    `first_version` 0 is the one that the code says.
    """

    namespace: str
    name: str
    code: str
    original_code: str | None = None
    is_bundled: bool = False
    given: BotOverrides = BotOverrides()
    source: Literal["sdk", "api", "mcp"] = "sdk"
    first_version: int = 0
    created_at: float = 0.0
    updated_at: float = 0.0
    created_by: str | None = None

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return (self.namespace, self.name)


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """What administrators chose for the bot of a key, and how often something of it was changed.

    `hidden` keeps the bot of a file away, because it was deleted.
    """

    namespace: str
    name: str
    overrides: BotOverrides = BotOverrides()
    updates: int = 0
    hidden: bool = False
    updated_at: float = 0.0

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return (self.namespace, self.name)


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that the database knows of bots."""

    bots: dict[Key, StoredBot] = {}
    choices: dict[Key, Choices] = {}


def everything(db: apsw.Connection) -> Kept:
    """All of it, by key."""
    bots = [_bot(row) for row in db.execute(f"SELECT {_BOT} FROM _bots ORDER BY namespace, name")]  # noqa: S608 - ours
    choices = [_choices(row) for row in db.execute(f"SELECT {_CHOICES} FROM _bot_choices")]  # noqa: S608 - ours
    return Kept(bots={bot.key: bot for bot in bots}, choices={one.key: one for one in choices})


def put_bot(db: apsw.Connection, bot: StoredBot) -> None:
    """Store it; of an older one of that key only `created_at`, `created_by` and the first version stay."""
    values = msgspec.structs.asdict(bot) | {"given": msgspec.json.encode(bot.given)}
    db.execute(
        f"INSERT INTO _bots ({_BOT}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608 - ours
        "ON CONFLICT (namespace, name) DO UPDATE SET code = excluded.code, "
        "original_code = excluded.original_code, is_bundled = excluded.is_bundled, given = excluded.given, "
        "source = excluded.source, updated_at = excluded.updated_at",
        tuple(values.values()),
    )


def delete_bot(db: apsw.Connection, key: Key) -> None:
    """Forget its code; nothing happens when there is none."""
    db.execute("DELETE FROM _bots WHERE namespace = ? AND name = ?", key)


def put_choices(db: apsw.Connection, choices: Choices) -> None:
    """Store them in place of older ones."""
    values = msgspec.structs.asdict(choices) | {"overrides": msgspec.json.encode(choices.overrides)}
    db.execute(
        f"INSERT OR REPLACE INTO _bot_choices ({_CHOICES}) VALUES (?, ?, ?, ?, ?, ?)",  # noqa: S608 - ours
        tuple(values.values()),
    )


def forget_choices(db: apsw.Connection, key: Key) -> None:
    """As if nobody had ever chosen anything for it."""
    db.execute("DELETE FROM _bot_choices WHERE namespace = ? AND name = ?", key)


def delete_conversations(db: apsw.Connection, key: Key, now: float) -> list[str]:
    """Hide all conversations with a bot for good, of every tenant; returns their ids."""
    rows = db.execute(
        "UPDATE _conversations SET status = 'deleted', updated_at = ? "
        "WHERE namespace = ? AND bot = ? AND status = 'active' RETURNING id",
        (now, *key),
    )
    return [str(row[0]) for row in rows]


def _bot(row: tuple[Any, ...]) -> StoredBot:
    values = dict(zip(StoredBot.__struct_fields__, row, strict=True))
    return StoredBot(
        **(values | {"given": _OVERRIDES.decode(values["given"]), "is_bundled": bool(values["is_bundled"])})
    )


def _choices(row: tuple[Any, ...]) -> Choices:
    values = dict(zip(Choices.__struct_fields__, row, strict=True))
    overrides = _OVERRIDES.decode(values["overrides"])
    return Choices(**(values | {"overrides": overrides, "hidden": bool(values["hidden"])}))
