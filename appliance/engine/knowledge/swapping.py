"""Puts the new version of a document in place of the old one, at once for all who search, in small writes.

One writer serves everybody, so a large document goes in slices under a version that nobody sees; the last
write lets it be seen. What it has replaced is deleted in slices, too (`removing.sweep`). Whoever dies on the
way leaves the old version or the new one, and slices that the next sweep deletes.
"""

from __future__ import annotations

import apsw
import msgspec

from appliance.engine.knowledge.claims import ClaimLost, under_claim
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.naming import named
from appliance.graphrules_kinds import FoundGraph
from appliance.knowledge import Document, EmbeddingSpace, Extracted, KnowledgeBase, Piece
from appliance.store.knowledge import base_spaces, bases, chunks, documents, graph, jobs, unseen
from appliance.store.knowledge.base_spaces import Kind
from appliance.store.knowledge.jobs import Job
from appliance.store.knowledge.words import Columns


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """All that is stored of a document. `words` and, where it has some, `vectors` go with `pieces`."""

    extracted: Extracted
    pieces: list[Piece]
    words: list[Columns]
    graph: FoundGraph
    vectors: list[bytes] | None
    kind: Kind | None
    """Of the vectors."""
    lacks_vectors: bool
    """It should have some, and they are to follow."""
    message: str
    """For people, beside the document."""


class Swap:
    """The writes for one document under the claim on its job; `document` is called as the new version is."""

    def __init__(self, library: Library, job: Job, document: Document, new: Version) -> None:
        self._store = library.store
        self._clock = library.clock
        self._job = job
        self._document = document
        self._new = new
        self._outline = msgspec.json.encode(new.extracted.outline)

    async def run(self) -> bool:
        """Store it; are there vectors that are to follow? Else the job is done.

        Raises `ClaimLost`, also when people have renamed the document meanwhile: words and vectors have the
        old title. `QuotaReached`, `StoreError`.
        """
        stored = await self._store.read(chunks.stored_up_to, self._document.number, chunks.AT_ONCE + 1)
        count = len(self._new.pieces)
        if max(stored, count) <= chunks.AT_ONCE:
            return await under_claim(self._store, self._job, self._at_once)
        version, space = await under_claim(self._store, self._job, self._begin)
        for first in range(0, count, chunks.AT_ONCE):
            await under_claim(self._store, self._job, self._add, version, space, first)
        return await under_claim(self._store, self._job, self._show, version, space)

    def _at_once(self, db: apsw.Connection) -> bool:
        new = self._new
        base, document = self._now(db)
        space = base_spaces.settle(db, base.number, new.kind, document.number) if new.kind else None
        given = new.vectors if space is not None else None
        text, outline = new.extracted.text, new.extracted.outline
        chunks.replace(db, document, text, outline, new.pieces, given, space, self._clock(), new.words)
        return self._end(db, document, lacks_vectors=new.lacks_vectors)

    def _begin(self, db: apsw.Connection) -> tuple[int, EmbeddingSpace | None]:
        base, document = self._now(db)
        # The chunks that it has already serve on, so that the base is not to have a space which they lack.
        space = base_spaces.settle(db, base.number, self._new.kind, 0) if self._new.kind else None
        return unseen.begin(db, document, self._job.claim), space

    def _add(self, db: apsw.Connection, version: int, space: EmbeddingSpace | None, first: int) -> None:
        new = self._new
        some = slice(first, first + chunks.AT_ONCE)
        kept = space if _takes(bases.by_number(db, self._document.base), space) else None
        given = new.vectors[some] if new.vectors is not None and kept is not None else None
        chunks.add(
            db,
            self._document,
            version,
            first,
            new.extracted.text,
            new.pieces[some],
            new.words[some],
            given,
            kept,
        )

    def _show(self, db: apsw.Connection, version: int, space: EmbeddingSpace | None) -> bool:
        base, document = self._now(db)
        chunks.show(db, document.number, version, self._new.extracted.text, self._outline)
        lost = space is not None and not _takes(base, space)
        return self._end(db, document, lacks_vectors=self._new.lacks_vectors or lost)

    def _now(self, db: apsw.Connection) -> tuple[KnowledgeBase, Document]:
        """Base and document as they are now, if the new version still is for them and fits in."""
        base = bases.by_number(db, self._document.base)
        current = documents.by_number(db, self._job.document)
        if base is None or current is None:
            raise ClaimLost
        document = named(current, self._new.extracted)
        if document.title != self._document.title:
            raise ClaimLost
        bases.check_room(db, base, chunks=len(self._new.pieces) - document.chunks_count)
        return base, document

    def _end(self, db: apsw.Connection, document: Document, *, lacks_vectors: bool) -> bool:
        """Write what else there is about the version that people see now, and what becomes of the job."""
        new, job = self._new, self._job
        graph.replace(db, document, new.graph)
        jobs.indexed(
            db,
            job,
            title=document.title,
            mime_type=document.mime_type,
            message=new.message,
            now=self._clock(),
        )
        if lacks_vectors:
            jobs.only_vectors(db, job, len(new.pieces))
        else:
            jobs.finish(db, job)
        return lacks_vectors


def _takes(base: KnowledgeBase | None, space: EmbeddingSpace | None) -> bool:
    """Has or gets this base vectors in that space?"""
    return base is not None and space is not None and space in (base.space, base.next_space)
