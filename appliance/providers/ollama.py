"""Ollama, by its own chat endpoint."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx

from appliance.providers import http, ollama_wire
from appliance.providers.base import ModelEvent, ModelRequest
from appliance.providers.failures import SettingText, Upstream, as_variable
from appliance.providers.http import Call, Patience

CONTEXT_TOKENS = 8192
"""Ollama's own 4,096 leaves no room for a schema and an answer; more would not fit small machines."""

_PORT = 11434
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound, replaced
"""What a server listens on is not what a client connects to."""


class Ollama:
    """A `Provider`; `client` is shared, and `aclose` of any provider closes it."""

    name = "ollama"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        host: str = "",
        default_model: str,
        context_tokens: int = 0,
        idle_timeout_s: float = 60.0,
        connect_timeout_s: float = 10.0,
        retries: int = 2,
        backoff_s: float = 0.5,
        setting: SettingText = as_variable,
    ) -> None:
        url = address(host, setting("endpoint", "OLLAMA_HOST"))
        self.default_model = default_model
        self.context_tokens = context_tokens or CONTEXT_TOKENS
        self._client = client
        self._url = f"{url}/api/chat"
        self._upstream = Upstream(
            label=f"Ollama at {url.netloc.decode()}",
            address_setting=setting("endpoint", "OLLAMA_HOST"),
            key_setting="the proxy in front of it",
            model_setting=setting("model", "OLLAMA_MODEL"),
        )
        self._patience = Patience(
            idle_timeout_s=idle_timeout_s,
            connect_timeout_s=connect_timeout_s,
            retries=retries,
            backoff_s=backoff_s,
        )

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """See `Provider.stream`."""
        call = Call(
            url=self._url,
            headers={},
            body=ollama_wire.request_body(
                request,
                model=request.model or self.default_model,
                context_tokens=self.context_tokens,
            ),
            media_types=ollama_wire.MEDIA_TYPES,
        )
        decoder = ollama_wire.OllamaDecoder(
            self._upstream,
            tool_names=[tool.name for tool in request.tools],
            calls_before=sum(len(message.tool_calls) for message in request.messages),
        )
        return http.stream(self._client, self._upstream, self._patience, call, decoder)

    async def aclose(self) -> None:
        """Close the shared client."""
        await self._client.aclose()


def address(host: str, setting: str = "OLLAMA_HOST") -> httpx.URL:
    """`OLLAMA_HOST` in any form that Ollama itself takes: host, :port, host:port or an address.

    As there, the port is 11434 unless one is given or a scheme is, whose own port is then meant.
    `InvalidInput` names `setting`.
    """
    text = host.strip().strip("\"'")
    if "://" in text:
        url = http.checked_url(text, setting)
    else:
        authority, slash, path = text.partition("/")
        if authority.count(":") > 1 and "[" not in authority:
            authority = f"[{authority}]"
        if not re.search(r":\d+$", authority.rpartition("]")[2]):
            authority = f"{authority or '127.0.0.1'}:{_PORT}"
        if authority.startswith(":"):
            authority = f"127.0.0.1{authority}"
        url = http.checked_url(f"http://{authority}{slash}{path}", setting)
    return url.copy_with(host=_ANY_ADDRESS[url.host]) if url.host in _ANY_ADDRESS else url
