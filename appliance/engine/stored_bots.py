"""Bots of the database as entries of the catalogue: code is read once, and again when it has changed."""

from __future__ import annotations

import msgspec

from appliance.bot import Bot, BotFile, Finding
from appliance.botfiles.reader import read_code
from appliance.engine.api_trust import distrusted
from appliance.engine.bot_entries import Entry, Overlay, bot_id
from appliance.store.bots import Kept, Key, StoredBot


class StoredBots:
    """Makes entries; with `trusted` a bot of the API may have whatever one of a file may have."""

    def __init__(self, *, trusted: bool) -> None:
        self._trusted = trusted
        self._read: dict[Key, tuple[StoredBot, Entry]] = {}

    def overlay(self, kept: Kept) -> Overlay:
        """All that the database knows of bots, for the catalogue. Blocking: it parses."""
        self._read = {key: (bot, self._entry(bot)) for key, bot in kept.bots.items()}
        return Overlay(stored={key: entry for key, (_, entry) in self._read.items()}, choices=kept.choices)

    def _entry(self, bot: StoredBot) -> Entry:
        known, entry = self._read.get(bot.key, (None, None))
        return entry if entry is not None and known == bot else self.read(bot)

    def read(self, record: StoredBot) -> Entry:
        """The bot of the code with what was given beside it; without a bot when the code has errors."""
        file = self._file(record)
        place = f"{record.namespace}/{record.name}"
        told = {"error": list[str](), "warning": list[str]()}
        for finding in file.findings:
            told[finding.severity].append(f"{place}:{finding.line}: {finding.severity}: {finding.message}")
        return Entry(
            id=bot_id(*record.key),
            namespace=record.namespace,
            name=record.name,
            bot=self._bot(record, file),
            path=None,
            updated_at=record.updated_at,
            created_at=record.created_at,
            source=record.source,
            stored=record,
            errors=told["error"],
            warnings=told["warning"],
        )

    def _bot(self, record: StoredBot, file: BotFile) -> Bot | None:
        if file.bot is None:
            return None
        version = record.first_version or file.bot.version
        return record.given.on(msgspec.structs.replace(file.bot, version=version))

    def _file(self, record: StoredBot) -> BotFile:
        file = read_code(record.code, name=record.name, namespace=record.namespace)
        if file.bot is None or self._trusted or not (problems := distrusted(file.bot)):
            return file
        refused = [Finding(severity="error", line=1, message=problem) for problem in problems]
        return BotFile(bot=None, findings=[*refused, *file.findings])
