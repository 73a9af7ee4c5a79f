"""Somebody at the console: requests to `/admin/api` with an admin's token, and its streams."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import trio

from tests.support.stack import Stack

Json = dict[str, Any]


class Desk:
    """`headers` are what the person shows of themselves."""

    def __init__(self, http: httpx.AsyncClient, url: str, headers: dict[str, str]) -> None:
        self.http = http
        self.url = f"{url}/admin/api"
        self.headers = headers

    async def ask(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return await self.http.request(
            method, self.url + path, json=body, params=query or None, headers=self.headers
        )

    async def good(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = await self.ask(method, path, body, **query)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def refused(self, status: int, method: str, path: str, body: Any = None, **query: Any) -> Json:
        answer = await self.ask(method, path, body, **query)
        assert answer.status_code == status, answer.text
        told: Json = answer.json()
        return told

    async def join(self, id: str, **body: Any) -> Json:
        told: Json = await self.good("POST", f"/conversations/{id}/join", body or None)
        return told

    async def leave(self, id: str) -> Json:
        told: Json = await self.good("POST", f"/conversations/{id}/leave")
        return told

    async def say(self, id: str, content: str, **more: Any) -> Json:
        told: Json = await self.good("POST", f"/conversations/{id}/messages", {"content": content, **more})
        return told

    async def lines(self, id: str) -> list[tuple[str, str]]:
        """Role and words of all messages; of notes their state."""
        detail = await self.good("GET", f"/conversations/{id}")
        return [(line["role"], line["note"] or line["text"]) for line in detail["messages"]]

    @asynccontextmanager
    async def listen(self, path: str, **query: Any) -> AsyncIterator[Events]:
        """One of the streams."""
        async with listening(self.http, self.url + path, self.headers, query) as events:
            yield events


class Events:
    """Server-sent events, one after another: name, id and data."""

    def __init__(self, channel: trio.MemoryReceiveChannel[tuple[str, str, Json]]) -> None:
        self._channel = channel

    async def next(self) -> tuple[str, str, Json]:
        with trio.fail_after(20):
            return await self._channel.receive()

    async def until(self, **wanted: Any) -> Json:
        """The data of the next event that has all of these values; `event` is its name."""
        while True:
            name, _, data = await self.next()
            found = {**data, "event": name}
            if all(found.get(key) == value for key, value in wanted.items()):
                return found


@asynccontextmanager
async def listening(
    http: httpx.AsyncClient, url: str, headers: dict[str, str], query: Json | None = None
) -> AsyncIterator[Events]:
    """Read a stream in the background until the block is left."""
    send, receive = trio.open_memory_channel[tuple[str, str, Json]](1000)

    async def read(task_status: trio.TaskStatus[None]) -> None:
        async with http.stream("GET", url, params=query, headers=headers, timeout=60) as response:
            assert response.status_code == 200, (await response.aread()).decode()
            assert response.headers["content-type"].startswith("text/event-stream")
            task_status.started()
            name, id, data = "message", "", ""
            async for line in response.aiter_lines():
                field, _, value = line.partition(": ")
                name = value if field == "event" else name
                id = value if field == "id" else id
                data += value if field == "data" else ""
                if not line:
                    if data.startswith("{"):
                        send.send_nowait((name, id, json.loads(data)))
                    name, id, data = "message", "", ""

    async with trio.open_nursery() as nursery:
        await nursery.start(read)
        yield Events(receive)
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def desk(served: Stack, user: str = "anna") -> AsyncIterator[Desk]:
    """An admin of that name, by token."""
    async with httpx.AsyncClient(timeout=30) as http:
        yield Desk(http, served.url, {"Authorization": f"Bearer {served.token(user, 'admin')}"})
