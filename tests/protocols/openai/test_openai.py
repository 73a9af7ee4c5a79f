"""Chat completions by the official package, sync and async, and by hand where it hides something."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import trio

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.model_replies import chunk, finish, openai_text, openai_tool_calls, stream, text, usage
from tests.support.stack import OPEN_BOT, Stack, stack

LIMITED = OPEN_BOT.replace("rate-limit: 1000", "rate-limit: 1").replace(
    "daily-limit: 10000", "daily-limit: 1"
)


def key(served: Stack, tenant: str = "default", **options: Any) -> str:
    db = connect(database_path(served.data))
    made = create_key(db, "tenant", tenant, time.time(), **options)[1]
    db.close()
    return made


@contextmanager
def client(served: Stack, api_key: str, retries: int = 0) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{served.url}/v1", api_key=api_key, max_retries=retries) as made:
        yield made


def ask(served: Stack, api_key: str, **body: Any) -> Any:
    with client(served, api_key) as asked:
        body.setdefault("model", "shop")
        body.setdefault("messages", [{"role": "user", "content": "Hello"}])
        return asked.chat.completions.create(**body)


async def test_a_whole_answer_has_its_text_usage_and_reason(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Good ", "day.", tokens=(11, 7))]) as served:
        answer = await trio.to_thread.run_sync(lambda: ask(served, key(served)))
    assert answer.object == "chat.completion"
    assert answer.choices[0].message.content == "Good day."
    assert answer.choices[0].finish_reason == "stop"
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens, answer.usage.total_tokens) == (
        11,
        7,
        18,
    )


async def test_a_streamed_answer_comes_in_pieces_with_usage_at_the_end(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Good ", "day.", tokens=(11, 7), delay_s=0.05)]) as served:
        secret = key(served)

        def read() -> list[Any]:
            with client(served, secret) as asked:
                return list(
                    asked.chat.completions.create(
                        model="shop",
                        messages=[{"role": "user", "content": "Hello"}],
                        stream=True,
                        stream_options={"include_usage": True},
                    )
                )

        chunks = await trio.to_thread.run_sync(read)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(one.choices[0].delta.content or "" for one in chunks if one.choices) == "Good day."
    assert [one.choices[0].finish_reason for one in chunks if one.choices][-1] == "stop"
    assert (chunks[-1].choices, chunks[-1].usage.total_tokens) == ([], 18)
    assert len({one.id for one in chunks}) == 1


async def test_the_bots_tools_run_inside_and_nothing_of_them_is_told(tmp_path: Path) -> None:
    sql = {"sql": "SELECT count(*) AS n FROM orders", "description": "count"}
    replies = [openai_tool_calls(("execute_sql", sql)), openai_text("There are some.")]
    async with stack(tmp_path, replies, demo=True) as served:
        answer = await trio.to_thread.run_sync(lambda: ask(served, key(served)))
        assert served.model is not None
        told = served.model.requests[1].body["messages"][-1]
    assert answer.choices[0].message.content == "There are some."
    assert not answer.choices[0].message.tool_calls
    assert told["role"] == "tool"
    assert '"n"' in told["content"]


async def test_system_and_earlier_messages_reach_the_model_behind_the_bots_own(tmp_path: Path) -> None:
    messages = [
        {"role": "system", "content": "Answer in verse."},
        {"role": "user", "content": "Who are you?"},
        {"role": "assistant", "content": "A bot."},
        {"role": "user", "content": [{"type": "text", "text": "Of "}, {"type": "text", "text": "whom?"}]},
    ]
    async with stack(tmp_path, [openai_text("Yours.")]) as served:
        await trio.to_thread.run_sync(lambda: ask(served, key(served), messages=messages, temperature=0.2))
        assert served.model is not None
        asked = served.model.requests[0].body
    system, *rest = asked["messages"]
    assert system["content"].startswith("You are the shop's assistant.")
    assert "Answer in verse." in system["content"]
    assert [(one["role"], one["content"]) for one in rest] == [
        ("user", "Who are you?"),
        ("assistant", "A bot."),
        ("user", "Of whom?"),
    ]
    assert asked["temperature"] == 0.2


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_cut_by_its_length_says_so(tmp_path: Path, streamed: bool) -> None:
    cut = stream(
        chunk({"role": "assistant"}), text("Once upon"), finish("length") + usage(3, 2) + "data: [DONE]\n\n"
    )
    async with stack(tmp_path, [cut]) as served:
        secret = key(served)
        answer = await trio.to_thread.run_sync(
            lambda: ask(served, secret, max_tokens=2, stream=streamed) if not streamed else None
        )
        if streamed:

            def read() -> Any:
                with client(served, secret) as asked:
                    body: Any = {"model": "shop", "messages": [{"role": "user", "content": "Hi"}]}
                    return list(asked.chat.completions.create(**body, stream=True))[-1]

            answer = await trio.to_thread.run_sync(read)
    assert answer.choices[0].finish_reason == "length"


async def test_a_conversation_is_kept_and_continued_when_asked_for(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("One."), openai_text("Two.")]) as served:
        secret = key(served)

        def talk() -> Any:
            with client(served, secret) as asked:
                first: Any = asked.chat.completions.with_raw_response.create(
                    model="shop", messages=[{"role": "user", "content": "First"}], store=True, user="alice"
                )
                id = first.headers["x-conversation-id"]
                asked.chat.completions.create(
                    model="shop",
                    messages=[{"role": "user", "content": "Second"}],
                    metadata={"conversation_id": id},
                )
                return id

        id = await trio.to_thread.run_sync(talk)
        assert served.model is not None
        seen = [one["content"] for one in served.model.requests[1].body["messages"][1:]]
        headers = {"Authorization": f"Bearer {served.token('alice')}"}
        async with httpx.AsyncClient(headers=headers) as http:
            kept = (await http.get(f"{served.url}/api/v1/ai/conversations/{id}")).json()
    assert seen == ["First", "One.", "Second"]
    assert [one["content"] for one in kept["messages"]] == ["First", "One.", "Second", "Two."]


@pytest.mark.parametrize(
    ("body", "error", "param"),
    [
        ({"model": "nobody"}, openai.NotFoundError, None),
        ({"messages": []}, openai.BadRequestError, None),
        ({"messages": [{"role": "assistant", "content": "x"}]}, openai.BadRequestError, "messages[0].role"),
        ({"messages": [{"role": "user", "content": "  "}]}, openai.BadRequestError, "messages[0].content"),
        ({"n": 2}, openai.BadRequestError, "n"),
        ({"temperature": 3}, openai.BadRequestError, None),
        ({"response_format": {"type": "json_object"}}, openai.BadRequestError, "response_format"),
        (
            {"tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}]},
            openai.BadRequestError,
            "tools",
        ),
        ({"metadata": {"conversation_id": "nope"}}, openai.NotFoundError, None),
    ],
)
async def test_what_cannot_be_served_is_refused_in_openais_form(
    tmp_path: Path, body: dict[str, Any], error: type[openai.APIStatusError], param: str | None
) -> None:
    async with stack(tmp_path, []) as served:
        with pytest.raises(error) as caught:
            await trio.to_thread.run_sync(lambda: ask(served, key(served), **body))
        assert served.model is not None
        assert not served.model.requests
    assert isinstance(caught.value.body, dict)
    assert (caught.value.type, caught.value.param) == ("invalid_request_error", param)
    assert caught.value.body["message"]


async def test_wrong_keys_limits_and_failed_models_raise_the_packages_own_exceptions(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Once.")], bots={"shop": LIMITED}) as served:
        secret = key(served)
        with pytest.raises(openai.AuthenticationError) as caught:
            await trio.to_thread.run_sync(lambda: ask(served, "sk-wrong"))
        assert caught.value.code == "invalid_api_key"
        await trio.to_thread.run_sync(lambda: ask(served, secret))
        with pytest.raises(openai.RateLimitError) as limited:
            await trio.to_thread.run_sync(lambda: ask(served, secret))
        assert limited.value.code == "rate_limit_exceeded"
        assert int(limited.value.response.headers["retry-after"]) > 0
    async with stack(tmp_path / "second", [stream(status=500, headers={}) for _ in range(9)]) as served:
        with pytest.raises(openai.InternalServerError):
            await trio.to_thread.run_sync(lambda: ask(served, key(served)))


async def test_a_failure_in_mid_stream_reaches_the_reader_as_an_error(tmp_path: Path) -> None:
    broken = stream(chunk({"role": "assistant"}), text("Half a"), then="close")
    async with stack(tmp_path, [broken]) as served:
        secret = key(served)

        def read() -> None:
            with client(served, secret) as asked:
                body: Any = {"model": "shop", "messages": [{"role": "user", "content": "Hi"}]}
                list(asked.chat.completions.create(**body, stream=True))

        with pytest.raises(openai.APIError, match="broke off"):
            await trio.to_thread.run_sync(read)


async def test_models_are_the_bots(tmp_path: Path) -> None:
    bots = {"shop": OPEN_BOT, "hidden": OPEN_BOT.replace("persist", "public: false\npersist", 1)}
    async with stack(tmp_path, [], bots=bots) as served:
        secret = key(served)

        def models() -> tuple[list[str], str]:
            with client(served, secret) as asked:
                return sorted(one.id for one in asked.models.list()), asked.models.retrieve("shop").id

        assert await trio.to_thread.run_sync(models) == (["hidden", "shop"], "shop")
        async with httpx.AsyncClient() as http:
            listed = (await http.get(f"{served.url}/v1/models")).json()
            missing = await http.get(f"{served.url}/v1/models/hidden")
    assert [one["id"] for one in listed["data"]] == ["shop"]
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "model_not_found")


ASYNC_PROGRAM = """
import asyncio, os, openai

async def main():
    async with openai.AsyncOpenAI(base_url=os.environ["URL"] + "/v1", api_key=os.environ["KEY"]) as client:
        stream = await client.chat.completions.create(
            model="shop", messages=[{"role": "user", "content": "Hi"}], stream=True)
        print("".join([chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]))

asyncio.run(main())
"""


async def test_the_asynchronous_package_works(tmp_path: Path) -> None:
    async with stack(tmp_path, [openai_text("Async ", "works.")]) as served:
        env = {**os.environ, "URL": served.url, "KEY": key(served)}
        done = await trio.run_process([sys.executable, "-c", ASYNC_PROGRAM], env=env, capture_stdout=True)
    assert done.stdout == b"Async works.\n"


async def test_a_wrong_path_or_method_is_told_in_openais_form(tmp_path: Path) -> None:
    async with stack(tmp_path, []) as served, httpx.AsyncClient() as http:
        method = await http.post(f"{served.url}/v1/models/shop")
        path = await http.get(f"{served.url}/v1/assistants")
    assert (method.status_code, method.headers["allow"]) == (405, "GET")
    assert (path.status_code, path.json()["error"]["code"]) == (404, "unknown_url")
