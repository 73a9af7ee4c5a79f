"""`Offline`: a provider without a model, which reads the same request and drives the same tools."""

from __future__ import annotations

import importlib
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING

import trio

from appliance.providers.base import ModelEvent, ModelRequest, ModelText, ModelToolCall, ModelUsage

if TYPE_CHECKING:
    from appliance.providers.offline.lexicon import Lexicon

GRAMMAR = "appliance.providers.offline.reply"

SCHEMAS_KEPT = 8
"""What is known of so many schemas is kept, because working out a large one takes a while."""

PIECE = re.compile(r"\S+\s*|\s+")


class Offline:
    """The provider. `pace_s` is how long it waits after each word, for a demo that is seen to stream."""

    name = "offline"
    default_model = "offline"
    context_tokens = 32_000

    def __init__(self, pace_s: float = 0.0) -> None:
        self._pace_s = pace_s
        self._grammar: ModuleType | None = None
        self._lexicon_of = lru_cache(SCHEMAS_KEPT)(_lexicon_of)

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[ModelEvent]]:
        """The reply word by word, then its tool call, then its usage; never raises of itself."""
        async with aclosing(self._events(request)) as events:
            yield events

    async def _events(self, request: ModelRequest) -> AsyncGenerator[ModelEvent, None]:
        # Loaded at the first question and off the loop: a server with a real model never needs it.
        if self._grammar is None:
            self._grammar = await trio.to_thread.run_sync(_grammar)
        grammar = self._grammar
        spoken = grammar.reply(request, self._lexicon_of)
        for piece in PIECE.findall(spoken.text):
            yield ModelText(piece)
            await trio.sleep(self._pace_s)
        if spoken.call:
            yield ModelToolCall(spoken.call)
        yield ModelUsage(grammar.usage(request, spoken))

    async def aclose(self) -> None:
        """Nothing is held open."""


def _grammar() -> ModuleType:
    return importlib.import_module(GRAMMAR)


def _lexicon_of(lines: tuple[str, ...]) -> Lexicon:
    lexicon: Lexicon = _grammar().lexicon_of(lines)
    return lexicon
