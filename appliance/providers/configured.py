"""Which providers the environment configures, and which of them answers when a bot names none."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx

from appliance.errors import ProviderNotConfigured
from appliance.providers.azure import Azure
from appliance.providers.base import Provider
from appliance.providers.ollama import Ollama
from appliance.providers.openai import OpenAI
from appliance.settings import Settings

log = logging.getLogger(__name__)

OFFLINE_PACE_S = 0.01
"""Between the words of the offline model: people see an answer being written."""


def configured(settings: Settings, client: httpx.AsyncClient) -> dict[str, Provider]:
    """Every usable provider by its name, the default one first; `offline` is always among them.

    The default is `settings.provider`, else the first of openai, azure, ollama that is configured, else
    offline. Raises `ProviderNotConfigured` when `settings.provider` lacks a variable, `InvalidInput` when
    one has a value that cannot be meant.
    """
    providers: dict[str, Provider] = {}
    for name, (needs, make) in _FAMILIES.items():
        lacking = [field.upper() for field in needs if not getattr(settings, field)]
        if name == "openai" and settings.openai_base_url:
            lacking = []  # a server of one's own needs no key
        if not lacking:
            providers[name] = make(settings, client)
        elif settings.provider == name:
            raise ProviderNotConfigured(
                f"APPLIANCE_PROVIDER is {name}, but {' and '.join(lacking)} "
                f"{'is' if len(lacking) == 1 else 'are'} not set."
            )
        elif len(lacking) < len(needs):
            log.warning("provider %s is not used: %s not set", name, ", ".join(lacking))
    if settings.ollama_host and not settings.ollama_model:
        log.warning("provider ollama is not used: OLLAMA_MODEL is not set")
    providers["offline"] = _offline()
    first = settings.provider or next(iter(providers))
    return {first: providers.pop(first), **providers}


def from_settings(settings: Settings, client: httpx.AsyncClient) -> Provider:
    """The default provider alone."""
    return next(iter(configured(settings, client).values()))


def _openai(settings: Settings, client: httpx.AsyncClient) -> Provider:
    return OpenAI(
        client,
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        default_model=settings.openai_model,
        context_tokens=settings.context_tokens,
        idle_timeout_s=settings.provider_idle_timeout_s,
        connect_timeout_s=settings.provider_connect_timeout_s,
        retries=settings.provider_retries,
    )


def _azure(settings: Settings, client: httpx.AsyncClient) -> Provider:
    return Azure(
        client,
        api_key=settings.azure_openai_api_key,
        endpoint=settings.azure_openai_endpoint,
        deployment=settings.azure_openai_deployment,
        api_version=settings.azure_openai_api_version,
        context_tokens=settings.context_tokens,
        idle_timeout_s=settings.provider_idle_timeout_s,
        connect_timeout_s=settings.provider_connect_timeout_s,
        retries=settings.provider_retries,
    )


def _ollama(settings: Settings, client: httpx.AsyncClient) -> Provider:
    return Ollama(
        client,
        host=settings.ollama_host,
        default_model=settings.ollama_model,
        context_tokens=settings.context_tokens,
        idle_timeout_s=settings.provider_idle_timeout_s,
        connect_timeout_s=settings.provider_connect_timeout_s,
        retries=settings.provider_retries,
    )


def _offline() -> Provider:
    # Late, so that the offline model's grammar is not loaded before somebody serves.
    from appliance.providers.offline import Offline

    return Offline(pace_s=OFFLINE_PACE_S)


_Maker = Callable[[Settings, httpx.AsyncClient], Provider]

_FAMILIES: dict[str, tuple[tuple[str, ...], _Maker]] = {
    "openai": (("openai_api_key",), _openai),
    "azure": (
        ("azure_openai_endpoint", "azure_openai_api_key", "azure_openai_deployment"),
        _azure,
    ),
    "ollama": (("ollama_model",), _ollama),
}
"""Name -> the settings it cannot do without, and how it is made."""
