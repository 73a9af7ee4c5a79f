import httpx
import pytest

from appliance.errors import InvalidInput, ProviderAuthFailed
from appliance.messages import PromptMessage
from appliance.providers.azure import Azure
from appliance.providers.base import ModelRequest
from tests.providers.answers import asked
from tests.support import model_replies as wire
from tests.support.model_server import model_server

REQUEST = ModelRequest(
    messages=[PromptMessage(role="user", content="x")],
    model="gpt-4-turbo",
    max_tokens=5,
    temperature=0.2,
)


async def test_the_request_on_the_wire(client: httpx.AsyncClient):
    async with model_server([wire.openai_text("ok", tokens=(3, 4))]) as server:
        model = Azure(client, api_key="k", endpoint=server.url + "/", deployment="our chat/4")
        answer = await asked(model, REQUEST)
        sent = server.requests[0]
    assert (answer.text, answer.usages[0].prompt_tokens) == ("ok", 3)
    assert sent.path == ("/openai/deployments/our%20chat%2F4/chat/completions?api-version=2024-10-21")
    assert sent.headers["api-key"] == "k"
    assert "authorization" not in sent.headers
    assert sent.body["max_tokens"] == 5
    assert sent.body["temperature"] == 0.2
    assert sent.body["stream_options"] == {"include_usage": True}


async def test_the_version_can_be_chosen(client: httpx.AsyncClient):
    async with model_server([wire.openai_text("ok")]) as server:
        model = Azure(
            client,
            api_key="k",
            endpoint=server.url,
            deployment="d",
            api_version="2024-02-15-preview",
        )
        await asked(model, REQUEST)
        assert server.requests[0].path.endswith("?api-version=2024-02-15-preview")


async def test_a_reasoning_deployment_gets_its_own_fields(client: httpx.AsyncClient):
    async with model_server([wire.openai_text("ok")]) as server:
        await asked(Azure(client, api_key="k", endpoint=server.url, deployment="o3-mini"), REQUEST)
        body = server.requests[0].body
    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body
    assert "temperature" not in body


async def test_a_deployment_whose_name_deceives_is_asked_again_with_what_it_takes(
    client: httpx.AsyncClient,
):
    complaint = "Unsupported parameter: 'max_tokens' is not supported with this model."
    async with model_server([wire.error(400, complaint), wire.openai_text("ok")]) as server:
        model = Azure(client, api_key="k", endpoint=server.url, deployment="chat")
        assert (await asked(model, REQUEST)).text == "ok"
        assert server.requests[1].body["max_completion_tokens"] == 5


async def test_a_refused_key_names_the_setting(client: httpx.AsyncClient):
    async with model_server([wire.error(401, "Access denied")]) as server:
        model = Azure(client, api_key="k", endpoint=server.url, deployment="d")
        with pytest.raises(ProviderAuthFailed, match="AZURE_OPENAI_API_KEY"):
            await asked(model, REQUEST)


async def test_a_bad_endpoint_is_refused_when_it_is_made(client: httpx.AsyncClient):
    with pytest.raises(InvalidInput, match="AZURE_OPENAI_ENDPOINT"):
        Azure(client, api_key="k", endpoint="name.openai.azure.com", deployment="d")
