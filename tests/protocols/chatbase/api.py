"""A program that speaks Chatbase's API v2 to a served appliance, with httpx."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from appliance.store.database import connect, database_path
from appliance.store.keys import KeyType, create_key
from tests.support.model_server import Script
from tests.support.stack import OPEN_BOT, Stack, stack

TOOL = """client-tools:
  - name: get_place
    description: Where the user is.
    parameters: {type: object, properties: {precise: {type: boolean}}}
"""
BOTS = {
    "shop": OPEN_BOT.replace("allowed-tables", f"{TOOL}allowed-tables"),
    "members": OPEN_BOT.replace("allow-unauthenticated: true", "allow-unauthenticated: false"),
    "hidden": OPEN_BOT.replace("rate-limit", "public: false\nrate-limit"),
    "off": OPEN_BOT.replace("rate-limit", "enabled: false\nrate-limit"),
}
SHOP = "/agents/shop"


class Api:
    """Requests with one credential; `key` is its text."""

    def __init__(self, served: Stack, client: httpx.AsyncClient, key: str) -> None:
        self.served = served
        self.key = key
        self._client = client

    def with_key(self, type: KeyType = "tenant", tenant: str = "default", **options: Any) -> Api:
        """The same with a new key; `options` are those of `create_key`."""
        return self.showing(make_key(self.served, type, tenant, **options))

    def showing(self, credential: str) -> Api:
        """The same with that token or key."""
        return Api(self.served, self._client, credential)

    async def call(
        self, method: str, path: str, body: Any = None, *, mount: str = "", accept: str = ""
    ) -> httpx.Response:
        """One request; a body of bytes is sent as it is."""
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if accept:
            headers["Accept"] = accept
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        url = f"{self.served.url}{mount}/api/v2{path}"
        return await self._client.request(method, url, content=content, headers=headers)

    async def good(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of an answer that has to be a 200."""
        answer = await self.call(method, path, body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def ask(self, message: str, **fields: Any) -> Any:
        """An answer in one piece."""
        body = {"message": message, "stream": False, **fields}
        return (await self.good("POST", f"{SHOP}/chat", body))["data"]

    async def go_on(self, answer: Any, message: str) -> Any:
        """One more message in the conversation of that answer."""
        return await self.ask(message, conversationId=answer["metadata"]["conversationId"])

    async def ask_to_go_on(self, answer: Any) -> Any:
        """Chat without a message, after the results of tools."""
        body = {"conversationId": answer["metadata"]["conversationId"], "stream": False}
        return (await self.good("POST", f"{SHOP}/chat", body))["data"]

    async def post(self, url: str) -> None:
        """A request without a body, to another protocol's endpoint."""
        answer = await self._client.post(url, headers={"Authorization": f"Bearer {self.key}"})
        assert answer.status_code == 200, answer.text

    async def refused(self, method: str, path: str, body: Any = None, *, field: str = "") -> tuple[int, str]:
        """Status and code of a refusal, which has the documented form; with `field` it names that one."""
        answer = await self.call(method, path, body)
        error = answer.json()["error"]
        assert set(error) <= {"code", "message", "details"}, error
        assert error["message"]
        assert answer.headers["x-request-id"].startswith("req_")
        if field:
            assert list(error["details"]) == [field], error
        return answer.status_code, error["code"]


def of(answer: Any) -> str:
    """The path of the conversation that an answer belongs to."""
    return f"{SHOP}/conversations/{answer['metadata']['conversationId']}"


def text_of(answer: Any) -> str:
    """All text of an answer or a message."""
    return "".join(part["text"] for part in answer["parts"] if part["type"] == "text")


def events_of(text: str) -> list[Any]:
    """The chunks of Server-Sent Events, which end as they should."""
    blocks = text.split("\n\n")
    assert blocks[-2:] == ["data: [DONE]", ""], blocks
    return [json.loads(block.removeprefix("data: ")) for block in blocks[:-2] if not block.startswith(":")]


def make_key(served: Stack, type: KeyType = "tenant", tenant: str = "default", **options: Any) -> str:
    """A new key's text."""
    db = connect(database_path(served.data))
    try:
        return create_key(db, type, tenant, time.time(), **options)[1]
    finally:
        db.close()


@asynccontextmanager
async def api(data: Path, replies: Script | Sequence[Any] = (), **settings: Any) -> AsyncIterator[Api]:
    """Serve `BOTS` while the block runs, to the holder of a tenant's key."""
    bots = settings.pop("bots", BOTS)
    async with stack(data, replies, bots=bots, **settings) as served, httpx.AsyncClient(timeout=30) as client:
        yield Api(served, client, make_key(served))
