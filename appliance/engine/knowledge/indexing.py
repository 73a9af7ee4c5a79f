"""One document on its way from its bytes to text, chunks and vectors, under a claim on its job.

Until all new chunks are stored, those from before serve (`swapping`). A large document is stored with its
words first, and its vectors follow; so is one whose vectors cannot be made now.
"""

from __future__ import annotations

import msgspec
import trio

from appliance import chunking, graphrules
from appliance.engine.knowledge import keeping
from appliance.engine.knowledge.claims import under_claim
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.naming import named
from appliance.engine.knowledge.swapping import Swap, Version
from appliance.engine.knowledge.vector_making import (
    BATCH,
    WORDS_ONLY,
    dimensions_of,
    embed_all,
    embedder_for,
    kind_of,
)
from appliance.errors import DocumentUnreadable, EmbeddingFailed, NotFound
from appliance.extract import plain
from appliance.knowledge import Document, Extracted, KnowledgeBase, Piece, Progress
from appliance.providers.embedding.base import Embedder
from appliance.store.knowledge import base_spaces, bases, chunks, jobs, texts, vectors
from appliance.store.knowledge.base_spaces import Kind
from appliance.store.knowledge.jobs import Job

WHOLE_CHUNKS_MAX = 1000
"""Up to so many chunks are embedded before a document appears; a larger one is found by words meanwhile."""
_PLAIN = ("", "text/plain", "text/markdown")
"""Texts of these types are what they are, and need no process to be read."""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a document. `missing` says why its vectors are still to be made; empty when they are."""

    chunks: int
    mime_type: str
    missing: str = ""


class Indexing:
    """The work on one job; `base` is the base of `document`."""

    def __init__(self, library: Library, job: Job, document: Document, base: KnowledgeBase) -> None:
        self._library = library
        self._store = library.store
        self._job = job
        self._document = document
        self._base = base
        self.progress = Progress(stage="embedding" if job.vectors_only else "extracting")
        """How far it is; whoever renews the claim writes it down."""

    async def run(self) -> Done:
        """Do it.

        Raises `ClaimLost`; `UnsupportedDocument`, `DocumentUnreadable`, `QuotaReached` for what will not
        change by itself; `EmbeddingFailed` while vectors of stored chunks cannot be made; `StoreError`.
        """
        if self._job.vectors_only:
            await self._follow()
            return Done(chunks=self._document.chunks_count, mime_type=self._document.mime_type)
        extracted = await self._extracted()
        self.progress = Progress(stage="chunking")
        pieces = await self._pieces(extracted)
        document = named(self._document, extracted)
        embedder = embedder_for(self._library, self._base)
        made, kind, missing = None, None, ""
        if embedder is not None and len(pieces) <= WHOLE_CHUNKS_MAX:
            try:
                made = await self._vectors(embedder, document, extracted.text, pieces)
                kind = Kind(embedder.key, dimensions_of(made))
            except EmbeddingFailed as failure:
                missing = failure.text
        follows = embedder is not None and made is None
        message = _told(extracted.notes, missing)
        rows = await trio.to_thread.run_sync(chunks.index, document, extracted.text, pieces)
        told = await trio.to_thread.run_sync(graphrules.extract, extracted.text)
        new = Version(
            extracted=extracted, pieces=pieces, words=rows, graph=told, vectors=made, kind=kind,
            lacks_vectors=follows, message=message,
        )  # fmt: skip
        follows = await Swap(self._library, self._job, document, new).run()
        if follows and not missing:
            await self._follow()
        return Done(chunks=len(pieces), mime_type=document.mime_type, missing=missing)

    # Text

    async def _extracted(self) -> Extracted:
        document, job = self._document, self._job
        if job.original is None and job.text is None:
            return await self._text_from_before()
        if job.text is not None and document.mime_type in _PLAIN:
            return await trio.to_thread.run_sync(
                plain.read_text, job.text, document.mime_type or "text/plain"
            )
        data = job.text.encode() if job.text is not None else await self._original(job.original or "")
        return await self._library.extractor.extract(
            data, file_name=document.file_name, mime_type=document.mime_type, language=job.language
        )

    async def _text_from_before(self) -> Extracted:
        before = await self._store.read(texts.get, self._document.number)
        if before is None:
            raise DocumentUnreadable("There is no text of this document; add it again.")
        text, outline = before
        return Extracted(text=text, outline=outline)

    async def _original(self, hash: str) -> bytes:
        try:
            return await keeping.read_whole(self._library, hash)
        except NotFound as error:
            # Gone with the job that named it, which the next write finds out; or there was nothing in it.
            raise DocumentUnreadable("The file is empty.") from error

    async def _pieces(self, extracted: Extracted) -> list[Piece]:
        base = self._base
        pieces = await trio.to_thread.run_sync(_chunked, extracted, base)
        if not pieces:
            raise DocumentUnreadable("No text was found in it.")
        more = len(pieces) - self._document.chunks_count
        await self._store.read(bases.check_room, base, chunks=more)
        return pieces

    # Vectors

    async def _vectors(
        self, embedder: Embedder, document: Document, text: str, pieces: list[Piece]
    ) -> list[bytes]:
        total = len(pieces)
        self.progress = Progress(stage="embedding", total=total)
        wanted = [
            chunks.text_to_embed(document.title, piece.headings, text[piece.start : piece.end])
            for piece in pieces
        ]

        def tell(done: int) -> None:
            self.progress = Progress(stage="embedding", done=done, total=total)

        return await embed_all(embedder, wanted, tell)

    async def _follow(self) -> None:
        """Make the vectors that stored chunks lack, some in each transaction."""
        embedder = embedder_for(self._library, self._base)
        space = None
        if embedder is not None:
            kind = await kind_of(embedder)
            space = await self._store.write(base_spaces.settle, self._base.number, kind, self._job.document)
        while embedder is not None and space is not None:
            rows = await self._store.read(
                chunks.without_vectors, self._base.number, space, BATCH, self._job.document
            )
            if not rows:
                break
            made = await embedder.embed([text for _, text in rows], purpose="document")
            numbers = [number for number, _ in rows]
            rows_made = list(zip(numbers, made, strict=True))
            await under_claim(self._store, self._job, vectors.put, space, rows_made)
            done, total = await self._store.read(texts.embedded, self._job.document, space)
            self.progress = Progress(stage="embedding", done=done, total=total)
        await under_claim(self._store, self._job, jobs.embedded, self._job, WORDS_ONLY)


def _chunked(extracted: Extracted, base: KnowledgeBase) -> list[Piece]:
    return chunking.chunk(
        extracted.text,
        extracted.outline,
        strategy=base.chunk_strategy,
        size=base.chunk_size,
        overlap=base.chunk_overlap,
    )


def _told(notes: list[str], missing: str) -> str:
    """What people read about a document that is indexed."""
    parts = [f"{WORDS_ONLY}: {missing.rstrip('.')}."] if missing else []
    return " ".join([*parts, *notes])[:1000]
