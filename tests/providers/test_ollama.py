import httpx
import pytest
import trio

from appliance.errors import InvalidInput, ProviderBroken, ProviderError
from appliance.messages import PromptMessage, ToolCall
from appliance.providers.base import ModelRequest, ToolSpec
from appliance.providers.ollama import Ollama, address
from tests.providers.answers import asked
from tests.support import model_replies as wire
from tests.support.model_replies import Chunk, Reply
from tests.support.model_server import model_server

NDJSON = {"content-type": "application/x-ndjson"}


async def test_the_request_on_the_wire_and_the_answer(client: httpx.AsyncClient, sql_tool: ToolSpec):
    request = ModelRequest(
        messages=[PromptMessage(role="user", content="x")],
        tools=[sql_tool],
        temperature=0.0,
        max_tokens=5,
    )
    reply = wire.ollama_tool_calls(("execute_sql", {"sql": "SELECT 1"}))
    async with model_server([reply]) as server:
        model = Ollama(client, host=server.url, default_model="tiny")
        answer = await asked(model, request)
        sent = server.requests[0]
    assert answer.calls == [ToolCall(id="call_0", name="execute_sql", arguments='{"sql": "SELECT 1"}')]
    assert answer.usages[0].total_tokens == 18
    assert sent.path == "/api/chat"
    assert sent.body["model"] == "tiny"
    assert sent.body["options"] == {"num_ctx": 8192, "temperature": 0.0, "num_predict": 5}


async def test_byte_by_byte_over_the_network_gives_the_same_answer(
    client: httpx.AsyncClient, ask: ModelRequest
):
    reply = wire.ollama_text("Grüße", " you")
    whole = "".join(chunk.text for chunk in reply.chunks).encode()
    drips = [Chunk(data=whole[i : i + 1]) for i in range(len(whole))]
    async with model_server([reply, Reply(headers=NDJSON, chunks=drips)]) as server:
        model = Ollama(client, host=server.url, default_model="tiny")
        assert await asked(model, ask) == await asked(model, ask)


async def test_a_missing_model_is_told(client: httpx.AsyncClient, ask: ModelRequest):
    body = '{"error":"model \\"tiny\\" not found, try pulling it first"}'
    async with model_server([Reply(status=404, chunks=[Chunk(text=body)])]) as server:
        with pytest.raises(ProviderError, match=r"try pulling it first.*OLLAMA_MODEL"):
            await asked(Ollama(client, host=server.url, default_model="tiny"), ask)


async def test_a_cut_stream_is_broken(client: httpx.AsyncClient, ask: ModelRequest):
    cut = wire.stream(wire.ollama_line("half"), headers=NDJSON)
    async with model_server([cut]) as server:
        with pytest.raises(ProviderBroken, match="before it was complete"):
            await asked(Ollama(client, host=server.url, default_model="tiny"), ask)


async def test_leaving_closes_the_connection(client: httpx.AsyncClient, ask: ModelRequest):
    script = [wire.stream(wire.ollama_line("one"), headers=NDJSON, then="hang")]
    async with model_server(script) as server:
        model = Ollama(client, host=server.url, default_model="tiny")
        async with model.stream(ask) as events:
            await anext(aiter(events))
        with trio.fail_after(5):
            await server.requests[0].closed.wait()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("0.0.0.0:8000", "http://127.0.0.1:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("ollama", "http://ollama:11434"),
        ("ollama:80", "http://ollama"),
        ("ollama/base/", "http://ollama:11434/base"),
        ("http://ollama", "http://ollama"),
        ("https://ollama.example/", "https://ollama.example"),
        ("https://ollama.example:8443/x", "https://ollama.example:8443/x"),
        ("http://0.0.0.0:11434", "http://127.0.0.1:11434"),
        ("[::]:8000", "http://[::1]:8000"),
        ("[::1]", "http://[::1]:11434"),
        ("::1", "http://[::1]:11434"),
        ('"localhost"', "http://localhost:11434"),
    ],
)
def test_the_host_may_be_written_as_ollama_allows(host: str, url: str):
    assert str(address(host)) == url


@pytest.mark.parametrize("host", ["ftp://x", "http://", "a b", "x:y", "host:99999999999"])
def test_a_host_that_is_none_is_refused(host: str):
    with pytest.raises(InvalidInput, match="OLLAMA_HOST"):
        address(host)
