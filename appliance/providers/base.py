"""The seam between the engine and any model vendor: a request in, a stream of model events out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol, TypeAlias

import msgspec

from appliance.messages import PromptMessage, ToolCall, Usage


class ToolSpec(msgspec.Struct, frozen=True, kw_only=True):
    """A tool as the model sees it; `parameters` is a JSON schema object."""

    name: str
    description: str
    parameters: dict[str, Any]


class ModelRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One call of a model. `model` None means the provider's default; temperature 0 is sent as 0."""

    messages: list[PromptMessage]
    tools: list[ToolSpec] = []
    model: str | None = None
    temperature: float | None = None
    max_tokens: int | None = None


class ModelText(msgspec.Struct, frozen=True):
    """A piece of the answer, never empty."""

    text: str


class ModelToolCall(msgspec.Struct, frozen=True):
    """A complete tool call, assembled from its fragments; calls arrive in index order."""

    call: ToolCall


class ModelUsage(msgspec.Struct, frozen=True):
    """What the provider says the call cost; at most once, absent when it does not tell."""

    usage: Usage


class ModelCut(msgspec.Struct, frozen=True):
    """The answer ends because it is as long as it may be, not because it is whole."""


ModelEvent: TypeAlias = ModelText | ModelToolCall | ModelUsage | ModelCut


class Provider(Protocol):
    """A configured model vendor. One object serves many concurrent calls.

    `context_tokens` is how much the default model can read, for trimming history.
    """

    name: str
    """The provider type: openai, azure, ollama, offline."""
    default_model: str
    context_tokens: int

    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[ModelEvent]]:
        """Enter to start the call, iterate for the answer; leaving closes the provider's connection.

        Raises `ProviderError` subclasses, on entering or while iterating.
        """
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...
