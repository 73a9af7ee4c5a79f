"""Bots held against the settings that are stored: what they require, what they name, what is secret."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import msgspec

from appliance.bot import Finding
from appliance.botfiles.folder import LoadedFile
from appliance.botsettings import SettingName
from appliance.cli.finding_lines import line_of
from appliance.settingcheck import setting_findings
from appliance.store import settings
from appliance.store.migrate import applied
from appliance.store.pragmas import open_connection

SINCE = 3
"""The migration that brings the table; an older file has no settings, and a look does not migrate it."""

_ENTRY = re.compile(r"[\w-]+: (\{\{[^}]*\}\}|\S+)")


def stored_names(database: Path) -> list[SettingName]:
    """The names of all settings in the file, of all tenants; raises `StoreError` when it cannot be read."""
    if not database.exists():
        return []
    with closing(open_connection(database, read_only=True)) as db:
        return settings.names(db, None) if applied(db) >= SINCE else []


def settings_of(file: LoadedFile, names: list[SettingName]) -> list[Finding]:
    """Findings about one bot's settings, on the lines where they are named."""
    bot = file.file.bot
    return [_placed(file.path, finding) for finding in setting_findings(bot, names)] if bot else []


def _placed(path: Path, finding: Finding) -> Finding:
    key = finding.message.partition(":")[0]
    entry = _ENTRY.match(finding.message)
    # The prompt is no setting: its variable may be anywhere.
    line = line_of(path, "" if key == "prompt" else key, entry[1] if entry else "")
    return msgspec.structs.replace(finding, line=line)
