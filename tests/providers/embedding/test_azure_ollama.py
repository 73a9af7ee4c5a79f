from __future__ import annotations

import pytest

from appliance.errors import EmbeddingFailed, InvalidInput
from tests.providers.embedding.conftest import Make
from tests.providers.embedding.replies import json_reply, one_hot, openai_vectors, raw_reply, rounded
from tests.support.model_replies import Chunk, Reply, error
from tests.support.model_server import Recorded, model_server


async def test_azure_is_asked_at_the_deployments_address_with_its_own_header(make_embedder: Make) -> None:
    async with model_server([openai_vectors([2.0, 0.0])]) as server:
        embedder = make_embedder("azure", endpoint=server.url, api_key="k-123456", model="my emb/1")
        assert rounded(await embedder.embed(["x"])) == [[1.0, 0.0]]
    (request,) = server.requests
    assert request.path == "/openai/deployments/my%20emb%2F1/embeddings?api-version=2024-10-21"
    assert request.headers["api-key"] == "k-123456"
    assert "authorization" not in request.headers
    assert request.body == {"input": ["x"]}


async def test_azure_takes_the_version_that_is_configured(make_embedder: Make) -> None:
    async with model_server([openai_vectors([1.0])]) as server:
        embedder = make_embedder("azure", endpoint=server.url, api_key="k-123456", api_version="2024-02-01")
        await embedder.embed(["x"])
    assert server.requests[0].path.endswith("?api-version=2024-02-01")


async def test_ollama_gets_all_texts_at_once(make_embedder: Make) -> None:
    async with model_server([json_reply({"embeddings": [one_hot(0), one_hot(1)]})]) as server:
        embedder = make_embedder("ollama", endpoint=server.url, model="all-minilm")
        assert rounded(await embedder.embed(["a", "b"])) == [one_hot(0), one_hot(1)]
    (request,) = server.requests
    assert request.path == "/api/embed"
    assert request.body == {"model": "all-minilm", "input": ["a", "b"], "truncate": True}


async def test_an_old_ollama_gets_one_text_after_the_other_and_is_not_tried_anew(make_embedder: Make) -> None:
    def answer(request: Recorded) -> Reply:
        if request.path == "/api/embed":
            return Reply(
                status=404,
                headers={"content-type": "text/plain"},
                chunks=[Chunk(text="404 page not found")],
            )
        return json_reply({"embedding": one_hot(int(request.body["prompt"]))})

    async with model_server(answer) as server:
        embedder = make_embedder("ollama", endpoint=server.url)
        assert rounded(await embedder.embed(["0", "1"])) == [one_hot(0), one_hot(1)]
        await embedder.embed(["2"])
    assert [request.path for request in server.requests] == ["/api/embed"] + ["/api/embeddings"] * 3


async def test_a_model_that_ollama_does_not_have_is_told(make_embedder: Make) -> None:
    missing = error(404, 'model "nomic-embed-text" not found, try pulling it first')
    async with model_server([missing]) as server:
        with pytest.raises(EmbeddingFailed, match="try pulling it first"):
            await make_embedder("ollama", endpoint=server.url, model="nomic-embed-text").embed(["x"])
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body", ['{"embeddings":[[1],[1]]}', '{"embeddings":[]}', '{"embeddings":[1]}', '{"embedding":[1]}']
)
async def test_ollamas_answers_are_checked_too(make_embedder: Make, body: str) -> None:
    async with model_server([raw_reply(body)]) as server:
        with pytest.raises(EmbeddingFailed):
            await make_embedder("ollama", endpoint=server.url).embed(["x"])


async def test_nomic_gets_a_prefix_for_questions_and_one_for_documents(make_embedder: Make) -> None:
    async with model_server([json_reply({"embeddings": [one_hot(0)]})], repeat=True) as server:
        embedder = make_embedder("ollama", endpoint=server.url, model="nomic-embed-text:v1.5")
        await embedder.embed(["why?"], purpose="query")
        await embedder.embed(["because"])
    assert [request.body["input"] for request in server.requests] == [
        ["search_query: why?"],
        ["search_document: because"],
    ]
    assert embedder.threshold == 0.55


@pytest.mark.parametrize("model", ["", " ", "a\nb", "x" * 201])
async def test_a_model_without_a_plain_name_is_refused(make_embedder: Make, model: str) -> None:
    with pytest.raises(InvalidInput, match="embedding model"):
        make_embedder("ollama", model=model)


@pytest.mark.parametrize(
    ("model", "threshold"),
    [
        ("text-embedding-3-large", 0.3),
        ("text-embedding-ada-002", 0.75),
        ("nomic-ai/nomic-embed-text-v1.5", 0.55),
        ("all-minilm:l6-v2", 0.3),
    ],
)
async def test_each_model_has_a_threshold_of_its_own(
    make_embedder: Make, model: str, threshold: float
) -> None:
    assert make_embedder("ollama", model=model).threshold == threshold
