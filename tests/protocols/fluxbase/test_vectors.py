"""`client.vector` over a real server: vectors of texts, and whether there are any."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.stack import Stack, stack

EMBED = "/api/v1/vector/embed"


async def ask(served: Stack, body: Any, token: str | None = None) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    async with httpx.AsyncClient(trust_env=False, verify=False, timeout=60) as client:
        return await client.post(served.url + EMBED, json=body, headers=headers)


async def capabilities(served: Stack) -> dict[str, Any]:
    async with httpx.AsyncClient(trust_env=False, verify=False) as client:
        answer = await client.get(f"{served.url}/api/v1/capabilities/vector")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_a_user_gets_vectors_of_texts(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        answer = (await ask(served, {"texts": ["one text", "another"]}, served.token())).json()
        single = (await ask(served, {"text": "one text"}, served.token())).json()
    assert answer["model"] == "all-MiniLM-L6-v2"
    assert answer["dimensions"] == 384
    assert [len(vector) for vector in answer["embeddings"]] == [384, 384]
    assert math.hypot(*answer["embeddings"][0]) == pytest.approx(1, abs=1e-5)
    assert answer["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert single["embeddings"][0] == pytest.approx(answer["embeddings"][0], abs=0.05)


async def test_strangers_get_none(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        answer = await ask(served, {"text": "x"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "AUTHENTICATION_REQUIRED"


async def test_a_provider_is_for_administrators_to_name(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        refused = await ask(served, {"text": "x", "provider": "local"}, served.token())
        good = await ask(served, {"text": "x", "provider": "local"}, served.token("root", "admin"))
    assert refused.status_code == 403
    assert good.status_code == 200


async def test_without_an_embedder_it_is_503_and_says_so(tmp_path: Path) -> None:
    async with stack(tmp_path, embedding_provider="none") as served:
        answer = await ask(served, {"text": "x"}, served.token())
        told = await capabilities(served)
    assert answer.status_code == 503
    assert answer.json() == {
        "error": "Embeddings are not configured on this server.",
        "code": "EMBEDDING_NOT_CONFIGURED",
    }
    assert told["embedding_enabled"] is False


async def test_a_failing_provider_is_503_and_quotes_nothing(tmp_path: Path) -> None:
    async with stack(tmp_path, [], embedding_provider="openai", provider_retries=0) as served:
        answer = await ask(served, {"text": "x"}, served.token())
    assert answer.status_code == 503
    assert answer.json()["code"] == "EMBEDDING_FAILED"
    assert "script" not in answer.text


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"text": ""},
        {"texts": []},
        {"texts": ["a", ""]},
        {"text": "a", "texts": ["b"]},
        {"texts": "a"},
        {"text": 1},
        {"texts": [None]},
        {"texts": ["a"] * 101},
        [],
    ],
)
async def test_a_body_that_cannot_be_meant_is_400(tmp_path: Path, body: Any) -> None:
    async with stack(tmp_path, embedding_provider="none") as served:
        answer = await ask(served, body, served.token())
    assert answer.status_code == 400
    assert answer.json()["code"] == "INVALID_INPUT"


async def test_everybody_may_know_whether_there_are_vectors(tmp_path: Path) -> None:
    async with stack(tmp_path) as served:
        told = await capabilities(served)
    assert told == {
        "enabled": True,
        "embedding_enabled": True,
        "embedding_provider": "local",
        "embedding_model": "all-MiniLM-L6-v2",
        "embedding_dimensions": 384,
    }
