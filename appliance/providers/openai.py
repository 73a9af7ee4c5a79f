"""OpenAI, and every server that speaks its chat completions: llama.cpp, vLLM, LiteLLM and their like."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import httpx

from appliance.providers import chat_wire, http
from appliance.providers.base import ModelEvent, ModelRequest
from appliance.providers.failures import SettingText, Upstream, as_variable
from appliance.providers.http import Call, Patience

BASE_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-4-turbo"
OTHER_CONTEXT_TOKENS = 8192
"""For models nobody here knows: what small local servers usually start with."""

_CONTEXT_TOKENS = {
    "gpt-3.5": 16_385,
    "gpt-4-32k": 32_768,
    "gpt-4-turbo": 128_000,
    "gpt-4-": 8192,
    "gpt-4o": 128_000,
    "gpt-4.1": 1_000_000,
    "gpt-4": 8192,
    "gpt-5": 272_000,
    "o1": 128_000,
    "o3": 200_000,
    "o4": 200_000,
}
"""First prefix that fits wins; the lower figure where versions of a model differ."""


class OpenAI:
    """A `Provider`; `client` is shared, and `aclose` of any provider closes it."""

    name = "openai"

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        api_key: str = "",
        base_url: str = "",
        default_model: str = "",
        organization_id: str | None = None,
        context_tokens: int = 0,
        idle_timeout_s: float = 60.0,
        connect_timeout_s: float = 10.0,
        retries: int = 2,
        backoff_s: float = 0.5,
        setting: SettingText = as_variable,
    ) -> None:
        url = http.checked_url(base_url or BASE_URL, setting("base_url", "OPENAI_BASE_URL"))
        key = http.checked_key(api_key, setting("api_key", "OPENAI_API_KEY"))
        self.default_model = default_model or DEFAULT_MODEL
        self._is_vendor = url.host.endswith("openai.com")
        self.context_tokens = context_tokens or self._context_of(self.default_model)
        self._client = client
        self._url = f"{url}/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        if organization_id:
            said = setting("organization_id", "OPENAI_ORG_ID")
            self._headers["OpenAI-Organization"] = http.checked_key(organization_id, said)
        self._upstream = Upstream(
            label="OpenAI" if self._is_vendor else f"The model server at {url.netloc.decode()}",
            address_setting=setting("base_url", "OPENAI_BASE_URL"),
            key_setting=setting("api_key", "OPENAI_API_KEY"),
            model_setting=setting("model", "OPENAI_MODEL"),
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
        model = request.model or self.default_model
        limit_field = limit_field_of(model) if self._is_vendor else "max_tokens"
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

    def _context_of(self, model: str) -> int:
        known = (tokens for prefix, tokens in _CONTEXT_TOKENS.items() if model.startswith(prefix))
        return next(known, 128_000 if self._is_vendor else OTHER_CONTEXT_TOKENS)


def limit_field_of(model: str) -> str:
    """`max_tokens` for gpt-3.5 and the first gpt-4 models, `max_completion_tokens` for all others."""
    is_early = model == "gpt-4" or model.startswith(("gpt-3.5", "gpt-4-"))
    return "max_tokens" if is_early else "max_completion_tokens"
