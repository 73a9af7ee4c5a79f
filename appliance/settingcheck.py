"""What `appliance bots check` says about the `{{key}}`s of a bot, given the names of all settings. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.bot import Bot, Finding
from appliance.botsettings import RESERVED, SettingName
from appliance.template import variables


def setting_findings(bot: Bot, names: Iterable[SettingName]) -> list[Finding]:
    """Warnings for required settings that nobody has, unknown `{{key}}`s, and secrets that stay empty.

    `names` are all settings of the tenant, the users' too. Lines are 1: a bot keeps no lines.
    """
    known = list(names)
    messages = [*_missing(bot, known), *_unknown(bot, known), *_hidden(bot, known)]
    return [Finding(severity="warning", line=1, message=message) for message in dict.fromkeys(messages)]


def _missing(bot: Bot, names: list[SettingName]) -> Iterator[str]:
    for entry in bot.required_settings:
        scope, _, key = entry.rpartition(":")
        if scope not in {"", "user", "system"}:
            yield f"required-settings: {entry} is no setting; write key, user:key or system:key"
        elif not _matches(names, scope, key):
            yield f"required-settings: {entry} is not set: the bot refuses everybody. {_how(scope, key)}"


def _unknown(bot: Bot, names: list[SettingName]) -> Iterator[str]:
    for place, text in [*_open_places(bot), *_closed_places(bot)]:
        for scope, key in variables(text):
            if scope == "" and key in RESERVED:
                continue
            if not _matches(names, scope, key):
                written = _written(scope, key)
                yield f"{place}: {written} is not set and becomes an empty text. {_how(scope, key)}"


def _hidden(bot: Bot, names: list[SettingName]) -> Iterator[str]:
    for place, text in _open_places(bot):
        for scope, key in variables(text):
            if not (scope == "" and key in RESERVED) and any(
                name.secret for name in _matches(names, scope, key)
            ):
                yield (
                    f"{place}: {_written(scope, key)} is secret and becomes an empty text here; secrets work "
                    "in http-headers, in env and headers of mcp-servers, and in tools.py"
                )


def _open_places(bot: Bot) -> Iterator[tuple[str, str]]:
    """Texts that a model reads or can find out."""
    yield "prompt", bot.prompt
    for entry in bot.http_allowed_domains:
        yield "http-allowed-domains", entry


def _closed_places(bot: Bot) -> Iterator[tuple[str, str]]:
    """Texts that may hold secrets."""
    for headers in bot.http_headers.values():
        for value in headers.values():
            yield "http-headers", value
    for server in bot.mcp_servers:
        for value in [*server.env.values(), *server.headers.values()]:
            yield "mcp-servers", value


def _matches(names: list[SettingName], scope: str, key: str) -> list[SettingName]:
    """Settings that such a variable can mean for one caller or another."""
    return [name for name in names if name.key == key and scope in {"", "user" if name.user_id else "system"}]


def _written(scope: str, key: str) -> str:
    return f"{{{{{scope}:{key}}}}}" if scope else f"{{{{{key}}}}}"


def _how(scope: str, key: str) -> str:
    user = " --user ID" if scope == "user" else ""
    return f"Set it with: appliance settings set {key}{user}"
