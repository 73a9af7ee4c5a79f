"""Visitors of a page's widget, as browsers and pages' servers make them: requests and proofs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from appliance.store import widget_secret
from appliance.store.database import connect, database_path
from appliance.store.secret import load_encryption_key
from appliance.store.vault import Vault
from tests.support.stack import Stack

PAGE = "https://shop.example.com"


def secret_of(served: Stack, *, tenant: str = "default", rotate: bool = False) -> str:
    """The tenant's first identity secret, or a new one."""
    db = connect(database_path(served.data))
    vault = Vault(load_encryption_key(served.data))
    make = widget_secret.rotate if rotate else widget_secret.make
    secret = make(db, vault, tenant, time.time())
    db.close()
    assert secret is not None
    return secret


def proof(secret: str, user: str, **told: str) -> dict[str, Any]:
    """What a page's server signs of a user."""
    digest = hmac.new(secret.encode(), user.encode(), hashlib.sha256).hexdigest()
    return {"user": {"id": user, "hash": digest, **told}}


def web_token(secret: str, claims: dict[str, Any], algorithm: str = "HS256") -> str:
    """A JSON Web Token, made by hand."""
    head = _part(json.dumps({"alg": algorithm, "typ": "JWT"}).encode())
    body = _part(json.dumps(claims).encode())
    mark = _part(hmac.digest(secret.encode(), f"{head}.{body}".encode(), "sha256"))
    return f"{head}.{body}.{mark}"


def _part(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class Person:
    """Somebody with a session; every request is a page's."""

    def __init__(self, client: httpx.AsyncClient, session: dict[str, Any]) -> None:
        self.client = client
        self.token: str = session["token"]
        self.kind: str = session["kind"]
        self.name: str = session["name"]

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def ask(self, method: str, path: str, **given: Any) -> httpx.Response:
        """A request below the widget's prefix."""
        headers = {**self.headers, **given.pop("headers", {})}
        return await self.client.request(method, f"/api/v1/widget{path}", headers=headers, **given)

    async def say(self, text: str, bot: str = "shop", *, status: int = 200) -> dict[str, Any]:
        """Begin a conversation by one question over a wire that answers when all is said."""
        body = {"model": bot, "store": True, "messages": [{"role": "user", "content": text}]}
        got = await self.client.post("/v1/chat/completions", json=body, headers=self.headers, timeout=60)
        assert got.status_code == status, got.text
        return dict(got.json())

    async def conversations(self) -> list[dict[str, Any]]:
        got = await self.ask("GET", "/conversations")
        assert got.status_code == 200, got.text
        return list(got.json()["items"])

    async def attach(self, id: str, name: str, data: bytes | str) -> httpx.Response:
        content = data.encode() if isinstance(data, str) else data
        return await self.ask(
            "POST", f"/conversations/{id}/files", files={"file": (name, content)}, timeout=60
        )


async def person(client: httpx.AsyncClient, bot: str = "shop", **shown: Any) -> Person:
    """A session with what the page shows."""
    got = await client.post(f"/api/v1/widget/bots/{bot}/session", json=shown)
    assert got.status_code == 200, got.text
    return Person(client, got.json())
