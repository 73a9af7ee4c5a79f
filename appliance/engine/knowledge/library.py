"""What all work on knowledge bases needs, made once by the server or by a command."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import trio

from appliance.engine.knowledge.embedders import Embedders
from appliance.extract.extractor import ExtractLimits, Extractor
from appliance.settings import Settings
from appliance.store.store import Store
from appliance.store.vault import Vault


class Library:
    """The store, who reads files and who makes vectors; `clock` gives Unix seconds."""

    def __init__(
        self,
        *,
        settings: Settings,
        store: Store,
        embedders: Embedders,
        extractor: Extractor,
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self.store = store
        self.embedders = embedders
        self.extractor = extractor
        self.clock = clock
        self._news = trio.Event()

    @property
    def news(self) -> trio.Event:
        """Set when there may be work; wait for it, and take the next one afterwards."""
        return self._news

    def wake(self) -> None:
        """Tell those who work on documents that there may be something to do."""
        self._news.set()
        self._news = trio.Event()


@asynccontextmanager
async def open_library(
    settings: Settings, store: Store, vault: Vault, client: httpx.AsyncClient, clock: Callable[[], float]
) -> AsyncIterator[Library]:
    """A library that works while the block runs; its processes start when they are first needed."""
    async with (
        Embedders.open(settings, store, vault, client) as embedders,
        Extractor.open(ExtractLimits.of(settings)) as extractor,
    ):
        yield Library(settings=settings, store=store, embedders=embedders, extractor=extractor, clock=clock)
