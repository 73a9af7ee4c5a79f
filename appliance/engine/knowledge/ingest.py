"""Works on documents for as long as the process lives: one job after the other, claimed, done, or put off.

Several processes may do that on one database, see `store/knowledge/jobs.py`. A fault in one job ends that job
alone.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import time
from typing import Literal

import trio

from appliance.engine.knowledge.claims import ClaimLost
from appliance.engine.knowledge.indexing import Done, Indexing
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.reembedding import Reembedding
from appliance.engine.knowledge.removing import drop_originals, sweep, tidy
from appliance.engine.knowledge.vector_making import WORDS_ONLY
from appliance.errors import (
    ApplianceError,
    DocumentUnreadable,
    EmbeddingFailed,
    InvalidInput,
    QuotaReached,
    StoreError,
    UnsupportedDocument,
)
from appliance.knowledge import Document
from appliance.store.knowledge import bases, documents, jobs, word_parts
from appliance.store.knowledge.jobs import Job

logger = logging.getLogger("appliance.knowledge")

WORKERS = 2
"""One reads a file while the other one waits for vectors; more would only fight for two small cores."""
POLL_S = 2.0
"""How late work is seen that another process queued."""
LEASE_S = 30.0
"""How long a claim holds after the last sign of life."""
RENEW_S = LEASE_S / 3
PROGRESS_S = 1.0
"""How often progress is written at most."""
RETRY_S = (10.0, 30.0, 60.0, 300.0)
"""Pauses before the next attempts; the last one stays."""
BROKEN_MAX = 3
"""Attempts after which a document that trips over a fault of ours is left alone."""
SERVER = "server "
"""How the claims of a server begin: there is one at a time, so that a new one knows the old ones for dead."""

_PERMANENT = (UnsupportedDocument, DocumentUnreadable, QuotaReached, InvalidInput)


class Ingest:
    """Two workers on the documents of a library; a server also looks after the vectors of whole bases."""

    def __init__(self, library: Library, *, role: Literal["server", "command"] = "server") -> None:
        self._library = library
        self._store = library.store
        self._is_server = role == "server"
        self._name = f"{role} {os.getpid()} {secrets.token_hex(6)}"
        self._numbers = itertools.count(1)
        self._is_sweeping = False
        self._words_changed = True

    async def run(self) -> None:
        """Work until cancelled; what runs then is left to the next one who looks."""
        async with trio.open_nursery() as nursery:
            if self._is_server:
                await self._begin()
                nursery.start_soon(Reembedding(self._library).run)
                nursery.start_soon(self._tidy)
            for _ in range(WORKERS):
                nursery.start_soon(self._work)

    async def _begin(self) -> None:
        try:
            await self._store.write(jobs.release_servers, SERVER)
        except StoreError as error:  # their claims run out all the same
            logger.error("%s", error.text)

    async def _tidy(self) -> None:
        try:
            await tidy(self._library)
        except StoreError as error:
            logger.error("what is left of deleted documents stays for now: %s", error.text)

    async def _work(self) -> None:
        while True:
            news = self._library.news
            await self._sweep()
            job = await self._claim()
            if job is None:
                await self._join_words()
                with trio.move_on_after(POLL_S):
                    await news.wait()
            else:
                await self._do(job)
                self._words_changed = True

    async def _sweep(self) -> None:
        """Delete what new versions have replaced, and what nobody goes on putting in; one at a time."""
        if self._is_sweeping:
            return
        self._is_sweeping = True
        try:
            await sweep(self._library)
        except StoreError as error:
            logger.error("older versions of documents stay for now: %s", error.text)
        finally:
            self._is_sweeping = False

    async def _join_words(self) -> None:
        """While there is nothing else to do: bring the word index together, until something comes."""
        if not self._words_changed:
            return
        self._words_changed = False
        news = self._library.news
        try:
            if await self._store.read(word_parts.are_many):
                while not news.is_set() and await self._store.write(word_parts.join):
                    pass
        except StoreError as error:
            logger.error("the index of words stays as it is for now: %s", error.text)
        self._words_changed = self._words_changed or news.is_set()

    async def _claim(self) -> Job | None:
        """The next job; None when there is none, or the database cannot be used now."""
        now = self._library.clock()
        try:
            if not await self._store.read(jobs.is_any, now):
                return None
            # A name for each claim: who has lost one to their own other worker must see that, too.
            who = f"{self._name} {next(self._numbers)}"
            return await self._store.write(jobs.claim, who, now, now + LEASE_S)
        except StoreError as error:
            logger.error("documents wait: %s", error.text)
            return None

    async def _do(self, job: Job) -> None:
        """Work on it and write how it ended; nothing comes out of here but a cancel."""
        ended = False
        try:
            await self._attempt(job)
            ended = True
        except ClaimLost:
            logger.info("document %d: given up, since it was changed or deleted meanwhile", job.document)
        except StoreError as error:
            logger.error("document %d: %s", job.document, error.text)
            await self._refused(job, error)
        finally:
            if not ended:  # a cancel, too, which comes out of nurseries in groups
                with trio.CancelScope(shield=True):
                    await self._release(job)

    async def _keep(self, job: Job, work: Indexing, scope: trio.CancelScope) -> None:
        """Renew the claim and write how far the work is, until cancelled; ends the work when it is lost."""
        told, renewed_at = work.progress, trio.current_time()
        while True:
            await trio.sleep(PROGRESS_S)
            if work.progress == told and trio.current_time() < renewed_at + RENEW_S:
                continue
            told, renewed_at = work.progress, trio.current_time()
            try:
                if not await self._store.write(jobs.renew, job, self._library.clock() + LEASE_S, told):
                    scope.cancel()
            except StoreError as error:
                logger.error("document %d: %s", job.document, error.text)

    async def _kept(self, job: Job, work: Indexing) -> Done:
        """Do the work while the claim is kept; raises what the work raises, and `ClaimLost`."""
        done: Done | None = None
        fault: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._keep, job, work, nursery.cancel_scope)
            try:
                done = await work.run()
            except Exception as error:  # told outside of the nursery, which would wrap it
                fault = error
            nursery.cancel_scope.cancel()
        if fault is not None:
            raise fault
        if done is None:
            raise ClaimLost
        return done

    async def _refused(self, job: Job, error: StoreError) -> None:
        """The database takes nothing now, such as on a full disk: not at once again."""
        try:
            await self._later(job, error.text)
        except StoreError as again:  # the claim runs out by itself
            logger.error("document %d: %s", job.document, again.text)

    async def _release(self, job: Job) -> None:
        try:
            await self._store.write(jobs.release, job)
        except StoreError as error:  # the claim runs out by itself
            logger.error("document %d: %s", job.document, error.text)

    async def _attempt(self, job: Job) -> None:
        started = time.monotonic()
        document = await self._store.read(documents.by_number, job.document)
        base = await self._store.read(bases.by_number, document.base) if document else None
        if document is None or base is None:
            raise ClaimLost
        name = f"document {document.id} of {base.namespace}/{base.name}"
        try:
            done = await self._kept(job, Indexing(self._library, job, document, base))
        except _PERMANENT as error:
            logger.warning("%s failed (%s): %s", name, _size(document), error.text)
            await self._store.write(jobs.give_up, job, error.text, self._library.clock())
        except EmbeddingFailed as error:
            await self._later(job, f"{WORDS_ONLY}: {error.text}")
            logger.warning("%s has no vectors yet: %s", name, error.text)
        except (ClaimLost, StoreError):
            raise
        except Exception as error:
            await self._broken(job, name, error)
        else:
            await self._ended(job, name, document, done, time.monotonic() - started)
        await drop_originals(self._library, [job.original or ""])

    async def _ended(self, job: Job, name: str, document: Document, done: Done, took_s: float) -> None:
        if done.missing:
            await self._later(job, f"{WORDS_ONLY}: {done.missing}")
        what = f"{done.mime_type}, {_size(document)}, {done.chunks} chunks, {took_s:.1f} s"
        if done.missing:
            logger.warning(
                "%s is found by words only until vectors can be made (%s): %s", name, what, done.missing
            )
        else:
            logger.info("%s indexed (%s)", name, what)

    async def _later(self, job: Job, reason: str) -> None:
        await self._store.write(jobs.put_off, job, self._then(job.attempts), reason[:1000])

    def _then(self, times: int) -> float:
        """When to try again what did not work so many times."""
        return self._library.clock() + RETRY_S[min(max(times, 1), len(RETRY_S)) - 1]

    async def _broken(self, job: Job, name: str, error: Exception) -> None:
        """A fault that nobody thought of: tried again some times, since much passes by itself.

        Attempts that waited for an embedder or the database are not among these.
        """
        reason = (
            error.text if isinstance(error, ApplianceError) else "The server failed to read it; see its log."
        )
        if job.vectors_only:  # which takes the place of what was said before, and goes with the last vector
            reason = f"{WORDS_ONLY}: {reason}"
        logger.error("%s could not be read", name, exc_info=error)
        faults = job.faults + 1
        if faults < BROKEN_MAX:
            await self._store.write(jobs.put_off, job, self._then(faults), reason[:1000], fault=True)
        else:
            await self._store.write(jobs.give_up, job, reason, self._library.clock())


def _size(document: Document) -> str:
    return f"{document.bytes:,} bytes"
