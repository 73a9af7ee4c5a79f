"""`client.vector`: vectors of texts, and rows of the team's tables by meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec

from appliance.client.transport import Transport

BASE = "/api/v1/vector"


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors of length 1, in the order of the texts."""

    embeddings: list[list[float]]
    model: str
    dimensions: int


class FoundRows(msgspec.Struct, frozen=True, kw_only=True):
    """The rows, nearest first, and their distances; `model` made the vector of a query in words.

    `truncated` when there would have been more, but they were too much for one answer.
    """

    data: list[dict[str, Any]]
    distances: list[float]
    model: str = ""
    truncated: bool = False


class VectorCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """Whether vectors are made there, and by what."""

    enabled: bool
    embedding_provider: str = ""
    embedding_model: str = ""
    embedding_dimensions: int | None = None


class Vector:
    """What needs a user, but for `capabilities`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def embed(
        self, texts: str | Sequence[str], *, model: str | None = None, provider: str | None = None
    ) -> Embeddings:
        """Vectors of one text or of several; `provider` is for administrators."""
        body = {"texts": [texts] if isinstance(texts, str) else list(texts)}
        return await self._transport.call(
            "POST", f"{BASE}/embed", Embeddings, body | _given(model=model, provider=provider)
        )

    async def search(
        self,
        table: str,
        column: str,
        *,
        query: str | None = None,
        vector: Sequence[float] | None = None,
        metric: Literal["cosine", "l2", "inner_product"] | None = None,
        match_threshold: float | None = None,
        match_count: int | None = None,
        select: str | Sequence[str] | None = None,
        filters: Sequence[Mapping[str, Any]] | None = None,
        model: str | None = None,
        chatbot: str | None = None,
    ) -> FoundRows:
        """The rows whose vectors are nearest to a `query` in words, or to a `vector`.

        `match_threshold` is a distance that they have to be nearer than, and `filters` are like
        `{"column": "price", "operator": "lt", "value": 20}`.
        """
        given = _given(
            query=query,
            vector=None if vector is None else list(vector),
            metric=metric,
            match_threshold=match_threshold,
            match_count=match_count,
            select=select if select is None or isinstance(select, str) else list(select),
            filters=None if filters is None else [dict(one) for one in filters],
            model=model,
            chatbot=chatbot,
        )
        body = {"table": table, "column": column, **given}
        return await self._transport.call("POST", f"{BASE}/search", FoundRows, body)

    async def capabilities(self) -> VectorCapabilities:
        """Whether vectors are made there."""
        return await self._transport.call("GET", "/api/v1/capabilities/vector", VectorCapabilities)


def _given(**options: Any) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}
