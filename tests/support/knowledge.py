"""Knowledge bases in tests: who asks, what is there, and when it can be found."""

from __future__ import annotations

import time
from typing import Any

import httpx
import trio

from appliance.identity import DEFAULT_TENANT
from appliance.server.tokens import make_user_token
from appliance.store.secret import load_secret
from tests.support.stack import Stack

ADMIN = "/api/v1/admin/ai/knowledge-bases"
USER = "/api/v1/ai/knowledge-bases"
Json = dict[str, Any]


class Desk:
    """What somebody may ask; `prefix` is the users' or the administrators'."""

    def __init__(self, client: httpx.AsyncClient, token: str, prefix: str = USER) -> None:
        self._client = client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.prefix = prefix

    async def ask(self, method: str, path: str = "", **more: Any) -> httpx.Response:
        """One request; `path` below the prefix, or from the root."""
        where = path if path.startswith("/api/") else self.prefix + path
        return await self._client.request(method, where, headers=self.headers, **more)

    async def get(self, path: str = "", **more: Any) -> Any:
        """The body of a good answer."""
        return good(await self.ask("GET", path, **more))

    async def post(self, path: str, body: Any) -> Any:
        """The body of a good answer."""
        return good(await self.ask("POST", path, json=body))

    async def base(self, **fields: Any) -> str:
        """The id of a new base."""
        made: Json = await self.post("", {"name": f"base {time.monotonic_ns()}", **fields})
        return str(made["id"])

    async def add(self, base: str, content: str, **fields: Any) -> str:
        """The id of a new document."""
        return str((await self.post(f"/{base}/documents", {"content": content, **fields}))["document_id"])

    async def upload(self, base: str, name: str | None, data: bytes, **fields: str) -> httpx.Response:
        """One file."""
        files = {"file": (name, data) if name is not None else ("blob", data)}
        return await self.ask("POST", f"/{base}/documents/upload", files=files, data=fields)

    async def found(self, base: str, query: str, **fields: Any) -> list[str]:
        """What a search by words finds: texts."""
        body = {"query": query, "mode": "keyword", **fields}
        return [one["content"] for one in (await self.post(f"/{base}/search", body))["results"]]


def good(answer: httpx.Response) -> Any:
    """Its JSON; a refusal is shown as it is."""
    assert answer.is_success, f"{answer.request.method} {answer.request.url}: {answer.text}"
    return answer.json() if answer.content else None


def token(served: Stack, user: str, *, role: str = "authenticated", tenant: str = DEFAULT_TENANT) -> str:
    """A token of whichever tenant."""
    if tenant == DEFAULT_TENANT:
        return served.token(user, role=role)
    secret = load_secret(served.data)
    return make_user_token(secret, user_id=user, role=role, tenant=tenant, now=time.time(), lifetime_s=3600)


async def settled(desk: Desk, base: str) -> list[Json]:
    """The documents of a base as this desk sees them, once nothing is being done with any."""
    with trio.fail_after(60):
        while True:
            found: list[Json] = (await desk.get(f"/{base}/documents"))["documents"]
            if all(one["progress"] is None and one["status"] in ("indexed", "failed") for one in found):
                return found
            await trio.sleep(0.02)
