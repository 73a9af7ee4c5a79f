"""A database with a knowledge base, and a short way to put documents in and to ask."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw

from appliance.knowledge import (
    Document,
    DocumentFilter,
    EmbeddingSpace,
    KnowledgeBase,
    Outline,
    Passage,
    Piece,
    Search,
    SearchMode,
    Viewer,
)
from appliance.store.database import connect, database_path
from appliance.store.knowledge import bases, chunks, documents, vectors
from appliance.store.knowledge.search import search

ANYBODY = Viewer(tenant="default")


def vector(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}f", *values)


class Shelf:
    """A base named `name` of a tenant; `dimensions` 0 keeps it without vectors."""

    def __init__(
        self, db: apsw.Connection, name: str = "manuals", *, tenant: str = "default", dimensions: int = 3
    ) -> None:
        self.db = db
        self.space: EmbeddingSpace | None = vectors.space(db, "test", dimensions) if dimensions else None
        self.base = bases.add(
            db,
            KnowledgeBase(
                number=0,
                id=f"base-{tenant}-{name}",
                tenant=tenant,
                namespace="default",
                name=name,
                space=self.space,
            ),
        )

    @classmethod
    def open(cls, folder: Path, **options: Any) -> Shelf:
        return cls(connect(database_path(folder)), **options)

    def add(
        self,
        id: str,
        *texts: str,
        vectors: Sequence[bytes] | None = None,
        title: str = "",
        headings: Sequence[str] = (),
        gap: str = "\n\n",
        **more: Any,
    ) -> Document:
        """A document of these chunks, each after the other with `gap` between."""
        document = documents.add(
            self.db,
            Document(number=0, id=id, base=self.base.number, title=title or id, status="indexed", **more),
        )
        self.write(document, *texts, vectors=vectors, headings=headings, gap=gap)
        return document

    def write(
        self,
        document: Document,
        *texts: str,
        vectors: Sequence[bytes] | None = None,
        headings: Sequence[str] = (),
        gap: str = "\n\n",
    ) -> None:
        pieces, at = [], 0
        for text in texts:
            pieces.append(Piece(start=at, end=at + len(text), headings=list(headings)))
            at += len(text) + len(gap)
        space = self.space if vectors is not None else None
        with self.db:
            chunks.replace(self.db, document, gap.join(texts), Outline(), pieces, vectors, space, 0.0)

    def ask(
        self,
        text: str,
        *,
        viewer: Viewer = ANYBODY,
        mode: SearchMode = "hybrid",
        filter: DocumentFilter = DocumentFilter(),  # noqa: B008 - frozen
        **more: Any,
    ) -> list[Passage]:
        asked = Search(text=text, viewer=viewer, mode=mode, filter=filter, **more)
        return search(self.db, [self.base.number], asked).passages

    def found(self, text: str, **more: Any) -> list[str]:
        """Ids of the documents found, best first, each once."""
        return list(dict.fromkeys(passage.document_id for passage in self.ask(text, **more)))
