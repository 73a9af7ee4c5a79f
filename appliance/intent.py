"""What a bot's intent rules ask for one question: which tools and which tables. Pure.

Rules steer a model towards the right place; they protect nothing (that is `sqlguard`).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Mapping

import msgspec

from appliance.bot import Bot
from appliance.sqlguard import Demands

ALIASES = {"http_request": "http_get", "vector_search": "search_vectors"}
"""Names that models and bot files may use for a tool -> its name here."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """The rules that apply to one question, put together."""

    required_tools: list[str] = []
    forbidden_tools: list[str] = []
    demands: Demands = Demands()

    def refuses(self, tool: str, offered: Collection[str]) -> str:
        """Why the tool may not be called for this question, or ''. A required tool that is not offered binds
        nobody, and `think` is always allowed: it does nothing."""
        if tool == "think":
            return ""
        required = [name for name in self.required_tools if name in offered]
        if required and tool not in required:
            return (
                f"For this question the bot's rules want the tool {' or '.join(required)} instead of {tool}."
            )
        if tool in self.forbidden_tools:
            others = [name for name in offered if name not in self.forbidden_tools]
            return (
                f"For this question the bot's rules do not allow the tool {tool}. "
                f"Allowed: {', '.join(others) or 'none'}."
            )
        return ""


def intent_of(bot: Bot, question: str, aliases: Mapping[str, str] = ALIASES) -> Intent:
    """The bot's rules whose keywords occur in the question, whatever their case and however composed.

    `aliases` are other names of tools -> their names here.
    """
    folded = _folded(question)
    rules = [rule for rule in bot.intent_rules if any(_folded(word) in folded for word in rule.keywords)]
    return Intent(
        required_tools=_named(aliases.get(name, name) for rule in rules if (name := rule.required_tool)),
        forbidden_tools=_named(aliases.get(name, name) for rule in rules if (name := rule.forbidden_tool)),
        demands=Demands(
            required_tables=_named(rule.required_table for rule in rules),
            forbidden_tables=_named(rule.forbidden_table for rule in rules),
            required_columns=bot.required_columns,
        ),
    )


def _folded(text: str) -> str:
    """Without case; `ü` as one character, also where a keyboard sends `u` and two dots."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _named(names: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(name for name in names if name))
