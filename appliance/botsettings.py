"""Values for `{{key}}` in bot files: what is known of one caller, and what a bot still lacks. Pure.

Reading and encrypting them is `store/settings.py`; putting them into texts is `template.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from appliance.bot import Bot

KEY = re.compile(r"[A-Za-z][A-Za-z0-9_.]*", re.ASCII)
RESERVED = frozenset({"user_id", "namespace"})
"""They tell who asks and which bot answers; a setting must not pose as them."""


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """One value; None when it is stored but cannot be decrypted. A secret one must not reach a model."""

    value: str | None
    secret: bool = False

    def __repr__(self) -> str:
        """Without the value: logs and tracebacks show representations."""
        return f"Setting(secret={self.secret}, readable={self.value is not None})"


class SettingName(msgspec.Struct, frozen=True, kw_only=True):
    """What may be listed of a setting. `user_id` is empty for the system's; `updated_at` is Unix seconds."""

    key: str
    user_id: str = ""
    secret: bool = False
    updated_at: float = 0.0


class SettingValues(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that count for one caller: the system's, and the caller's own, which go first.

    A user's setting that is secret or cannot be decrypted still hides the system's of that key: what was
    meant for one person is never silently replaced by what is there for all.
    """

    system: Mapping[str, Setting] = {}
    user: Mapping[str, Setting] = {}

    @property
    def plain_system(self) -> dict[str, str]:
        """For prompts: the system's values, empty where they are secret or unreadable."""
        return _plain(self.system)

    @property
    def plain_user(self) -> dict[str, str]:
        """For prompts: the user's own values, empty where they are secret or unreadable."""
        return _plain(self.user)

    @property
    def all(self) -> dict[str, str]:
        """For code that no model sees: the value of each `{{key}}`, secret ones too."""
        effective = {**self.system, **self.user}
        return {key: setting.value for key, setting in effective.items() if setting.value is not None}

    @property
    def secrets(self) -> list[str]:
        """The secret values themselves, for `redact.Redactor`."""
        both = [*self.system.values(), *self.user.values()]
        return [setting.value for setting in both if setting.secret and setting.value]

    @property
    def unreadable(self) -> list[str]:
        """`system:key` and `user:key` of values that cannot be decrypted, for the operator's log."""
        scopes = {"system": self.system, "user": self.user}
        return [f"{scope}:{key}" for scope, settings in scopes.items() for key in _unreadable(settings)]


def missing_settings(bot: Bot, values: SettingValues) -> list[str]:
    """The `required-settings` of the bot that this caller has no readable value for, as they are written.

    Entries are `key`, `user:key` or `system:key`.
    """
    return [entry for entry in bot.required_settings if not _has(entry, values)]


def _has(entry: str, values: SettingValues) -> bool:
    scope, _, key = entry.rpartition(":")
    if scope == "":
        return key in values.all
    found = {"user": values.user, "system": values.system}.get(scope, {}).get(key)
    return found is not None and found.value is not None


def _plain(settings: Mapping[str, Setting]) -> dict[str, str]:
    return {key: "" if setting.secret else setting.value or "" for key, setting in settings.items()}


def _unreadable(settings: Mapping[str, Setting]) -> list[str]:
    return [key for key, setting in settings.items() if setting.value is None]
