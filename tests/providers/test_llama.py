"""The OpenAI provider against a model server that nobody here wrote: llama.cpp with SmolLM2-135M."""

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
import trio

from appliance.errors import ProviderError
from appliance.messages import PromptMessage, ToolCall
from appliance.providers.base import ModelRequest, ModelText, ToolSpec
from appliance.providers.openai import OpenAI
from tests.providers.answers import asked
from tests.support import llama_server

pytestmark = pytest.mark.llama  # chosen by `make test-llama`, which installs what it needs


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.support.llama_server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            lines = (line for line in process.stdout if line.startswith("listening on "))
            yield next(lines).removeprefix("listening on ").strip()
            process.stdin.close()
            process.wait(timeout=30)
        finally:
            process.kill()


@pytest.fixture
def model(client: httpx.AsyncClient, address: str) -> OpenAI:
    return OpenAI(client, base_url=f"{address}/v1", default_model="smollm2")


def question(text: str, **fields: object) -> ModelRequest:
    message = PromptMessage(role="user", content=text)
    return ModelRequest(messages=[message], temperature=0.0, **fields)  # type: ignore[arg-type]


async def test_the_streamed_text_is_what_the_server_says_in_one_piece(model: OpenAI, address: str):
    text = "What is the capital of France? Answer in one sentence."
    async with model.stream(question(text, max_tokens=16)) as events:
        pieces = [event.text async for event in events if isinstance(event, ModelText)]
    messages = [{"role": "user", "content": text}]
    body = {"messages": messages, "temperature": 0, "max_tokens": 16}
    async with httpx.AsyncClient() as fresh:  # llama.cpp may just be closing a connection of the pool
        response = await fresh.post(f"{address}/v1/chat/completions", json=body, timeout=60)
    assert len(pieces) > 3
    assert "".join(pieces) == response.json()["choices"][0]["message"]["content"]


async def test_usage_is_told(model: OpenAI):
    (usage,) = (await asked(model, question("Name a colour.", max_tokens=12))).usages
    assert usage.prompt_tokens > 5
    assert 0 < usage.completion_tokens <= 12


async def test_a_history_with_tool_calls_is_taken(model: OpenAI, sql_tool: ToolSpec):
    calls = [
        ToolCall(id="call_0", name="execute_sql", arguments='{"sql": "SELECT count(*) FROM t"}'),
        ToolCall(id="call_1", name="execute_sql", arguments="not json"),
    ]
    request = ModelRequest(
        messages=[
            PromptMessage(role="system", content="You answer from data."),
            PromptMessage(role="user", content="How many rows?"),
            PromptMessage(role="assistant", tool_calls=calls),
            PromptMessage(role="tool", content="42", tool_call_id="call_0"),
            PromptMessage(role="tool", content="error", tool_call_id="call_1"),
        ],
        tools=[sql_tool],
        temperature=0.0,
        max_tokens=32,
    )
    answer = await asked(model, request)
    assert answer.text or answer.calls
    assert answer.usages


async def test_leaving_stops_the_model(model: OpenAI, address: str):
    async def is_busy() -> bool:
        async with httpx.AsyncClient() as fresh:
            slots = (await fresh.get(f"{address}/slots")).json()
        return any(slot["is_processing"] for slot in slots)

    request = question("Write a very long story about a river.", max_tokens=1500)
    async with model.stream(request) as events:
        assert isinstance(await anext(aiter(events)), ModelText)
        assert await is_busy()
    # Undisturbed it would go on for half a minute.
    with trio.fail_after(10):
        while await is_busy():  # noqa: ASYNC110 - a foreign process sets no event of ours
            await trio.sleep(0.05)


async def test_a_prompt_over_the_context_is_refused_in_the_servers_words(model: OpenAI):
    with pytest.raises(ProviderError, match=r"\(400\).*context"):
        await asked(model, question("word " * 2 * llama_server.CONTEXT_TOKENS, max_tokens=5))
