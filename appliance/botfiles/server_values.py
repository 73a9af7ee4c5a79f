"""What a bot file says about servers elsewhere: headers by host, MCP servers. Pure."""

from __future__ import annotations

import re
import shlex
from typing import Any

from appliance.bot import McpServer
from appliance.botfiles import values
from appliance.botfiles.entries import EntryError, each, json_value, known_keys, verbatim
from appliance.urlguard import REFUSED_HEADERS, UrlRefused, read_entry

HEADERS_FORM = '`{"api.example.com": {"Authorization": "Bearer {{crm.token}}"}}`'
SERVERS_FORM = '`{"files": {"command": "program argument"}}` or `{"crm": {"url": "https://…"}}`'
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_SERVER_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def http_headers_json(value: str) -> dict[str, dict[str, str]]:
    """A JSON object of headers by host."""
    return http_headers(json_value(value))


def http_headers(data: Any) -> dict[str, dict[str, str]]:
    """Host -> header -> value."""
    found = each(data, _host_headers, form=HEADERS_FORM)
    return merge_headers({}, {host.lower(): headers for host, headers in found.items()})


def _host_headers(host: str, data: Any) -> dict[str, str]:
    try:
        entry = read_entry(host)
    except UrlRefused as refusal:
        raise ValueError(str(refusal)) from None
    if entry.wildcard:
        raise ValueError("headers are for one host, not for all below it")
    return headers(data)


def headers(data: Any) -> dict[str, str]:
    """Headers by name; names and values are such that they cannot become other headers."""
    found = each(data, _header, form='`{"X-Api-Key": "{{crm.key}}"}`')
    folded = [name.lower() for name in found]
    if len(set(folded)) < len(folded):
        raise ValueError("has one header twice")
    return found


def _header(name: str, data: Any) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("is no name of a header")
    if name.lower() in REFUSED_HEADERS:
        raise ValueError("is set by the client itself and cannot be given")
    value = verbatim(data, "a header")
    if not value.isprintable():
        raise ValueError("a header must be one line without control characters")
    if not value.isascii():
        raise ValueError("a header must be plain ASCII")
    return value


def merge_headers(
    first: dict[str, dict[str, str]], second: dict[str, dict[str, str]]
) -> dict[str, dict[str, str]]:
    """Both as one; a header of a host may not have two values."""
    merged = {host: dict(found) for host, found in first.items()}
    for host, found in second.items():
        known = {name.lower(): value for name, value in merged.get(host, {}).items()}
        for name, value in found.items():
            if known.get(name.lower(), value) != value:
                raise EntryError(host, f"{name} is given again with another value")
        merged[host] = {**merged.get(host, {}), **{n: v for n, v in found.items() if n.lower() not in known}}
    return merged


def mcp_servers_json(value: str) -> list[McpServer]:
    """A JSON object of servers by name."""
    return mcp_servers(json_value(value))


def mcp_servers(data: Any) -> list[McpServer]:
    """Servers by name."""
    return list(each(data, _server, form=SERVERS_FORM).values())


def _server(name: str, data: Any) -> McpServer:
    if not _SERVER_NAME.fullmatch(name):
        raise ValueError("a name is up to 64 of a to z, 0 to 9, _ and -, and starts with a letter")
    fields = known_keys(data, ("command", "env", "url", "headers", "tools"))
    if bool(fields.get("command")) == bool(fields.get("url")):
        raise ValueError("needs either a command or a url")
    if fields.get("env") and fields.get("url"):
        raise ValueError("env is for a command, not for a url")
    if fields.get("headers") and fields.get("command"):
        raise ValueError("headers are for a url, not for a command")
    return McpServer(
        name=name,
        command=_command(fields["command"]) if fields.get("command") else [],
        env=each(fields["env"], _variable, form='`{"TOKEN": "{{crm.token}}"}`') if fields.get("env") else {},
        url=_url(fields["url"]) if fields.get("url") else "",
        headers=headers(fields["headers"]) if fields.get("headers") else {},
        tools=_tools(fields["tools"]) if fields.get("tools") else [],
    )


def _command(data: Any) -> list[str]:
    if isinstance(data, str):
        try:
            data = shlex.split(data)
        except ValueError as error:
            raise ValueError(f"command cannot be taken apart: {error}; write it as a list") from None
    if not isinstance(data, list) or not all(isinstance(part, str) and "\0" not in part for part in data):
        raise ValueError("command must be a text or a list of texts")
    if not data or not data[0].strip():
        raise ValueError("command must begin with a program")
    return list(data)


def _url(data: Any) -> str:
    url = verbatim(data, "url")
    if not re.fullmatch(r"https?://[^\s/?#]+\S*", url) or not url.isprintable():
        raise ValueError("url must look like https://host/path")
    return url


def _variable(name: str, data: Any) -> str:
    if not _VARIABLE_NAME.fullmatch(name):
        raise ValueError("is no name of an environment variable")
    if not isinstance(data, str) or "\0" in data:
        raise ValueError("must be a text")
    return data


def _tools(data: Any) -> list[str]:
    try:
        return values.comma_separated(data) if isinstance(data, str) else values.items(data)
    except ValueError as error:
        raise ValueError(f"tools {error}") from None


def merge_servers(first: list[McpServer], second: list[McpServer]) -> list[McpServer]:
    """Both lists; two servers of one name must be the same."""
    known = {server.name: server for server in first}
    for server in second:
        if known.setdefault(server.name, server) != server:
            raise EntryError(server.name, "is the name of two servers")
    return list(known.values())
