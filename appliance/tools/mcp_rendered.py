"""An MCP server as one caller's turn has it: variables filled in, secrets known. Pure."""

from __future__ import annotations

import hashlib
import re

import msgspec

from appliance.bot import McpServer
from appliance.redact import Redactor
from appliance.template import render_secret
from appliance.tools.base import ToolContext

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}")
_HEADER_VALUE = re.compile(r"[\t !-~]{0,8000}")
_SECRET_NAME = re.compile(r"auth|cookie|credential|key|passw|secret|token", re.IGNORECASE)


class NotUsable(Exception):
    """The definition cannot be used with this caller's values; the text names the place, never the value."""


class Rendered(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is made from. `secrets` are texts that must not come back out."""

    name: str
    command: list[str]
    env: dict[str, str]
    url: str
    headers: dict[str, str]
    secrets: list[str]

    def __repr__(self) -> str:
        return f"Rendered({self.name!r})"

    @property
    def key(self) -> bytes:
        """Equal for definitions that can share a session, whatever they are called."""
        facts = (self.command, sorted(self.env.items()), self.url, sorted(self.headers.items()))
        return hashlib.sha256(msgspec.json.encode(facts)).digest()

    @property
    def redactor(self) -> Redactor:
        """Masks the secrets of this server."""
        return Redactor(self.secrets)


def rendered(server: McpServer, context: ToolContext) -> Rendered:
    """`server` for this caller; raises `NotUsable` for a value that cannot be passed on."""
    env = {name: _value(text, context) for name, text in server.env.items()}
    headers = {name: _value(text, context).strip(" \t") for name, text in server.headers.items()}
    for name, value in env.items():
        if "\0" in value:
            raise NotUsable(f"the value of {name} has a zero byte")
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name) or not _HEADER_VALUE.fullmatch(value):
            raise NotUsable(f"the header {name[:100]!a} cannot be sent with this value")
    return Rendered(
        name=server.name,
        command=server.command,
        env=env,
        url=server.url,
        headers={name: value for name, value in headers.items() if value},
        secrets=[
            *context.values.secrets,
            *_secrets(env, context.values.secrets),
            *_secrets(headers, context.values.secrets),
        ],
    )


def _value(text: str, context: ToolContext) -> str:
    return render_secret(
        text, user_id=context.caller.user_id, namespace=context.bot.namespace, values=context.values
    )


def _secrets(values: dict[str, str], known: list[str]) -> list[str]:
    """Values with a secret inside, or whose names say that they are secret; also without a `Bearer `."""
    found = [
        value
        for name, value in values.items()
        if _SECRET_NAME.search(name) or any(secret in value for secret in known)
    ]
    return [*found, *(value.partition(" ")[2] for value in found if " " in value)]
