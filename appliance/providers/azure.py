"""Azure OpenAI: the wire of `chat_wire` behind another address, key header and version."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from urllib.parse import quote

import httpx

from appliance.providers import chat_wire, http
from appliance.providers.base import ModelEvent, ModelRequest
from appliance.providers.failures import SettingText, Upstream, as_variable
from appliance.providers.http import Call, Patience

API_VERSION = "2024-10-21"
"""The first general version that reports usage in streams, which 2024-02-15-preview did not know."""

CONTEXT_TOKENS = 128_000
"""A deployment's name says nothing about its model; this fits all that are still offered but gpt-4."""


class Azure:
    """A `Provider`; `client` is shared, and `aclose` of any provider closes it.

    The deployment is the model: a request's own `model` cannot be had here and is not looked at.
    """

    name = "azure"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        api_key: str,
        endpoint: str,
        deployment: str,
        api_version: str = "",
        context_tokens: int = 0,
        idle_timeout_s: float = 60.0,
        connect_timeout_s: float = 10.0,
        retries: int = 2,
        backoff_s: float = 0.5,
        setting: SettingText = as_variable,
    ) -> None:
        url = http.checked_url(endpoint, setting("endpoint", "AZURE_OPENAI_ENDPOINT"))
        key = http.checked_key(api_key, setting("api_key", "AZURE_OPENAI_API_KEY"))
        version = quote(api_version or API_VERSION, safe="")
        self.default_model = deployment
        self.context_tokens = context_tokens or CONTEXT_TOKENS
        self._client = client
        self._url = (
            f"{url}/openai/deployments/{quote(deployment, safe='')}/chat/completions?api-version={version}"
        )
        self._headers = {"api-key": key}
        self._upstream = Upstream(
            label=f"Azure OpenAI at {url.netloc.decode()}",
            address_setting=setting("endpoint", "AZURE_OPENAI_ENDPOINT"),
            key_setting=setting("api_key", "AZURE_OPENAI_API_KEY"),
            model_setting=setting("deployment_name", "AZURE_OPENAI_DEPLOYMENT"),
            secret=key,
        )
        self._patience = Patience(
            idle_timeout_s=idle_timeout_s,
            connect_timeout_s=connect_timeout_s,
            retries=retries,
            backoff_s=backoff_s,
        )

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """See `Provider.stream`."""
        model = self.default_model
        # Where the name deceives, the 400 names the field and `adapt` sends the other one.
        reasoning = chat_wire.is_reasoning(model)
        limit_field = "max_completion_tokens" if reasoning else "max_tokens"
        call = Call(
            url=self._url,
            headers=self._headers,
            body=chat_wire.request_body(request, model=model, limit_field=limit_field),
            media_types=chat_wire.MEDIA_TYPES,
            adapt=chat_wire.adapt,
        )
        decoder = chat_wire.ChatDecoder(self._upstream, calls_before=chat_wire.calls_in(request))
        return http.stream(self._client, self._upstream, self._patience, call, decoder)

    async def aclose(self) -> None:
        """Close the shared client."""
        await self._client.aclose()
