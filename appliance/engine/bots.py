"""What administrators do with bots: look, switch, change, delete (Fluxbase 3.1). Syncing is `bot_sync.py`.

What they choose is kept beside the bot and lies over whatever its file or code says, so that reloads,
restarts and syncs leave it alone. Whoever gets a `Bot` sees the outcome only; a running turn keeps its own.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec
import trio

from appliance.bot import Bot
from appliance.botfiles.reader import BYTES_MAX
from appliance.botfiles.text_file import read_text
from appliance.botoverrides import BotOverrides, checked
from appliance.engine.bot_entries import Entry
from appliance.engine.catalogue import Catalogue
from appliance.engine.providers import Providers
from appliance.engine.stored_bots import StoredBots
from appliance.errors import BotNotFound, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.settings import Settings
from appliance.store import audit
from appliance.store import bots as stored
from appliance.store.bots import Choices, Key
from appliance.store.store import Store

Stop = Callable[[Sequence[str]], Awaitable[None]]
"""Ends what runs in these conversations, which are deleted: `Chats.stop_deleted`."""


class Bots:
    """The bots as administrators see them; `begin` once, before anybody is served.

    Whether a caller may administer is asked before. `lock` is held from looking to having changed.
    """

    def __init__(
        self,
        store: Store,
        catalogue: Catalogue,
        settings: Settings,
        clock: Callable[[], float],
        providers: Providers | None = None,
    ) -> None:
        self.store = store
        self.catalogue = catalogue
        self.settings = settings
        self.clock = clock
        self.lock = trio.Lock()
        self.stored = StoredBots(trusted=settings.api_bots_trusted)
        self.synced: dict[Key, Bot] = {}
        """The bots of files as the last sync of the files left them."""
        self._providers = providers

    async def begin(self) -> None:
        """Put what the database knows over the files, and keep doing so; raises `StoreError`."""
        await self.refresh()
        await self._unhide()
        hidden = self.catalogue.overlay.choices
        self.synced = {
            key: entry.bot
            for key, entry in self.catalogue.files().items()
            if entry.bot and not (key in hidden and hidden[key].hidden)
        }
        self.catalogue.on_loaded = self._unhide

    async def refresh(self) -> None:
        """Read the database again, and let the catalogue have it."""
        kept = await self.store.read(stored.everything)

        def swap() -> None:
            self.catalogue.lay_over(self.stored.overlay(kept))

        await trio.to_thread.run_sync(swap)

    async def _unhide(self) -> None:
        """A bot that was deleted stays away until its file has gone; what comes after is a new one."""
        if not self._gone():
            return
        async with self.lock:
            gone = self._gone()

            def write(db: apsw.Connection) -> list[str]:
                for key in gone:
                    self.unhide(db, key)
                return []

            await self.carry_out(write)

    def _gone(self) -> list[Key]:
        files = self.catalogue.files()
        return [key for key, one in self.catalogue.overlay.choices.items() if one.hidden and key not in files]

    # -- reading -------------------------------------------------------------------------------------

    def all(self, namespace: str | None = None) -> list[Entry]:
        """All of them, or those of a namespace: also disabled ones, and those whose file is bad."""
        return [one for one in self.catalogue.all() if namespace is None or one.namespace == namespace]

    def get(self, id: str) -> Entry:
        """One of them; raises `BotNotFound`."""
        entry = self.catalogue.entry(id)
        if entry is None:
            raise BotNotFound("There is no such chatbot.")
        return entry

    async def code(self, entry: Entry) -> str:
        """The text of its file, as it is now, or the code that it came with; empty when it cannot be read."""
        if entry.stored is not None:
            return entry.stored.code
        return await trio.to_thread.run_sync(_text_of, entry.path) if entry.path else ""

    # -- changing ------------------------------------------------------------------------------------

    async def update(
        self, id: str, changes: BotOverrides, caller: Caller, *, action: str = "bot.update"
    ) -> Entry:
        """Choose something for a bot; what is chosen already changes nothing.

        Raises `BotNotFound`, and `InvalidInput` for what cannot be chosen.
        """
        async with self.lock:
            entry = self.get(id)
            changes = checked(changes)
            await self._check_provider(changes.provider_id)
            before = self.choices(entry.key)
            overrides = before.overrides.with_newer(changes)
            return await self._choose(entry, overrides, caller, action, changes=changes.given)

    async def take_back(self, id: str, names: Collection[str] | None, caller: Caller) -> Entry:
        """Let what the bot's file or code says count again: for these settings, or (None) for all.

        Raises `BotNotFound`, and `NotFound` for a name of which nothing was chosen.
        """
        async with self.lock:
            entry = self.get(id)
            chosen = self.choices(entry.key).overrides
            taken = chosen.given.keys() if names is None else set(names)
            if strange := sorted(taken - chosen.given.keys()):
                raise NotFound(f"Nothing was chosen for {strange[0][:100]!r}: it is as in the bot's file.")
            return await self._choose(
                entry, chosen.without(taken), caller, "bot.take_back", settings=sorted(taken)
            )

    async def _choose(
        self, entry: Entry, overrides: BotOverrides, caller: Caller, action: str, **details: Any
    ) -> Entry:
        """Keep these in place of what was chosen before; the lock is the caller's to hold."""
        before = self.choices(entry.key)
        if overrides == before.overrides:
            return entry
        after = msgspec.structs.replace(
            before, overrides=overrides, updates=before.updates + 1, updated_at=self.clock()
        )

        def write(db: apsw.Connection) -> list[str]:
            stored.put_choices(db, after)
            self.audit(db, caller, action, entry.id, bot=list(entry.key), **details)
            return []

        await self.carry_out(write)
        return self.get(entry.id)

    async def delete(self, id: str, caller: Caller, stop: Stop) -> None:
        """Take a bot away, with the conversations that people had with it; raises `BotNotFound`.

        A bot of a file is hidden until the file is removed or a sync of the files brings it again.
        """
        async with self.lock:
            entry = self.get(id)
            now = self.clock()

            def write(db: apsw.Connection) -> list[str]:
                self.forget(db, entry.key, hide=entry.key in self.catalogue.files())
                ended = stored.delete_conversations(db, entry.key, now)
                self.audit(db, caller, "bot.delete", entry.id, bot=list(entry.key), conversations=len(ended))
                return ended

            await self.carry_out(write, stop)

    async def carry_out(
        self, write: Callable[[apsw.Connection], list[str]], stop: Stop | None = None
    ) -> None:
        """Write and let it count; `write` returns conversations that it deleted, which are ended.

        Whoever asked may leave meanwhile: what is written is what is served.
        """
        with trio.CancelScope(shield=True):
            ended = await self.store.write(write)
            await self.refresh()
            if stop is not None and ended:
                await stop(ended)

    def choices(self, key: Key) -> Choices:
        """What was chosen for the bot of that key, be it nothing."""
        return self.catalogue.overlay.choices.get(key) or Choices(namespace=key[0], name=key[1])

    def unhide(self, db: apsw.Connection, key: Key) -> None:
        """Let the file count again; what was chosen for a bot of the API above it stays."""
        if key in self.catalogue.overlay.stored:
            stored.put_choices(db, msgspec.structs.replace(self.choices(key), hidden=False))
        else:
            stored.forget_choices(db, key)

    def forget(self, db: apsw.Connection, key: Key, *, hide: bool) -> None:
        """Take away what the database has of a bot; with `hide` its file does not bring it back."""
        stored.delete_bot(db, key)
        stored.forget_choices(db, key)
        if hide:
            stored.put_choices(
                db, Choices(namespace=key[0], name=key[1], hidden=True, updated_at=self.clock())
            )

    def audit(self, db: apsw.Connection, caller: Caller, action: str, target: str, **details: Any) -> None:
        """One row in the trail: who did this, and from where."""
        audit.record(
            db,
            at=self.clock(),
            tenant=caller.tenant,
            actor=caller.principal,
            action=action,
            target=target,
            details={**details, "ip": caller.ip},
        )

    async def _check_provider(self, wanted: str | None) -> None:
        if not wanted or self._providers is None:
            return
        if not any(wanted in (view.id, view.name) for view in await self._providers.all()):
            raise InvalidInput(
                f"provider_id {wanted[:80]!r} is the id of no provider; an empty one clears it."
            )


def _text_of(path: Path) -> str:
    try:
        return read_text(path, BYTES_MAX)
    except (InvalidInput, OSError):
        return ""
