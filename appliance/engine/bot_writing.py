"""Bots that people write in the console: kept in the database, they go before a file of the same name.

They may have what any bot of the API may (`engine/api_trust.py`): the console is no way to a shell.
"""

from __future__ import annotations

import apsw
import trio

from appliance.engine import bot_sync
from appliance.engine.bot_entries import Entry
from appliance.engine.bot_sync import BotDraft
from appliance.engine.bots import Bots
from appliance.engine.knowledge import links
from appliance.engine.knowledge.library import Library
from appliance.errors import Conflict, InvalidInput, NotFound
from appliance.identity import Caller
from appliance.store import bots as stored
from appliance.store.bots import BOTS_MAX, Key


async def create(bots: Bots, library: Library | None, key: Key, code: str, caller: Caller) -> Entry:
    """A new bot of this code.

    Raises `InvalidInput` for a bad name or code, `Conflict` when there is a bot of that name, or no room,
    `Forbidden` for a program that asks from where bots may not be synced.
    """
    key = (bot_sync.check_namespace(key[0]), key[1])
    if problem := bot_sync.name_problem(key[1]):
        raise InvalidInput(f"The name of a bot {problem}.")
    async with bots.lock:
        if bots.catalogue.entry(key) is not None:
            raise Conflict(f"There is a bot {key[1]!r} already. Choose another name, or change that one.")
        return await _keep(bots, library, key, code, caller, "bot.create")


async def rewrite(
    bots: Bots, library: Library | None, id: str, code: str, before: str | None, caller: Caller
) -> Entry:
    """Other code for a bot; `before` is the code that was changed, None when it does not matter.

    Raises `BotNotFound`, `Conflict` when the code is not `before` any more, and what `create` raises.
    """
    async with bots.lock:
        entry = bots.get(id)
        if before is not None and await bots.code(entry) != before:
            raise Conflict(
                "Somebody changed this bot while you wrote. Copy what you wrote, then reload the page."
            )
        return await _keep(bots, library, entry.key, code, caller, "bot.write")


async def back_to_file(bots: Bots, library: Library | None, id: str, caller: Caller) -> Entry:
    """Serve what the bot's file says again; conversations and choices stay.

    Raises `BotNotFound`, and `NotFound` where nothing was written in place of a file.
    """
    async with bots.lock:
        entry = bots.get(id)
        if entry.stored is None or entry.key not in bots.catalogue.files():
            raise NotFound("There is no file that this bot could be taken from.")

        def write(db: apsw.Connection) -> list[str]:
            stored.delete_bot(db, entry.key)
            bots.audit(db, caller, "bot.from_file", entry.id, bot=list(entry.key))
            return []

        await bots.carry_out(write)
        return await _linked(bots, library, entry.key)


async def _keep(
    bots: Bots, library: Library | None, key: Key, code: str, caller: Caller, action: str
) -> Entry:
    """Judge the code and let it count; the lock is the caller's to hold."""
    if not caller.admin_name:
        bot_sync.check_address(bots, caller)
    if key not in bots.catalogue.overlay.stored and len(bots.catalogue.overlay.stored) >= BOTS_MAX:
        raise Conflict(f"There are {BOTS_MAX} bots already, which is the limit. Delete one first.")
    draft = BotDraft(name=key[1], code=code)
    record, read = await trio.to_thread.run_sync(bot_sync.read_draft, bots, key, draft, caller, "api")
    known = bots.catalogue.overlay.stored.get(key)
    if known is not None and known.stored is not None and known.stored.code == code:
        return bots.get(known.id)

    def write(db: apsw.Connection) -> list[str]:
        bot_sync.put(db, bots, record, read)
        bots.audit(db, caller, action, read.id, bot=list(key))
        return []

    await bots.carry_out(write)
    return await _linked(bots, library, key)


async def _linked(bots: Bots, library: Library | None, key: Key) -> Entry:
    """The entry as it is served now, with the links to knowledge bases that its code asks for."""
    if library is not None:
        await links.follow_annotations(library, [one.bot for one in bots.all() if one.bot])
    entry = bots.catalogue.entry(key)
    assert entry is not None, "it was written a moment ago"
    return entry
