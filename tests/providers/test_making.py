"""Providers from the keys and values of a configuration, the environment's and an administrator's."""

import httpx
import pytest

from appliance.errors import InvalidInput, ProviderNotConfigured
from appliance.messages import PromptMessage
from appliance.providers.base import ModelRequest, ModelText, Provider
from appliance.providers.configured import configured, environment
from appliance.providers.making import check, lacking, make_stored
from appliance.settings import Settings, load
from tests.support.model_replies import ollama_text, openai_text
from tests.support.model_server import model_server


async def ask(provider: Provider) -> str:
    request = ModelRequest(messages=[PromptMessage(role="user", content="hi")])
    async with provider.stream(request) as events:
        return "".join([event.text async for event in events if isinstance(event, ModelText)])


@pytest.mark.parametrize(
    ("family", "config", "missing"),
    [
        ("openai", {}, ["api_key"]),
        ("openai", {"api_key": "k"}, []),
        ("openai", {"base_url": "http://localhost/v1"}, []),
        ("azure", {"api_key": "k"}, ["endpoint", "deployment_name"]),
        ("ollama", {"endpoint": "localhost"}, ["model"]),
    ],
)
async def test_what_a_provider_cannot_do_without_is_told(
    client: httpx.AsyncClient, family: str, config: dict[str, str], missing: list[str]
) -> None:
    assert lacking(family, config) == missing
    if missing:
        with pytest.raises(ProviderNotConfigured, match=f"'main' cannot be used: it has no {missing[0]}"):
            make_stored(Settings(), client, family, config, "main")
    else:
        assert make_stored(Settings(), client, family, config, "main").name == family


async def test_every_key_reaches_the_wire_of_its_family(client: httpx.AsyncClient) -> None:
    replies = [openai_text("o"), openai_text("a"), ollama_text("l")]
    async with model_server(replies) as server:
        openai = {"api_key": "k1", "model": "m1", "organization_id": "org", "base_url": f"{server.url}/v1"}
        azure = {"api_key": "k2", "endpoint": server.url, "deployment_name": "d", "api_version": "2024-06-01"}
        ollama = {"endpoint": server.url, "model": "m3"}
        told = [
            await ask(make_stored(Settings(), client, family, config, "main"))
            for family, config in (("openai", openai), ("azure", azure), ("ollama", ollama))
        ]
        assert told == ["o", "a", "l"]
        first, second, third = server.requests
        assert (first.path, first.body["model"]) == ("/v1/chat/completions", "m1")
        assert first.headers["authorization"] == "Bearer k1"
        assert first.headers["openai-organization"] == "org"
        assert second.path == "/openai/deployments/d/chat/completions?api-version=2024-06-01"
        assert second.headers["api-key"] == "k2"
        assert (third.path, third.body["model"]) == ("/api/chat", "m3")


@pytest.mark.parametrize(
    ("family", "config"),
    [
        ("openai", {"base_url": "localhost:1/v1"}),
        ("openai", {"organization_id": "a b"}),
        ("azure", {"endpoint": "https://x.openai.azure.com/?api-version=1"}),
        ("ollama", {"endpoint": "http://user:pw@localhost"}),
        ("ollama", {"endpoint": "user:pw@localhost:11434"}),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_by_its_key(family: str, config: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match=f"{next(iter(config))} of the provider 'main'") as refused:
        check(family, config, "main")
    assert "pw" not in refused.value.text


def test_an_incomplete_configuration_is_checked_as_far_as_it_goes() -> None:
    for family in ("openai", "azure", "ollama"):
        check(family, {}, "main")


async def test_fluxbases_variables_configure_a_provider(client: httpx.AsyncClient) -> None:
    environ = {
        "FLUXBASE_AI_PROVIDER_TYPE": "openai",
        "FLUXBASE_AI_PROVIDER_NAME": "Main",
        "FLUXBASE_AI_PROVIDER_MODEL": "gpt-4o",
        "FLUXBASE_AI_OPENAI_API_KEY": "k",
        "FLUXBASE_AI_OPENAI_ORGANIZATION_ID": "org",
        "FLUXBASE_AI_OLLAMA_MODEL": "llama3.2",
    }
    found = environment(load(environ), client)
    assert found.default is not None
    assert (found.default.name, found.default.default_model, found.display_name) == (
        "openai",
        "gpt-4o",
        "Main",
    )
    assert found.config == {"api_key": "k", "model": "gpt-4o", "organization_id": "org"}
    assert "'k'" not in repr(found)
    assert list(found.providers) == ["openai", "ollama", "offline"]


async def test_the_general_model_is_for_the_named_family_without_one_of_its_own(
    client: httpx.AsyncClient,
) -> None:
    named = {"APPLIANCE_PROVIDER": "ollama", "APPLIANCE_PROVIDER_MODEL": "llama3.2", "OPENAI_API_KEY": "k"}
    providers = configured(load(named), client)
    assert (providers["ollama"].default_model, providers["openai"].default_model) == (
        "llama3.2",
        "gpt-4-turbo",
    )
    own = configured(load({**named, "OLLAMA_MODEL": "qwen"}), client)
    assert own["ollama"].default_model == "qwen"


async def test_offline_is_the_environments_only_when_it_is_asked_for(client: httpx.AsyncClient) -> None:
    assert environment(Settings(), client).default is None
    asked = environment(load({"APPLIANCE_PROVIDER": "offline"}), client).default
    assert asked is not None
    assert asked.name == "offline"
