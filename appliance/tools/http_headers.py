"""The headers that a bot sends to one host, and the texts that must never come back out of a result."""

from __future__ import annotations

import re
from collections.abc import Mapping

from appliance.template import render_secret, variables
from appliance.tools.base import ToolContext
from appliance.urlguard import REFUSED_HEADERS, Target, UrlRefused, read_entry

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_VALUE = re.compile(r"[\t !-~]{0,8000}")


def headers_for(context: ToolContext, target: Target) -> dict[str, str]:
    """The bot's headers for exactly this host and port, ready to be sent; names in lower case.

    Raises `UrlRefused` for one that cannot travel, with its name, never its value. An empty one is left out.
    """
    headers: dict[str, str] = {}
    for written, value in _written_for(context, target):
        name = written.lower()
        if not _NAME.fullmatch(name) or name in REFUSED_HEADERS:
            raise UrlRefused(
                f"A bot may not send the header {written[:100]!a}, so {target.host} was not asked."
            )
        sent = render_secret(
            value, user_id=context.caller.user_id, namespace=context.bot.namespace, values=context.values
        ).strip(" \t")
        if not _VALUE.fullmatch(sent):
            raise UrlRefused(f"The value of the header {written!a} for {target.host} cannot be sent.")
        if sent:
            headers[name] = sent
    return headers


def header_secrets(context: ToolContext, target: Target, headers: Mapping[str, str]) -> list[str]:
    """What the server could echo: the values of the headers, their words, and the settings inside them."""
    keys = {key for _, value in _written_for(context, target) for _, key in variables(value)}
    inside = [value for key, value in _pairs(context) if key in keys]
    # "Bearer x" gives x away, too, when the bot file has it without a variable.
    words = [word for value in headers.values() for word in value.split()]
    return [*headers.values(), *words, *inside]


def all_values(context: ToolContext) -> list[str]:
    """The values of all settings of this caller."""
    return [value for _, value in _pairs(context)]


def _pairs(context: ToolContext) -> list[tuple[str, str]]:
    scopes = (context.values.system, context.values.user)
    return [(key, setting.value) for scope in scopes for key, setting in scope.items() if setting.value]


def _written_for(context: ToolContext, target: Target) -> list[tuple[str, str]]:
    """Names and values as the bot file has them for this very host; a wildcard is no host."""
    found: list[tuple[str, str]] = []
    for host, headers in context.bot.http_headers.items():
        try:
            entry = read_entry(host)
        except UrlRefused:
            continue
        if not entry.wildcard and entry.matches(target.scheme, target.host, target.port):
            found += headers.items()
    return found
