"""What holds for every embedding server, over OpenAI's wire."""

from __future__ import annotations

import httpx
import pytest
import trio

from appliance.errors import EmbeddingFailed
from appliance.providers.embedding.making import make
from appliance.settings import Settings
from tests.providers.embedding.conftest import Make
from tests.providers.embedding.replies import (
    as_base64,
    json_reply,
    one_hot,
    openai_vectors,
    raw_reply,
    rounded,
)
from tests.support.model_replies import Chunk, Reply, error
from tests.support.model_server import Recorded, model_server

KEY = "sk-very-secret-key"


async def test_a_text_is_sent_with_its_model_and_comes_back_as_a_vector(make_embedder: Make) -> None:
    async with model_server([openai_vectors([0.0, 2.0])]) as server:
        embedder = make_embedder(base_url=f"{server.url}/v1", api_key=KEY, organization_id="org-1")
        assert embedder.dimensions is None
        vectors = await embedder.embed(["hello"])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/embeddings")
    assert request.body == {"model": "m", "input": ["hello"]}
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.headers["openai-organization"] == "org-1"
    assert rounded(vectors) == [[0.0, 1.0]]
    assert embedder.dimensions == 2


async def test_answers_that_come_out_of_order_go_to_their_texts(make_embedder: Make) -> None:
    data = [{"index": place, "embedding": one_hot(place)} for place in (2, 0, 1)]
    async with model_server([json_reply({"data": data})]) as server:
        vectors = await make_embedder(base_url=server.url).embed(["a", "b", "c"])
    assert rounded(vectors) == [one_hot(0), one_hot(1), one_hot(2)]


async def test_vectors_may_come_as_base64(make_embedder: Make) -> None:
    async with model_server([openai_vectors(as_base64(0, 3), as_base64(1, 0))]) as server:
        vectors = await make_embedder(base_url=server.url).embed(["a", "b"])
    assert rounded(vectors) == [[0.0, 1.0], [1.0, 0.0]]


