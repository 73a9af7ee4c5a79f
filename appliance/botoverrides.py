"""Settings of a bot that are given beside its file or code and go before what stands there. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from appliance.bot import Bot
from appliance.errors import InvalidInput

HOUR_S = 3600
NUMBER_MAX = 1_000_000_000
"""More of anything is a mistake."""
DESCRIPTION_CHARS_MAX = 2_000
LIST_MAX = 1_000
OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE")
_NUMBERS = (
    "max_tokens",
    "conversation_ttl_hours",
    "max_conversation_turns",
    "rate_limit_per_minute",
    "daily_request_limit",
    "daily_token_budget",
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class BotOverrides(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """None is "not given". Names are Fluxbase's; `provider_id` is an id or a name, empty to clear it.

    An empty list says nothing either; `*` among the `allowed_tables` is all of them.
    """

    description: str | None = None
    enabled: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    provider_id: str | None = None
    persist_conversations: bool | None = None
    conversation_ttl_hours: float | None = None
    max_conversation_turns: int | None = None
    rate_limit_per_minute: int | None = None
    daily_request_limit: int | None = None
    daily_token_budget: int | None = None
    allow_unauthenticated: bool | None = None
    is_public: bool | None = None
    allowed_tables: list[str] | None = None
    allowed_operations: list[str] | None = None
    allowed_schemas: list[str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """Only what is given, by name."""
        values = msgspec.structs.asdict(self)
        return {name: value for name, value in values.items() if value is not None}

    def with_newer(self, newer: BotOverrides) -> BotOverrides:
        """Both, where the newer one counts; an empty `provider_id` takes an older one away."""
        merged = self.given | newer.given
        if not merged.get("provider_id"):
            merged.pop("provider_id", None)
        return BotOverrides(**merged)

    def without(self, names: Collection[str]) -> BotOverrides:
        """The same as if nothing of these names had been given."""
        return BotOverrides(**{name: value for name, value in self.given.items() if name not in names})

    def instead(self, bot: Bot) -> dict[str, Any]:
        """What a bot says by itself of everything that is given here, by the same names."""
        values = msgspec.structs.asdict(bot) | {"conversation_ttl_hours": bot.conversation_ttl_s / HOUR_S}
        return {name: values[_ATTRIBUTES.get(name, name)] for name in self.given}

    def on(self, bot: Bot) -> Bot:
        """The bot with all of this in place of its own settings."""
        found = self.given
        hours = found.pop("conversation_ttl_hours", None)
        values = {_ATTRIBUTES.get(name, name): value for name, value in found.items()}
        if hours is not None:
            values["conversation_ttl_s"] = max(1, round(hours * HOUR_S))
        return msgspec.structs.replace(bot, **values) if values else bot


_ATTRIBUTES = {"provider_id": "provider", "max_conversation_turns": "max_turns", "is_public": "public"}
"""Fluxbase's names for attributes that are called otherwise in `Bot`."""


def checked(overrides: BotOverrides) -> BotOverrides:
    """The same in its plain form, without empty lists; raises `InvalidInput` that names what is wrong."""
    found = overrides.given
    for name in _NUMBERS:
        if name in found and not 0 < found[name] <= NUMBER_MAX:
            raise InvalidInput(
                f"{name} must be a positive number of at most {NUMBER_MAX}, not {found[name]}."
            )
    if "temperature" in found and not 0 <= found["temperature"] <= 2:
        raise InvalidInput(f"temperature must be between 0 and 2, not {found['temperature']}.")
    if "description" in found:
        found["description"] = _line(found["description"])
    for name in ("allowed_tables", "allowed_operations", "allowed_schemas"):
        if name in found and (names := _names(name, found.pop(name))):
            found[name] = names
    if "*" in found.get("allowed_tables", ()):
        found["allowed_tables"] = []
    if "allowed_operations" in found:
        found["allowed_operations"] = _operations(found["allowed_operations"])
    return BotOverrides(**found)


def _line(text: str) -> str:
    line = " ".join(text.split())
    if len(line) > DESCRIPTION_CHARS_MAX:
        raise InvalidInput(f"description has {len(line)} characters; {DESCRIPTION_CHARS_MAX} are the most.")
    if not line.isprintable():
        raise InvalidInput("description must be text without control characters.")
    return line


def _names(field: str, names: list[str]) -> list[str]:
    found = list(dict.fromkeys(filter(None, map(str.strip, names))))
    if len(found) > LIST_MAX:
        raise InvalidInput(f"{field} has {len(found)} names; {LIST_MAX} are the most.")
    if any(_CONTROL.search(name) for name in found):
        raise InvalidInput(f"{field} must be names without control characters.")
    return found


def _operations(names: list[str]) -> list[str]:
    upper = list(dict.fromkeys(name.upper() for name in names))
    if strange := [name for name in upper if name not in OPERATIONS]:
        raise InvalidInput(f"allowed_operations may name {', '.join(OPERATIONS)}, not {strange[0][:40]!r}.")
    return upper
