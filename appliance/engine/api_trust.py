"""What a bot that came over the API may not have: with it, an administrator's key would be a shell. Pure.

A bot file lies on the server, so whoever writes it could do all this anyway; who has a key cannot.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from appliance.bot import Bot
from appliance.urlguard import LOCAL_HOSTS, UrlRefused, check_url, read_entry

OPEN_VARIABLES = re.compile(r"\{\{\s*(user_id|namespace)\s*\}\}")
"""They hold no secret."""
_HOW = "only a bot file may have it, or set APPLIANCE_API_BOTS_TRUSTED=true"


def distrusted(bot: Bot) -> list[str]:
    """What the bot has and may not have, each as a sentence that says what to do; empty for a good one."""
    return [f"{what}; {_HOW}" for what in (*_headers(bot), *_servers(bot), *_domains(bot))]


def _headers(bot: Bot) -> Iterator[str]:
    for host, headers in bot.http_headers.items():
        if any(map(_has_setting, headers.values())):
            yield f"http-headers: a header for {host} has a {{{{setting}}}}, which could be secret"


def _servers(bot: Bot) -> Iterator[str]:
    for server in bot.mcp_servers:
        place = f"mcp-servers: {server.name}"
        if server.command:
            yield f"{place} has a command, which would start a program on the server"
        elif _has_setting(server.url) or any(map(_has_setting, server.headers.values())):
            yield f"{place} is sent a {{{{setting}}}}, which could be secret"
        elif problem := _url_problem(server.url):
            yield f"{place} has a url that is not on the internet ({problem})"


def _domains(bot: Bot) -> Iterator[str]:
    for entry in bot.http_allowed_domains:
        try:
            is_local = read_entry(entry).host in LOCAL_HOSTS
        except UrlRefused:
            continue  # such an entry allows nothing
        if is_local:
            yield f"http-allowed-domains: {entry} is the server's own machine"


def _has_setting(text: str) -> bool:
    return "{{" in OPEN_VARIABLES.sub("", text)


def _url_problem(url: str) -> str:
    """Why a program elsewhere should not be asked there; empty for a good one."""
    try:
        target = check_url(url, [urlsplit(url).netloc.lower()])
    except (UrlRefused, ValueError) as refusal:
        return str(refusal)
    return "it is the server's own machine" if target.local else ""