async def test_many_texts_go_in_requests_of_a_hundred(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        return openai_vectors(*([float(text), 1.0] for text in request.body["input"]))

    async with model_server(answer) as server:
        vectors = await make_embedder(base_url=server.url).embed([str(n) for n in range(250)])
    assert [len(request.body["input"]) for request in server.requests] == [100, 100, 50]
    tangents = [row[0] / row[1] for row in rounded(vectors)]
    assert tangents[:3] == pytest.approx([0, 1, 2], abs=0.01)
    assert len(vectors) == 250


async def test_long_texts_go_in_requests_of_their_own(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        return openai_vectors(*(one_hot(0) for _ in request.body["input"]))

    async with model_server(answer) as server:
        await make_embedder(base_url=server.url).embed(["x" * 50_000] * 20)
    sent = [sum(map(len, request.body["input"])) for request in server.requests]
    assert len(sent) > 1
    assert max(sent) <= 200_000
    assert max(len(text) for request in server.requests for text in request.body["input"]) == 24_000


async def test_a_text_that_the_server_finds_too_long_is_cut_until_it_fits(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        texts = request.body["input"]
        if max(map(len, texts)) > 4000:
            return error(400, "This model's maximum context length is 8192 tokens")
        return openai_vectors(*(one_hot(0) for _ in texts))

    async with model_server(answer) as server:
        vectors = await make_embedder(base_url=server.url).embed(["y" * 20_000, "short"])
    assert len(vectors) == 2
    assert [len(request.body["input"][0]) for request in server.requests] == [20_000, 10_000, 5000, 2500]
    assert server.requests[-1].body["input"][1] == "short"


async def test_a_server_that_finds_everything_too_long_is_not_asked_for_ever(make_embedder: Make) -> None:
    async with model_server([error(400, "input is too long")], repeat=True) as server:
        with pytest.raises(EmbeddingFailed, match="too long"):
            await make_embedder(base_url=server.url).embed(["y" * 20_000])
    assert len(server.requests) < 10


async def test_empty_texts_and_broken_unicode_are_made_fit_to_be_sent(make_embedder: Make) -> None:
    async with model_server([openai_vectors(one_hot(0), one_hot(1), one_hot(2))]) as server:
        vectors = await make_embedder(base_url=server.url).embed(["", " \n", "a\ud800b"])
    assert server.requests[0].body["input"] == ["-", "-", "a?b"]
    assert len(vectors) == 3


async def test_no_texts_are_no_request(make_embedder: Make) -> None:
    async with model_server([]) as server:
        assert await make_embedder(base_url=server.url).embed([]) == []
    assert server.requests == []


async def test_a_limited_or_failing_server_is_asked_again_when_it_says(
    make_embedder: Make, autojump_clock: trio.testing.MockClock
) -> None:
    # The clock jumps while everybody waits, so sockets on it are not: this one counts what was waited.
    waited: list[float] = []
    replies = iter(
        [
            httpx.Response(429, json={"error": {"message": "slow down"}}, headers={"retry-after": "7"}),
            httpx.Response(503, json={"error": {"message": "busy"}}),
            httpx.Response(200, json={"data": [{"index": 0, "embedding": [1.0]}]}),
        ]
    )

    async def answer(request: httpx.Request) -> httpx.Response:
        waited.append(trio.current_time())
        await request.aread()
        reply = next(replies)
        return httpx.Response(reply.status_code, headers=reply.headers, stream=_Stream(reply.content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        embedder = make(Settings(), client, "openai", {"api_key": KEY}, "text-embedding-3-small")
        await embedder.embed(["x"])
    assert 7 <= waited[1] - waited[0] < 8
    assert 0 < waited[2] - waited[1] < 2


class _Stream(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self):  # type: ignore[no-untyped-def]
        yield self._content


async def test_a_broken_off_answer_is_asked_for_once_more(make_embedder: Make) -> None:
    cut = Reply(headers={"content-type": "application/json"}, chunks=[Chunk(text='{"data": [')], then="reset")
    async with model_server([cut, openai_vectors(one_hot(1))]) as server:
        vectors = await make_embedder(base_url=server.url).embed(["x"])
        assert rounded(vectors) == [one_hot(1)]
    async with model_server([cut, cut, openai_vectors(one_hot(1))]) as server:
        with pytest.raises(EmbeddingFailed, match="broke off"):
            await make_embedder(base_url=server.url).embed(["x"])
    assert len(server.requests) == 2


async def test_a_connection_that_is_closed_without_an_answer_is_tried_again(make_embedder: Make) -> None:
    gone = Reply(framing="raw", then="reset")
    async with model_server([gone, openai_vectors(one_hot(1))]) as server:
        assert len(await make_embedder(base_url=server.url).embed(["x"])) == 1


async def test_a_refusal_is_told_without_the_key(make_embedder: Make) -> None:
    async with model_server([error(401, f"Incorrect API key provided: {KEY}")]) as server:
        with pytest.raises(EmbeddingFailed) as caught:
            await make_embedder(base_url=server.url, api_key=KEY).embed(["x"])
    assert "authentication failed" in caught.value.text
    assert "OPENAI_API_KEY" in caught.value.text
    assert KEY not in f"{caught.value.text} {caught.value!r} {caught.value.public_text}"
    assert caught.value.__cause__ is None


async def test_strangers_do_not_read_what_the_server_said(make_embedder: Make) -> None:
    async with model_server([error(400, "organisation acme-internal is not allowed")]) as server:
        with pytest.raises(EmbeddingFailed) as caught:
            await make_embedder(base_url=server.url).embed(["x"])
    assert "acme-internal" in caught.value.text
    assert "acme-internal" not in caught.value.public_text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('{"data":[{"index":0,"embedding":[NaN,1]}]}', "not JSON"),
        ('{"data":[{"index":0,"embedding":[null,1]}]}', "not of the expected form"),
        ('{"data":[{"index":0,"embedding":["1",2]}]}', "not of the expected form"),
        ('{"data":[{"index":0,"embedding":[[1,2]]}]}', "not of the expected form"),
        ('{"data":[{"index":0,"embedding":[true]}]}', "not of the expected form"),
        ('{"data":[{"index":0,"embedding":[1e999]}]}', "."),
        ('{"data":[{"index":0,"embedding":"not base64!"}]}', "no vector"),
        ('{"data":[{"index":0,"embedding":"AAAA"}]}', "no 32-bit numbers"),
        ('{"data":[{"index":0,"embedding":[0,0,0]}]}', "zeros"),
        ('{"data":[{"index":0,"embedding":[]}]}', "0 numbers"),
        ('{"data":[]}', "0 vectors for 1 texts"),
        ('{"data":[{"index":1,"embedding":[1]}]}', "places"),
        ('{"data":[{"index":-1,"embedding":[1]}]}', "places"),
        ('{"data":[{"embedding":[1]},{"embedding":[1]}]}', "2 vectors for 1 texts"),
        ('{"object":"list"}', "not of the expected form"),
        ("[]", "not of the expected form"),
        ("[" * 100_000, "not "),
        ("", "not JSON"),
        ("{", "not JSON"),
        ('{"data":[{"index":0,"embedding":[' + "1," * 8192 + "1]}]}", "8193 numbers"),
    ],
)
async def test_an_answer_that_is_no_set_of_vectors_is_refused(
    make_embedder: Make, body: str, said: str
) -> None:
    async with model_server([raw_reply(body)], repeat=True) as server:
        with pytest.raises(EmbeddingFailed, match=said):
            await make_embedder(base_url=server.url).embed(["x"])


async def test_two_places_for_one_text_are_refused(make_embedder: Make) -> None:
    data = [{"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}]
    async with model_server([json_reply({"data": data})]) as server:
        with pytest.raises(EmbeddingFailed, match="places"):
            await make_embedder(base_url=server.url).embed(["a", "b"])


async def test_requests_whose_vectors_differ_in_length_are_refused(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        texts = request.body["input"]
        return openai_vectors(*([1.0] * (2 + (len(texts) < 100)) for _ in texts))

    async with model_server(answer) as server:
        with pytest.raises(EmbeddingFailed, match="changed the length"):
            await make_embedder(base_url=server.url).embed(["x"] * 150)


async def test_an_endless_answer_is_not_read_to_its_end(make_embedder: Make) -> None:
    flood = Reply(
        headers={"content-type": "application/json"}, chunks=[Chunk(text="1,\n" * 20_000)] * 40, then="hang"
    )
    async with model_server([flood]) as server:
        with pytest.raises(EmbeddingFailed, match="more than"):
            await make_embedder(base_url=server.url).embed(["x"])
        await server.requests[0].closed.wait()


async def test_a_web_page_is_no_answer(make_embedder: Make) -> None:
    page = Reply(headers={"content-type": "text/html"}, chunks=[Chunk(text="<html>Welcome")])
    async with model_server([page]) as server:
        with pytest.raises(EmbeddingFailed, match="text/html"):
            await make_embedder(base_url=server.url).embed(["x"])


async def test_a_silent_server_is_given_up(make_embedder: Make) -> None:
    async with model_server([json_reply({}, head_delay_s=60)]) as server:
        embedder = make_embedder(
            base_url=server.url, settings={"provider_idle_timeout_s": 0.1, "provider_connect_timeout_s": 0.1}
        )
        with pytest.raises(EmbeddingFailed):
            await embedder.embed(["x"])


async def test_a_cancel_closes_the_connection_at_once(make_embedder: Make) -> None:
    asked = trio.Event()

    def answer(request: Recorded) -> Reply:
        asked.set()
        return json_reply({}, head_delay_s=60)

    async with model_server(answer) as server, trio.open_nursery() as nursery:
        nursery.start_soon(make_embedder(base_url=server.url).embed, ["x"])
        await asked.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True), trio.fail_after(20):
            await server.requests[0].closed.wait()


async def test_openai_itself_is_asked_for_base64_and_others_are_not() -> None:
    bodies: list[bytes] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        bodies.append(await request.aread())
        content = b'{"data":[{"index":0,"embedding":"AACAPw=="}]}'
        return httpx.Response(200, stream=_Stream(content))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        embedder = make(Settings(), client, "openai", {"api_key": KEY}, "text-embedding-3-small")
        assert rounded(await embedder.embed(["x"])) == [[1.0]]
    assert b'"encoding_format":"base64"' in bodies[0]


async def test_the_key_of_vectors_names_the_server_and_the_model_but_no_secret(make_embedder: Make) -> None:
    embedder = make_embedder(base_url="https://user:pass@models.example:8443/v1/", api_key=KEY, model="m-1")
    assert embedder.key == "openai https://models.example:8443/v1 m-1"
    assert KEY not in repr(embedder._server)
