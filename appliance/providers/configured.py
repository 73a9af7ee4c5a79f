"""Which providers the environment configures, and which of them answers when a bot names none."""

from __future__ import annotations

import logging

import httpx
import msgspec

from appliance.errors import ProviderNotConfigured
from appliance.providers.base import Provider
from appliance.providers.making import lacking, make
from appliance.settings import Settings

log = logging.getLogger(__name__)

OFFLINE_PACE_S = 0.01
"""Between the words of the offline model: people see an answer being written."""

_FIELDS: dict[str, dict[str, str]] = {
    "openai": {
        "api_key": "openai_api_key",
        "model": "openai_model",
        "organization_id": "openai_org_id",
        "base_url": "openai_base_url",
    },
    "azure": {
        "endpoint": "azure_openai_endpoint",
        "api_key": "azure_openai_api_key",
        "deployment_name": "azure_openai_deployment",
        "api_version": "azure_openai_api_version",
    },
    "ollama": {"endpoint": "ollama_host", "model": "ollama_model"},
}
"""Family -> key of a provider's configuration (Fluxbase 7) -> our setting."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment configures: providers by family, the default first; `offline` is always there.

    `default` is None when nothing is configured, so that offline is only what remains. `config` is the
    default's configuration, with its secrets.
    """

    providers: dict[str, Provider]
    default: Provider | None
    display_name: str = ""
    config: dict[str, str] = {}

    def __repr__(self) -> str:
        """Without secrets: tracebacks show representations."""
        return f"Environment({', '.join(self.providers)})"


def environment(settings: Settings, client: httpx.AsyncClient) -> Environment:
    """`configured`, and what is to be told of its default; raises as that does."""
    providers = configured(settings, client)
    family, first = next(iter(providers.items()))
    is_meant = bool(settings.provider) or family != "offline"
    return Environment(
        providers=providers,
        default=first if is_meant else None,
        display_name=settings.provider_name,
        config=_config(_spread(settings), family),
    )


def configured(settings: Settings, client: httpx.AsyncClient) -> dict[str, Provider]:
    """Every usable provider by its name, the default one first; `offline` is always among them.

    The default is `settings.provider`, else the first of openai, azure, ollama that is configured, else
    offline. Raises `ProviderNotConfigured` when `settings.provider` lacks a variable, `InvalidInput` when
    one has a value that cannot be meant.
    """
    settings = _spread(settings)
    providers: dict[str, Provider] = {}
    for family, fields in _FIELDS.items():
        config = _config(settings, family)
        missing = [fields[key].upper() for key in lacking(family, config)]
        if not missing:
            providers[family] = make(settings, client, family, config)
        elif settings.provider == family:
            raise ProviderNotConfigured(
                f"APPLIANCE_PROVIDER is {family}, but {' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not set."
            )
        elif _is_begun(family, config):
            log.warning("provider %s is not used: %s not set", family, ", ".join(missing))
    providers["offline"] = _offline()
    first = settings.provider or next(iter(providers))
    return {first: providers.pop(first), **providers}


def config_of(settings: Settings, family: str) -> dict[str, str]:
    """What the environment tells of this family, with its secrets; it need not be complete."""
    return _config(_spread(settings), family)


def from_settings(settings: Settings, client: httpx.AsyncClient) -> Provider:
    """The default provider alone."""
    return next(iter(configured(settings, client).values()))


def _spread(settings: Settings) -> Settings:
    """`provider_model` is the model of the family that is named, unless that has one of its own."""
    field = f"{settings.provider}_model"
    if settings.provider_model and getattr(settings, field, None) == "":
        return msgspec.structs.replace(settings, **{field: settings.provider_model})
    return settings


def _config(settings: Settings, family: str) -> dict[str, str]:
    found = {key: str(getattr(settings, field)) for key, field in _FIELDS.get(family, {}).items()}
    return {key: value for key, value in found.items() if value}


def _is_begun(family: str, config: dict[str, str]) -> bool:
    """True when somebody seems to want this provider: then they are told what it lacks."""
    telling = {"openai": (), "azure": ("endpoint", "api_key", "deployment_name"), "ollama": ("endpoint",)}
    return any(key in config for key in telling[family])


def _offline() -> Provider:
    # Late, so that the offline model's grammar is not loaded before somebody serves.
    from appliance.providers.offline import Offline

    return Offline(pace_s=OFFLINE_PACE_S)
