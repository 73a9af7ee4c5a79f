"""From the keys and values of a configuration (Fluxbase 7) to a `Provider`, whoever wrote them down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx

from appliance.errors import InvalidInput, ProviderNotConfigured
from appliance.providerconfig import check_no_userinfo
from appliance.providers import http, ollama
from appliance.providers.azure import Azure
from appliance.providers.base import Provider
from appliance.providers.failures import SettingText, as_key_of, as_variable
from appliance.providers.ollama import Ollama
from appliance.providers.openai import OpenAI
from appliance.settings import Settings

_NEEDS = {
    "openai": ("api_key",),
    "azure": ("endpoint", "api_key", "deployment_name"),
    "ollama": ("model",),
}
_ADDRESSES: dict[str, tuple[str, Callable[[str, str], httpx.URL]]] = {
    "openai": ("base_url", http.checked_url),
    "azure": ("endpoint", http.checked_url),
    "ollama": ("endpoint", ollama.address),
}


def lacking(family: str, config: Mapping[str, str]) -> list[str]:
    """The keys that a provider of this family cannot do without and `config` does not have."""
    if family == "openai" and config.get("base_url"):
        return []  # a server of one's own needs no key
    return [key for key in _NEEDS[family] if not config.get(key)]


def check(family: str, config: Mapping[str, str], name: str) -> None:
    """Raises `InvalidInput` when a value cannot be meant; values that are not there are no error."""
    setting = as_key_of(name)
    key, checked = _ADDRESSES[family]
    if address := config.get(key):
        checked(address, setting(key, ""))
        check_no_userinfo(address, setting(key, ""))
    for key in ("api_key", "organization_id"):
        http.checked_key(config.get(key, ""), setting(key, ""))


def make_stored(
    settings: Settings, client: httpx.AsyncClient, family: str, config: Mapping[str, str], name: str
) -> Provider:
    """A provider that an administrator made; raises `ProviderNotConfigured` that says what is wrong."""
    if missing := lacking(family, config):
        raise ProviderNotConfigured(
            f"The provider {name!r} cannot be used: it has no {' and no '.join(missing)}."
        )
    try:
        return make(settings, client, family, config, as_key_of(name))
    except InvalidInput as error:
        raise ProviderNotConfigured(f"The provider {name!r} cannot be used: {error.text}.") from error


def make(
    settings: Settings,
    client: httpx.AsyncClient,
    family: str,
    config: Mapping[str, str],
    setting: SettingText = as_variable,
) -> Provider:
    """A provider from a complete `config`; raises `InvalidInput` when a value cannot be meant."""
    patience: dict[str, Any] = {
        "context_tokens": settings.context_tokens,
        "idle_timeout_s": settings.provider_idle_timeout_s,
        "connect_timeout_s": settings.provider_connect_timeout_s,
        "retries": settings.provider_retries,
        "setting": setting,
    }
    if family == "openai":
        return OpenAI(
            client,
            api_key=config.get("api_key", ""),
            base_url=config.get("base_url", ""),
            default_model=config.get("model", ""),
            organization_id=config.get("organization_id"),
            **patience,
        )
    if family == "azure":
        return Azure(
            client,
            api_key=config["api_key"],
            endpoint=config["endpoint"],
            deployment=config["deployment_name"],
            api_version=config.get("api_version", ""),
            **patience,
        )
    return Ollama(client, host=config.get("endpoint", ""), default_model=config["model"], **patience)
