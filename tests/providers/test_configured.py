import logging

import httpx
import pytest

from appliance.errors import InvalidInput, ProviderNotConfigured
from appliance.providers.configured import configured, from_settings
from appliance.providers.http import new_client
from appliance.settings import load

AZURE = {
    "AZURE_OPENAI_ENDPOINT": "https://x.openai.azure.com",
    "AZURE_OPENAI_API_KEY": "k",
    "AZURE_OPENAI_DEPLOYMENT": "d",
}
OPENAI = {"OPENAI_API_KEY": "sk-x"}
OLLAMA = {"OLLAMA_MODEL": "llama3.2"}


@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({}, ["offline"]),
        (OPENAI, ["openai", "offline"]),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"}, ["openai", "offline"]),
        (AZURE, ["azure", "offline"]),
        (OLLAMA, ["ollama", "offline"]),
        ({"OLLAMA_HOST": "0.0.0.0"}, ["offline"]),
        ({**OLLAMA, **AZURE, **OPENAI}, ["openai", "azure", "ollama", "offline"]),
        (
            {**OLLAMA, **OPENAI, "APPLIANCE_PROVIDER": "ollama"},
            ["ollama", "openai", "offline"],
        ),
        ({**OPENAI, "APPLIANCE_PROVIDER": "offline"}, ["offline", "openai"]),
    ],
)
async def test_the_environment_says_which_providers_there_are_and_which_comes_first(
    client: httpx.AsyncClient, environ: dict[str, str], names: list[str]
):
    settings = load(environ)
    providers = configured(settings, client)
    assert list(providers) == names
    assert [provider.name for provider in providers.values()] == names
    assert from_settings(settings, client).name == names[0]


async def test_a_chosen_provider_that_lacks_a_variable_is_an_error_that_names_it(
    client: httpx.AsyncClient,
):
    partial = {**AZURE, "AZURE_OPENAI_API_KEY": "", "APPLIANCE_PROVIDER": "azure"}
    with pytest.raises(ProviderNotConfigured, match="but AZURE_OPENAI_API_KEY is not set"):
        configured(load(partial), client)
    with pytest.raises(ProviderNotConfigured, match="OPENAI_API_KEY"):
        configured(load({"APPLIANCE_PROVIDER": "openai"}), client)


async def test_a_half_configured_provider_is_logged_and_left_out(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
):
    with caplog.at_level(logging.WARNING):
        providers = configured(load({"AZURE_OPENAI_API_KEY": "k-secret"}), client)
    assert list(providers) == ["offline"]
    assert "AZURE_OPENAI_ENDPOINT, AZURE_OPENAI_DEPLOYMENT not set" in caplog.text
    assert "k-secret" not in caplog.text


async def test_a_bad_value_is_refused(client: httpx.AsyncClient):
    with pytest.raises(InvalidInput, match="OPENAI_BASE_URL"):
        configured(load({"OPENAI_BASE_URL": "localhost:8000"}), client)


async def test_the_settings_reach_the_provider(client: httpx.AsyncClient):
    environ = {**OPENAI, "OPENAI_MODEL": "gpt-4o", "APPLIANCE_CONTEXT_TOKENS": "4000"}
    provider = from_settings(load(environ), client)
    assert (provider.default_model, provider.context_tokens) == ("gpt-4o", 4000)


async def test_the_shared_client_has_no_limit_of_its_own_on_connections():
    async with new_client(trust_env=False) as client:
        assert not client.follow_redirects
