"""A bare WebSocket client that shows every frame as it came, for what SDKs hide."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import trio
import trio_websocket

Frame = dict[str, Any]


class Wire:
    """One socket; `frames` are all that came so far."""

    def __init__(self, socket: trio_websocket.WebSocketConnection) -> None:
        self._socket = socket
        self.frames: list[Frame] = []

    async def send(self, type: str, **fields: Any) -> None:
        await self._socket.send_message(json.dumps({"type": type, **fields}))

    async def send_raw(self, frame: str | bytes) -> None:
        await self._socket.send_message(frame)

    async def receive(self, timeout_s: float = 30.0) -> Frame:
        with trio.fail_after(timeout_s):
            frame: Frame = json.loads(await self._socket.get_message())
        self.frames.append(frame)
        return frame

    async def until(self, *types: str, timeout_s: float = 30.0) -> Frame:
        """Receive up to and with the next frame of one of these types, and return that."""
        with trio.fail_after(timeout_s):
            while (frame := await self.receive(timeout_s))["type"] not in types:
                pass
        return frame

    async def silent(self, seconds: float) -> list[Frame]:
        """What comes within `seconds`."""
        begin = len(self.frames)
        with trio.move_on_after(seconds):
            while True:
                await self.receive(60)
        return self.frames[begin:]

    async def start(self, bot: str = "shop", **fields: Any) -> str:
        """Open a conversation and return its id."""
        await self.send("start_chat", chatbot=bot, namespace="default", **fields)
        return str((await self.until("chat_started"))["conversation_id"])

    async def say(self, conversation_id: str, content: str = "Hello", **fields: Any) -> None:
        await self.send("message", conversation_id=conversation_id, content=content, **fields)

    async def ask(self, conversation_id: str, content: str = "Hello", **fields: Any) -> list[Frame]:
        """Send a message and return all frames of its turn."""
        begin = len(self.frames)
        await self.say(conversation_id, content, **fields)
        await self.until("done", "error", "cancelled")
        return self.frames[begin:]

    async def close(self) -> None:
        await self._socket.aclose()


@asynccontextmanager
async def wire(
    url: str, token: str | None = None, headers: Mapping[str, str] | None = None
) -> AsyncIterator[Wire]:
    """Connect to `ws://…`; the socket is dropped when the block is left."""
    parts = urlsplit(f"{url}?token={token}" if token else url)
    resource = f"{parts.path}?{parts.query}" if parts.query else parts.path
    stream = await trio.open_tcp_stream(parts.hostname, parts.port)
    # Its own stream: trio-websocket leaves the one it opens unclosed when the server goes first.
    async with stream, trio.open_nursery() as nursery:
        socket = await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            parts.netloc,
            resource,
            extra_headers=[(k.encode(), v.encode()) for k, v in (headers or {}).items()],
            max_message_size=64 << 20,
        )
        try:
            yield Wire(socket)
            await socket.aclose()
        finally:
            nursery.cancel_scope.cancel()


def text_of(frames: list[Frame]) -> str:
    """All content deltas joined."""
    return "".join(frame["delta"] for frame in frames if frame["type"] == "content")
