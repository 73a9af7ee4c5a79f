"""Fluxbase's vector endpoints (6.9): vectors of a user's own texts, rows by vectors, and if there are any."""

from __future__ import annotations

from typing import TypedDict

import msgspec

from appliance.engine.engine import Engine
from appliance.engine.knowledge import embedders
from appliance.engine.knowledge.embedders import Embedders
from appliance.errors import InvalidInput
from appliance.protocols.base import Endpoint
from appliance.protocols.fluxbase import vector_search
from appliance.protocols.fluxbase.vector_search import SearchBody, SearchedRows
from appliance.wire import Reply, Request

PREFIXES = ("/api/v1/vector", "/api/v1/capabilities")


class EmbedBody(msgspec.Struct, frozen=True):
    """Body of `vector.embed`: one `text` or several `texts`; `provider` is for administrators."""

    text: str | None = None
    texts: list[str] | None = None
    model: str | None = None
    provider: str | None = None


class Tokens(TypedDict):
    """Reckoned from the texts' length, four characters to a token."""

    prompt_tokens: int
    total_tokens: int


class Embeddings(TypedDict):
    """Answer of `vector.embed`: vectors of length 1, in the order of the texts."""

    embeddings: list[list[float]]
    model: str
    dimensions: int
    usage: Tokens


class VectorCapabilities(TypedDict):
    """Whether vectors are made here, by what kind of provider, and of how many numbers if that is known."""

    enabled: bool
    embedding_enabled: bool
    embedding_provider: str
    embedding_model: str
    embedding_dimensions: int | None


async def embed(engine: Engine, request: Request) -> Reply:
    """`POST /vector/embed`: 503 when nothing here makes vectors."""
    body = request.json(EmbedBody)
    if body.text is not None and body.texts is not None:
        raise InvalidInput("Send text or texts, not both.")
    texts = body.texts or ([body.text] if body.text is not None else [])
    found = await embedders.embed(
        _embedders(engine), request.caller, texts, model=body.model or "", provider=body.provider or ""
    )
    answer = Embeddings(
        embeddings=found.vectors,
        model=found.model,
        dimensions=len(found.vectors[0]),
        usage=Tokens(prompt_tokens=found.tokens, total_tokens=found.tokens),
    )
    return Reply(body=answer)


async def capabilities(engine: Engine, request: Request) -> Reply:
    """`GET /capabilities/vector`: for anybody."""
    found = _embedders(engine).choose()
    answer = VectorCapabilities(
        enabled=found is not None,
        embedding_enabled=found is not None,
        embedding_provider=found.key.partition(" ")[0] if found else "",
        embedding_model=found.model if found else "",
        embedding_dimensions=found.dimensions if found else None,
    )
    return Reply(body=answer)


ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        method="POST",
        path="/api/v1/vector/embed",
        handler=embed,
        summary="Vectors of texts",
        body=EmbedBody,
        answers={200: Embeddings},
        errors=(403, 503),
    ),
    Endpoint(
        method="POST",
        path="/api/v1/vector/search",
        handler=vector_search.search,
        summary="Rows of a table by meaning",
        body=SearchBody,
        answers={200: SearchedRows},
        errors=(404, 429, 503),
    ),
    Endpoint(
        method="GET",
        path="/api/v1/capabilities/vector",
        handler=capabilities,
        summary="Whether vectors are made here",
        answers={200: VectorCapabilities},
        access="open",
    ),
)


def _embedders(engine: Engine) -> Embedders:
    library = engine.services.library
    assert library is not None, "the server makes it"
    return library.embedders
