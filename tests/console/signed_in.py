"""Somebody who is signed in to the console, and what its API tells them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.console.people import browser, invite, set_up
from tests.support.stack import Stack


class SignedIn:
    """One browser; paths are those below `/admin/api/`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, **query: Any) -> Any:
        """The body of a good answer."""
        return _good(await self.client.get(path, params=query))

    async def post(self, path: str, body: Any = None) -> Any:
        return _good(await self.client.post(path, json={} if body is None else body))

    async def put(self, path: str, body: Any = None) -> Any:
        return _good(await self.client.put(path, json={} if body is None else body))

    async def patch(self, path: str, body: Any) -> Any:
        return _good(await self.client.patch(path, json=body))

    async def delete(self, path: str) -> Any:
        return _good(await self.client.delete(path))

    async def refused(self, method: str, path: str, body: Any = None) -> tuple[int, str, str]:
        """Status, code and text of a refusal."""
        answer = await self.client.request(method, path, json=body)
        assert answer.status_code >= 400, answer.text
        told = answer.json()
        return answer.status_code, told["code"], told["error"]

    async def actions(self) -> list[str]:
        """What the audit log has, oldest first."""
        items = (await self.get("audit", limit=500))["items"]
        return [one["action"] for one in reversed(items)]


@asynccontextmanager
async def admin_of(served: Stack) -> AsyncIterator[SignedIn]:
    """The first admin, signed in."""
    async with browser(served) as client:
        await set_up(served, client)
        yield SignedIn(client)


@asynccontextmanager
async def operator_of(served: Stack, admin: SignedIn) -> AsyncIterator[SignedIn]:
    """An operator whom the admin has invited."""
    async with browser(served) as client:
        await invite(admin.client, client, "olga")
        yield SignedIn(client)


def _good(answer: httpx.Response) -> Any:
    assert answer.is_success, f"{answer.status_code} {answer.text}"
    is_json = "json" in answer.headers.get("content-type", "")
    return answer.json() if answer.content and is_json else answer.text
