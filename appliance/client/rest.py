"""The REST side of a server from Python: `Client`."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Any

from appliance.client.admin import AdminAI
from appliance.client.ai import AI
from appliance.client.chat import AIChat
from appliance.client.transport import Transport
from appliance.client.vector import Vector

TIMEOUT_S = 30.0


class Client:
    """A server's REST endpoints: `ai` and `vector` for everybody, `admin.ai` for administrators.

    `key` is a token or a key; without one the caller is anonymous. Use it as `async with Client(url, key)`,
    or call `aclose()` at the end. All methods raise `ApiError`, and nothing else for what a server does.
    """

    def __init__(
        self,
        url: str,
        key: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self.url = url.rstrip("/")
        credential = {"Authorization": f"Bearer {key}"} if key else {}
        self._transport = Transport(self.url, {**credential, **(headers or {})}, timeout_s)
        self.ai = ChatAI(self._transport, self.url, key)
        self.admin = Admin(self._transport)
        self.vector = Vector(self._transport)

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections."""
        await self._transport.aclose()


class ChatAI(AI):
    """`AI`, and the door to chats."""

    def __init__(self, transport: Transport, url: str, key: str) -> None:
        super().__init__(transport)
        self._ws_url = f"ws{url.removeprefix('http')}/ai/ws"
        self._key = key

    def create_chat(self, **options: Any) -> AIChat:
        """A chat with this server, as who the client is; `options` are those of `AIChat`."""
        return AIChat(self._ws_url, **{"token": self._key or None, **options})


class Admin:
    """The endpoints for administrators."""

    def __init__(self, transport: Transport) -> None:
        self.ai = AdminAI(transport)
