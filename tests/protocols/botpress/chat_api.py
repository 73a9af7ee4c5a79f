"""A program that speaks the Botpress Chat API to a served appliance: with httpx, listening by hand."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import h11
import httpx
import jwt
import trio

from appliance.sse import SseDecoder
from tests.support.model_replies import openai_text
from tests.support.model_server import Script
from tests.support.stack import OPEN_BOT, stack

BOTS = {
    "shop": OPEN_BOT,
    "members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false"),
}
KEY = "a-key-of-the-integrator-of-32-characters-or-more"
ERROR_ID = re.compile(r"err_\d{14}x[0-9A-F]{8}")


class Person:
    """Requests with one key (none when it is empty), in one dialect and of one bot."""

    def __init__(
        self, url: str, client: httpx.AsyncClient, key: str = "", id: str = "", path: str = "/shop"
    ) -> None:
        self.base = f"{url}/botpress{path}"
        self.url = url
        self.http = client
        self.key = key
        self.id = id
        self.old = path.endswith("/v1")

    @property
    def headers(self) -> dict[str, str]:
        return {"x-chat-key" if self.old else "x-user-key": self.key} if self.key else {}

    def at(self, path: str) -> Person:
        """The same person with another bot or dialect."""
        return Person(self.url, self.http, self.key, self.id, path)

    async def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request; bytes are sent as they are."""
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        return await self.http.request(method, self.base + path, content=content, headers=self.headers)

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        """The body of an answer that has to be a good one."""
        answer = await self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def refused(self, method: str, path: str, body: Any = None) -> str:
        """The type of an error, whose body has to be whole."""
        return refusal(await self.call(method, path, body))

    async def join(self, **body: Any) -> Person:
        """A new guest."""
        made = await self.good("POST", "/users", body)
        return Person(
            self.url, self.http, made["key"], made["user"]["id"], self.base.partition("/botpress")[2]
        )

    async def open(self, **body: Any) -> str:
        """A new conversation's id."""
        made = await self.good("POST", "/conversations", body)
        return str(made["conversation"]["id"])

    async def say(self, conversation: str, text: str = "hi", /, **payload: Any) -> Any:
        """The message that the answer holds."""
        payload = payload or {"type": "text", "text": text}
        made = await self.good("POST", "/messages", {"conversationId": conversation, "payload": payload})
        return made["message"]

    async def messages(self, conversation: str) -> list[Any]:
        """All pages, newest first."""
        return await self.pages(f"/conversations/{conversation}/messages", "messages")

    async def pages(self, path: str, name: str) -> list[Any]:
        """All pages of a list."""
        found: list[Any] = []
        token = ""
        while True:
            page = await self.good("GET", f"{path}?nextToken={token}" if token else path)
            found += page[name]
            token = page["meta"].get("nextToken", "")
            if not token:
                return found

    @asynccontextmanager
    async def listen(self, conversation: str) -> AsyncIterator[Ear]:
        """Hear a conversation while the block runs; its id goes into the path as it is."""
        path = f"{self.base}/conversations/{conversation}/listen".partition("/botpress")[2]
        where = urlsplit(self.url)
        stream = await trio.open_tcp_stream(where.hostname or "", where.port or 0)
        async with stream:
            ear = Ear(stream)
            await ear.ask(where.netloc, f"/botpress{path}", self.headers)
            yield ear


class Ear:
    """Signals of one stream, read by hand; `status` and `headers` are the answer's."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._stream = stream
        self._http = h11.Connection(h11.CLIENT)
        self._decoder = SseDecoder()
        self._waiting: list[Any] = []

    async def ask(self, host: str, path: str, headers: dict[str, str]) -> None:
        """Send the request and read the head of its answer."""
        fields = {"Host": host, "Accept": "text/event-stream", **headers}
        await self._stream.send_all(
            self._http.send(h11.Request(method="GET", target=path, headers=[*fields.items()]))
        )
        await self._stream.send_all(self._http.send(h11.EndOfMessage()))
        head = await self._event()
        assert isinstance(head, h11.Response)
        self.status = head.status_code
        self.headers = {name.decode(): value.decode() for name, value in head.headers}

    async def next(self) -> tuple[str, Any]:
        """The type and data of the next signal; raises `EOFError` at the stream's end."""
        with trio.fail_after(10):
            while not self._waiting:
                events = self._decoder.feed(await self.piece())
                assert all(event.event == "message" for event in events)
                self._waiting += [json.loads(event.data) for event in events if event.data != b"ping"]
        signal = self._waiting.pop(0)
        return signal["type"], signal["data"]

    async def take(self, count: int) -> list[tuple[str, Any]]:
        """That many signals."""
        return [await self.next() for _ in range(count)]

    async def is_over(self) -> bool:
        """Does it end without a further signal?"""
        try:
            await self.next()
        except EOFError:
            return True
        return False

    async def piece(self) -> bytes:
        """Bytes of the body; raises `EOFError` at its end."""
        event = await self._event()
        if isinstance(event, h11.EndOfMessage):
            raise EOFError
        assert isinstance(event, h11.Data)
        return bytes(event.data)

    async def _event(self) -> Any:
        while True:
            event = self._http.next_event()
            if event is not h11.NEED_DATA:
                return event
            self._http.receive_data(await self._stream.receive_some())


def refusal(answer: httpx.Response) -> str:
    """Checks that a client understands the error, and gives its type."""
    body = answer.json()
    assert set(body) == {"id", "code", "type", "message"}, body
    assert ERROR_ID.fullmatch(body["id"])
    assert body["code"] == answer.status_code
    assert body["message"]
    return str(body["type"])


def signed(secret: str = KEY, **claims: Any) -> str:
    """A key as an integrator makes it."""
    return jwt.encode(claims, secret, algorithm="HS256")


def without_is_bot(signal: Any) -> Any:
    """A signal's data as the REST object."""
    return {name: value for name, value in signal.items() if name != "isBot"}


@asynccontextmanager
async def chat_api(data: Path, replies: Script | None = None, **settings: Any) -> AsyncIterator[Person]:
    """A stranger at the bot `shop`."""
    bots = settings.pop("bots", BOTS)
    said = replies if replies is not None else [openai_text(f"Answer {number}.") for number in range(60)]
    async with stack(data, said, bots=bots, **settings) as served, httpx.AsyncClient(timeout=20) as client:
        yield Person(served.url, client)


def keyed(person: Person, key: str, id: str = "") -> Person:
    """Somebody with that key at the same bot."""
    return Person(person.url, person.http, key, id)
