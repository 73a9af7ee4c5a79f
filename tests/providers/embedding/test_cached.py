from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import trio

from appliance.providers.embedding.base import Purpose
from appliance.providers.embedding.cached import BYTES_MAX, KEPT_S, Cached, QueryCache
from tests.providers.embedding.conftest import Make
from tests.providers.embedding.replies import one_hot, openai_vectors
from tests.support.model_replies import Reply
from tests.support.model_server import Recorded, model_server


class Counting:
    """An embedder that notes what it is asked."""

    dimensions: int | None = None
    threshold = 0.5

    def __init__(self, key: str = "counting") -> None:
        self.key = self.model = key
        self.asked: list[str] = []

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[bytes]:
        await trio.lowlevel.checkpoint()
        self.asked += texts
        self.dimensions = 1
        return [f"{self.key} {text}".encode() for text in texts]

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()


async def test_a_question_is_asked_once() -> None:
    inner = Counting()
    cached = Cached(inner, QueryCache())
    ask = partial(cached.embed, purpose="query")
    assert await ask(["a", "b", "a"]) == [b"counting a", b"counting b", b"counting a"]
    assert await ask(["b", "c"]) == [b"counting b", b"counting c"]
    assert inner.asked == ["a", "b", "c"]
    assert cached.dimensions == 1


async def test_documents_are_not_kept_nor_taken_for_questions() -> None:
    inner = Counting()
    cached = Cached(inner, QueryCache())
    await cached.embed(["a"])
    await cached.embed(["a"], purpose="query")
    await cached.embed(["a"])
    assert inner.asked == ["a", "a", "a"]


async def test_embedders_with_other_keys_have_vectors_of_their_own() -> None:
    cache = QueryCache()
    one, other = Counting("one"), Counting("other")
    assert await Cached(one, cache).embed(["a"], purpose="query") == [b"one a"]
    assert await Cached(other, cache).embed(["a"], purpose="query") == [b"other a"]


async def test_a_question_is_forgotten_after_a_quarter_of_an_hour(
    autojump_clock: trio.testing.MockClock,
) -> None:
    cache = QueryCache()
    cache.put("k", "a", b"vector")
    await trio.sleep(KEPT_S - 1)
    assert cache.get("k", "a") == b"vector"
    await trio.sleep(2)
    assert cache.get("k", "a") is None
    assert cache.bytes == 0


async def test_what_was_used_longest_ago_makes_room() -> None:
    cache = QueryCache(bytes_max=4000)
    for text in "abc":
        cache.put("k", text, b"v" * 1000)
    assert cache.get("k", "a")
    cache.put("k", "d", b"v" * 1000)
    assert [text for text in "abcd" if cache.get("k", text)] == ["a", "c", "d"]
    assert cache.bytes <= 4000


async def test_enormous_questions_are_not_kept() -> None:
    cache = QueryCache()
    cache.put("k", "x" * 100_000, b"v")
    assert cache.bytes == 0 < BYTES_MAX


async def test_a_server_is_asked_once_for_the_same_question(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        return openai_vectors(*(one_hot(0) for _ in request.body["input"]))

    async with model_server(answer) as server:
        cached = Cached(make_embedder(base_url=server.url), QueryCache())
        first = await cached.embed(["why?"], purpose="query")
        assert await cached.embed(["why?"], purpose="query") == first
    assert len(server.requests) == 1
