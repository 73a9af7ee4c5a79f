"""The appliance as a Lexicon client meets it: keys, chats over REST, and a socket that reads events."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import trio
import trio_websocket

from appliance.store.database import connect, database_path
from appliance.store.keys import KeyType, create_key
from tests.support.model_server import Script
from tests.support.stack import Stack, stack

Event = dict[str, Any]


class Socket:
    """One connection; `events` are all that came so far, without their timestamps."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket
        self.events: list[Event] = []
        self.timestamps: list[str] = []

    async def receive(self) -> Event:
        with trio.fail_after(20):
            event: Event = json.loads(await self._socket.get_message())
        self.timestamps.append(event.pop("timestamp"))
        self.events.append(event)
        return event

    async def until(self, *types: str, count: int = 1) -> list[Event]:
        """Receive up to and with the `count`th event of these types; all that came."""
        begin = len(self.events)
        while count:
            count -= (await self.receive())["event_type"] in types
        return self.events[begin:]

    async def send(self, frame: Any) -> None:
        """A text or bytes as they are, anything else as JSON."""
        raw = frame if isinstance(frame, str | bytes) else json.dumps(frame)
        await self._socket.send_message(raw)

    async def ask(self, content: str, **more: Any) -> list[Event]:
        """Send a message; all events up to the end of its answer."""
        await self.send({"content": content, **more})
        return await self.until("message_stream_ended", "error")

    async def closed(self) -> tuple[int, str]:
        """Receive all that still comes; the server's close code and reason."""
        with trio.fail_after(20):
            try:
                while True:
                    await self.receive()
            except trio_websocket.ConnectionClosed as end:
                return end.reason.code, end.reason.reason or ""

    async def close(self) -> None:
        await self._socket.aclose()


class Stage:
    """A served appliance with a key of the default tenant."""

    def __init__(self, served: Stack, client: httpx.AsyncClient, key: str) -> None:
        self.served = served
        self.client = client
        self.key = key

    def new_key(self, type: KeyType = "tenant", tenant: str = "default", **options: Any) -> str:
        return new_key(self.served.data, type, tenant, **options)

    async def new_chat(self, user: str = "user123", **body: Any) -> str:
        made = await self.client.post("/api/v1/chats/", json={"user_id": user, **body})
        assert made.status_code == 201, made.text
        return str(made.json()["id"])

    async def messages(self, chat: str, **query: Any) -> list[dict[str, Any]]:
        got = await self.client.get(f"/api/v1/chats/{chat}/messages", params=query)
        assert got.status_code == 200, got.text
        return list(got.json()["messages"])

    @asynccontextmanager
    async def raw_socket(
        self, path: str = "/ws/chat", headers: Mapping[str, str] | None = None, **query: str
    ) -> AsyncIterator[Socket]:
        """Connect with exactly this query and these headers; dropped when the block is left."""
        parts = urlsplit(self.served.url)
        stream = await trio.open_tcp_stream(parts.hostname, parts.port)
        async with stream, trio.open_nursery() as nursery:
            opened = await trio_websocket.wrap_client_stream(
                nursery,
                stream,
                parts.netloc,
                f"{path}?{urlencode(query)}",
                extra_headers=[(name, value.encode()) for name, value in (headers or {}).items()],
            )
            yield Socket(opened)
            nursery.cancel_scope.cancel()

    @asynccontextmanager
    async def socket(self, chat: str = "", user: str = "user123") -> AsyncIterator[Socket]:
        """A good connection that has been told so; to a new chat, if none is named."""
        chat = chat or await self.new_chat(user)
        async with self.raw_socket(api_key=self.key, user_id=user, chat_id=chat) as socket:
            assert (await socket.receive())["event_type"] == "connection_established"
            yield socket


@asynccontextmanager
async def stage(data: Path, replies: Script | None = None, **settings: Any) -> AsyncIterator[Stage]:
    """Serve the appliance while the block runs; arguments are those of `stack`."""
    key = new_key(data)
    async with (
        stack(data, replies, **settings) as served,
        httpx.AsyncClient(base_url=served.url, headers={"X-API-Key": key}) as client,
    ):
        yield Stage(served, client, key)


def new_key(data: Path, type: KeyType = "tenant", tenant: str = "default", **options: Any) -> str:
    """Make a key; `options` are those of `create_key`."""
    db = connect(database_path(data))
    with db:
        _, text = create_key(db, type, tenant, time.time(), **options)
    db.close()
    return text
