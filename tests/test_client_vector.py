"""`client.vector` against a true server."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.client import ApiError, Client
from tests.support.row_vectors import TEXTS, bots, embed_letters, make_rows
from tests.support.stack import stack


async def test_vectors_are_made_and_rows_are_found(tmp_path: Path) -> None:
    async with stack(make_rows(tmp_path), bots=bots()) as served:
        await embed_letters(served)
        async with Client(served.url, served.token()) as client:
            told = await client.vector.capabilities()
            assert (told.enabled, told.embedding_model) == (True, "all-MiniLM-L6-v2")
            made = await client.vector.embed("My bicycle has a flat tyre")
            assert (made.dimensions, len(made.embeddings), len(made.embeddings[0])) == (384, 1, 384)
            by_vector = await client.vector.search("letters", "embedding", vector=made.embeddings[0])
            assert [row["body"] for row in by_vector.data] == TEXTS["alice"]
            assert by_vector.distances[0] == pytest.approx(0, abs=0.02)
            assert by_vector.model == ""
            by_words = await client.vector.search(
                "letters",
                "embedding",
                query="money for the state",
                metric="cosine",
                match_threshold=1.5,
                match_count=5,
                select=["body"],
                filters=[{"column": "body", "operator": "ilike", "value": "*tax*"}],
                chatbot="shop",
            )
            assert by_words.data == [{"body": TEXTS["alice"][1]}]
            assert (by_words.model, by_words.truncated) == ("all-MiniLM-L6-v2", False)
            with pytest.raises(ApiError) as refused:
                await client.vector.search("salaries", "embedding", vector=[1, 0, 0])
            assert refused.value.status == 404


async def test_rows_that_are_too_much_for_one_answer_are_cut_and_it_says_so(tmp_path: Path) -> None:
    async with (
        stack(make_rows(tmp_path), bots=bots(), sql_rows_max=2) as served,
        Client(served.url, served.token()) as client,
    ):
        found = await client.vector.search("things", "embedding", vector=[1, 0, 0])
    assert ([row["name"] for row in found.data], found.truncated) == (["lamp", "torch"], True)
