"""The `knowledge/` folder beside a bot file: a base of the bot's own, filled from it and kept in step.

The base is called like the bot and is in its namespace; a base of that name that people made stays theirs.
The link goes when the folder does, what was read from it stays until somebody deletes the base.
"""

from __future__ import annotations

import logging
from pathlib import Path

import apsw
import msgspec
import trio

from appliance.bot import Bot
from appliance.botfiles.folder import BOT_FILES, KNOWLEDGE, printable
from appliance.engine.catalogue import Catalogue
from appliance.engine.knowledge import bases, sources
from appliance.engine.knowledge.folders import Folder
from appliance.engine.knowledge.items import Unread
from appliance.engine.knowledge.library import Library
from appliance.engine.knowledge.links import folder_link
from appliance.errors import ApplianceError
from appliance.extract.kinds import SUPPORTED_SUFFIXES
from appliance.identity import DEFAULT_TENANT, Caller
from appliance.knowledge import FILED_CHUNK_SIZE, BaseDraft, KnowledgeBase
from appliance.store.bots import Key
from appliance.store.knowledge import bases as stored_bases
from appliance.store.knowledge import links as stored_links
from appliance.store.knowledge import sources as stored
from appliance.store.knowledge.sources import Options, Source

logger = logging.getLogger("appliance.knowledge")

CALLER = Caller(tenant=DEFAULT_TENANT, role="service_role", key_id="bot-folder")
"""Who makes these bases: by that they are known again."""


class _Found(msgspec.Struct, frozen=True):
    """A folder as it is now; `marks` differ whenever a file in it does."""

    bot: Bot
    folder: Path
    marks: dict[str, tuple[int, ...]]


class BotFolders:
    """Follows the folders of all bots of a catalogue."""

    def __init__(self, library: Library, catalogue: Catalogue) -> None:
        self._library = library
        self._store = library.store
        self._catalogue = catalogue
        self._changed = trio.Event()
        self._done: dict[Key, _Found] = {}
        self._told: dict[Key, str] = {}

    async def run(self) -> None:
        """Look now and whenever the catalogue has looked at its files, until cancelled."""
        self._catalogue.on_looked = self._wake
        while True:
            changed = self._changed
            await self.look()
            await changed.wait()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def look(self) -> None:
        """Bring everything into step; what goes wrong with one bot is told and waits for the next look."""
        found = await trio.to_thread.run_sync(self._find)
        for key, one in found.items():
            if self._done.get(key) == one:
                continue
            try:
                if await self._follow(one):
                    self._done[key] = one
                    self._told.pop(key, None)
            except (ApplianceError, Unread) as error:
                self._tell(key, error.text)
            except Exception as error:
                self._tell(key, repr(error), error)
        try:
            await self._unlink_others(set(found))
        except ApplianceError as error:
            logger.error("links of knowledge folders stay as they are: %s", error.text)

    def _find(self) -> dict[Key, _Found]:
        """Folders beside the files of bots that are good; blocking."""
        found = {}
        for entry in self._catalogue.all():
            if entry.bot is None or entry.path is None or entry.path.name not in BOT_FILES:
                continue
            folder = entry.path.parent / KNOWLEDGE
            if folder.is_dir():
                marks = Folder(folder, SUPPORTED_SUFFIXES, 0).marks()
                found[entry.key] = _Found(entry.bot, folder, marks)
        return found

    async def _follow(self, found: _Found) -> bool:
        """Sync the base of a folder and link it; False when it has to be looked at again."""
        base = await self._base(found.bot)
        if base is None:
            return False
        source = await self._source(base, found)
        report = await sources.sync(self._library, CALLER, base, source, may_empty=True)
        await self._store.write(self._link, found.bot, base.number)
        if report.added or report.changed or report.deleted:
            logger.info(
                "knowledge of bot %s/%s: %d documents added, %d changed, %d deleted",
                *found.bot.key,
                report.added,
                report.changed,
                report.deleted,
            )
        for line in sources.problem_lines(report.problems):
            logger.warning("knowledge of bot %s/%s: %s", *found.bot.key, line)
        return True

    async def _base(self, bot: Bot) -> KnowledgeBase | None:
        """The base of this bot's folder, made when there is none; None when people have one of that name."""
        known = await self._store.read(stored_bases.by_name, DEFAULT_TENANT, *bot.key)
        if known is None:
            draft = BaseDraft(
                name=bot.name,
                namespace=bot.namespace,
                source="filesystem",
                chunk_size=FILED_CHUNK_SIZE,
            )
            return await bases.create(self._library, CALLER, draft)
        if known.source == "filesystem" and known.created_by == CALLER.owner:
            return known
        self._tell(
            bot.key,
            f"there is a knowledge base of the bot's name already, so its folder {KNOWLEDGE}/ is not read; "
            "rename that base or the bot",
        )
        return None

    async def _source(self, base: KnowledgeBase, found: _Found) -> Source:
        location = printable(str(found.folder.absolute()))
        for source in await self._store.read(stored.of_base, base.number):
            if source.options.bot == found.bot.key:
                if source.location != location:
                    await self._store.write(stored.move, source.number, location)
                return msgspec.structs.replace(source, location=location)
        return await sources.remember(self._library, base, "folder", location, Options(bot=found.bot.key))

    def _link(self, db: apsw.Connection, bot: Bot, base: int) -> None:
        """Link the two unless something does, or somebody has said that nothing shall."""
        current = stored_bases.by_number(db, base)
        if current is not None and stored_links.get(db, *bot.key, base) is None:
            stored_links.put(db, base, folder_link(bot, current, self._library.clock()))

    async def _unlink_others(self, there: set[Key]) -> None:
        """Take away the links of folders that are gone."""
        for source in await self._store.read(stored.of_bots):
            key = source.options.bot
            if key is not None and key not in there:
                self._done.pop(key, None)
                if await self._store.write(_unlink, key, source.base):
                    logger.info("bot %s/%s has no folder %s/ any more: its link is removed", *key, KNOWLEDGE)

    def _tell(self, key: Key, problem: str, error: Exception | None = None) -> None:
        """Once, however often the same thing goes wrong."""
        if self._told.get(key) != problem:
            logger.warning("knowledge of bot %s/%s: %s", *key, problem, exc_info=error)
        self._told[key] = problem


def _unlink(db: apsw.Connection, key: Key, number: int) -> bool:
    known = stored_links.get(db, *key, number)
    if known is None or known[0].origin != "folder":
        return False
    stored_links.remove(db, *key, known[0].base_id)
    return True
