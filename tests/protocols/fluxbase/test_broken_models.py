"""Whatever a model server does, the turn ends with the right error, once, and the server is well."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.model_replies import DONE, Chunk, Reply, error, openai_text, stream, text
from tests.support.stack import stack
from tests.support.wire import text_of, wire

HTML = Reply(headers={"content-type": "text/html"}, chunks=[Chunk(text="<html>It works!</html>")])

FAULTS: list[tuple[str, list[Reply], str]] = [
    ("cut", [stream(text("Hal"), then="close")], "STREAM_ERROR"),
    ("reset", [stream(text("Hal"), then="reset")], "STREAM_ERROR"),
    ("silence", [stream(text("Hal"), then="hang")], "STREAM_ERROR"),
    ("slow drip", [stream(text("Hal"), *"data: {", delay_s=0.2, then="hang")], "STREAM_ERROR"),
    ("garbage", [stream(text("Hal"), "data: {nonsense\n\n", DONE)], "STREAM_ERROR"),
    ("html page", [HTML], "STREAM_ERROR"),
    ("error in the stream", [stream('data: {"error": {"message": "overloaded"}}\n\n')], "STREAM_ERROR"),
    ("empty answer", [openai_text()], "STREAM_ERROR"),
    ("bad key", [error(401, "Incorrect API key provided")], "PROVIDER_AUTH_FAILED"),
    ("forbidden", [error(403, "No access")], "PROVIDER_AUTH_FAILED"),
    ("unknown model", [error(404, "The model does not exist")], "STREAM_ERROR"),
    ("always overloaded", [error(503, "busy", retry_after="0")] * 3, "STREAM_ERROR"),
]


@pytest.mark.parametrize(("replies", "code"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS])
async def test_a_broken_answer_ends_the_turn_and_the_next_one_works(
    tmp_path: Path, replies: list[Reply], code: str
) -> None:
    async with (
        stack(tmp_path, [*replies, openai_text("Fine.")], provider_idle_timeout_s=0.5) as served,
        wire(served.ws_url) as client,
    ):
        id = await client.start()
        frames = await client.ask(id)
        assert frames[-1]["type"] == "error"
        assert frames[-1]["code"] == code
        assert len(frames[-1]["error"].split()) > 3
        assert text_of(frames) in ("", "Hal")
        assert [frame["type"] for frame in frames].count("error") == 1
        assert text_of(await client.ask(id, "Again")) == "Fine."


async def test_an_overload_before_the_first_token_is_retried_unseen(tmp_path: Path) -> None:
    replies = [error(429, "slow down", retry_after="0"), error(500, "oops"), openai_text("Here.")]
    async with stack(tmp_path, replies) as served, wire(served.ws_url) as client:
        frames = await client.ask(await client.start())
        assert text_of(frames) == "Here."
        assert frames[-1]["type"] == "done"


async def test_usage_that_the_provider_does_not_tell_is_estimated_and_marked(tmp_path: Path) -> None:
    replies = [openai_text("Four words of text", tokens=None)]
    async with stack(tmp_path, replies) as served, wire(served.ws_url) as client:
        usage = (await client.ask(await client.start()))[-1]["usage"]
        assert usage["estimated"] is True
        assert usage["prompt_tokens"] > 50
        assert usage["completion_tokens"] == 5


async def test_only_administrators_read_what_the_provider_said(tmp_path: Path) -> None:
    replies = [error(401, "Incorrect API key provided")] * 2
    async with stack(tmp_path, replies) as served:
        async with wire(served.ws_url) as visitor:
            told = (await visitor.ask(await visitor.start()))[-1]["error"]
            assert told.startswith("Provider authentication failed")
            assert "Incorrect" not in told
        async with wire(served.ws_url, served.token("root", "admin")) as admin:
            assert "Incorrect API key" in (await admin.ask(await admin.start()))[-1]["error"]
