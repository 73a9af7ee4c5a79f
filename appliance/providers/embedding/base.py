"""The seam between knowledge bases and whatever makes vectors of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, TypeAlias

Purpose: TypeAlias = Literal["document", "query"]


class Embedder(Protocol):
    """A model that makes vectors. One object serves many concurrent calls.

    `key` names what its vectors may be compared with: type, address and model. `threshold` is a cosine from
    which on a passage is about a question, as far as this model goes.
    """

    key: str
    model: str
    dimensions: int | None
    """None until the first vectors have come."""
    threshold: float

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[bytes]:
        """One vector for each text: little-endian float32 of length 1.

        Raises `EmbeddingFailed`, also for an answer that is no set of usable vectors.
        """
        ...

    async def aclose(self) -> None:
        """Let go of connections and processes."""
        ...
