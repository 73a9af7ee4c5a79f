"""A knowledge base in a new database, filled as the appliance does: chunked, embedded, stored, searched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from appliance.chunking import chunk
from appliance.knowledge import Document, Found, KnowledgeBase, Search, SearchMode, Viewer
from appliance.store.database import connect, database_path
from appliance.store.knowledge import bases, chunks, documents, vectors
from appliance.store.knowledge.search import search
from bench.retrieval.minilm import MiniLM
from bench.retrieval.pages import Page, beginning

DIMENSIONS = 384
OVERLAP_SHARE = 9
"""A ninth of a chunk stands in the next one, too."""
LIMIT = 20
"""More than are counted: several passages may be of one page."""


class Shelves:
    """The base and its model."""

    def __init__(self, folder: Path, model: MiniLM) -> None:
        self.model = model
        self.chunks = 0
        self.db = connect(database_path(folder))
        self.db.pragma("synchronous", "off")
        self.space = vectors.space(self.db, "minilm", DIMENSIONS)
        self.base = bases.add(
            self.db,
            KnowledgeBase(
                number=0, id="pages", tenant="default", namespace="default", name="pages", space=self.space
            ),
        )

    def fill(self, pages: Sequence[Page], *, chars: int, size: int) -> None:
        """Put the beginnings of these pages in."""
        cut = [beginning(page, chars) for page in pages]
        pieces = [
            chunk(page.text, page.outline, strategy="recursive", size=size, overlap=size // OVERLAP_SHARE)
            for page in cut
        ]
        texts = [
            chunks.text_to_embed(page.name, piece.headings, page.text[piece.start : piece.end])
            for page, own in zip(cut, pieces, strict=True)
            for piece in own
        ]
        self.chunks = len(texts)
        made = iter(self.model.embed(texts, tell=True))
        with self.db:
            for page, own in zip(cut, pieces, strict=True):
                document = documents.add(
                    self.db,
                    Document(
                        number=0, id=page.name, base=self.base.number, title=page.name, status="indexed"
                    ),
                )
                given = [next(made) for _ in own]
                chunks.replace(self.db, document, page.text, page.outline, own, given, self.space, 0.0)

    def search(self, text: str, vector: bytes, mode: SearchMode) -> Found:
        """What anybody would find."""
        asked = Search(text=text, vector=vector, mode=mode, viewer=Viewer(tenant="default"), limit=LIMIT)
        return search(self.db, [self.base.number], asked)
