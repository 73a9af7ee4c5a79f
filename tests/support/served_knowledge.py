"""Documents for a served appliance, added through its own API as an administrator does."""

from __future__ import annotations

from typing import Any

import httpx
import trio

from tests.support.stack import Stack

BASES = "/api/v1/admin/ai/knowledge-bases"


async def add_base(served: Stack, name: str, documents: dict[str, str], **fields: Any) -> dict[str, Any]:
    """Make a base and put texts in, all indexed when it returns the base with `documents` by title."""
    async with admin(served) as http:
        made: dict[str, Any] = good(await http.post(BASES, json={"name": name, **fields})).json()
        made["documents"] = {
            title: await add_document(http, made["id"], title, text) for title, text in documents.items()
        }
    return made


def admin(served: Stack) -> httpx.AsyncClient:
    """Somebody who may do everything."""
    headers = {"Authorization": f"Bearer {served.token('root', 'admin')}"}
    return httpx.AsyncClient(base_url=served.url, headers=headers, timeout=60)


async def add_document(http: httpx.AsyncClient, base_id: str, title: str, content: str, **fields: Any) -> str:
    """Add a text and wait until it is indexed; returns its id."""
    body = {"title": title, "content": content, **fields}
    id: str = good(await http.post(f"{BASES}/{base_id}/documents", json=body)).json()["document_id"]
    document = await until_worked(http, base_id, id)
    assert document["status"] == "indexed", document
    return id


async def until_worked(http: httpx.AsyncClient, base_id: str, document_id: str) -> dict[str, Any]:
    """The document when nothing is being done with it any more."""
    with trio.fail_after(60):
        while True:
            answer = good(await http.get(f"{BASES}/{base_id}/documents/{document_id}"))
            document: dict[str, Any] = answer.json()
            if document["status"] in ("indexed", "failed"):
                return document
            await trio.sleep(0.02)


def good(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is a good one."""
    assert answer.is_success, (str(answer.request.url), answer.status_code, answer.text)
    return answer
