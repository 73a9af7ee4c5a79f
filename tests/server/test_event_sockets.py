"""Chat over server-sent events and posts, where no WebSocket gets through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
import trio

from appliance.server import event_sockets
from appliance.sse import SseDecoder
from tests.support.model_replies import openai_text
from tests.support.stack import Stack, stack


class Line:
    """One connection: what it said first, what it says next, and how to speak to it."""

    def __init__(self, client: httpx.AsyncClient, answer: httpx.Response) -> None:
        self.answer = answer
        self._client = client
        self._decoder = SseDecoder()
        self._bytes = answer.aiter_bytes()
        self._waiting: list[dict[str, Any]] = []
        self.id = ""

    async def next(self) -> dict[str, Any]:
        """The next frame."""
        while not self._waiting:
            for event in self._decoder.feed(await anext(self._bytes)):
                self._waiting.append(msgspec.json.decode(event.data))
        return self._waiting.pop(0)

    async def rest(self) -> None:
        """Let the reading notice that it is over; what is left half read would be complained about."""
        async for _ in self._bytes:
            pass

    async def say(self, **frame: Any) -> httpx.Response:
        """Post one frame."""
        return await self._client.post(f"/ai/events/{self.id}", content=msgspec.json.encode(frame))


@asynccontextmanager
async def line(served: Stack) -> AsyncIterator[Line]:
    """An open connection."""
    async with httpx.AsyncClient(base_url=served.url, timeout=20) as client:
        async with client.stream("GET", "/ai/events") as answer:
            assert answer.status_code == 200, await answer.aread()
            opened = Line(client, answer)
            opened.id = (await opened.next())["id"]
            yield opened
        with suppress(httpx.HTTPError, trio.ClosedResourceError):
            await opened.rest()


async def until(opened: Line, type: str) -> dict[str, Any]:
    while (frame := await opened.next())["type"] != type:
        pass
    return frame


async def test_a_chat_goes_over_plain_requests(tmp_path: Path):
    async with stack(tmp_path, [openai_text("Hello ", "there")]) as served, line(served) as opened:
        assert opened.answer.headers["Content-Type"].startswith("text/event-stream")
        assert opened.answer.headers["X-Accel-Buffering"] == "no"
        assert (await opened.say(type="start_chat", chatbot="shop")).status_code == 204
        started = await until(opened, "chat_started")
        await opened.say(type="message", conversation_id=started["conversation_id"], content="Hi")
        text = ""
        while (frame := await opened.next())["type"] != "done":
            text += frame.get("delta", "")
    assert text == "Hello there"


async def test_frames_are_taken_in_the_order_of_their_requests(tmp_path: Path):
    async with stack(tmp_path, []) as served, line(served) as opened:
        for number in range(20):
            await opened.say(type="start_chat", chatbot=f"nobody-{number}")
        errors = [await opened.next() for _ in range(20)]
    assert [error["error"].split("'")[1] for error in errors] == [f"nobody-{n}" for n in range(20)]


async def test_who_does_not_know_the_connection_cannot_speak_on_it(tmp_path: Path):
    async with stack(tmp_path, []) as served, line(served) as opened:
        opened.id = "guessed"
        answer = await opened.say(type="start_chat", chatbot="shop")
    assert answer.status_code == 404
    assert "Open another one" in answer.json()["error"]


async def test_a_connection_that_has_ended_takes_nothing_more(tmp_path: Path):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        async with line(served) as opened:
            id = opened.id
        with trio.fail_after(10):
            while (await client.post(f"/ai/events/{id}", content=b"{}")).status_code != 404:  # noqa: ASYNC110
                await trio.sleep(0.01)


async def test_bad_credentials_are_refused_with_a_status(tmp_path: Path):
    async with stack(tmp_path, []) as served, httpx.AsyncClient(base_url=served.url) as client:
        answer = await client.get("/ai/events", params={"token": "nonsense"})
    assert answer.status_code == 401
    assert answer.json()["code"]


async def test_a_frame_that_is_too_large_is_refused_and_the_connection_stays(tmp_path: Path):
    async with stack(tmp_path, [], message_bytes_max=1000) as served, line(served) as opened:
        answer = await opened.say(type="start_chat", chatbot="x" * 2000)
        assert answer.status_code == 413
        await opened.say(type="start_chat", chatbot="shop")
        assert (await until(opened, "chat_started"))["chatbot"] == "shop"


async def test_what_is_no_frame_is_answered_on_the_stream(tmp_path: Path):
    async with stack(tmp_path, []) as served, line(served) as opened:
        for body in (b"{", b"\xff\xfe", b"[]", b""):
            assert (await opened._client.post(f"/ai/events/{opened.id}", content=body)).status_code == 204
            assert (await opened.next())["type"] == "error"


async def test_these_connections_count_with_the_others(tmp_path: Path):
    async with (
        stack(tmp_path, [], sockets_per_principal_max=1) as served,
        line(served),
        httpx.AsyncClient(base_url=served.url) as client,
    ):
        answer = await client.get("/ai/events")
    assert answer.status_code in (429, 503)


async def test_a_quiet_connection_shows_that_it_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(event_sockets, "HEARTBEAT_S", 0.05)
    async with stack(tmp_path, []) as served, line(served) as opened:
        assert (await anext(opened._bytes)).startswith(b":")
