"""One person with a client of each wire, all for the same conversation."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import jwt
import trio
import trio_websocket

from appliance.store.database import connect, database_path
from appliance.store.keys import create_key
from tests.support.stack import Stack
from tests.support.wire import text_of, wire

ENCRYPTION_KEY = "a key that the integrator has, and nobody else"
WIRES = ("fluxbase", "chatbase", "ai-sdk", "botpress", "lexicon", "openai")
MISSING = "00000000-0000-4000-8000-000000000000"


class Refused(Exception):
    """What a wire says instead of an answer: a status or None for events, and its own word for it."""

    def __init__(self, status: int | None, word: str) -> None:
        super().__init__(f"{status} {word}")
        self.status = status
        self.word = word


class Person:
    """Speaks as `user` over every wire, with the bot `shop`."""

    def __init__(self, served: Stack, http: httpx.AsyncClient, user: str, key: str) -> None:
        self.url = served.url
        self.ws_url = served.url.replace("http", "ws", 1)
        self.http = http
        self.user = user
        self.key = key
        self.token = served.token(user)
        self.user_key = jwt.encode({"id": user}, ENCRYPTION_KEY, "HS256")

    async def say(self, over: str, id: str, text: str) -> str:
        """Send `text` over that wire and return the answer; raises `Refused`."""
        try:
            spoken: str = await getattr(self, over.replace("-", "_"))(id, text)
        except BaseExceptionGroup as group:  # of the nursery round a socket
            refused, _ = group.split(Refused)
            raise _only(refused) if refused else group from None
        return spoken

    async def join_botpress(self) -> None:
        """What `Client.connect` does first."""
        url = f"{self.url}/botpress/shop/users/get-or-create"
        _check(await self.http.post(url, json={}, headers={"x-user-key": self.user_key}), str)

    async def start(self) -> str:
        """A new conversation, over the Fluxbase socket."""
        async with wire(f"{self.ws_url}/ai/ws", self.token) as socket:
            return await socket.start()

    async def fluxbase(self, id: str, text: str) -> str:
        async with wire(f"{self.ws_url}/ai/ws", self.token) as socket:
            frames = await socket.ask(id, text)
        if frames[-1]["type"] == "error":
            raise Refused(None, frames[-1]["code"])
        return text_of(frames)

    async def chatbase(self, id: str, text: str) -> str:
        answer = await self.http.post(
            f"{self.url}/api/v2/agents/shop/chat",
            json={"message": text, "conversationId": id, "stream": False},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        _check(answer, lambda body: body["error"]["code"])
        return "".join(part["text"] for part in answer.json()["data"]["parts"] if part["type"] == "text")

    async def ai_sdk(self, id: str, text: str) -> str:
        message = {"id": f"m-{uuid.uuid4()}", "role": "user", "parts": [{"type": "text", "text": text}]}
        answer = await self.http.post(
            f"{self.url}/api/chat/shop",
            json={"id": id, "messages": [message], "trigger": "submit-message"},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        _check(answer, lambda body: body["error"]["code"])
        chunks = [json.loads(line[6:]) for line in answer.text.splitlines() if line.startswith("data: {")]
        return "".join(chunk["delta"] for chunk in chunks if chunk["type"] == "text-delta")

    async def botpress(self, id: str, text: str) -> str:
        before = {message["id"] for message in await self.botpress_messages(id)}
        answer = await self.http.post(
            f"{self.url}/botpress/shop/messages",
            json={"conversationId": id, "payload": {"type": "text", "text": text}},
            headers={"x-user-key": self.user_key},
        )
        _check(answer, lambda body: body["type"])
        mine = answer.json()["message"]["id"]
        with trio.fail_after(20):
            while True:
                new = [m for m in await self.botpress_messages(id) if m["id"] not in {*before, mine}]
                if new:
                    spoken: str = new[0]["payload"]["text"]
                    return spoken
                await trio.sleep(0.02)

    async def botpress_messages(self, id: str) -> list[dict[str, Any]]:
        """All messages, oldest first."""
        found: list[dict[str, Any]] = []
        token = ""
        while True:
            answer = await self.http.get(
                f"{self.url}/botpress/shop/conversations/{id}/messages",
                params={"nextToken": token} if token else {},
                headers={"x-user-key": self.user_key},
            )
            _check(answer, lambda body: body["type"])
            found += answer.json()["messages"]
            token = answer.json()["meta"].get("nextToken", "")
            if not token:
                return found[::-1]

    async def lexicon(self, id: str, text: str) -> str:
        async with self.lexicon_socket(id) as socket:
            await socket.send_message(json.dumps({"content": text}))
            return str((await lexicon_until(socket, "message_stream_ended"))["content"])

    @asynccontextmanager
    async def lexicon_socket(self, id: str) -> AsyncIterator[trio_websocket.WebSocketConnection]:
        """Connected to the chat; raises `Refused`."""
        parts = urlsplit(self.ws_url)
        stream = await trio.open_tcp_stream(parts.hostname or "", parts.port or 80)
        resource = f"/ws/chat?api_key={self.key}&user_id={self.user}&chat_id={id}"
        async with stream, trio.open_nursery() as nursery:
            socket = await trio_websocket.wrap_client_stream(nursery, stream, parts.netloc, resource)
            await lexicon_until(socket, "connection_established")
            try:
                yield socket
                await socket.aclose()
            finally:
                nursery.cancel_scope.cancel()

    async def openai(self, id: str, text: str) -> str:
        answer = await self.http.post(
            f"{self.url}/v1/chat/completions",
            json={
                "model": "shop",
                "messages": [{"role": "user", "content": text}],
                "metadata": {"conversation_id": id},
            },
            headers={"Authorization": f"Bearer {self.token}"},
        )
        _check(answer, lambda body: body["error"]["code"])
        spoken: str = answer.json()["choices"][0]["message"]["content"]
        return spoken


async def lexicon_until(socket: trio_websocket.WebSocketConnection, event_type: str) -> dict[str, Any]:
    """The next event of that type; raises `Refused` for an error."""
    with trio.fail_after(20):
        while True:
            event: dict[str, Any] = json.loads(await socket.get_message())
            if event["event_type"] == "error":
                raise Refused(None, event["error_code"])
            if event["event_type"] == event_type:
                return event


async def signals(response: httpx.Response) -> AsyncGenerator[dict[str, Any], None]:
    """What a Botpress listener is told, pings left out."""
    async with aclosing(response.aiter_lines()) as lines:
        async for line in lines:
            if line.startswith("data: {"):
                yield json.loads(line[6:])  # noqa: ASYNC119 - its readers close it


def _only(group: BaseException) -> BaseException:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    return group


def _check(answer: httpx.Response, word: Any) -> None:
    if answer.status_code >= 400:
        raise Refused(answer.status_code, word(answer.json()))


@asynccontextmanager
async def person(served: Stack, user: str = "alice", tenant: str = "default") -> AsyncIterator[Person]:
    """Somebody with the tenant's key, a token and a Botpress key of their own."""
    db = connect(database_path(served.data))
    key = create_key(db, "tenant", tenant, time.time())[1]
    db.close()
    async with httpx.AsyncClient(timeout=30) as http:
        yield Person(served, http, user, key)
