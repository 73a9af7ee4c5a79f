"""Embedders behind HTTP: OpenAI and every compatible server, Azure OpenAI, Ollama (Fluxbase 6.4 and 7)."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import msgspec
import trio

from appliance.errors import EmbeddingFailed, ProviderError
from appliance.providers.embedding import traits, wires
from appliance.providers.embedding.base import Purpose
from appliance.providers.embedding.batches import batches, cleaned
from appliance.providers.embedding.posting import MEDIA_TYPES, post, without_format
from appliance.providers.embedding.vectors import DIMENSIONS_MAX, BadVectors, Vector, packed
from appliance.providers.failures import Upstream
from appliance.providers.http import Call, Patience

_TOO_LONG = re.compile(r"context (length|window)|too (long|large)|input length|maximum \S*\s*tokens|exceed")
_TOO_LONG_STATUS = (400, 413, 422, 500)
"""llama.cpp says 500."""
_SHORTEST = 500
"""Characters that any model reads."""
_NO_SUCH_MODEL = re.compile(r"model .*not found|pull")


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask for which model; `address` without anything secret names it in keys."""

    upstream: Upstream
    patience: Patience
    family: str
    address: str
    url: str
    headers: dict[str, str] = {}
    model: str

    def __repr__(self) -> str:
        """Without the key: tracebacks show representations."""
        return f"Server({self.family} {self.address} {self.model})"


class Remote(ABC):
    """An `Embedder`; what the texts are asked with is a subclass's business. `client` is shared."""

    def __init__(self, client: httpx.AsyncClient, server: Server) -> None:
        self._client = client
        self._server = server
        self._traits = traits.of(server.model)
        self.key = f"{server.family} {server.address} {server.model}"
        self.model = server.model
        self.dimensions: int | None = None
        self.threshold = self._traits.threshold

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[bytes]:
        """See `Embedder.embed`; texts that are longer than the model reads are cut."""
        longest = self._traits.characters_max
        fit = [cleaned(self._traits.prefixed(text, purpose), longest) for text in texts]
        found: list[bytes] = []
        for batch in batches(fit):
            found += await self._shorter_if_needed(batch)
            if len(found[-1]) != len(found[0]):
                label = self._server.upstream.label
                raise EmbeddingFailed(f"{label} changed the length of its vectors meanwhile. Try again.")
        if found:
            self.dimensions = len(found[0]) // 4
        return found

    async def aclose(self) -> None:  # noqa: B027 -- most have nothing to close
        """Nothing of its own is open."""

    async def _shorter_if_needed(self, batch: list[str]) -> list[bytes]:
        """Cut in half what is longest for as long as the server says that it is too long."""
        while True:
            try:
                return await self._checked(batch)
            except ProviderError as error:
                longest = max(map(len, batch))
                if longest <= _SHORTEST or not _is_about_length(error):
                    raise EmbeddingFailed(error.text) from None
                batch = [text[: max(_SHORTEST, longest // 2)] for text in batch]

    async def _checked(self, batch: list[str]) -> list[bytes]:
        try:
            return await self._ask(batch)
        except BadVectors as error:
            raise EmbeddingFailed(f"{self._server.upstream.label} sent {error}.") from None

    @abstractmethod
    async def _ask(self, batch: list[str]) -> list[bytes]:
        """Vectors that can be used; raises `ProviderError`, `BadVectors`."""

    async def _post(self, url: str, body: dict[str, Any], count: int) -> bytes:
        server = self._server
        call = Call(url=url, headers=server.headers, body=body, media_types=MEDIA_TYPES, adapt=without_format)
        numbers_max = count * DIMENSIONS_MAX
        return await post(self._client, server.upstream, server.patience, call, numbers_max=numbers_max)


class OpenAIEmbedder(Remote):
    """`/embeddings`; for Azure the deployment in the address is the model."""

    def __init__(
        self, client: httpx.AsyncClient, server: Server, *, sends_model: bool = True, compact: bool = False
    ) -> None:
        super().__init__(client, server)
        self._sends_model = sends_model
        self._compact = compact

    async def _ask(self, batch: list[str]) -> list[bytes]:
        model = self.model if self._sends_model else ""
        body = wires.openai_body(batch, model, compact=self._compact)
        answer = await self._post(self._server.url, body, len(batch))
        return await _read(lambda: wires.read_openai(answer, len(batch)), len(batch))


class OllamaEmbedder(Remote):
    """`/api/embed` with all texts, or where the server is too old for that `/api/embeddings` with each."""

    _is_old = False

    async def _ask(self, batch: list[str]) -> list[bytes]:
        if not self._is_old:
            body = wires.ollama_body(batch, self.model)
            try:
                answer = await self._post(f"{self._server.url}/api/embed", body, len(batch))
            except ProviderError as error:
                if error.upstream_status != 404 or _NO_SUCH_MODEL.search(error.text):
                    raise
                self._is_old = True
            else:
                read = wires.read_ollama
                return await _read(lambda: read(answer, len(batch)), len(batch))
        return await self._one_by_one(batch)

    async def _one_by_one(self, batch: list[str]) -> list[bytes]:
        url = f"{self._server.url}/api/embeddings"
        answers = [await self._post(url, wires.old_ollama_body(text, self.model), 1) for text in batch]

        def vectors() -> list[Vector]:
            return [wires.read_old_ollama(answer) for answer in answers]

        return await _read(vectors, len(batch))


async def _read(vectors: Callable[[], list[Vector]], count: int) -> list[bytes]:
    """Off the loop: a hundred vectors are megabytes of text."""
    return await trio.to_thread.run_sync(lambda: packed(vectors(), count))


def _is_about_length(error: ProviderError) -> bool:
    return error.upstream_status in _TOO_LONG_STATUS and bool(_TOO_LONG.search(error.text.lower()))
