import httpx
import pytest

from appliance.errors import InvalidInput
from appliance.messages import PromptMessage, ToolCall
from appliance.providers import openai
from appliance.providers.base import ModelRequest, ToolSpec
from appliance.providers.openai import OpenAI
from tests.providers.answers import asked
from tests.support import model_replies as wire
from tests.support.model_server import model_server


async def test_the_request_on_the_wire(client: httpx.AsyncClient, sql_tool: ToolSpec):
    request = ModelRequest(
        messages=[
            PromptMessage(role="system", content="Be brief."),
            PromptMessage(role="user", content="Hé?"),
        ],
        tools=[sql_tool],
        temperature=0.0,
        max_tokens=77,
    )
    async with model_server([wire.openai_text("ok")]) as server:
        model = OpenAI(
            client,
            api_key="sk-x",
            base_url=server.url + "/v1/",
            default_model="tiny",
            organization_id="org-1",
        )
        answer = await asked(model, request)
        sent = server.requests[0]
    assert (answer.text, answer.usages[0].total_tokens) == ("ok", 18)
    assert (sent.method, sent.path) == ("POST", "/v1/chat/completions")
    assert sent.headers["authorization"] == "Bearer sk-x"
    assert sent.headers["openai-organization"] == "org-1"
    assert sent.headers["content-type"] == "application/json"
    tools = sent.body.pop("tools")
    assert [tool["function"]["name"] for tool in tools] == ["execute_sql"]
    assert sent.body | {"tools": 0} == {
        "tools": 0,
        "model": "tiny",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hé?"},
        ],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 77,
        "parallel_tool_calls": True,
    }


async def test_a_local_server_needs_no_key(client: httpx.AsyncClient, ask: ModelRequest):
    async with model_server([wire.openai_text("ok")]) as server:
        await asked(OpenAI(client, base_url=server.url), ask)
        assert "authorization" not in server.requests[0].headers


async def test_a_request_may_name_its_own_model(client: httpx.AsyncClient):
    request = ModelRequest(messages=[PromptMessage(role="user", content="x")], model="other")
    async with model_server([wire.openai_text("ok")]) as server:
        await asked(OpenAI(client, base_url=server.url, default_model="tiny"), request)
        assert server.requests[0].body["model"] == "other"


async def test_tool_call_then_text_is_two_requests_of_one_conversation(
    client: httpx.AsyncClient, sql_tool: ToolSpec
):
    question = PromptMessage(role="user", content="How many?")
    script = wire.tool_then_text("execute_sql", {"sql": "SELECT 1"}, "One", " row.")
    async with model_server(script) as server:
        model = OpenAI(client, base_url=server.url)
        first = await asked(model, ModelRequest(messages=[question], tools=[sql_tool]))
        assert first.calls == [ToolCall(id="call_s0", name="execute_sql", arguments='{"sql": "SELECT 1"}')]
        history = [
            question,
            PromptMessage(role="assistant", tool_calls=first.calls),
            PromptMessage(role="tool", content="1 row: 1", tool_call_id="call_s0"),
        ]
        second = await asked(model, ModelRequest(messages=history, tools=[sql_tool]))
        assert (second.text, second.calls) == ("One row.", [])
        assert server.requests[1].body["messages"][2]["tool_call_id"] == "call_s0"


@pytest.mark.parametrize(
    ("model", "field"),
    [
        ("gpt-3.5-turbo", "max_tokens"),
        ("gpt-4", "max_tokens"),
        ("gpt-4-0613", "max_tokens"),
        ("gpt-4-turbo", "max_tokens"),
        ("gpt-4o", "max_completion_tokens"),
        ("gpt-4.1-mini", "max_completion_tokens"),
        ("o3", "max_completion_tokens"),
        ("gpt-5", "max_completion_tokens"),
    ],
)
def test_the_vendors_name_for_the_token_limit_follows_the_model(model: str, field: str):
    assert openai.limit_field_of(model) == field


@pytest.mark.parametrize(
    ("model", "base_url", "tokens"),
    [
        ("gpt-4-turbo", "", 128_000),
        ("gpt-4", "", 8192),
        ("gpt-4-0613", "", 8192),
        ("gpt-4o-mini", "", 128_000),
        ("gpt-9", "", 128_000),
        ("llama", "http://127.0.0.1:8000", 8192),
    ],
)
async def test_context_follows_the_model_unless_it_is_set(
    client: httpx.AsyncClient, model: str, base_url: str, tokens: int
):
    options = {"base_url": base_url, "default_model": model}
    assert OpenAI(client, **options).context_tokens == tokens
    assert OpenAI(client, **options, context_tokens=99).context_tokens == 99


async def test_a_bad_address_or_key_is_refused_when_it_is_made(client: httpx.AsyncClient):
    with pytest.raises(InvalidInput, match="OPENAI_BASE_URL"):
        OpenAI(client, base_url="api.openai.com")
    with pytest.raises(InvalidInput, match="OPENAI_API_KEY"):
        OpenAI(client, api_key="two words")


async def test_aclose_closes_the_shared_client(client: httpx.AsyncClient):
    await OpenAI(client, api_key="x").aclose()
    assert client.is_closed
