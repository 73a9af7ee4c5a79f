"""A library on a real database file, with an embedder that the test commands."""

from __future__ import annotations

import hashlib
import math
import re
import struct
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from appliance.engine.knowledge import bases, documents
from appliance.engine.knowledge.ingest import Ingest
from appliance.engine.knowledge.library import Library
from appliance.errors import EmbeddingFailed
from appliance.extract.extractor import Extractor
from appliance.identity import Caller
from appliance.knowledge import BaseDraft, Document, KnowledgeBase
from appliance.settings import Settings
from appliance.store.database import database_path
from appliance.store.store import Store

ADMIN = Caller(role="service_role", key_id="k")


class WordVectors:
    """Texts that share words are near each other; what it does, a test can see, stop and break."""

    threshold = 0.1

    def __init__(self, model: str = "words", dimensions: int = 64) -> None:
        self.key = f"test loopback {model}"
        self.model = model
        self.dimensions: int | None = dimensions
        self._size = dimensions
        self.asked: list[str] = []
        self.fault = ""
        self.gate: trio.Event | None = None
        """Requests wait for it."""
        self.waiting = trio.Event()
        """Set when one waits."""

    async def embed(self, texts: Sequence[str], *, purpose: str = "document") -> list[bytes]:
        await trio.lowlevel.checkpoint()
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        if self.fault:
            raise EmbeddingFailed(self.fault)
        self.asked += texts
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> bytes:
        values = [0.0] * self._size
        for word in re.findall(r"\w+", text.lower()) or ["nothing"]:
            values[int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big") % self._size] += 1.0
        length = math.sqrt(sum(value * value for value in values))
        return struct.pack(f"<{self._size}f", *(value / length for value in values))

    async def aclose(self) -> None:
        pass


class Shop:
    """Which embedders there are: `chosen` makes new vectors, `others` are known by their keys, too."""

    def __init__(self, chosen: WordVectors | None = None) -> None:
        self.chosen = chosen
        self.others: list[WordVectors] = []

    def choose(self, model: str = "", **_: object) -> WordVectors | None:
        return self.chosen

    def by_key(self, key: str) -> WordVectors | None:
        known = [*self.others, *([self.chosen] if self.chosen else [])]
        return next((one for one in known if one.key == key), None)

    def why_none(self, *_: object, **__: object) -> str:
        return "" if self.chosen else "There is none in this test."

    async def aclose(self) -> None:
        pass


class Shelf:
    """The library, and what tests often ask of it."""

    def __init__(self, library: Library, shop: Shop) -> None:
        self.library = library
        self.shop = shop
        self.now = time.time()
        self.caller = ADMIN

    @property
    def store(self) -> Store:
        return self.library.store

    async def base(self, name: str = "support", **fields: Any) -> KnowledgeBase:
        return await bases.create(self.library, ADMIN, BaseDraft(name=name, **fields))

    async def text(self, base: KnowledgeBase, content: str, **more: Any) -> Document:
        return await documents.add_text(self.library, ADMIN, base.id, content=content, **more)

    async def document(self, base: KnowledgeBase, id: str) -> Document:
        return (await documents.get(self.library, ADMIN, base.id, id))[0]

    async def content(self, base: KnowledgeBase, id: str) -> str:
        return (await documents.get(self.library, ADMIN, base.id, id))[1]

    async def all(self, base: KnowledgeBase) -> dict[str, Document]:
        """Documents by title."""
        found, _ = await documents.listed(self.library, ADMIN, base.id, limit=1000)
        return {one.title: one for one in found}

    def rows(self, sql: str, *bindings: object) -> list[Any]:
        return self.store.read_now(lambda db: db.execute(sql, bindings).fetchall())

    def count(self, table: str) -> int:
        return int(self.rows(f"SELECT count(*) FROM {table}")[0][0])

    @asynccontextmanager
    async def working(self) -> AsyncIterator[Ingest]:
        """Workers work while the block runs."""
        ingest = Ingest(self.library)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ingest.run)
            yield ingest
            nursery.cancel_scope.cancel()

    async def until(self, base: KnowledgeBase, id: str, *statuses: str) -> Document:
        """The document when it has one of these statuses, else when nothing is done with it any more."""
        with trio.fail_after(30):
            while True:
                document = await self.document(base, id)
                if document.status in statuses if statuses else document.progress is None:
                    return document
                await trio.sleep(0.01)

    async def until_quiet(self) -> None:
        """Return when no document waits for anything, and what was replaced is deleted."""
        with trio.fail_after(60):
            while self.count("_document_jobs") or self.count("_unseen_chunks"):  # noqa: ASYNC110 - nobody tells
                await trio.sleep(0.01)

    async def work(self) -> None:
        """Do all the work that there is."""
        async with self.working():
            await self.until_quiet()

    async def work_on_documents(self) -> None:
        """The same, while nobody looks after whole bases."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Ingest(self.library, role="command").run)
            await self.until_quiet()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def shelf(data: Path, chosen: WordVectors | None = None, **settings: Any) -> AsyncIterator[Shelf]:
    """A library in a data folder; without an embedder documents are found by words only."""
    shop = Shop(chosen)
    async with Store.open(database_path(data)) as store, Extractor.open() as extractor:
        library = Library(
            settings=Settings(data=str(data), **settings),
            store=store,
            embedders=shop,  # type: ignore[arg-type]
            extractor=extractor,
            clock=time.time,
        )
        made = Shelf(library, shop)
        library.clock = lambda: made.now
        yield made
