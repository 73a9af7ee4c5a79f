"""What a page sees of an answer when the server stops, is killed, or comes back."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import trio

from tests.protocols.test_aisdk import CHAT, Told, body, user
from tests.server.test_lifecycle import environment, serve_arguments
from tests.support.loopback import LoopbackServer, cli_server
from tests.support.model_replies import Reply, openai_text, stream, text
from tests.support.model_server import model_server

STUCK = stream(text("Half an "), text("answer"), then="hang")


@asynccontextmanager
async def server(data: Path, *replies: Reply) -> AsyncIterator[tuple[LoopbackServer, httpx.AsyncClient]]:
    async with model_server(replies) as model:
        env = environment(OPENAI_BASE_URL=f"{model.url}/v1", APPLIANCE_SHUTDOWN_GRACE_S="0.2")
        with cli_server(*serve_arguments(data), env=env) as one, trio.fail_after(30):
            async with httpx.AsyncClient(base_url=one.url, timeout=20) as web:
                yield one, web


async def read_until_cut(web: httpx.AsyncClient, process: Any, how: int) -> list[dict[str, Any]]:
    """Post, end the server as soon as the whole text is there, and read on; the chunks that came."""
    seen = ""
    async with web.stream("POST", "/api/chat/shop", json=body(user("Tell me"))) as reply:
        async for piece in reply.aiter_text():
            seen += piece
            if "answer" in seen and '"text-end"' not in seen:
                process.send_signal(how)
    blocks = [block.removeprefix("data: ") for block in seen.split("\n\n") if block]
    assert blocks.pop() == "[DONE]"
    return [json.loads(block) for block in blocks]


async def test_a_server_that_stops_ends_the_answer_with_an_error_and_not_as_if_it_were_whole(
    tmp_path: Path,
) -> None:
    async with server(tmp_path, STUCK) as (one, web):
        chunks = await read_until_cut(web, one.process, signal.SIGTERM)
        assert [chunk["type"] for chunk in chunks[-3:]] == ["text-end", "error", "finish"]
        assert "restarting" in chunks[-2]["errorText"]
        assert chunks[-1]["finishReason"] == "error"


async def test_a_server_that_dies_breaks_the_connection(tmp_path: Path) -> None:
    async with server(tmp_path, STUCK) as (one, web):
        with pytest.raises(httpx.RemoteProtocolError):
            await read_until_cut(web, one.process, signal.SIGKILL)


async def test_an_answer_is_told_again_by_a_server_that_was_started_anew(tmp_path: Path) -> None:
    async with server(tmp_path, openai_text("Hi ", "there.")) as (_, web):
        first = Told(await web.post("/api/chat/shop", json=body(user("Hello"))))
    async with server(tmp_path) as (_, web):  # there is no reply for another call of the model
        again = Told(await web.post("/api/chat/shop", json=body(user("Hello"))))
        assert again.text == "Hi there."
        assert again.metadata == first.metadata
        assert (await web.get(f"/api/chat/shop/{CHAT}/stream")).status_code == 204
