"""OpenAI's own Python package, synchronous and asynchronous, with a bot as its model."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import openai
import pytest
import trio

from tests.clients.stage import BOT, ClientStage, client_stage

HELLO = "Hello from the model."
SAY_HELLO = [{"role": "user", "content": "hello"}]


async def play(folder: Path, talk: Callable[[ClientStage], None]) -> None:
    """Run `talk` in a thread of its own against a fresh server."""
    async with client_stage(folder) as stage:
        await trio.to_thread.run_sync(talk, stage)


def client_of(stage: ClientStage, key: str | None = None) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{stage.url}/v1", api_key=key or stage.key(), max_retries=0)


async def test_an_answer_in_one_piece(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with client_of(stage) as client:
            answer = client.chat.completions.create(model=BOT, messages=SAY_HELLO)
        assert answer.object == "chat.completion"
        assert answer.model == BOT
        assert answer.id
        assert answer.created > 1_700_000_000
        [choice] = answer.choices
        assert (choice.index, choice.finish_reason, choice.message.role) == (0, "stop", "assistant")
        assert choice.message.content == HELLO
        assert answer.usage is not None
        assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 7)
        assert answer.usage.total_tokens == 18

    await play(tmp_path, talk)


async def test_a_streamed_answer(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with client_of(stage) as client:
            chunks = list(client.chat.completions.create(model=BOT, messages=_say("slow"), stream=True))
            texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
            assert "".join(texts) == "One, two, three, four."
            assert len([text for text in texts if text]) >= 4
            assert chunks[0].choices[0].delta.role == "assistant"
            assert chunks[-1].choices[0].finish_reason == "stop"
            assert {chunk.usage for chunk in chunks} == {None}
            assert len({chunk.id for chunk in chunks}) == 1
            assert {chunk.object for chunk in chunks} == {"chat.completion.chunk"}
            counted = {"include_usage": True}
            *_, last = client.chat.completions.create(
                model=BOT, messages=SAY_HELLO, stream=True, stream_options=counted
            )
            assert last.choices == []
            assert last.usage is not None
            assert last.usage.total_tokens == 18

    await play(tmp_path, talk)


async def test_the_helper_of_the_package_for_streams(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with (
            client_of(stage) as client,
            client.chat.completions.stream(model=BOT, messages=SAY_HELLO) as stream,
        ):
            stream.until_done()
            assert stream.get_final_completion().choices[0].message.content == HELLO

    await play(tmp_path, talk)


async def test_the_bot_is_told_the_whole_history_of_each_request(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        said = [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": "two"},
            {"role": "user", "content": [{"type": "text", "text": "recall"}]},
        ]
        with client_of(stage) as client:
            for _ in range(2):
                answer = client.chat.completions.create(model=BOT, messages=said)
                told = json.loads(answer.choices[0].message.content or "")
                assert told == [["user", "one"], ["assistant", "two"], ["user", "recall"]]

    await play(tmp_path, talk)


async def test_the_bots_are_the_models(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with client_of(stage) as client:
            models = list(client.models.list())
            assert {BOT, "members", "strict"} <= {model.id for model in models}
            model = client.models.retrieve(BOT)
            assert (model.id, model.object) == (BOT, "model")
            assert isinstance(model.created, int)
            with pytest.raises(openai.NotFoundError) as missing:
                client.models.retrieve("nobody")
            assert missing.value.code == "model_not_found"

    await play(tmp_path, talk)


async def test_errors_are_the_packages_own(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with client_of(stage, "tk_wrong") as client, pytest.raises(openai.AuthenticationError) as unknown:
            client.chat.completions.create(model=BOT, messages=SAY_HELLO)
        assert unknown.value.code == "invalid_api_key"
        with client_of(stage) as client:
            create = client.chat.completions.create
            with pytest.raises(openai.NotFoundError) as missing:
                create(model="nobody", messages=SAY_HELLO)
            assert missing.value.code == "model_not_found"
            for bad in ([], [{"role": "user", "content": 7}], [{"role": "poet", "content": "a"}], "hello"):
                with pytest.raises(openai.BadRequestError) as wrong:
                    create(model=BOT, messages=bad)
                assert wrong.value.type == "invalid_request_error"
                assert wrong.value.body["message"]
            create(model="strict", messages=SAY_HELLO)
            for stream in (False, True):
                with pytest.raises(openai.RateLimitError) as limited:
                    create(model="strict", messages=SAY_HELLO, stream=stream)
                assert limited.value.code == "rate_limit_exceeded"
                assert int(limited.value.response.headers["retry-after"]) >= 1

    await play(tmp_path, talk)


async def test_a_model_that_fails_is_an_error_whole_or_in_mid_stream(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        with client_of(stage) as client:
            with pytest.raises(openai.InternalServerError) as failed:
                client.chat.completions.create(model=BOT, messages=_say("refuse"))
            assert "private words" not in str(failed.value)
            got: list[str] = []
            stream = client.chat.completions.create(model=BOT, messages=_say("break"), stream=True)
            with pytest.raises(openai.APIError) as broken:
                got.extend(chunk.choices[0].delta.content or "" for chunk in stream)
            assert "".join(got) == "Half an ans"
            assert "127.0.0.1" not in str(broken.value)

    await play(tmp_path, talk)


async def test_leaving_a_stream_stops_the_model(tmp_path: Path) -> None:
    async with client_stage(tmp_path, orphan_grace_s=0.1) as stage:
        await trio.to_thread.run_sync(_leave_early, stage)
        assert stage.served.model is not None
        with trio.fail_after(10):
            await stage.served.model.requests[0].closed.wait()


def _leave_early(stage: ClientStage) -> None:
    with (
        client_of(stage) as client,
        client.chat.completions.create(model=BOT, messages=_say("stuck"), stream=True) as stream,
    ):
        for chunk in stream:
            if chunk.choices[0].delta.content:
                return


async def test_the_asynchronous_client_talks_in_parallel(tmp_path: Path) -> None:
    def talk(stage: ClientStage) -> None:
        asyncio.run(_talk_in_parallel(stage))

    await play(tmp_path, talk)


async def _talk_in_parallel(stage: ClientStage) -> None:
    async with openai.AsyncOpenAI(base_url=f"{stage.url}/v1", api_key=stage.key(), max_retries=0) as client:

        async def whole(text: str) -> str | None:
            answer = await client.chat.completions.create(model=BOT, messages=_say(text))
            return answer.choices[0].message.content

        async def streamed(text: str) -> str:
            stream = await client.chat.completions.create(model=BOT, messages=_say(text), stream=True)
            return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

        answers = await asyncio.gather(
            *(whole(f"w{n}") for n in range(5)), *(streamed(f"s{n}") for n in range(5))
        )
        assert answers == [f"You said: {kind}{n}" for kind in "ws" for n in range(5)]
        assert BOT in [model.id async for model in client.models.list()]


def _say(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]
