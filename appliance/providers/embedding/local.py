"""The local model behind a process of its own: started when needed, ended when idle, replaced when it dies.

One task talks to the process; callers leave their texts with it and wait. So a caller who goes away disturbs
nothing, and the texts go to the process in small requests: a question waits for one of them and not for a
whole document.
"""

from __future__ import annotations

import heapq
import logging
import math
from collections.abc import Iterator, Sequence
from itertools import count

import trio

from appliance.errors import EmbeddingFailed
from appliance.providers.embedding import traits
from appliance.providers.embedding.base import Purpose
from appliance.providers.embedding.batches import batches, cleaned, parts
from appliance.providers.embedding.local_files import LocalModel
from appliance.providers.embedding.local_process import LocalProcess, NoModel
from appliance.providers.embedding.vectors import BadVectors, merged, packed
from appliance.workers.pipe import WorkerEnded

IDLE_S = 60.0
"""Starting it again takes about a second, keeping it some 250 MiB."""
ANSWER_TIMEOUT_S = 30.0
"""For one request, which takes a tenth of a second on an idle machine."""
REQUEST_CHARACTERS_MAX = 1100
"""About one window of the model. More at once is no faster, and a question may have to wait for it."""
REQUEST_TEXTS_MAX = 16
TEXT_CHARACTERS_MAX = 400_000
"""A text is cut there: a minute of work."""
FAULT_KEPT_S = 10.0
"""A model that cannot be loaded is not tried again at once."""

_QUERY, _DOCUMENT = 0, 1
_STOPPING = "the server is stopping"

logger = logging.getLogger("appliance.embedding")

_Weighted = tuple[int, bytes]


class _Job:
    """Some texts of one caller; `done` is set when there is an outcome."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.done = trio.Event()
        self.abandoned = False
        self.found: list[_Weighted] = []
        self.fault = ""


class Local:
    """An `Embedder`; `run` has to run beside it."""

    def __init__(self, model: LocalModel, *, idle_s: float = IDLE_S) -> None:
        known = traits.of(model.name)
        self.key = f"local {model.print} {model.name}"
        self.model = model.name
        self.dimensions = model.dimensions
        self.threshold = known.threshold
        self._traits = known
        self._files = model
        self._idle_s = idle_s
        self._waiting: list[tuple[int, int, _Job]] = []
        self._numbers = count()
        self._news = trio.Event()
        self._process: LocalProcess | None = None
        self._fault, self._fault_until = "", -math.inf
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return self._process.pid if self._process else None

    async def embed(self, texts: Sequence[str], *, purpose: Purpose = "document") -> list[bytes]:
        """See `Embedder.embed`; questions go before documents."""
        fit = [cleaned(self._traits.prefixed(text, purpose), TEXT_CHARACTERS_MAX) for text in texts]
        pieces = [
            (place, part) for place, text in enumerate(fit) for part in parts(text, REQUEST_CHARACTERS_MAX)
        ]
        # Texts of one length share a request, so that little of it is padding.
        pieces.sort(key=lambda piece: len(piece[1]))
        rank = _QUERY if purpose == "query" else _DOCUMENT
        found: list[list[_Weighted]] = [[] for _ in fit]
        for group in _groups(pieces):
            answers = await self._asked([text for _, text in group], rank)
            for (place, _), answer in zip(group, answers, strict=True):
                found[place].append(answer)
        try:
            vectors = packed([merged(one) for one in found], len(fit))
        except BadVectors as error:
            raise EmbeddingFailed(f"The local model made {error}.") from None
        if vectors:
            self.dimensions = len(vectors[0]) // 4
        return vectors

    async def aclose(self) -> None:
        """End the process, and let nobody wait for it."""
        self._closed = True
        await self._end()
        for _, _, job in self._waiting:
            _fail(job, _STOPPING)
        self._waiting.clear()

    async def run(self) -> None:
        """Answer what is asked until cancelled."""
        try:
            while True:
                job = await self._next()
                if job is None:
                    await self._end()
                else:
                    await self._carry_out(job)
        finally:
            await self.aclose()

    async def _asked(self, texts: list[str], rank: int) -> list[_Weighted]:
        job = _Job(texts)
        if self._closed:
            _fail(job, _STOPPING)
        else:
            heapq.heappush(self._waiting, (rank, next(self._numbers), job))
            self._news.set()
        try:
            await job.done.wait()
        finally:
            job.abandoned = True
        if job.fault:
            raise EmbeddingFailed(f"The local model gave no vectors: {job.fault}.")
        return job.found

    # -- the task ------------------------------------------------------------------------------------

    async def _next(self) -> _Job | None:
        """The most urgent job; None when there was none for so long that the process can go."""
        while True:
            while self._waiting:
                _, _, job = heapq.heappop(self._waiting)
                if not job.abandoned:
                    return job
            self._news = trio.Event()
            with trio.move_on_after(self._idle_s if self._process else math.inf):
                await self._news.wait()
                continue
            return None

    async def _carry_out(self, job: _Job) -> None:
        try:
            job.found = await self._exchanged(job.texts)
        except NoModel as error:
            _fail(job, str(error))
        except BaseException:
            _fail(job, _STOPPING)
            raise
        job.done.set()

    async def _exchanged(self, texts: list[str]) -> list[_Weighted]:
        """With a second process when the first dies or is silent; raises `NoModel`."""
        try:
            return await self._exchange(texts)
        except (WorkerEnded, trio.TooSlowError) as error:
            if not self._closed:
                logger.warning("the process of the local model is replaced: %s", _reason(error))
            await self._end()
        try:
            return await self._exchange(texts)
        except (WorkerEnded, trio.TooSlowError) as error:
            await self._end()
            raise NoModel(f"its process was started twice, and {_reason(error)}") from None

    async def _exchange(self, texts: list[str]) -> list[_Weighted]:
        process = await self._started()
        with trio.fail_after(ANSWER_TIMEOUT_S):
            return await process.ask(texts)

    async def _started(self) -> LocalProcess:
        if self._closed:
            raise NoModel(_STOPPING)
        if self._process is not None:
            return self._process
        if trio.current_time() < self._fault_until:
            raise NoModel(self._fault)
        try:
            self._process = await LocalProcess.start(self._files)
        except NoModel as error:
            logger.error("the local model cannot be used: %s", error)
            self._fault, self._fault_until = str(error), trio.current_time() + FAULT_KEPT_S
            raise
        return self._process

    async def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            await process.kill()


def _groups(pieces: Sequence[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    start = 0
    texts = [text for _, text in pieces]
    for batch in batches(texts, texts_max=REQUEST_TEXTS_MAX, characters_max=REQUEST_CHARACTERS_MAX):
        yield list(pieces[start : start + len(batch)])
        start += len(batch)


def _fail(job: _Job, fault: str) -> None:
    job.fault = fault
    job.done.set()


def _reason(error: Exception) -> str:
    if isinstance(error, trio.TooSlowError):
        return f"it gave no answer within {ANSWER_TIMEOUT_S:g} s"
    return str(error)
