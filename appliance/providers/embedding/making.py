"""From the keys and values of a provider's configuration (Fluxbase 7) to its embedder."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import httpx

from appliance.errors import InvalidInput
from appliance.providers import azure, http, ollama, openai
from appliance.providers.embedding.remote import OllamaEmbedder, OpenAIEmbedder, Remote, Server
from appliance.providers.failures import SettingText, Upstream, as_variable
from appliance.providers.http import Patience
from appliance.settings import Settings

DEFAULT_MODELS = {
    "openai": "text-embedding-3-small",
    "azure": "text-embedding-ada-002",
    "ollama": "nomic-embed-text",
}
"""Never the chat model (Fluxbase 6.4)."""

MODEL_CHARACTERS_MAX = 200


def lacking(family: str, config: Mapping[str, str]) -> list[str]:
    """The keys without which this family makes no vectors; a chat model is none of them."""
    if family == "openai":
        return [] if config.get("base_url") or config.get("api_key") else ["api_key"]
    if family == "azure":
        return [key for key in ("endpoint", "api_key") if not config.get(key)]
    return []


def make(
    settings: Settings,
    client: httpx.AsyncClient,
    family: str,
    config: Mapping[str, str],
    model: str,
    setting: SettingText = as_variable,
) -> Remote:
    """An embedder from a complete `config`; raises `InvalidInput` when a value cannot be meant."""
    model = model.strip()
    if not 0 < len(model) <= MODEL_CHARACTERS_MAX or not model.isprintable():
        raise InvalidInput(f"An embedding model has a name of 1 to {MODEL_CHARACTERS_MAX} plain characters.")
    patience = Patience(
        idle_timeout_s=settings.provider_idle_timeout_s,
        connect_timeout_s=settings.provider_connect_timeout_s,
        retries=settings.provider_retries,
    )
    if family == "openai":
        return _openai(client, patience, config, model, setting)
    if family == "azure":
        return _azure(client, patience, config, model, setting)
    return _ollama(client, patience, config, model, setting)


def _openai(
    client: httpx.AsyncClient, patience: Patience, config: Mapping[str, str], model: str, setting: SettingText
) -> Remote:
    said = setting("base_url", "OPENAI_BASE_URL")
    url = http.checked_url(config.get("base_url") or openai.BASE_URL, said)
    key = http.checked_key(config.get("api_key", ""), setting("api_key", "OPENAI_API_KEY"))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    if organization := config.get("organization_id"):
        organization = http.checked_key(organization, setting("organization_id", "OPENAI_ORG_ID"))
        headers["OpenAI-Organization"] = organization
    is_vendor = url.host.endswith("openai.com")
    upstream = Upstream(
        label="OpenAI" if is_vendor else f"The model server at {url.netloc.decode()}",
        address_setting=said,
        key_setting=setting("api_key", "OPENAI_API_KEY"),
        model_setting=f"the embedding model {model!r}",
        secret=key,
    )
    server = Server(
        upstream=upstream,
        patience=patience,
        family="openai",
        address=_address(url),
        url=f"{url}/embeddings",
        headers=headers,
        model=model,
    )
    return OpenAIEmbedder(client, server, compact=is_vendor)


def _azure(
    client: httpx.AsyncClient, patience: Patience, config: Mapping[str, str], model: str, setting: SettingText
) -> Remote:
    said = setting("endpoint", "AZURE_OPENAI_ENDPOINT")
    url = http.checked_url(config.get("endpoint", ""), said)
    key = http.checked_key(config.get("api_key", ""), setting("api_key", "AZURE_OPENAI_API_KEY"))
    version = quote(config.get("api_version") or azure.API_VERSION, safe="")
    upstream = Upstream(
        label=f"Azure OpenAI at {url.netloc.decode()}",
        address_setting=said,
        key_setting=setting("api_key", "AZURE_OPENAI_API_KEY"),
        model_setting=f"the embedding deployment {model!r}",
        secret=key,
    )
    server = Server(
        upstream=upstream,
        patience=patience,
        family="azure",
        address=_address(url),
        url=f"{url}/openai/deployments/{quote(model, safe='')}/embeddings?api-version={version}",
        headers={"api-key": key},
        model=model,
    )
    return OpenAIEmbedder(client, server, sends_model=False)


def _ollama(
    client: httpx.AsyncClient, patience: Patience, config: Mapping[str, str], model: str, setting: SettingText
) -> Remote:
    said = setting("endpoint", "OLLAMA_HOST")
    url = ollama.address(config.get("endpoint", ""), said)
    upstream = Upstream(
        label=f"Ollama at {url.netloc.decode()}",
        address_setting=said,
        key_setting="the proxy in front of it",
        model_setting=f"the embedding model {model!r}",
    )
    server = Server(
        upstream=upstream,
        patience=patience,
        family="ollama",
        address=_address(url),
        url=str(url),
        model=model,
    )
    return OllamaEmbedder(client, server)


def _address(url: httpx.URL) -> str:
    """For keys, which are stored: without a user and password that may stand in it."""
    return str(url.copy_with(userinfo=b"")).rstrip("/")
