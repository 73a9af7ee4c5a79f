"""Bots as entries: what files, the database and administrators' choices make of them. Pure.

Over the files lies what the database knows: bots that came over the API, which go before files of the same
key, and what administrators chose, which goes before both. See `engine/bots.py`.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from appliance.bot import Bot
from appliance.botfiles.folder import LoadedFile
from appliance.store.bots import Choices, Key, StoredBot

IDS = uuid.UUID("5b0c5f7e-4d0f-5c8a-9a51-6d1f6c1f2b7e")
"""Name space of bot ids: the same bot has the same id on every machine and after every restart."""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One bot of the catalogue. `bot` is the last good version, None if there never was one.

    `updated_at` is when its file, its code or an administrator's choice changed last, `created_at` when it
    came, as far as that is known (Unix seconds). `errors` and `warnings` are lines of the form
    `path:line: error: message` about the file as it is now. `path` is None for a bot that came over the API,
    which `stored` has then.
    """

    id: str
    namespace: str
    name: str
    bot: Bot | None
    path: Path | None
    updated_at: float
    created_at: float = 0.0
    source: str = "filesystem"
    stored: StoredBot | None = None
    errors: list[str] = []
    warnings: list[str] = []

    @property
    def key(self) -> Key:
        """(namespace, name)."""
        return (self.namespace, self.name)


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """What lies over the files: bots of the API as entries, and what administrators chose for any bot."""

    stored: Mapping[Key, Entry] = {}
    choices: Mapping[Key, Choices] = {}


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a reload did to the bots that are served, as keys in order."""

    added: list[Key] = []
    updated: list[Key] = []
    removed: list[Key] = []
    unchanged: list[Key] = []


def bot_id(namespace: str, name: str) -> str:
    """The stable id of a bot: a UUID made from its key."""
    return str(uuid.uuid5(IDS, f"{namespace}/{name}"))


def entries_of(files: Iterable[LoadedFile], before: dict[Key, Entry]) -> dict[Key, Entry]:
    """Entries of the files; a file without a bot keeps the bot of the entry before."""
    entries: dict[Key, Entry] = {}
    for file in files:
        errors = [file.tell(one) for one in file.file.findings if one.severity == "error"]
        warnings = [file.tell(one) for one in file.file.findings if one.severity == "warning"]
        if first := entries.get(file.key):
            # A second file of the same key: its error is shown with the bot that counts.
            entries[file.key] = msgspec.structs.replace(first, errors=[*first.errors, *errors])
            continue
        last_good = before.get(file.key)
        entries[file.key] = Entry(
            id=bot_id(*file.key),
            namespace=file.namespace,
            name=file.name,
            bot=file.file.bot or (last_good.bot if last_good else None),
            path=file.path,
            updated_at=file.modified_at,
            created_at=last_good.created_at if last_good else file.modified_at,
            errors=errors,
            warnings=warnings,
        )
    return entries


def combined(files: Mapping[Key, Entry], overlay: Overlay) -> dict[Key, Entry]:
    """The entries that are served: of two with one key the stored one counts, and hidden files do not."""
    entries: dict[Key, Entry] = {}
    for key in {**files, **overlay.stored}:
        choices, stored, file = overlay.choices.get(key), overlay.stored.get(key), files.get(key)
        if stored is not None:
            entries[key] = _chosen(_covering(stored, file), choices)
        elif file is not None and not (choices and choices.hidden):
            entries[key] = _chosen(file, choices)
    return entries


def _covering(stored: Entry, file: Entry | None) -> Entry:
    if file is None:
        return stored
    came = "was written in the console" if stored.source == "api" else "came over the API"
    warning = f"{file.path}:1: warning: a bot of this name {came} and is served instead of this file"
    return msgspec.structs.replace(stored, warnings=[*stored.warnings, warning])


def _chosen(entry: Entry, choices: Choices | None) -> Entry:
    """The entry with what administrators chose."""
    if choices is None:
        return entry
    bot = entry.bot
    if bot is not None:
        bot = choices.overrides.on(msgspec.structs.replace(bot, version=bot.version + choices.updates))
    return msgspec.structs.replace(entry, bot=bot, updated_at=max(entry.updated_at, choices.updated_at))


def changes_of(before: dict[Key, Entry], after: dict[Key, Entry]) -> Changes:
    """What is new in the second of two sets of entries, as far as there is a good bot."""
    old = {key: entry.bot for key, entry in before.items() if entry.bot}
    new = {key: entry.bot for key, entry in after.items() if entry.bot}
    return Changes(
        added=sorted(new.keys() - old.keys()),
        updated=sorted(key for key in new.keys() & old.keys() if new[key] != old[key]),
        removed=sorted(old.keys() - new.keys()),
        unchanged=sorted(key for key in new.keys() & old.keys() if new[key] == old[key]),
    )
