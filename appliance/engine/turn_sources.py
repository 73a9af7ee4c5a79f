"""What one turn has to do with documents: found before, cited while the model writes, missed at the end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from appliance import followups, references, withholding
from appliance.bot import Bot
from appliance.bottests import TEST_USER
from appliance.citations import Citations
from appliance.engine import table_passages, widget_passages
from appliance.engine.knowledge import gaps, retrieval
from appliance.engine.knowledge.graph import BotGraph
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.look_up import LookUps
from appliance.engine.services import Services
from appliance.engine.table_passages import TablePassages
from appliance.errors import ApplianceError
from appliance.identity import Caller
from appliance.knowledge import Passage
from appliance.messages import Message, Source, SourcesPart, estimate_tokens
from appliance.store import people
from appliance.store.widget_files import AttachedFile

ROOM_SHARE = 3
"""Passages take at most this part of what the model can read."""

logger = logging.getLogger("appliance.engine")


class TurnSources:
    """Make one with `open`. `on_sources` is told of passages that the model gets to read."""

    def __init__(
        self, bot: Bot, caller: Caller, library: Library | None, on_sources: Callable[[list[Source]], None]
    ) -> None:
        self.citations = Citations()
        self.look_up: LookUps | None = None
        """None when the bot has no documents for this caller."""
        self.graph: BotGraph | None = None
        self._bot = bot
        self._caller = caller
        self._reader = caller
        """For whom documents are looked up."""
        self._library = library
        self._on_sources = on_sources
        self._shown: list[Source] | None = None
        self._found: retrieval.Retrieved | None = None
        self._numbering: LookUps | None = None
        self._files: list[AttachedFile] = []
        self._rows: TablePassages | None = None
        self.passages: list[Passage] = []
        """What was found for the question, best first, whether or not there was room to show it."""

    @property
    def are_there(self) -> bool:
        """Is there anything to look into: documents of the bot, or files of this conversation?"""
        return self._numbering is not None

    @classmethod
    def open(
        cls,
        bot: Bot,
        caller: Caller,
        library: Library | None,
        on_sources: Callable[[list[Source]], None],
        *,
        conversation_id: str,
        services: Services,
    ) -> TurnSources:
        """With the knowledge bases that the bot answers from, and the table that it reads by meaning.

        Where others read along nobody's own documents are looked into: what is found goes to all of them.
        Every turn asks for these few rows, so they are read at once: a thread would cost more.
        """
        sources = cls(bot, caller, library, on_sources)
        if library is None:
            return sources
        served = retrieval.served(library, bot, caller)
        files = widget_passages.files_of(library, conversation_id)
        if not served and not files and not bot.rag_table:
            return sources
        if shared := library.store.read_now(people.is_shared, conversation_id, caller.owner):
            sources._reader = msgspec.structs.replace(caller, user_id="")
            files = []
        if bot.rag_table:
            sources._rows = TablePassages(services, bot, sources._reader, shared=shared)
        if served or files or bot.rag_table:
            sources._numbering = LookUps(library, sources._reader, served, sources._tell)
            sources._files = files
            sources.citations.add([])
        if served:
            sources.look_up = sources._numbering
            sources.graph = BotGraph(library, sources._reader, served)
        return sources

    async def retrieve(
        self,
        question: str,
        earlier: Sequence[str],
        *,
        room_tokens: int,
        conversation_id: str,
        message_id: str,
        files: Sequence[str] = (),
    ) -> None:
        """Look the question up; `earlier` is what the user said before, oldest first.

        `files` are the ids of those that came with it.
        """
        if self._library is None or self._numbering is None:
            return
        if self.look_up is not None:
            self._found = await retrieval.retrieve(
                self._library,
                self._bot,
                self._reader,
                self.look_up.served,
                question,
                earlier,
                conversation_id=conversation_id,
                message_id=message_id,
            )
        if self._rows is not None:
            await self._add_rows(self._rows, question, earlier)
        attached: list[Passage] = []
        if self._files:
            attached = await widget_passages.find(self._library, self._files, question, earlier, files)
        if self._found is None and not attached:
            return
        found = self._found.passages if self._found else []
        self.passages = [*attached, *found]
        self._shown = self._numbering.tell(_fitting(attached, found, room_tokens // ROOM_SHARE))

    async def _add_rows(self, rows: TablePassages, question: str, earlier: Sequence[str]) -> None:
        """Put the bot's table among the documents that were found."""
        passages = await rows.find(question, earlier)
        if passages is None:
            return
        found = self._found or retrieval.Retrieved(passages=[])
        best = max([found.best, *(passage.similarity for passage in passages)])
        both = table_passages.merged(found.passages, passages, self._bot.rag_max_chunks)
        self._found = msgspec.structs.replace(found, passages=both, best=best)

    def keep(self, history: Sequence[Message]) -> None:
        """An answer that goes on reads the passages that it began with."""
        last = next((message for message in reversed(history) if message.role == "assistant"), None)
        if self._numbering is not None and last is not None:
            parts = [part for part in last.parts if isinstance(part, SourcesPart)]
            found = [source for part in parts for source in part.sources]
            if self._reader is not self._caller:
                found = [withholding.source(source) for source in found]
            self._shown = self._numbering.tell_again(found)

    def section(self) -> str:
        """What the system prompt says of documents; '' when nothing was looked up."""
        return "" if self._shown is None else references.section(self._shown)

    async def note_gap(self, question: str, conversation_id: str, *, used_tools: bool) -> None:
        """Keep a question that the documents did not answer, unless something else has."""
        cited, found = self.citations.cited, self._found
        if self._library is None or found is None or cited or used_tools or not followups.asks(question):
            return
        if self._caller.user_id.startswith(TEST_USER):
            return
        reason: Literal["nothing", "uncited"] = "uncited" if found.passages else "nothing"
        try:
            await gaps.note(
                self._library, self._caller, self._bot, conversation_id, question, reason, found.best
            )
        except ApplianceError as error:
            logger.warning("a knowledge gap could not be kept: %s", error.text)

    def _tell(self, sources: list[Source]) -> None:
        self.citations.add(sources)
        if sources:
            self._on_sources(sources)


def _fitting(attached: Sequence[Passage], found: Sequence[Passage], tokens: int) -> list[Passage]:
    """As many as there is room for; the visitor's own files come first and leave a third for documents."""
    own = tokens * 2 // 3 if found else tokens
    first = references.fitting(retrieval.numbered(attached), own) if attached else []
    left = tokens - sum(estimate_tokens(references.passage(source)) for source in first)
    then = references.fitting(retrieval.numbered(found), left) if found else []
    return [*attached[: len(first)], *found[: len(then)]]
